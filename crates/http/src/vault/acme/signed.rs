//! A signed request: from its body to who signed it, for what, and with what right.

use std::sync::Arc;

use http::header;
use http::request::Parts;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use strongroom_authz::{Access, Authorized, RequestFacts, admit, authorise};
use strongroom_model::Operation;
use strongroom_ops::{
    AcmeAccount, AcmeAccountStatus, AcmeError, AcmeErrorKind as Kind, AcmeId, AcmeRefusal,
    BoundPrincipal, Call, OpError,
};
use strongroom_store::Store;

use super::Visit;
use super::jws::{AccountKey, Jws, Signer};
use crate::body::{self, BodyError};
use crate::vault::draft;

/// The largest body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// An account's request: its signature has been verified, and its principal still has the right.
pub(crate) struct Signed {
    pub(crate) account: AcmeAccount,
    pub(crate) payload: Vec<u8>,
    authorized: Authorized,
}

impl Signed {
    /// Whether nothing is sent: the request only reads (RFC 8555, section 6.3).
    pub(crate) fn is_reading(&self) -> bool {
        self.payload.is_empty()
    }

    /// The payload as the request's type.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, AcmeError> {
        payload(&self.payload)
    }

    /// The request, with the proof that its account's principal may make it.
    pub(crate) fn admit<T: RequestFacts>(
        self,
        request: T,
    ) -> Result<strongroom_authz::Admitted<T>, AcmeError> {
        admit(self.authorized, request)
            .map_err(|mismatch| OpError::Internal(mismatch.to_string()).into())
    }
}

/// A payload as the request's type.
pub(crate) fn payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AcmeError> {
    serde_json::from_slice(bytes)
        .map_err(|_| AcmeError::refused(Kind::Malformed, "The payload is not as it must be."))
}

/// The signed request in a body, believed as far as its nonce and its URL.
pub(crate) async fn read<S: Store>(
    visit: &Visit<'_, S>,
    head: &Parts,
    body: Incoming,
) -> Result<Jws, AcmeError> {
    let media = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/jose+json") {
        let text = "A request is sent as application/jose+json.";
        return Err(AcmeError::refused(Kind::MediaType, text));
    }
    let body = body::read(body, BODY_LIMIT).await.map_err(|error| match error {
        BodyError::TooLarge => AcmeError::refused(Kind::TooLarge, "A request has 64 KiB at most."),
        BodyError::Incomplete => AcmeError::refused(Kind::Malformed, "The body is incomplete."),
    })?;
    let jws = Jws::parse(&body)?;
    if jws.url != visit.url(head.uri.path()) {
        let text = "The request was signed for another URL.";
        return Err(AcmeError::refused(Kind::Unauthorized, text));
    }
    let nonce = jws.nonce.as_deref().unwrap_or_default();
    if !visit.nonces.spend(nonce) {
        let text = "The nonce is missing, unknown, too old, or was used. Try again with a new one.";
        return Err(AcmeError::refused(Kind::BadNonce, text));
    }
    Ok(jws)
}

/// The key of a request that was signed with a key of its own, not an account's.
pub(crate) fn with_key(jws: &Jws) -> Result<AccountKey, AcmeError> {
    let Signer::Key(key) = &jws.signer else {
        let text = "This request is signed with a key of its own (jwk).";
        return Err(AcmeError::refused(Kind::Malformed, text));
    };
    jws.verify(key)?;
    Ok(key.clone())
}

/// The account that a request names, once its signature has been verified, and what its principal
/// may do.
pub(crate) async fn with_account<S: Store>(
    visit: &Visit<'_, S>,
    jws: Jws,
    call: &mut Call,
) -> Result<Signed, AcmeError> {
    let unknown = || {
        AcmeError::refused(Kind::AccountDoesNotExist, "There is no account at the request's kid.")
    };
    let Signer::Id(kid) = &jws.signer else {
        let text = "This request is signed by an account (kid).";
        return Err(AcmeError::refused(Kind::Malformed, text));
    };
    let id: AcmeId = kid
        .strip_prefix(&visit.path("account/"))
        .and_then(|id| id.parse().ok())
        .ok_or_else(unknown)?;
    let (vault, issuer) = (visit.vault.resource.id, &visit.issuer);
    let account = visit.service.ops.acme_account(vault, issuer, id).await?.ok_or_else(unknown)?;
    jws.verify(&AccountKey::kept(account.key.clone()))?;
    let authorized = enter(visit, &account, call)?;
    Ok(Signed { account, payload: jws.payload, authorized })
}

/// What the principal of an account may do, now that whoever asks has shown to hold the account.
pub(crate) fn enter<S: Store>(
    visit: &Visit<'_, S>,
    account: &AcmeAccount,
    call: &mut Call,
) -> Result<Authorized, AcmeError> {
    call.set_property("acmeAccount", account.id.to_string());
    let authorized = act_as(visit, &account.principal, call)?;
    if account.status != AcmeAccountStatus::Valid {
        return Err(AcmeError::refused(Kind::Unauthorized, "The account is deactivated."));
    }
    Ok(authorized)
}

/// What a principal may do: it must still be there, and hold the right that making a binding
/// takes.
pub(crate) fn act_as<S: Store>(
    visit: &Visit<'_, S>,
    principal: &BoundPrincipal,
    call: &mut Call,
) -> Result<Authorized, AcmeError> {
    let refused = |text: &str| AcmeRefusal::new(Kind::Unauthorized, text);
    call.record_mut().identity.object_id = Some(principal.object_id.to_string());
    let caller = principal
        .caller(visit.directory)
        .ok_or_else(|| refused("The principal that the account acts as is gone."))?;
    draft::identify(call, &caller, &visit.service.endpoints);
    let authorized = authorise(
        Access {
            caller,
            operation: Operation::CreateAcmeBinding,
            vault: Arc::clone(&visit.vault.resource),
            vault_scope: &visit.vault.scope,
            policies: visit.vault.policies.as_ref(),
            object: None,
        },
        visit.directory,
    );
    let authorized = draft::authorised(call, authorized).map_err(|_| {
        refused("The principal that the account acts as may not create certificates here any more.")
    })?;
    Ok(authorized)
}
