//! The issuers of a vault.

use strongroom_authz::{Authorized, admit};
use strongroom_model::ObjectName;
use strongroom_model::certificates::Issuer;
use strongroom_ops::{
    Call, DeleteCertificateIssuer, GetCertificateIssuer, GetCertificateIssuers,
    SetCertificateIssuer, UpdateCertificateIssuer,
};
use strongroom_store::Store;
use strongroom_wire::certificate_issuers as wire;

use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

pub(super) async fn list<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
) -> Result<Answer, Problem> {
    let (page, max_results) = exchange.page_request()?;
    let request = admit(authorized, GetCertificateIssuers { page })?;
    let found = exchange.ops().get_certificate_issuers(request).await?;
    exchange.page("certificates/issuers", max_results, &found, |issuer| {
        wire::CertificateIssuerItem {
            id: id(exchange, &issuer.name).into(),
            provider: issuer.provider.name(),
        }
    })
}

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetCertificateIssuer { issuer })?;
    bundle(exchange, &exchange.ops().get_certificate_issuer(request).await?)
}

pub(super) async fn set<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateIssuerParameters = parse(body)?;
    let request = SetCertificateIssuer { issuer, sent: sent.into() };
    let request = admit(authorized, request)?;
    bundle(exchange, &exchange.ops().set_certificate_issuer(request, call).await?)
}

pub(super) async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateIssuerParameters = parse(body)?;
    let request = UpdateCertificateIssuer { issuer, sent: sent.into() };
    let request = admit(authorized, request)?;
    bundle(exchange, &exchange.ops().update_certificate_issuer(request, call).await?)
}

pub(super) async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteCertificateIssuer { issuer })?;
    bundle(exchange, &exchange.ops().delete_certificate_issuer(request, call).await?)
}

fn id<S: Store>(exchange: &Exchange<'_, S>, issuer: &ObjectName) -> String {
    format!("{}/certificates/issuers/{issuer}", exchange.base)
}

fn bundle<S: Store>(exchange: &Exchange<'_, S>, issuer: &Issuer) -> Result<Answer, Problem> {
    Answer::json(&wire::IssuerBundle::new(id(exchange, &issuer.name), issuer))
}
