//! Lists of certificates and of versions.

use strongroom_authz::{Authorized, admit};
use strongroom_model::{CertificateListing, Kind, ObjectName, SoftDelete, Tags, VersionRecord};
use strongroom_ops::{GetCertificateVersions, GetCertificates, GetDeletedCertificates};
use strongroom_store::Store;
use strongroom_wire::certificates as wire;

use super::thumbprint;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::problem::Problem;

pub(super) async fn list<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let request = GetCertificates { page, include_pending: exchange.include_pending()? };
    let found = exchange.ops().get_certificates(admit(authorized, request)?).await?;
    exchange.page("certificates", max_results, &found, |listed| {
        let id = exchange.id(Kind::Certificate, &listed.name, None);
        item(exchange, &listed.record, listed.soft_delete, id)
    })
}

pub(super) async fn versions<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let path = format!("certificates/{name}/versions");
    let request = admit(authorized, GetCertificateVersions { name, page })?;
    let found = exchange.ops().get_certificate_versions(request).await?;
    exchange.page(&path, max_results, &found, |listed| {
        let id = exchange.id(Kind::Certificate, &listed.name, Some(listed.record.version));
        item(exchange, &listed.record, listed.soft_delete, id)
    })
}

pub(super) async fn list_deleted<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let request = GetDeletedCertificates { page, include_pending: exchange.include_pending()? };
    let found = exchange.ops().get_deleted_certificates(admit(authorized, request)?).await?;
    exchange.page("deletedcertificates", max_results, &found, |view| {
        let id = exchange.id(Kind::Certificate, &view.name, None);
        wire::DeletedCertificateItem {
            deletion: exchange.deletion(Kind::Certificate, view),
            certificate: item(exchange, &view.record, view.soft_delete, id),
        }
    })
}

fn item<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    record: &'a VersionRecord<CertificateListing>,
    rules: SoftDelete,
    id: String,
) -> wire::CertificateItem<'a> {
    wire::CertificateItem {
        id: id.into(),
        x5t: thumbprint(&record.listing),
        attributes: exchange.attributes(&record.attributes, rules),
        tags: record.tags.as_ref().map(Tags::as_map),
    }
}
