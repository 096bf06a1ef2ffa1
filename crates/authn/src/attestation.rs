//! Attestation tokens: what an attestation service says of a target environment.
//!
//! A token counts when it is of an authority that the operator configured, is signed by one of
//! the keys which that authority's server shows, and has not expired. What it claims is judged by
//! the release policy of a key, not here. `jku`, `jwk` and `x5c` of its header are never followed.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_model::release::{Authority, Claims};
use strongroom_model::{ModelError, Timestamp};

use crate::external::keys::{IssuerKeys, KeySource, Named};
use crate::jws::Jws;
use crate::verify::Lifetime;
use crate::{OutgoingRules, TokenFault};

/// The longest token that is looked at, in bytes. Evidence of several devices in one token is
/// longer than any access token.
pub const MOST_BYTES: usize = 64 * 1024;

/// How far an authority's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// An attestation service that the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedAuthority {
    /// Its URL, as release policies name it: the `iss` of its tokens.
    pub url: String,
    /// A PEM bundle that its server's certificate must chain to; the system's roots if absent.
    pub ca_pem: Option<String>,
}

/// A token that was verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Attested {
    /// Who issued it.
    pub authority: Authority,
    /// All that it claims.
    pub claims: Claims,
}

/// Why an attestation token does not count. The texts are for the audit; none holds the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttestationFault {
    /// Not a signed JSON Web Token that could be accepted, or without an `iss` that could be an
    /// authority's.
    #[error("the attestation token is not a well-formed signed JSON Web Token of an authority")]
    Malformed,
    /// Of an authority that the release policy does not name.
    #[error("the release policy does not name the attestation token's authority {0}")]
    OtherAuthority(Authority),
    /// Of an authority that the operator did not configure.
    #[error("the attestation authority {0} is not configured")]
    NotConfigured(Authority),
    /// No known key of its authority has its `kid`, or none could be fetched.
    #[error("no key of {0} fits the attestation token, or its keys could not be fetched")]
    UnknownKey(Authority),
    /// The signature does not fit.
    #[error("the attestation token's signature does not fit")]
    Signature,
    /// The token's time is over, or it does not say when that is.
    #[error("the attestation token has expired, or has no exp")]
    Expired,
    /// The token's time has not begun.
    #[error("the attestation token is not yet valid")]
    NotYetValid,
}

/// A token, parsed and not yet verified: nothing in it may be believed.
pub struct AttestationToken<'a> {
    jws: Jws<'a>,
    authority: Authority,
}

impl<'a> AttestationToken<'a> {
    /// Parses a token's compact serialisation.
    ///
    /// # Errors
    /// [`AttestationFault::Malformed`] unless it has exactly three segments of base64url without
    /// padding, RS256, PS256, ES256 or ES384 as `alg`, a `kid`, no `crit`, no `typ` of an access
    /// token, and an `iss` that is an https URL.
    pub fn parse(token: &'a str) -> Result<Self, AttestationFault> {
        let malformed = |_| AttestationFault::Malformed;
        let jws = Jws::parse_within(token, MOST_BYTES).map_err(malformed)?;
        // What a service gives to its users for calling others attests nothing.
        if jws.is_access_token {
            return Err(AttestationFault::Malformed);
        }
        let issuer = jws.claims.text("iss").ok_or(AttestationFault::Malformed)?;
        let authority = Authority::parse(issuer).map_err(|_| AttestationFault::Malformed)?;
        Ok(Self { jws, authority })
    }

    /// Who it says issued it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// The attestation services that the operator trusts, and their keys.
#[derive(Default)]
pub struct AttestationAuthorities {
    keys: HashMap<Authority, IssuerKeys>,
}

impl AttestationAuthorities {
    /// Nothing is fetched before a token needs it.
    ///
    /// # Errors
    /// [`ModelError::ReleasePolicy`] for a URL that cannot be an authority's.
    pub fn new(
        trusted: Vec<TrustedAuthority>,
        outgoing: OutgoingRules,
    ) -> Result<Self, ModelError> {
        let outgoing = Arc::new(outgoing);
        let mut keys = HashMap::new();
        for TrustedAuthority { url, ca_pem } in trusted {
            let authority = Authority::parse(&url)?;
            let issuer = authority.as_str().to_owned();
            let source = KeySource { issuer, jwks_uri: None, ca_pem, named: Named::IfAtAll };
            keys.insert(authority, IssuerKeys::new(source, Arc::clone(&outgoing)));
        }
        Ok(Self { keys })
    }

    /// One authority with the keys of a JWK set, which are not fetched: for `fuzz/`. `None` for a
    /// set without a usable key.
    #[cfg(any(fuzzing, test))]
    pub fn with_keys(authority: Authority, jwks: &[u8]) -> Option<Self> {
        let issuer = authority.as_str().to_owned();
        let source = KeySource { issuer, jwks_uri: None, ca_pem: None, named: Named::IfAtAll };
        let keys = IssuerKeys::of_document(source, jwks)?;
        Some(Self { keys: HashMap::from([(authority, keys)]) })
    }

    /// Verifies a token of one of the `accepted` authorities. Waits for the network at most 10 s,
    /// and only when the authority's keys are older than 5 minutes or lack the token's.
    ///
    /// # Errors
    /// [`AttestationFault`].
    pub async fn verify(
        &self,
        token: &str,
        accepted: &[Authority],
        now: Timestamp,
    ) -> Result<Attested, AttestationFault> {
        let AttestationToken { jws, authority } = AttestationToken::parse(token)?;
        if !accepted.contains(&authority) {
            return Err(AttestationFault::OtherAuthority(authority));
        }
        let Some(keys) = self.keys.get(&authority) else {
            return Err(AttestationFault::NotConfigured(authority));
        };
        let Some(key) = keys.find(&jws.kid, jws.algorithm).await else {
            return Err(AttestationFault::UnknownKey(authority));
        };
        jws.verify(&key).map_err(|_| AttestationFault::Signature)?;
        let lifetime = Lifetime::of(&jws.claims, LEEWAY).and_then(|lifetime| lifetime.check(now));
        lifetime.map_err(|fault| match fault {
            TokenFault::NotYetValid => AttestationFault::NotYetValid,
            TokenFault::Malformed => AttestationFault::Malformed,
            _ => AttestationFault::Expired,
        })?;
        Ok(Attested { authority, claims: jws.claims.into_members() })
    }
}
