//! The official Rust client, unmodified, with the ready file's variables in the environment.
//!
//! `azure_identity` for Rust has no credential that reads a client secret from the environment,
//! so the credential is built from the ready file; everything else is the client's default.

use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use azure_core::credentials::Secret;
use azure_core::error::ErrorResponse;
use azure_core::http::RequestContent;
use azure_identity::ClientSecretCredential;
use azure_security_keyvault_secrets::models::{
    RestoreSecretParameters, SecretAttributes, SecretClientGetSecretOptions,
    SecretClientListSecretPropertiesOptions, SecretClientUpdateSecretPropertiesOptions,
    SetSecretParameters, UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient};
use futures::TryStreamExt;
use serde_json::Value;

fn ready() -> Value {
    let path = env::var("STRONGROOM_READY").expect("run through `cargo run`, which sets it");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text in the ready file")
}

fn vault_url(name: &str) -> String {
    let ready = ready();
    format!("https://{name}.vault.{}:{}", text(&ready["base"]), ready["port"])
}

fn signed_in(vault: &str, id: &str, secret: &str) -> SecretClient {
    let ready = ready();
    let secret = Secret::new(secret.to_owned());
    let credential =
        ClientSecretCredential::new(text(&ready["tenantId"]), id.to_owned(), secret, None);
    SecretClient::new(&vault_url(vault), credential.unwrap(), None).unwrap()
}

fn owner(vault: &str) -> SecretClient {
    let owner = &ready()["owner"];
    signed_in(vault, text(&owner["clientId"]), text(&owner["clientSecret"]))
}

fn cli(words: &[&str]) -> String {
    let mut command = Command::new(env::var("STRONGROOM_BIN").unwrap());
    command.args(words).arg("--data").arg(env::var("STRONGROOM_DATA").unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn set(client: &SecretClient, name: &str, value: &str) -> String {
    let body = SetSecretParameters { value: Some(value.into()), ..Default::default() };
    let answer = client.set_secret(name, body.try_into().unwrap(), None).await.unwrap();
    answer.into_model().unwrap().resource_id().unwrap().version.unwrap()
}

async fn get(client: &SecretClient, name: &str, version: Option<String>) -> Option<String> {
    let options = SecretClientGetSecretOptions { secret_version: version, ..Default::default() };
    client.get_secret(name, Some(options)).await.unwrap().into_model().unwrap().value
}

/// Status, code and inner code of a refusal.
fn refusal(error: azure_core::Error) -> (u16, String, Option<String>) {
    let status = u16::from(error.http_status().expect("an answer of the server"));
    let detail = ErrorResponse::try_from(error).unwrap().error.unwrap();
    (status, detail.code.unwrap(), detail.inner_error.and_then(|inner| inner.code))
}

fn plain(status: u16, code: &str) -> (u16, String, Option<String>) {
    (status, code.into(), None)
}

#[tokio::test]
async fn set_and_get_by_version() {
    let (client, name) = (owner("dev"), fresh("set"));
    let first = set(&client, &name, "one").await;
    let second = set(&client, &name, "zwei 二").await;
    assert_ne!(first, second);
    assert_eq!(get(&client, &name, None).await.unwrap(), "zwei 二");
    assert_eq!(get(&client, &name, Some(first)).await.unwrap(), "one");
}

#[tokio::test]
async fn members_are_kept_and_updated() {
    let (client, name) = (owner("dev"), fresh("members"));
    let body = SetSecretParameters {
        value: Some("v".into()),
        content_type: Some("a".into()),
        tags: Some(HashMap::from([("keep".into(), "me".into())])),
        ..Default::default()
    };
    client.set_secret(&name, body.try_into().unwrap(), None).await.unwrap();
    let body =
        UpdateSecretPropertiesParameters { content_type: Some("b".into()), ..Default::default() };
    client.update_secret_properties(&name, body.try_into().unwrap(), None).await.unwrap();

    let secret = client.get_secret(&name, None).await.unwrap().into_model().unwrap();
    assert_eq!(secret.value.as_deref(), Some("v"));
    assert_eq!(secret.content_type.as_deref(), Some("b"));
    assert_eq!(secret.tags.unwrap()["keep"], "me");
    let attributes = secret.attributes.unwrap();
    assert_eq!(attributes.enabled, Some(true));
    assert_eq!(attributes.recoverable_days, Some(90));
    assert_eq!(attributes.recovery_level.unwrap().to_string(), "Recoverable+Purgeable");
    assert!(attributes.created.is_some() && attributes.updated.is_some());
}

#[tokio::test]
async fn a_disabled_secret_cannot_be_read() {
    let (client, name) = (owner("dev"), fresh("disabled"));
    let version = set(&client, &name, "v").await;
    let enable = |enabled| {
        let attributes = SecretAttributes { enabled: Some(enabled), ..Default::default() };
        let body = UpdateSecretPropertiesParameters {
            secret_attributes: Some(attributes),
            ..Default::default()
        };
        let options = SecretClientUpdateSecretPropertiesOptions {
            secret_version: Some(version.clone()),
            ..Default::default()
        };
        client.update_secret_properties(&name, body.try_into().unwrap(), Some(options))
    };
    enable(false).await.unwrap();
    let error = client.get_secret(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), (403, "Forbidden".into(), Some("SecretDisabled".into())));
    enable(true).await.unwrap();
    assert_eq!(get(&client, &name, None).await.unwrap(), "v");
}

#[tokio::test]
async fn a_missing_secret_and_a_missing_vault() {
    let error = owner("dev").get_secret("missing", None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "SecretNotFound"));
    let error = owner("nowhere").get_secret("missing", None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "VaultNotFound"));
}

#[tokio::test]
async fn the_size_limit() {
    let (client, name) = (owner("dev"), fresh("large"));
    set(&client, &name, &"x".repeat(25_600)).await;
    assert_eq!(get(&client, &name, None).await.unwrap().len(), 25_600);
    let body = SetSecretParameters { value: Some("x".repeat(25_601)), ..Default::default() };
    let error = client.set_secret(&name, body.try_into().unwrap(), None).await.unwrap_err();
    assert_eq!(refusal(error), plain(400, "BadParameter"));
}

#[tokio::test]
async fn lists_go_through_every_page() {
    cli(&["vault", "create", "week", "--retention-days", "7"]);
    let client = owner("week");
    let names: Vec<String> = (0..30).map(|n| format!("many-{n:02}")).collect();
    for name in &names {
        set(&client, name, "v").await;
    }
    for _ in 0..27 {
        set(&client, "many-05", "v").await;
    }
    let listed: Vec<_> = client.list_secret_properties(None).unwrap().try_collect().await.unwrap();
    let found: Vec<String> = listed.iter().map(|p| p.resource_id().unwrap().name).collect();
    assert_eq!(found, names);

    let versions: Vec<_> = client
        .list_secret_properties_versions("many-05", None)
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let versions: HashSet<_> =
        versions.iter().map(|p| p.resource_id().unwrap().version.unwrap()).collect();
    assert_eq!(versions.len(), 28);

    let options =
        SecretClientListSecretPropertiesOptions { maxresults: Some(8), ..Default::default() };
    let pages: Vec<_> = client
        .list_secret_properties(Some(options))
        .unwrap()
        .into_pages()
        .try_collect()
        .await
        .unwrap();
    let sizes: Vec<usize> =
        pages.into_iter().map(|page| page.into_model().unwrap().value.len()).collect();
    assert_eq!(sizes.iter().copied().filter(|size| *size > 0).collect::<Vec<_>>(), [8, 8, 8, 6]);
}

#[tokio::test]
async fn delete_see_recover_purge() {
    let (client, name) = (owner("dev"), fresh("deleted"));
    let version = set(&client, &name, "v").await;
    let deleted = client.delete_secret(&name, None).await.unwrap().into_model().unwrap();
    let url = vault_url("dev");
    assert_eq!(deleted.recovery_id.unwrap(), format!("{url}/deletedsecrets/{name}"));
    assert!(deleted.scheduled_purge_date > deleted.deleted_date);
    let error = client.get_secret(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "SecretNotFound"));
    let again = RequestContent::from_str(r#"{"value":"again"}"#);
    let error = client.set_secret(&name, again, None).await.unwrap_err();
    let inner = Some("ObjectIsDeletedButRecoverable".into());
    assert_eq!(refusal(error), (409, "Conflict".into(), inner));

    client.get_deleted_secret(&name, None).await.unwrap();
    let listed: Vec<_> =
        client.list_deleted_secret_properties(None).unwrap().try_collect().await.unwrap();
    assert!(listed.iter().any(|p| p.resource_id().unwrap().name == name));

    client.recover_deleted_secret(&name, None).await.unwrap();
    assert_eq!(get(&client, &name, Some(version)).await.unwrap(), "v");
    client.delete_secret(&name, None).await.unwrap();
    client.purge_deleted_secret(&name, None).await.unwrap();
    let error = client.get_deleted_secret(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), plain(404, "SecretNotFound"));
}

#[tokio::test]
async fn back_up_and_restore() {
    let (client, name) = (owner("dev"), fresh("backup"));
    let first = set(&client, &name, "one").await;
    set(&client, &name, "two").await;
    let backup = client.backup_secret(&name, None).await.unwrap().into_model().unwrap();
    let blob = backup.value.unwrap();
    let restore = |blob: Vec<u8>| {
        let body = RestoreSecretParameters { secret_backup: Some(blob) };
        client.restore_secret(body.try_into().unwrap(), None)
    };
    let (status, code, _) = refusal(restore(blob.clone()).await.unwrap_err());
    assert_eq!((status, code.as_str()), (409, "Conflict"));

    client.delete_secret(&name, None).await.unwrap();
    client.purge_deleted_secret(&name, None).await.unwrap();
    let mut tampered = blob.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    assert_eq!(refusal(restore(tampered).await.unwrap_err()).0, 400);
    restore(blob).await.unwrap();
    assert_eq!(get(&client, &name, None).await.unwrap(), "two");
    assert_eq!(get(&client, &name, Some(first)).await.unwrap(), "one");
}

#[tokio::test]
async fn a_wrong_client_secret() {
    let owner = &ready()["owner"];
    let client = signed_in("dev", text(&owner["clientId"]), "wrong");
    let error = client.get_secret("x", None).await.unwrap_err();
    assert!(format!("{error:?}").contains("AADSTS7000215"), "{error:?}");
}

#[tokio::test]
async fn an_identity_without_a_role_is_refused() {
    let created = cli(&["identity", "create-for-rbac", "--name", &fresh("id")]);
    let identity: Value = serde_json::from_str(&created).unwrap();
    let client = signed_in("dev", text(&identity["appId"]), text(&identity["password"]));
    let error = client.get_secret("x", None).await.unwrap_err();
    assert_eq!(refusal(error), (403, "Forbidden".into(), Some("ForbiddenByRbac".into())));
}

/// A credential that hands out nonsense.
#[derive(Debug)]
struct Forged;

#[async_trait::async_trait]
impl azure_core::credentials::TokenCredential for Forged {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<azure_core::credentials::TokenRequestOptions<'_>>,
    ) -> azure_core::Result<azure_core::credentials::AccessToken> {
        let until =
            azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(azure_core::credentials::AccessToken::new("e30.e30.e30", until))
    }
}

#[tokio::test]
async fn a_token_that_is_not_ours() {
    let client = SecretClient::new(&vault_url("dev"), Arc::new(Forged), None).unwrap();
    let error = client.get_secret("x", None).await.unwrap_err();
    assert_eq!(error.http_status().map(u16::from), Some(401));
}
