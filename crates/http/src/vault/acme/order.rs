//! Orders, authorizations and challenges, down to the certificate.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use strongroom_ops::{
    AcmeAuthorization, AcmeAuthorizationStatus as Status, AcmeChallenge, AcmeError,
    AcmeErrorKind as Kind, AcmeId, AcmeOrder, AcmeOrderStatus, AnswerAcmeChallenge, Call,
    DeactivateAcmeAuthorization, FinalizeAcmeOrder, GetAcmeCertificate, GetAcmeOrder, Identifier,
    MAX_IDENTIFIERS, NewAcmeOrder,
};
use strongroom_store::Store;
use strongroom_wire::acme as wire;

use super::Visit;
use super::jws::AccountKey;
use super::reply::{self, Reply};
use super::signed::Signed;

/// Seconds after which an answer that is being looked at may be settled.
const LOOK_AGAIN: u32 = 2;

/// Seconds after which a vault that has too many answers looked at may have room for another one.
const ROOM_AGAIN: u32 = 10;

/// `POST new-order`
pub(super) async fn create<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let sent: wire::NewOrder = signed.parse()?;
    if sent.not_before.is_some() || sent.not_after.is_some() {
        let text =
            "The issuer says how long a certificate lives: leave notBefore and notAfter out.";
        return Err(AcmeError::refused(Kind::Malformed, text));
    }
    let identifiers = identifiers(&sent.identifiers)?;
    let (account, issuer) = (signed.account.id, visit.issuer.clone());
    let request = signed.admit(NewAcmeOrder { issuer, account, identifiers })?;
    let order = visit.service.ops.new_acme_order(request, call).await?;
    shown(visit, StatusCode::CREATED, &order, call)
}

/// The identifiers of an order, none twice; every one that is refused is named.
fn identifiers(sent: &[wire::Identifier]) -> Result<Vec<Identifier>, AcmeError> {
    if sent.is_empty() || sent.len() > MAX_IDENTIFIERS {
        let text = format!("An order names 1 to {MAX_IDENTIFIERS} identifiers.");
        return Err(AcmeError::refused(Kind::Malformed, text));
    }
    let (mut known, mut refused) = (BTreeSet::new(), Vec::new());
    let mut identifiers = Vec::with_capacity(sent.len());
    for identifier in sent {
        match Identifier::parse(&identifier.kind, &identifier.value) {
            Ok(identifier) if known.insert(identifier.clone()) => identifiers.push(identifier),
            Ok(_) => {}
            Err(refusal) => refused.push(refusal),
        }
    }
    match refused.pop() {
        None => Ok(identifiers),
        Some(only) if refused.is_empty() => Err(only.into()),
        Some(last) => {
            refused.push(last);
            Err(AcmeError::Identifiers(refused))
        }
    }
}

/// `POST order/{id}`
pub(super) async fn get<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    order: AcmeId,
    call: &Call,
) -> Result<Reply, AcmeError> {
    shown(visit, StatusCode::OK, &read(visit, signed, order).await?, call)
}

async fn read<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    order: AcmeId,
) -> Result<AcmeOrder, AcmeError> {
    reads(&signed)?;
    let account = signed.account.id;
    visit.service.ops.get_acme_order(signed.admit(GetAcmeOrder { account, order })?).await
}

/// `POST order/{id}/finalize`
pub(super) async fn finalize<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    order: AcmeId,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let sent: wire::Finalize = signed.parse()?;
    let csr = URL_SAFE_NO_PAD.decode(&sent.csr);
    let csr = csr.map_err(|_| AcmeError::refused(Kind::BadCsr, "The csr is no base64url."))?;
    let (account, issuer) = (signed.account.id, visit.issuer.clone());
    let request = signed.admit(FinalizeAcmeOrder { issuer, account, order, csr })?;
    let order = visit.service.ops.finalize_acme_order(request, call).await?;
    shown(visit, StatusCode::OK, &order, call)
}

/// `POST certificate/{order}`
pub(super) async fn certificate<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    order: AcmeId,
) -> Result<Reply, AcmeError> {
    reads(&signed)?;
    let account = signed.account.id;
    let request = signed.admit(GetAcmeCertificate { account, order })?;
    let chain = visit.service.ops.get_acme_certificate(request).await?;
    Ok(Reply::pem_chain(chain.iter().map(|certificate| pem(certificate)).collect()))
}

/// `POST authz/{order}/{place}`
pub(super) async fn authorization<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    (order, at): (AcmeId, usize),
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    if !signed.is_reading() {
        let sent: wire::AuthorizationChange = signed.parse()?;
        if sent.status.as_deref() != Some("deactivated") {
            let text = "The status of an authorization may be set to deactivated.";
            return Err(AcmeError::refused(Kind::Malformed, text));
        }
        let account = signed.account.id;
        let request =
            signed.admit(DeactivateAcmeAuthorization { account, order, authorization: at })?;
        let order = visit.service.ops.deactivate_acme_authorization(request, call).await?;
        return shown_authorization(visit, &order, at, call);
    }
    let order = read(visit, signed, order).await?;
    shown_authorization(visit, &order, at, call)
}

/// `POST challenge/{order}/{place}/{type}`: reads it, or says that the answer is there.
pub(super) async fn challenge<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    (order, at, kind): (AcmeId, usize, AcmeChallenge),
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let order = if signed.is_reading() {
        read(visit, signed, order).await?
    } else {
        let _: serde_json::Map<String, serde_json::Value> = signed.parse()?;
        let Some(place) = visit.acme.place(visit.vault.resource.id) else {
            let text = "Too many answers of this vault are being looked at.";
            let refusal = AcmeError::refused(Kind::RateLimited, text);
            return Ok(Reply::refusal(&refusal).retry_after(ROOM_AGAIN));
        };
        let account = signed.account.id;
        let key = AccountKey::kept(signed.account.key.clone());
        let request = AnswerAcmeChallenge { account, order, authorization: at, challenge: kind };
        let request = signed.admit(request)?;
        let (order, task) = visit.service.ops.answer_acme_challenge(request, call).await?;
        if let Some(task) = task {
            visit.acme.look_at(Arc::clone(&visit.service.ops), task, &key.thumbprint(), place);
        }
        order
    };
    let authorization = order.authorizations.get(at).ok_or_else(nothing)?;
    if !AcmeChallenge::of(authorization).contains(&kind) {
        return Err(nothing());
    }
    let body = shown_challenge(visit, &order, at, authorization, kind);
    let url = visit.path(&format!("authz/{}/{at}", order.id));
    Ok(Reply::json(StatusCode::OK, &body)?.link(url, "up"))
}

/// Some requests only read, and send nothing.
fn reads(signed: &Signed) -> Result<(), AcmeError> {
    if signed.is_reading() {
        return Ok(());
    }
    Err(AcmeError::refused(Kind::Malformed, "The payload of a POST-as-GET is empty."))
}

fn nothing() -> AcmeError {
    AcmeError::refused(Kind::NotFound, "There is no such authorization or challenge.")
}

fn shown<S: Store>(
    visit: &Visit<'_, S>,
    status: StatusCode,
    order: &AcmeOrder,
    call: &Call,
) -> Result<Reply, AcmeError> {
    let url = visit.path(&format!("order/{}", order.id));
    let place = order.status(call.now());
    let authorizations = 0..order.authorizations.len();
    let body = wire::Order {
        status: place.name(),
        expires: order.expires.rfc3339(),
        identifiers: order
            .authorizations
            .iter()
            .map(|authorization| reply::identifier(&authorization.ordered()))
            .collect(),
        authorizations: authorizations
            .map(|at| visit.path(&format!("authz/{}/{at}", order.id)))
            .collect(),
        finalize: format!("{url}/finalize"),
        certificate: (place == AcmeOrderStatus::Valid)
            .then(|| visit.path(&format!("certificate/{}", order.id))),
        error: order.error().map(reply::problem),
    };
    Ok(Reply::json(status, &body)?.at(url))
}

fn shown_authorization<S: Store>(
    visit: &Visit<'_, S>,
    order: &AcmeOrder,
    at: usize,
    call: &Call,
) -> Result<Reply, AcmeError> {
    let authorization = order.authorizations.get(at).ok_or_else(nothing)?;
    let expired = call.now() >= order.expires;
    let status = match authorization.status {
        Status::Pending | Status::Processing if expired => "expired",
        Status::Pending | Status::Processing => "pending",
        Status::Valid if expired => "expired",
        Status::Valid => "valid",
        Status::Invalid => "invalid",
        Status::Deactivated => "deactivated",
    };
    let is_open = matches!(authorization.status, Status::Pending | Status::Processing);
    let attempted = authorization.attempt.map(|attempt| attempt.challenge);
    let kinds = AcmeChallenge::of(authorization).iter().copied();
    let kinds = kinds.filter(|kind| is_open || attempted.is_none_or(|tried| tried == *kind));
    let body = wire::Authorization {
        identifier: reply::identifier(&authorization.identifier),
        status,
        expires: order.expires.rfc3339(),
        challenges: kinds
            .map(|kind| shown_challenge(visit, order, at, authorization, kind))
            .collect(),
        wildcard: authorization.is_wildcard,
    };
    let reply = Reply::json(StatusCode::OK, &body)?;
    Ok(if authorization.status == Status::Processing {
        reply.retry_after(LOOK_AGAIN)
    } else {
        reply
    })
}

fn shown_challenge<S: Store>(
    visit: &Visit<'_, S>,
    order: &AcmeOrder,
    at: usize,
    authorization: &AcmeAuthorization,
    kind: AcmeChallenge,
) -> wire::Challenge {
    let attempt = authorization.attempt.filter(|attempt| attempt.challenge == kind);
    let status = match (attempt, authorization.status) {
        (Some(_), Status::Processing) => "processing",
        (Some(_), Status::Valid | Status::Deactivated) if authorization.error.is_none() => "valid",
        (Some(_), Status::Invalid) => "invalid",
        _ => "pending",
    };
    wire::Challenge {
        kind: kind.name(),
        url: visit.path(&format!("challenge/{}/{at}/{}", order.id, kind.name())),
        status,
        token: authorization.token.clone(),
        validated: attempt.filter(|_| status == "valid").map(|attempt| attempt.at.rfc3339()),
        error: attempt.and(authorization.error.as_ref()).map(reply::problem),
    }
}

/// A certificate in PEM (RFC 7468).
fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
