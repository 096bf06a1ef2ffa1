//! The decision: whether an attestation token opens a key.

use std::future::Future;
use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use strongroom_crypto::provider::PrivateKey;
use strongroom_crypto::{CryptoError, rsa_aes_key_wrap};
use strongroom_model::release::{Authority, Claims, Grammar, Verdict};
use strongroom_model::{KeyListing, Timestamp};

use super::{KeyEncryption, Recipient, ReleaseKey, ReleaseRefusal};
use crate::byok::key_hsm;
use crate::{Call, OpError};

/// A token that was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    /// Who issued it.
    pub authority: Authority,
    /// All that it claims.
    pub claims: Claims,
}

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unbelieved {
    /// It is of an authority that was accepted but is not configured here.
    NotConfigured(Authority),
    /// Anything else, in words for the audit.
    Refused(String),
}

/// A verification under way.
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<Attestation, Unbelieved>> + Send + 'a>>;

/// Who believes attestation tokens; `authn` does.
pub trait AttestationVerifier: Send + Sync {
    /// Verifies a token that must be of one of the `accepted` authorities: issuer, signature and
    /// lifetime.
    fn verify<'a>(
        &'a self,
        token: &'a str,
        accepted: &'a [Authority],
        now: Timestamp,
    ) -> Verifying<'a>;
}

/// What it takes to let a key go: for whom, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    recipient: Recipient,
    enc: KeyEncryption,
}

impl Approval {
    /// The private half of `key` for the approved recipient alone: `key_hsm` on the wire. Takes a
    /// public-key operation; belongs on the pool.
    ///
    /// # Errors
    /// [`CryptoError::Key`] where the key cannot leave its device.
    pub fn wrap(&self, key: &dyn PrivateKey) -> Result<String, CryptoError> {
        let private = key.export()?;
        let wrapped = rsa_aes_key_wrap::wrap(&self.recipient.public, self.enc.hash(), &private)?;
        key_hsm(&self.recipient.kid, self.enc.name(), &wrapped)
    }
}

/// Decides on a request to release a key. What is decided, and on whose word, gets into the
/// call's audit record.
///
/// # Errors
/// [`OpError::Release`].
pub async fn approve(
    verifier: &dyn AttestationVerifier,
    listing: &KeyListing,
    request: &ReleaseKey,
    call: &mut Call,
) -> Result<Approval, OpError> {
    let policy = listing.release_policy.as_ref().filter(|_| listing.exportable);
    let policy = policy.ok_or(ReleaseRefusal::NotExportable)?;
    let grammar = Grammar::parse(&policy.document)?;
    let accepted: Vec<Authority> = grammar.authorities().cloned().collect();
    let attestation = match verifier.verify(&request.target, &accepted, call.now()).await {
        Ok(attestation) => attestation,
        Err(unbelieved) => return Err(refused(unbelieved, call).into()),
    };
    call.set_property("attestationAuthority", attestation.authority.to_string());
    match decide(&grammar, &attestation, request) {
        Ok(recipient) => {
            call.set_property("releasedTo", recipient.kid.clone());
            Ok(Approval { recipient, enc: request.enc })
        }
        Err((refusal, why)) => {
            call.set_property("releaseRefused", why);
            Err(refusal.into())
        }
    }
}

fn refused(unbelieved: Unbelieved, call: &mut Call) -> ReleaseRefusal {
    match unbelieved {
        Unbelieved::NotConfigured(authority) => {
            let why = format!("the attestation authority {authority} is not configured");
            call.set_property("releaseRefused", why);
            ReleaseRefusal::UnknownAuthority(authority.to_string())
        }
        Unbelieved::Refused(why) => {
            call.set_property("releaseRefused", why);
            ReleaseRefusal::Unverified
        }
    }
}

/// The recipient, or the refusal and its reason for the audit.
fn decide(
    grammar: &Grammar,
    attestation: &Attestation,
    request: &ReleaseKey,
) -> Result<Recipient, (ReleaseRefusal, String)> {
    let claims = &attestation.claims;
    match grammar.judge(&attestation.authority, claims) {
        Verdict::Satisfied => {}
        Verdict::Unmet(claim) => {
            return Err((ReleaseRefusal::PolicyNotMet, format!("the claim {claim} is not met")));
        }
        Verdict::OtherAuthority => {
            let why = "the policy does not name the authority".to_owned();
            return Err((ReleaseRefusal::PolicyNotMet, why));
        }
    }
    if !nonce_fits(claims, request.nonce.as_deref()) {
        let why = "the token's nonce is not the request's".to_owned();
        return Err((ReleaseRefusal::Unverified, why));
    }
    Recipient::of(claims).ok_or_else(|| {
        let why = "the token names no suitable RSA key for encryption".to_owned();
        (ReleaseRefusal::NoRecipient, why)
    })
}

/// Where tokens of Microsoft Azure Attestation have the nonce of whoever asked for them.
const NONCES: [&[&str]; 2] = [&["nonce"], &["x-ms-runtime", "client-payload", "nonce"]];

/// Whether every nonce in the token is the request's. Clients may leave it out of either: the
/// service released keys to requests whose token had none (recorded).
fn nonce_fits(claims: &Claims, asked: Option<&str>) -> bool {
    let Some(asked) = asked else { return true };
    // The guest attestation library encodes the nonce before it sends it.
    let encoded = STANDARD.encode(asked);
    NONCES.iter().all(|path| match member(claims, path) {
        None => true,
        Some(found) => found.as_str().is_some_and(|found| found == asked || found == encoded),
    })
}

fn member<'a>(claims: &'a Claims, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(*first)?, |found, name| found.get(name))
}
