//! The secret operations: parse, admit, operate, encode.

use std::borrow::Cow;
use std::pin::Pin;

use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use strongroom_authz::{Authorized, admit};
use strongroom_crypto::SecretBytes;
use strongroom_model::secrets::MAX_TAG_CHARS;
use strongroom_model::{
    AttributesChange, ObjectName, Operation, SecretListing, SoftDelete, Tags, Version,
    VersionRecord,
};
use strongroom_ops::{
    BackupSecret, Call, DeleteSecret, DeletedSecretView, GetDeletedSecret, GetDeletedSecrets,
    GetSecret, GetSecretVersions, GetSecrets, MAX_PAGE, OpError, Page, PageRequest,
    PurgeDeletedSecret, RecoverDeletedSecret, RestoreSecret, RollbackSecret, SecretView, SetSecret,
    UpdateSecret,
};
use strongroom_store::Store;
use strongroom_wire::secrets as wire;
use strongroom_wire::{AttributesParameters, ObjectAttributes, SecretValue};

use super::Exchange;
use super::answer::Answer;
use super::problem::Problem;
use super::route::Route;
use crate::body;

/// The largest body of an operation, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// The largest body of a restore, in bytes.
const RESTORE_LIMIT: usize = strongroom_ops::MAX_RESTORE_BYTES;

type BoxedAnswer<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;

type TagMap = std::collections::BTreeMap<String, String>;

/// Runs the operation that was authorised.
pub(super) async fn operate<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    route: Route,
    body: Incoming,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let Route { operation, name, version } = route;
    let named = || name.clone().ok_or(Problem::NoRoute);
    // A read lies in the request's own future. All else is boxed, or every read would move the
    // room that a restore needs.
    let answer: BoxedAnswer<'_> = match operation {
        Operation::GetSecret => return get(exchange, authorized, named()?, version).await,
        Operation::SetSecret => Box::pin(set(exchange, authorized, named()?, body, call)),
        Operation::UpdateSecret => {
            Box::pin(update(exchange, authorized, named()?, version, body, call))
        }
        Operation::RollbackSecret => {
            Box::pin(rollback(exchange, authorized, named()?, version, call))
        }
        Operation::DeleteSecret => Box::pin(delete(exchange, authorized, named()?, call)),
        Operation::GetSecrets => Box::pin(list(exchange, authorized)),
        Operation::GetSecretVersions => Box::pin(versions(exchange, authorized, named()?)),
        Operation::BackupSecret => Box::pin(backup(exchange, authorized, named()?)),
        Operation::RestoreSecret => Box::pin(restore(exchange, authorized, body, call)),
        Operation::GetDeletedSecrets => Box::pin(list_deleted(exchange, authorized)),
        Operation::GetDeletedSecret => Box::pin(get_deleted(exchange, authorized, named()?)),
        Operation::RecoverDeletedSecret => Box::pin(recover(exchange, authorized, named()?, call)),
        Operation::PurgeDeletedSecret => Box::pin(purge(exchange, authorized, named()?, call)),
    };
    answer.await
}

async fn set<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Incoming,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretSetParameters = parse(body, BODY_LIMIT).await?;
    let request = SetSecret {
        name,
        value: SecretBytes::from(sent.value.into_string()),
        content_type: sent.content_type,
        attributes: change(sent.attributes),
        tags: tags(sent.tags)?,
    };
    let view = exchange.service.ops.set_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    check_out_content_type(exchange)?;
    let request = GetSecret { name, version };
    let view = exchange.service.ops.get_secret(admit(authorized, request)?).await?;
    bundle(exchange, view)
}

async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Incoming,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretUpdateParameters = parse(body, BODY_LIMIT).await?;
    let request = UpdateSecret {
        name,
        version,
        content_type: sent.content_type,
        attributes: change(sent.attributes),
        tags: tags(sent.tags)?,
    };
    let view = exchange.service.ops.update_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

async fn rollback<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let to = version.ok_or_else(|| {
        Problem::bad(
            "A rollback names the version to go back to: /secrets/{name}/{version}/rollback",
        )
    })?;
    let request = RollbackSecret { name, to };
    let view = exchange.service.ops.rollback_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteSecret { name })?;
    let view = exchange.service.ops.delete_secret(request, call).await?;
    deleted_bundle(exchange, &view)
}

async fn list<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = page_request(exchange)?;
    let request = admit(authorized, GetSecrets { page })?;
    let found = exchange.service.ops.get_secrets(request).await?;
    let base = exchange.base;
    let value = found
        .values
        .iter()
        .map(|listed| {
            let id = format!("{base}/secrets/{}", listed.name);
            item(exchange, &listed.record, listed.soft_delete, id)
        })
        .collect();
    let next_link = next_link(exchange, "secrets", max_results, &found);
    Answer::json(&wire::SecretListResult { value, next_link })
}

async fn versions<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let (page, max_results) = page_request(exchange)?;
    let path = format!("secrets/{name}/versions");
    let request = admit(authorized, GetSecretVersions { name, page })?;
    let found = exchange.service.ops.get_secret_versions(request).await?;
    let value = found
        .values
        .iter()
        .map(|listed| {
            let id = id(exchange, &listed.name, &listed.record);
            item(exchange, &listed.record, listed.soft_delete, id)
        })
        .collect();
    let next_link = next_link(exchange, &path, max_results, &found);
    Answer::json(&wire::SecretListResult { value, next_link })
}

async fn backup<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, BackupSecret { name })?;
    let value = exchange.service.ops.backup_secret(request).await?;
    Answer::json(&wire::BackupSecretResult { value })
}

async fn restore<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    body: Incoming,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretRestoreParameters = parse(body, RESTORE_LIMIT).await?;
    let request = admit(authorized, RestoreSecret { blob: sent.value })?;
    let view = exchange.service.ops.restore_secret(request, call).await?;
    bundle(exchange, view)
}

async fn list_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = page_request(exchange)?;
    let request = admit(authorized, GetDeletedSecrets { page })?;
    let found = exchange.service.ops.get_deleted_secrets(request).await?;
    let base = exchange.base;
    let value = found
        .values
        .iter()
        .map(|view| wire::DeletedSecretItem {
            deletion: deletion(exchange, view),
            secret: item(
                exchange,
                &view.record,
                view.soft_delete,
                format!("{base}/secrets/{}", view.name),
            ),
        })
        .collect();
    let next_link = next_link(exchange, "deletedsecrets", max_results, &found);
    Answer::json(&wire::DeletedSecretListResult { value, next_link })
}

async fn get_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetDeletedSecret { name })?;
    let view = exchange.service.ops.get_deleted_secret(request).await?;
    deleted_bundle(exchange, &view)
}

async fn recover<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, RecoverDeletedSecret { name })?;
    let view = exchange.service.ops.recover_deleted_secret(request, call).await?;
    bundle(exchange, view)
}

async fn purge<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, PurgeDeletedSecret { name })?;
    exchange.service.ops.purge_deleted_secret(request, call).await?;
    Ok(Answer::no_content())
}

/// The body as the operation's type. The parser's own text may quote a misplaced secret, so it is
/// neither answered nor logged.
async fn parse<T: DeserializeOwned>(body: Incoming, limit: usize) -> Result<T, Problem> {
    let bytes = body::read(body, limit).await?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::bad("Property  has invalid value\r\n"))
}

fn change(sent: Option<AttributesParameters>) -> AttributesChange {
    sent.map(AttributesChange::from).unwrap_or_default()
}

fn tags(sent: Option<TagMap>) -> Result<Option<Tags>, Problem> {
    Ok(sent.map(|map| Tags::parse(map, MAX_TAG_CHARS)).transpose()?)
}

/// Which page, and the length of it that the client asked for.
fn page_request<S: Store>(
    exchange: &Exchange<'_, S>,
) -> Result<(PageRequest, Option<usize>), Problem> {
    let asked = match exchange.query.get("maxresults") {
        None => None,
        Some(text) => {
            let wanted = text.parse().ok().filter(|wanted| (1..=MAX_PAGE).contains(wanted));
            Some(wanted.ok_or_else(|| {
                Problem::bad(format!("maxresults must be a number from 1 to {MAX_PAGE}."))
            })?)
        }
    };
    let skip_token = exchange.query.get("$skiptoken").map(str::to_owned);
    Ok((PageRequest { max_results: asked.unwrap_or(MAX_PAGE), skip_token }, asked))
}

/// `https://{host}:443/secrets?api-version=…&$skiptoken=…&maxresults=…`: the port is always
/// there, and maxresults only if the client sent it.
fn next_link<S: Store, T>(
    exchange: &Exchange<'_, S>,
    path: &str,
    max_results: Option<usize>,
    page: &Page<T>,
) -> Option<String> {
    let token = page.skip_token.as_ref()?;
    let port = if exchange.service.endpoints.port() == 443 { ":443" } else { "" };
    let mut link = format!(
        "{}{port}/{path}?api-version={}&$skiptoken={token}",
        exchange.base,
        exchange.api_version.as_str(),
    );
    if let Some(wanted) = max_results {
        link.push_str(&format!("&maxresults={wanted}"));
    }
    Some(link)
}

/// Only a certificate's secret has a form to convert; a plain secret is answered as it is.
fn check_out_content_type<S: Store>(exchange: &Exchange<'_, S>) -> Result<(), Problem> {
    let known = ["application/x-pkcs12", "application/x-pem-file"];
    match exchange.query.get("outContentType") {
        Some(asked) if exchange.api_version.has_out_content_type() && !known.contains(&asked) => {
            Err(Problem::bad(
                "outContentType must be application/x-pkcs12 or application/x-pem-file.",
            ))
        }
        _ => Ok(()),
    }
}

fn id<S: Store>(
    exchange: &Exchange<'_, S>,
    name: &ObjectName,
    record: &VersionRecord<SecretListing>,
) -> String {
    let base = exchange.base;
    format!("{base}/secrets/{name}/{}", record.version)
}

fn attributes<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    record: &'a VersionRecord<SecretListing>,
    rules: SoftDelete,
) -> ObjectAttributes<'a> {
    let version = exchange.api_version;
    ObjectAttributes {
        recovery_level: version.has_soft_delete().then(|| rules.recovery_level()),
        recoverable_days: version.has_recoverable_days().then(|| rules.retention_days()),
        ..ObjectAttributes::from(&record.attributes)
    }
}

fn item<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    record: &'a VersionRecord<SecretListing>,
    rules: SoftDelete,
    id: String,
) -> wire::SecretItem<'a> {
    wire::SecretItem {
        content_type: record.listing.content_type.as_deref(),
        id: id.into(),
        managed: record.listing.managed,
        attributes: attributes(exchange, record, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
    }
}

/// All of a version, its value where the operation answers it.
fn secret_bundle<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    name: &ObjectName,
    record: &'a VersionRecord<SecretListing>,
    rules: SoftDelete,
    value: Option<&'a SecretValue>,
) -> wire::SecretBundle<'a> {
    wire::SecretBundle {
        value,
        content_type: record.listing.content_type.as_deref(),
        id: Cow::Owned(id(exchange, name, record)),
        managed: record.listing.managed,
        attributes: attributes(exchange, record, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
        kid: None,
        previous_version: None,
    }
}

fn bundle<S: Store>(exchange: &Exchange<'_, S>, view: SecretView) -> Result<Answer, Problem> {
    let not_text = || Problem::Op(OpError::Internal("a secret's value is not UTF-8".into()));
    let value = view
        .value
        .map(|value| value.into_utf8().map(SecretValue::new).ok_or_else(not_text))
        .transpose()?;
    let (record, rules) = (&view.record, view.soft_delete);
    let body = secret_bundle(exchange, &view.name, record, rules, value.as_ref());
    Answer::secret_json(&body)
}

fn deletion<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DeletedSecretView,
) -> wire::Deletion<'static> {
    let base = exchange.base;
    wire::Deletion {
        recovery_id: format!("{base}/deletedsecrets/{}", view.name).into(),
        deleted_date: view.deleted.0,
        scheduled_purge_date: view.scheduled_purge.0,
    }
}

fn deleted_bundle<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DeletedSecretView,
) -> Result<Answer, Problem> {
    Answer::json(&wire::DeletedSecretBundle {
        deletion: deletion(exchange, view),
        secret: secret_bundle(exchange, &view.name, &view.record, view.soft_delete, None),
    })
}
