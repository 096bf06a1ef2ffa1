//! The key operations: parse, admit, operate, encode.

#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod jwk;
mod members;
mod release;
mod rotation;
mod work;

use strongroom_authz::{Authorized, admit};
use strongroom_model::keys::MAX_TAG_CHARS;
use strongroom_model::{
    AkpAlgorithm, KeyListing, KeySpec, KeyType, Kind, ObjectName, SoftDelete, Tags, Version,
    VersionRecord,
};
use strongroom_ops::{
    BackupKey, Call, CreateKey, DeleteKey, DeletedKeyView, GetDeletedKey, GetDeletedKeys, GetKey,
    GetKeyAttestation, GetKeyVersions, GetKeys, ImportKey, KeyView, PurgeDeletedKey,
    RecoverDeletedKey, RestoreKey, UpdateKey,
};
use strongroom_store::Store;
use strongroom_wire::keys as wire;

use super::Exchange;
use super::answer::Answer;
use super::objects::{parse, tags};
use super::problem::Problem;
use crate::body::Body;
use members::{Said, required};

pub(super) use release::{release, secure_unwrap, secure_wrap};
pub(super) use rotation::{get_policy, rotate, update_policy};
pub(super) use work::{decrypt, encrypt, sign, unwrap, verify, wrap};

pub(super) async fn create<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::KeyCreateParameters = parse(body)?;
    let key_type = members::key_type(exchange.api_version, &required("kty", sent.kty)?)?;
    let curve = members::curve(exchange.api_version, sent.crv.as_deref())?;
    let algorithm = match sent.alg {
        Some(name) if key_type.software() == KeyType::Akp => Some(AkpAlgorithm::parse(&name)?),
        _ => None,
    };
    let spec = KeySpec::of(key_type, sent.key_size, curve, sent.public_exponent, algorithm)?;
    let said = Said {
        key_ops: sent.key_ops,
        attributes: sent.attributes,
        tags: sent.tags,
        release_policy: sent.release_policy,
    };
    let new = said.into_new(exchange.api_version)?;
    let request = admit(authorized, CreateKey { name, key_type, spec, new })?;
    let view = exchange.ops().create_key(request, call).await?;
    bundle(exchange, &view)
}

pub(super) async fn import<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let mut sent: wire::KeyImportParameters = parse(body)?;
    let mut jwk = sent.key.take().ok_or_else(jwk::invalid)?;
    let said = Said {
        key_ops: jwk.key_ops.take(),
        attributes: sent.attributes,
        tags: sent.tags,
        release_policy: sent.release_policy,
    };
    let new = said.into_new(exchange.api_version)?;
    let (key_type, key) = jwk::imported(exchange.api_version, &jwk, sent.hsm)?;
    let request = admit(authorized, ImportKey { name, key_type, key, new })?;
    let view = exchange.ops().import_key(request, call).await?;
    bundle(exchange, &view)
}

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetKey { name, version })?;
    bundle(exchange, &exchange.ops().get_key(request).await?)
}

pub(super) async fn attestation<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetKeyAttestation { name, version })?;
    bundle(exchange, &exchange.ops().get_key_attestation(request).await?)
}

pub(super) async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::KeyUpdateParameters = parse(body)?;
    let attributes = sent.attributes.unwrap_or_default();
    let request = UpdateKey {
        name,
        version,
        key_ops: members::key_ops(sent.key_ops)?,
        exportable: members::exportable(exchange.api_version, attributes.exportable)?,
        attributes: attributes.common.into(),
        release_policy: members::release_policy(exchange.api_version, sent.release_policy)?,
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
    };
    let view = exchange.ops().update_key(admit(authorized, request)?, call).await?;
    bundle(exchange, &view)
}

pub(super) async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteKey { name })?;
    deleted_bundle(exchange, &exchange.ops().delete_key(request, call).await?)
}

pub(super) async fn list<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let found = exchange.ops().get_keys(admit(authorized, GetKeys { page })?).await?;
    exchange.page("keys", max_results, &found, |listed| {
        let kid = exchange.id(Kind::Key, &listed.name, None);
        item(exchange, &listed.record, listed.soft_delete, kid)
    })
}

pub(super) async fn versions<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let path = format!("keys/{name}/versions");
    let request = admit(authorized, GetKeyVersions { name, page })?;
    let found = exchange.ops().get_key_versions(request).await?;
    exchange.page(&path, max_results, &found, |listed| {
        let kid = exchange.id(Kind::Key, &listed.name, Some(listed.record.version));
        item(exchange, &listed.record, listed.soft_delete, kid)
    })
}

pub(super) async fn list_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let request = admit(authorized, GetDeletedKeys { page })?;
    let found = exchange.ops().get_deleted_keys(request).await?;
    exchange.page("deletedkeys", max_results, &found, |view| {
        let kid = exchange.id(Kind::Key, &view.name, None);
        wire::DeletedKeyItem {
            deletion: exchange.deletion(Kind::Key, view),
            key: item(exchange, &view.record, view.soft_delete, kid),
        }
    })
}

pub(super) async fn get_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetDeletedKey { name })?;
    deleted_bundle(exchange, &exchange.ops().get_deleted_key(request).await?)
}

pub(super) async fn recover<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, RecoverDeletedKey { name })?;
    bundle(exchange, &exchange.ops().recover_deleted_key(request, call).await?)
}

pub(super) async fn purge<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, PurgeDeletedKey { name })?;
    exchange.ops().purge_deleted_key(request, call).await?;
    Ok(Answer::no_content())
}

pub(super) async fn backup<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let value = exchange.ops().backup_key(admit(authorized, BackupKey { name })?).await?;
    Answer::json(&wire::BackupKeyResult { value })
}

pub(super) async fn restore<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::KeyRestoreParameters = parse(body)?;
    let request = admit(authorized, RestoreKey { blob: sent.value })?;
    bundle(exchange, &exchange.ops().restore_key(request, call).await?)
}

fn attributes<S: Store>(
    exchange: &Exchange<'_, S>,
    record: &VersionRecord<KeyListing>,
    rules: SoftDelete,
) -> wire::KeyAttributes<'static> {
    let (version, listing) = (exchange.api_version, &record.listing);
    // Before it answered the platform, the real service was silent on keys that stay.
    let answers_exportable =
        version.has_hsm_platform() || (version.has_key_release() && listing.exportable);
    let platform = || listing.hsm_platform.to_string().into();
    wire::KeyAttributes {
        common: exchange.attributes(&record.attributes, rules),
        exportable: answers_exportable.then_some(listing.exportable),
        hsm_platform: version.has_hsm_platform().then(platform),
        attestation: None,
    }
}

fn item<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    record: &'a VersionRecord<KeyListing>,
    rules: SoftDelete,
    kid: String,
) -> wire::KeyItem<'a> {
    wire::KeyItem {
        kid: kid.into(),
        attributes: attributes(exchange, record, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
        managed: record.listing.managed,
    }
}

fn key_bundle<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    name: &ObjectName,
    record: &'a VersionRecord<KeyListing>,
    rules: SoftDelete,
) -> wire::KeyBundle<'a> {
    let kid = exchange.id(Kind::Key, name, Some(record.version));
    let policy = record.listing.release_policy.as_ref();
    wire::KeyBundle {
        key: wire::JsonWebKey::new(kid, &record.listing),
        attributes: attributes(exchange, record, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
        managed: record.listing.managed,
        release_policy: policy
            .filter(|_| exchange.api_version.has_key_release())
            .map(wire::KeyReleasePolicy::from),
    }
}

fn bundle<S: Store>(exchange: &Exchange<'_, S>, view: &KeyView) -> Result<Answer, Problem> {
    Answer::json(&key_bundle(exchange, &view.name, &view.record, view.soft_delete))
}

fn deleted_bundle<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DeletedKeyView,
) -> Result<Answer, Problem> {
    Answer::json(&wire::DeletedKeyBundle {
        deletion: exchange.deletion(Kind::Key, view),
        key: key_bundle(exchange, &view.name, &view.record, view.soft_delete),
    })
}
