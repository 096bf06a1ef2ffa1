//! The policy of a certificate.

use strongroom_authz::{Authorized, admit};
use strongroom_model::{CertificatePolicy, Kind, ObjectName};
use strongroom_ops::{Call, GetCertificatePolicy, UpdateCertificatePolicy};
use strongroom_store::Store;
use strongroom_wire::certificate_policy as wire;

use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetCertificatePolicy { name })?;
    let view = exchange.ops().get_certificate_policy(request).await?;
    Answer::json(&policy(exchange, &view.name, &view.policy))
}

pub(super) async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificatePolicyParameters = parse(body)?;
    let request = UpdateCertificatePolicy { name, change: sent.into() };
    let request = admit(authorized, request)?;
    let view = exchange.ops().update_certificate_policy(request, call).await?;
    Answer::json(&policy(exchange, &view.name, &view.policy))
}

pub(super) fn policy<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    name: &ObjectName,
    policy: &'a CertificatePolicy,
) -> wire::CertificatePolicy<'a> {
    let id = format!("{}/policy", exchange.id(Kind::Certificate, name, None));
    let shown = wire::PolicyMembers {
        uris: exchange.api_version.has_uri_names(),
        transparency: exchange.api_version.has_certificate_transparency(),
    };
    wire::CertificatePolicy::new(id, policy, shown)
}
