//! Challenges: what is asked for, what is being looked at, and what came of it (RFC 8555, section
//! 8). Looking at an answer takes a network; that is done elsewhere, with a [`ValidationTask`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use std::sync::Arc;
use strongroom_authz::Admitted;
use strongroom_crypto::random;
use strongroom_directory::Vault;
use strongroom_model::Timestamp;
use strongroom_store::{Outcome, Store};

use super::order::{OpenOrder, open_order};
use super::rows::FoundRow;
use super::{
    AcmeAuthorization, AcmeAuthorizationStatus as Status, AcmeError, AcmeErrorKind as Kind, AcmeId,
    AcmeOrder, AcmeOrderStatus, AcmeRefusal, BoundPrincipal, Identifier, about_acme, turn,
};
use crate::access::in_vault;
use crate::{Call, OpError, Ops};

/// How long an answer may be looked at, in seconds; after that it may be looked at again.
const STALE: i64 = 120;

/// How an account shows that it controls an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AcmeChallenge {
    /// By a resource on its web server (RFC 8555, section 8.3).
    #[n(0)]
    Http01,
    /// By a TXT record (RFC 8555, section 8.4).
    #[n(1)]
    Dns01,
    /// By a certificate of its TLS server (RFC 8737).
    #[n(2)]
    TlsAlpn01,
}

impl AcmeChallenge {
    const ALL: [Self; 3] = [Self::Http01, Self::Dns01, Self::TlsAlpn01];

    /// The challenge of a name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|challenge| challenge.name() == name)
    }

    /// As it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    /// Those that an authorization may be met with: a wildcard only in the DNS, an address never
    /// there (RFC 8738, section 7).
    pub fn of(authorization: &AcmeAuthorization) -> &'static [Self] {
        match &authorization.identifier {
            _ if authorization.is_wildcard => &[Self::Dns01],
            Identifier::Dns(_) => &Self::ALL,
            Identifier::Ip(_) => &[Self::Http01, Self::TlsAlpn01],
        }
    }
}

/// An answer that is, or was, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attempt {
    /// The challenge.
    #[n(0)]
    pub challenge: AcmeChallenge,
    /// When the account said that its answer is there; once the authorization is valid, when that
    /// was found.
    #[n(1)]
    pub at: Timestamp,
}

/// Says that the answer to a challenge is there.
pub struct AnswerAcmeChallenge {
    /// Whose order it is.
    pub account: AcmeId,
    /// The order.
    pub order: AcmeId,
    /// The authorization's place in the order.
    pub authorization: usize,
    /// The challenge.
    pub challenge: AcmeChallenge,
}

/// Gives an authorization up.
pub struct DeactivateAcmeAuthorization {
    /// Whose order it is.
    pub account: AcmeId,
    /// The order.
    pub order: AcmeId,
    /// The authorization's place in the order.
    pub authorization: usize,
}

about_acme! { AnswerAcmeChallenge DeactivateAcmeAuthorization }

/// An answer to be looked at: what to look for, and where to say what was found.
pub struct ValidationTask {
    /// The challenge.
    pub challenge: AcmeChallenge,
    /// What is to be controlled.
    pub identifier: Identifier,
    /// The challenge's token.
    pub token: String,
    vault: Arc<Vault>,
    order: AcmeId,
    authorization: usize,
    attempt: Attempt,
    principal: BoundPrincipal,
}

impl<S: Store> Ops<S> {
    /// Notes that the answer to a challenge is there. Gives what is to be looked at, unless it
    /// has been or is.
    ///
    /// # Errors
    /// `malformed` for a challenge that the authorization does not have, or when the order is past.
    pub async fn answer_acme_challenge(
        &self,
        request: Admitted<AnswerAcmeChallenge>,
        call: &mut Call,
    ) -> Result<(AcmeOrder, Option<ValidationTask>), AcmeError> {
        let (authorized, request) = request.into_parts();
        let AnswerAcmeChallenge { account, order, authorization: at, challenge } = request;
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let mut deciding = self.deciding(&authorized, &turn(order)?).await;
        loop {
            let moment = deciding.moment().await?;
            let snapshot = &moment.snapshot;
            let found = open_order(&rows, snapshot, account, order, &authorized).await?;
            let mut changed = found.row.0.clone();
            let attempt = Attempt { challenge, at: call.now() };
            let Some(authorization) = begin(&mut changed, at, attempt)? else {
                return Ok((changed, None));
            };
            let task = ValidationTask {
                challenge,
                identifier: authorization.identifier.clone(),
                token: authorization.token.clone(),
                vault: self.vault_now(authorized.vault())?,
                order,
                authorization: at,
                attempt,
                principal: BoundPrincipal::of(authorized.caller()),
            };
            let txn = rows.replace(moment.txn(), &found, &OpenOrder(changed.clone()))?;
            call.set_property("acmeOrder", order.to_string());
            call.set_property("acmeIdentifier", task.identifier.value().to_owned());
            if deciding.commit(call, txn).await? {
                return Ok((changed, Some(task)));
            }
        }
    }

    /// Gives an authorization up: its order comes to nothing.
    ///
    /// # Errors
    /// `malformed` (404) when there is no such authorization.
    pub async fn deactivate_acme_authorization(
        &self,
        request: Admitted<DeactivateAcmeAuthorization>,
        call: &mut Call,
    ) -> Result<AcmeOrder, AcmeError> {
        let (authorized, request) = request.into_parts();
        let DeactivateAcmeAuthorization { account, order, authorization: at } = request;
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let mut deciding = self.deciding(&authorized, &turn(order)?).await;
        loop {
            let moment = deciding.moment().await?;
            let snapshot = &moment.snapshot;
            let found = open_order(&rows, snapshot, account, order, &authorized).await?;
            let mut changed = found.row.0.clone();
            let authorization = changed.authorizations.get_mut(at).ok_or_else(not_there)?;
            authorization.status = Status::Deactivated;
            let txn = rows.replace(moment.txn(), &found, &OpenOrder(changed.clone()))?;
            call.set_property("acmeOrder", order.to_string());
            if deciding.commit(call, txn).await? {
                return Ok(changed);
            }
        }
    }

    /// Notes what was found of an answer. It means nothing when the order has moved on: when the
    /// authorization was given up, or its answer is being looked at anew.
    ///
    /// # Errors
    /// That the service cannot; the answer may then be given again.
    pub async fn settle_acme_challenge(
        &self,
        task: &ValidationTask,
        found_it: Result<(), AcmeRefusal>,
    ) -> Result<(), OpError> {
        let vault = task.vault.resource.id;
        let rows = self.acme_rows(vault).await?;
        let name = turn(task.order)?;
        let _turn = self.turns.of(vault, &name).await;
        for _ in 0..5 {
            let now = self.vault_now(&task.vault.resource)?;
            let snapshot = self.snapshot().await?;
            let found: Option<FoundRow<OpenOrder>> = rows.get(&snapshot, task.order).await?;
            let Some(found) = found else { return Ok(()) };
            let mut changed = found.row.0.clone();
            let mut call = self.validation_call(task)?;
            if !settle(&mut changed, task, &found_it, call.now()) {
                return Ok(());
            }
            if let Err(refusal) = &found_it {
                call.set_property("acmeError", refusal.to_string());
            }
            let txn = rows.replace(in_vault(&now), &found, &OpenOrder(changed))?;
            let outcome = self.commit_recorded(&mut call, vault, 200, txn).await?;
            if matches!(outcome, Outcome::Committed(_)) {
                return Ok(());
            }
        }
        Err(OpError::Contended)
    }

    fn validation_call(&self, task: &ValidationTask) -> Result<Call, OpError> {
        let mut call = self.own_call("CertificateAcmeValidation", "strongroom ACME server")?;
        task.vault.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.record_mut().identity.object_id = Some(task.principal.object_id.to_string());
        call.set_property("acmeOrder", task.order.to_string());
        call.set_property("acmeIdentifier", task.identifier.value().to_owned());
        call.set_property("acmeChallenge", task.challenge.name().to_owned());
        Ok(call)
    }
}

/// The authorization whose answer is to be looked at from now on; `None` if there is nothing to
/// look at, or somebody is looking.
fn begin(
    order: &mut AcmeOrder,
    at: usize,
    attempt: Attempt,
) -> Result<Option<&AcmeAuthorization>, AcmeError> {
    let past = order.status(attempt.at) == AcmeOrderStatus::Invalid;
    let authorization = order.authorizations.get_mut(at).ok_or_else(not_there)?;
    if !AcmeChallenge::of(authorization).contains(&attempt.challenge) {
        return Err(not_there());
    }
    let is_looked_at = authorization.status == Status::Processing
        && authorization.attempt.is_some_and(|last| attempt.at < last.at.plus_seconds(STALE));
    match authorization.status {
        Status::Pending | Status::Processing if past => {
            Err(AcmeError::refused(Kind::Malformed, "The order has come to nothing."))
        }
        Status::Pending | Status::Processing if !is_looked_at => {
            authorization.status = Status::Processing;
            authorization.attempt = Some(attempt);
            Ok(Some(authorization))
        }
        _ => Ok(None),
    }
}

fn settle(
    order: &mut AcmeOrder,
    task: &ValidationTask,
    found_it: &Result<(), AcmeRefusal>,
    now: Timestamp,
) -> bool {
    let Some(authorization) = order.authorizations.get_mut(task.authorization) else {
        return false;
    };
    let is_ours = authorization.attempt == Some(task.attempt);
    if authorization.status != Status::Processing || !is_ours {
        return false;
    }
    match found_it {
        Ok(()) => {
            authorization.status = Status::Valid;
            authorization.attempt = Some(Attempt { at: now, ..task.attempt });
        }
        Err(refusal) => {
            authorization.status = Status::Invalid;
            authorization.error = Some(refusal.clone().about(&authorization.identifier));
        }
    }
    true
}

fn not_there() -> AcmeError {
    AcmeError::refused(Kind::NotFound, "There is no such authorization or challenge.")
}

/// A token of 256 random bits.
pub(crate) fn token() -> Result<String, OpError> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))
}
