//! The one door: from the text of a token to its `Caller`.

use std::sync::Arc;

use quick_cache::sync::Cache;
use strongroom_crypto::digest::sha256;
use strongroom_directory::{Directory, TrustedIssuer};
use strongroom_model::{Caller, ClientId, Endpoints, PrincipalId, TenantId, Timestamp};
use strongroom_outgoing::OutgoingRules;

use crate::claims::Claims;
use crate::external::ExternalIssuers;
use crate::jws::{Jws, MOST_BYTES};
use crate::own::{self, OwnIssuer};
use crate::{CurrentDirectory, Resource, TokenFault, external};

/// How many verified tokens are remembered.
const MOST_TOKENS: usize = 10_000;

/// The token of an `Authorization` header.
///
/// # Errors
/// [`TokenFault::Missing`] when there is none, or none of the Bearer scheme (RFC 6750).
pub fn bearer_token(authorization: Option<&str>) -> Result<&str, TokenFault> {
    let (scheme, token) =
        authorization.and_then(|value| value.split_once(' ')).ok_or(TokenFault::Missing)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(TokenFault::Missing);
    }
    Ok(token)
}

/// From when until when a token counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    not_before: Timestamp,
    expires: Timestamp,
}

impl Lifetime {
    /// `nbf` and `exp` (which must be there), each widened by `leeway` seconds.
    pub(crate) fn of(claims: &Claims, leeway: i64) -> Result<Self, TokenFault> {
        let expires = claims.date("exp")?.ok_or(TokenFault::Claim)?;
        let not_before = claims.date("nbf")?.unwrap_or_default();
        Ok(Self {
            not_before: not_before.plus_seconds(-leeway),
            expires: expires.plus_seconds(leeway),
        })
    }

    pub(crate) fn check(self, now: Timestamp) -> Result<(), TokenFault> {
        if now >= self.expires {
            return Err(TokenFault::Expired);
        }
        if now < self.not_before {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }
}

/// Whose word a token is, and what is needed to ask again.
#[derive(Clone)]
pub(crate) enum Origin {
    Own { client: ClientId, kid: String },
    External { issuer: Arc<TrustedIssuer>, groups: Vec<PrincipalId> },
}

/// A verified token, without its text.
pub(crate) struct Proof {
    caller: Arc<Caller>,
    origin: Origin,
    lifetime: Lifetime,
    /// From then on the signature is checked anew: the key may be gone.
    verify_again: Timestamp,
}

impl Proof {
    pub(crate) fn new(
        caller: Caller,
        origin: Origin,
        lifetime: Lifetime,
        verify_again: Timestamp,
    ) -> Self {
        Self { caller: Arc::new(caller), origin, lifetime, verify_again }
    }

    /// The same token in another directory: its tenant, principal, groups, key or issuer may be
    /// gone.
    fn resolve(&self, directory: &Directory, now: Timestamp) -> Result<Self, TokenFault> {
        directory.tenant(self.caller.tenant).ok_or(TokenFault::UnknownPrincipal)?;
        let origin = self.origin.clone();
        match &self.origin {
            Origin::Own { client, kid } => {
                let (caller, verify_again) =
                    own::resolve(directory, *client, kid, &self.caller, now)?;
                Ok(Self::new(caller, origin, self.lifetime, verify_again))
            }
            Origin::External { issuer, groups } => {
                let caller = external::resolve(directory, issuer, groups, &self.caller)?;
                Ok(Self::new(caller, origin, self.lifetime, self.verify_again))
            }
        }
    }
}

struct Remembered {
    proof: Proof,
    /// The directory's revision that the proof was resolved in.
    revision: u64,
}

/// Verifies tokens, and remembers those that passed.
pub struct Authenticator {
    directory: CurrentDirectory,
    endpoints: Endpoints,
    own: OwnIssuer,
    external: ExternalIssuers,
    verified: Cache<[u8; 32], Arc<Remembered>>,
}

impl Authenticator {
    /// An authenticator for the vaults at `endpoints`, with nothing remembered.
    pub fn new(directory: CurrentDirectory, endpoints: Endpoints, outgoing: OutgoingRules) -> Self {
        Self::for_resource(Resource::Vault, directory, endpoints, outgoing)
    }

    /// An authenticator for one service at `endpoints`, with nothing remembered.
    pub fn for_resource(
        resource: Resource,
        directory: CurrentDirectory,
        endpoints: Endpoints,
        outgoing: OutgoingRules,
    ) -> Self {
        Self {
            directory,
            own: OwnIssuer::new(endpoints.clone(), resource),
            external: ExternalIssuers::new(endpoints.clone(), resource, outgoing),
            endpoints,
            verified: Cache::new(MOST_TOKENS),
        }
    }

    /// The caller that a token speaks for, at a vault of `vault_tenant`.
    ///
    /// A token seen before costs one digest and one look-up; lifetime and tenant are checked
    /// again, and its principal whenever the directory moved. Refusals are not remembered. Only
    /// an external issuer's token may wait for the network, at most 10 s.
    ///
    /// # Errors
    /// [`TokenFault`], which says what to answer.
    pub async fn authenticate(
        &self,
        token: &str,
        now: Timestamp,
        vault_tenant: TenantId,
    ) -> Result<Arc<Caller>, TokenFault> {
        let caller = self.identify(token, now, vault_tenant).await?;
        if caller.tenant != vault_tenant {
            return Err(TokenFault::issuer(&self.endpoints, vault_tenant, &caller.issuer));
        }
        Ok(caller)
    }

    /// The caller that a token speaks for, of whatever tenant of the installation: for services
    /// whose hosts belong to no tenant. A refusal names `tenant` as the one expected.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn identify(
        &self,
        token: &str,
        now: Timestamp,
        tenant: TenantId,
    ) -> Result<Arc<Caller>, TokenFault> {
        if token.len() > MOST_BYTES {
            return Err(TokenFault::Malformed);
        }
        let digest = sha256(token.as_bytes());
        let directory = (self.directory)();
        match self.recall(&digest, &directory, now)? {
            Some(caller) => Ok(caller),
            None => Box::pin(self.verify(token, digest, &directory, now, tenant)).await,
        }
    }

    fn recall(
        &self,
        digest: &[u8; 32],
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Option<Arc<Caller>>, TokenFault> {
        let Some(remembered) = self.verified.get(digest) else { return Ok(None) };
        remembered.proof.lifetime.check(now)?;
        if now >= remembered.proof.verify_again {
            return Ok(None);
        }
        let revision = directory.revision().0;
        if remembered.revision == revision {
            return Ok(Some(remembered.proof.caller.clone()));
        }
        match remembered.proof.resolve(directory, now) {
            Ok(proof) => Ok(Some(self.remember(*digest, proof, revision))),
            Err(fault) => {
                self.verified.remove(digest);
                Err(fault)
            }
        }
    }

    async fn verify(
        &self,
        token: &str,
        digest: [u8; 32],
        directory: &Directory,
        now: Timestamp,
        vault_tenant: TenantId,
    ) -> Result<Arc<Caller>, TokenFault> {
        let jws = Jws::parse(token)?;
        let issuer = jws.claims.text("iss").ok_or(TokenFault::Claim)?;
        let foreign = || TokenFault::issuer(&self.endpoints, vault_tenant, issuer);
        let proof = if let Some(tenant) = self.own.tenant(issuer) {
            directory.tenant(tenant).ok_or_else(foreign)?;
            self.own.verify(&jws, tenant, directory, now)?
        } else {
            let trusted = self.external.trusted(directory, issuer).ok_or_else(foreign)?;
            directory.tenant(trusted.tenant).ok_or_else(foreign)?;
            self.external.verify(&jws, trusted, directory, now).await?
        };
        Ok(self.remember(digest, proof, directory.revision().0))
    }

    fn remember(&self, digest: [u8; 32], proof: Proof, revision: u64) -> Arc<Caller> {
        let caller = proof.caller.clone();
        self.verified.insert(digest, Arc::new(Remembered { proof, revision }));
        caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        for header in ["Bearer abc", "bearer abc", "BEARER abc", "Bearer  abc "] {
            assert_eq!(bearer_token(Some(header)), Ok("abc"), "{header}");
        }
        for none in ["", "Bearer", "Bearer ", "Basic abc", "abc", "PoP abc", "Bearerabc"] {
            assert_eq!(bearer_token(Some(none)), Err(TokenFault::Missing), "{none}");
        }
        assert_eq!(bearer_token(None), Err(TokenFault::Missing));
    }
}
