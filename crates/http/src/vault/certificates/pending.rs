//! The operation that makes a certificate's next version.

use http::StatusCode;
use strongroom_authz::{Authorized, admit};
use strongroom_model::certificates::OperationStatus;
use strongroom_model::{Kind, ObjectName};
use strongroom_ops::{
    Call, DeleteCertificateOperation, GetCertificateOperation, OperationView,
    UpdateCertificateOperation,
};
use strongroom_store::Store;
use strongroom_wire::certificate_policy::IssuerParameters;
use strongroom_wire::{Base64, certificates as wire};

use super::members;
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

/// When the real service asks to look again, in seconds.
const LOOK_AGAIN: u32 = 10;

/// When there is something new to see already, in seconds: clients wait for nothing.
const LOOK_AT_ONCE: u32 = 1;

/// The real service's text.
const IN_PROGRESS: &str = "Pending certificate created. Certificate request is in progress. This \
     may take some time based on the issuer provider. Please check again later.";

/// The answer to a creation.
pub(super) fn created<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &OperationView,
) -> Result<Answer, Problem> {
    let (id, version) = (id(exchange, &view.name), exchange.api_version.as_str());
    let number = hex::encode(view.operation.request_id);
    let location = format!("{id}?api-version={version}&request_id={number}");
    Ok(Answer::json(&operation(exchange, view))?
        .with_status(StatusCode::ACCEPTED)
        .with_retry_after(if view.has_ended { LOOK_AT_ONCE } else { LOOK_AGAIN })
        .with_location(location))
}

pub(super) async fn get<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetCertificateOperation { name })?;
    let view = exchange.ops().get_certificate_operation(request).await?;
    let answer = Answer::json(&operation(exchange, &view))?;
    Ok(match view.operation.status {
        OperationStatus::InProgress => answer.with_retry_after(LOOK_AGAIN),
        _ => answer,
    })
}

pub(super) async fn update<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::CertificateOperationUpdateParameter = parse(body)?;
    let requested = members::required("cancellation_requested", sent.cancellation_requested)?;
    let request = UpdateCertificateOperation { name, cancellation_requested: requested };
    let request = admit(authorized, request)?;
    let view = exchange.ops().update_certificate_operation(request, call).await?;
    Answer::json(&operation(exchange, &view))
}

pub(super) async fn delete<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, DeleteCertificateOperation { name })?;
    let view = exchange.ops().delete_certificate_operation(request, call).await?;
    Answer::json(&operation(exchange, &view))
}

fn id<S: Store>(exchange: &Exchange<'_, S>, name: &ObjectName) -> String {
    format!("{}/pending", exchange.id(Kind::Certificate, name, None))
}

fn operation<'a, S: Store>(
    exchange: &Exchange<'_, S>,
    view: &'a OperationView,
) -> wire::CertificateOperation<'a> {
    let shown = &view.operation;
    let usual = (shown.status == OperationStatus::InProgress).then_some(IN_PROGRESS);
    let completed = shown.status == OperationStatus::Completed;
    let target = || exchange.id(Kind::Certificate, &view.name, None).into();
    wire::CertificateOperation {
        id: id(exchange, &view.name).into(),
        issuer: IssuerParameters::new(
            &shown.issuer,
            exchange.api_version.has_certificate_transparency(),
        ),
        csr: Base64(&shown.csr),
        cancellation_requested: shown.cancellation_requested,
        status: shown.status.name(),
        status_details: shown.status_details.as_deref().or(usual),
        error: shown.error.as_ref().map(|error| wire::CertificateOperationError {
            code: &error.code,
            message: &error.message,
        }),
        target: completed.then(target),
        request_id: hex::encode(shown.request_id).into(),
    }
}
