//! The certificate operations: parse, admit, operate, encode.

mod authority;
mod contacts;
mod issuers;
mod lists;
mod members;
mod operate;
mod pending;
mod policy;

use http::StatusCode;
use strongroom_authz::{Authorized, admit};
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::{CertificateListing, MAX_TAG_CHARS};
use strongroom_model::{AttributesChange, Kind, ObjectName, Tags, Version};
use strongroom_ops::{
    BackupCertificate, Call, CertificateView, CreateCertificate, DeleteCertificate,
    DeletedCertificateView, GetCertificate, GetDeletedCertificate, ImportCertificate,
    MergeCertificate, PurgeDeletedCertificate, RecoverDeletedCertificate, RestoreCertificate,
    UpdateCertificate,
};
use strongroom_store::Store;
use strongroom_wire::certificates as wire;
use strongroom_wire::{AttributesParameters, Base64, Base64Url};

use super::Exchange;
use super::answer::Answer;
use super::objects::{parse, tags};
use super::problem::Problem;
use crate::body::Body;

pub(super) use operate::operate;

/// The answer says where the operation is, and when to look.
async fn create<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateCreateParameters = parse(body)?;
    let request = CreateCertificate {
        name,
        policy: sent.policy.map(Into::into),
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
        preserve_order: sent.preserve_cert_order,
    };
    let view = exchange.ops().create_certificate(admit(authorized, request)?, call).await?;
    pending::created(exchange, &view)
}

async fn import<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateImportParameters = parse(body)?;
    let request = ImportCertificate {
        name,
        value: members::imported(members::required("value", sent.value)?)?,
        password: sent.pwd.map(|password| SecretBytes::from(password.into_string())),
        policy: sent.policy.map(Into::into),
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
        preserve_order: sent.preserve_cert_order,
    };
    let view = exchange.ops().import_certificate(admit(authorized, request)?, call).await?;
    bundle(exchange, &view)
}

async fn merge<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateMergeParameters = parse(body)?;
    let request = MergeCertificate {
        name,
        chain: members::chain(&members::required("x5c", sent.x5c)?)?,
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
    };
    let view = exchange.ops().merge_certificate(admit(authorized, request)?, call).await?;
    Ok(bundle(exchange, &view)?.with_status(StatusCode::CREATED))
}

async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetCertificate { name, version })?;
    bundle(exchange, &exchange.ops().get_certificate(request).await?)
}

async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateUpdateParameters = parse(body)?;
    let request = UpdateCertificate {
        name,
        version,
        attributes: change(sent.attributes),
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
        policy: sent.policy.map(Into::into),
    };
    let view = exchange.ops().update_certificate(admit(authorized, request)?, call).await?;
    bundle(exchange, &view)
}

async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteCertificate { name })?;
    deleted_bundle(exchange, &exchange.ops().delete_certificate(request, call).await?)
}

async fn get_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetDeletedCertificate { name })?;
    deleted_bundle(exchange, &exchange.ops().get_deleted_certificate(request).await?)
}

async fn recover<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, RecoverDeletedCertificate { name })?;
    bundle(exchange, &exchange.ops().recover_deleted_certificate(request, call).await?)
}

async fn purge<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, PurgeDeletedCertificate { name })?;
    exchange.ops().purge_deleted_certificate(request, call).await?;
    Ok(Answer::no_content())
}

async fn backup<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, BackupCertificate { name })?;
    let value = exchange.ops().backup_certificate(request).await?;
    Answer::json(&wire::BackupCertificateResult { value })
}

async fn restore<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateRestoreParameters = parse(body)?;
    let request = admit(authorized, RestoreCertificate { blob: sent.value })?;
    bundle(exchange, &exchange.ops().restore_certificate(request, call).await?)
}

fn change(sent: Option<AttributesParameters>) -> AttributesChange {
    sent.map(AttributesChange::from).unwrap_or_default()
}

fn thumbprint(listing: &CertificateListing) -> Option<Base64Url<'_>> {
    listing.thumbprint.as_ref().map(|thumbprint| Base64Url(&thumbprint.0))
}

/// A version. While the first is being made, the certificate has no key and no secret yet.
fn certificate_bundle<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    view: &'a CertificateView,
) -> wire::CertificateBundle<'a> {
    let CertificateView { name, record, .. } = view;
    let id = |kind| exchange.id(kind, name, Some(record.version)).into();
    let companion = |kind| (!record.listing.is_pending()).then(|| id(kind));
    let pending = || format!("{}/pending", exchange.id(Kind::Certificate, name, None)).into();
    let orders = exchange.api_version.has_preserved_order();
    wire::CertificateBundle {
        id: id(Kind::Certificate),
        kid: companion(Kind::Key),
        sid: companion(Kind::Secret),
        x5t: thumbprint(&record.listing),
        cer: view.chain.first().map(|leaf| Base64(leaf)),
        attributes: exchange.attributes(&record.attributes, view.soft_delete),
        tags: record.tags.as_ref().map(Tags::as_map),
        policy: policy::policy(exchange, name, &view.policy),
        pending: view.has_operation.then(|| wire::PendingOperation { id: pending() }),
        preserve_cert_order: orders.then_some(record.listing.preserve_order),
    }
}

fn bundle<S: Store>(exchange: &Exchange<'_, S>, view: &CertificateView) -> Result<Answer, Problem> {
    Answer::json(&certificate_bundle(exchange, view))
}

fn deleted_bundle<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DeletedCertificateView,
) -> Result<Answer, Problem> {
    let DeletedCertificateView { certificate, deleted, scheduled_purge } = view;
    let name = &certificate.name;
    Answer::json(&wire::DeletedCertificateBundle {
        deletion: exchange.deleted_at(Kind::Certificate, name, *deleted, *scheduled_purge),
        certificate: certificate_bundle(exchange, certificate),
    })
}
