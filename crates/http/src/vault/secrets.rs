//! The secret operations: parse, admit, operate, encode.

use strongroom_authz::{Authorized, admit};
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::SecretFormat;
use strongroom_model::secrets::MAX_TAG_CHARS;
use strongroom_model::{
    AttributesChange, Kind, ObjectName, SecretListing, SoftDelete, Tags, Version, VersionRecord,
};
use strongroom_ops::{
    BackupSecret, Call, DeleteSecret, DeletedSecretView, GetDeletedSecret, GetDeletedSecrets,
    GetSecret, GetSecretVersions, GetSecrets, OpError, PurgeDeletedSecret, RecoverDeletedSecret,
    RestoreSecret, RollbackSecret, SecretView, SetSecret, UpdateSecret,
};
use strongroom_store::Store;
use strongroom_wire::secrets as wire;
use strongroom_wire::{AttributesParameters, SecretValue};

use super::Exchange;
use super::answer::Answer;
use super::objects::{parse, tags};
use super::problem::Problem;
use crate::body::Body;

pub(super) async fn set<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretSetParameters = parse(body)?;
    let request = SetSecret {
        name,
        value: SecretBytes::from(sent.value.into_string()),
        content_type: sent.content_type,
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
    };
    let view = exchange.ops().set_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let wanted = out_content_type(exchange)?;
    let request = GetSecret { name, version };
    let mut view = exchange.ops().get_secret(admit(authorized, request)?).await?;
    if let Some(format) = wanted {
        view = view.in_format(format)?;
    }
    bundle(exchange, view)
}

pub(super) async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretUpdateParameters = parse(body)?;
    let request = UpdateSecret {
        name,
        version,
        content_type: sent.content_type,
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
    };
    let view = exchange.ops().update_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

pub(super) async fn rollback<S: Store>(
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
    let view = exchange.ops().rollback_secret(admit(authorized, request)?, call).await?;
    bundle(exchange, view)
}

pub(super) async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteSecret { name })?;
    let view = exchange.ops().delete_secret(request, call).await?;
    deleted_bundle(exchange, &view)
}

pub(super) async fn list<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let found = exchange.ops().get_secrets(admit(authorized, GetSecrets { page })?).await?;
    exchange.page("secrets", max_results, &found, |listed| {
        let id = exchange.id(Kind::Secret, &listed.name, None);
        item(exchange, &listed.record, listed.soft_delete, id)
    })
}

pub(super) async fn versions<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let path = format!("secrets/{name}/versions");
    let request = admit(authorized, GetSecretVersions { name, page })?;
    let found = exchange.ops().get_secret_versions(request).await?;
    exchange.page(&path, max_results, &found, |listed| {
        let id = exchange.id(Kind::Secret, &listed.name, Some(listed.record.version));
        item(exchange, &listed.record, listed.soft_delete, id)
    })
}

pub(super) async fn backup<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, BackupSecret { name })?;
    let value = exchange.ops().backup_secret(request).await?;
    Answer::json(&wire::BackupSecretResult { value })
}

pub(super) async fn restore<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::SecretRestoreParameters = parse(body)?;
    let request = admit(authorized, RestoreSecret { blob: sent.value })?;
    let view = exchange.ops().restore_secret(request, call).await?;
    bundle(exchange, view)
}

pub(super) async fn list_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let request = admit(authorized, GetDeletedSecrets { page })?;
    let found = exchange.ops().get_deleted_secrets(request).await?;
    exchange.page("deletedsecrets", max_results, &found, |view| {
        let id = exchange.id(Kind::Secret, &view.name, None);
        wire::DeletedSecretItem {
            deletion: exchange.deletion(Kind::Secret, view),
            secret: item(exchange, &view.record, view.soft_delete, id),
        }
    })
}

pub(super) async fn get_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetDeletedSecret { name })?;
    let view = exchange.ops().get_deleted_secret(request).await?;
    deleted_bundle(exchange, &view)
}

pub(super) async fn recover<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, RecoverDeletedSecret { name })?;
    let view = exchange.ops().recover_deleted_secret(request, call).await?;
    bundle(exchange, view)
}

pub(super) async fn purge<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, PurgeDeletedSecret { name })?;
    exchange.ops().purge_deleted_secret(request, call).await?;
    Ok(Answer::no_content())
}

fn change(sent: Option<AttributesParameters>) -> AttributesChange {
    sent.map(AttributesChange::from).unwrap_or_default()
}

/// The format that the client asks for, where the version knows the question. Only a certificate's
/// secret has one; a plain secret is answered as it is.
fn out_content_type<S: Store>(exchange: &Exchange<'_, S>) -> Result<Option<SecretFormat>, Problem> {
    let asked = exchange.query.get("outContentType");
    match asked.filter(|_| exchange.api_version.has_out_content_type()) {
        Some(asked) => SecretFormat::parse(asked).map(Some).map_err(|_| {
            Problem::bad("outContentType must be application/x-pkcs12 or application/x-pem-file.")
        }),
        None => Ok(None),
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
        attributes: exchange.attributes(&record.attributes, rules),
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
    let listing = &record.listing;
    let previous = listing.previous_version.filter(|_| exchange.api_version.has_previous_version());
    let of_certificate = listing.managed == Some(true);
    let kid = || exchange.id(Kind::Key, name, Some(record.version)).into();
    wire::SecretBundle {
        value,
        content_type: record.listing.content_type.as_deref(),
        id: exchange.id(Kind::Secret, name, Some(record.version)).into(),
        managed: record.listing.managed,
        attributes: exchange.attributes(&record.attributes, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
        kid: of_certificate.then(kid),
        previous_version: previous.map(|version| version.to_string().into()),
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

fn deleted_bundle<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DeletedSecretView,
) -> Result<Answer, Problem> {
    Answer::json(&wire::DeletedSecretBundle {
        deletion: exchange.deletion(Kind::Secret, view),
        secret: secret_bundle(exchange, &view.name, &view.record, view.soft_delete, None),
    })
}
