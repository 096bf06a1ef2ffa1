//! Our own tokens: signed by a key of the directory, for a principal of the directory.

use strongroom_crypto::jws::{SignatureAlgorithm, VerifyingKey};
use strongroom_directory::{Directory, TokenKey};
use strongroom_model::{Caller, ClientId, Endpoints, IdentityType, TenantId, Timestamp};

use crate::jws::Jws;
use crate::verify::{Lifetime, Origin, Proof};
use crate::{Resource, TokenFault};

/// Whose tokens the directory's keys sign, and what for.
pub(crate) struct OwnIssuer {
    endpoints: Endpoints,
    prefix: String,
    resource: Resource,
    audiences: Vec<String>,
}

impl OwnIssuer {
    pub(crate) fn new(endpoints: Endpoints, resource: Resource) -> Self {
        let prefix = format!("{}/", endpoints.authority());
        let audiences = resource.audiences(&endpoints);
        Self { endpoints, prefix, resource, audiences }
    }

    /// The tenant of an `iss` of ours; it must be the `iss` of that tenant to the letter.
    pub(crate) fn tenant(&self, issuer: &str) -> Option<TenantId> {
        let tenant = issuer.strip_prefix(&self.prefix)?.split('/').next()?.parse().ok()?;
        (self.endpoints.issuer(tenant) == issuer).then_some(tenant)
    }

    /// Checks signature, audience, lifetime and tenant, and finds the principal.
    pub(crate) fn verify(
        &self,
        jws: &Jws<'_>,
        tenant: TenantId,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Proof, TokenFault> {
        let key = token_key(directory, &jws.kid, now)
            .ok_or_else(|| TokenFault::unknown_key(jws.encoded_header))?;
        if jws.algorithm != SignatureAlgorithm::Rs256 {
            return Err(TokenFault::Malformed);
        }
        let public = key.key.public();
        let public = VerifyingKey::rsa(&public.n, &public.e).map_err(|_| TokenFault::Signature)?;
        jws.verify(&public)?;
        self.check_audience(jws)?;
        let lifetime = Lifetime::of(&jws.claims, 0)?;
        lifetime.check(now)?;
        if jws.claims.guid("tid") != Some(tenant.0) {
            return Err(TokenFault::Claim);
        }
        let issuer = self.endpoints.issuer(tenant);
        let app_id = jws.claims.text("appid").ok_or(TokenFault::Claim)?;
        let client = app_id.parse().map_err(|_| TokenFault::Claim)?;
        let caller = caller(directory, client, tenant, app_id, issuer)?;
        if jws.claims.guid("oid") != Some(caller.object_id.0) {
            return Err(TokenFault::UnknownPrincipal);
        }
        let origin = Origin::Own { client, kid: jws.kid.clone() };
        Ok(Proof::new(caller, origin, lifetime, key.expires))
    }

    fn check_audience(&self, jws: &Jws<'_>) -> Result<(), TokenFault> {
        let found = jws.claims.text("aud").unwrap_or_default();
        let bare = found.strip_suffix('/').unwrap_or(found);
        if self.audiences.iter().any(|audience| audience == bare) {
            return Ok(());
        }
        Err(TokenFault::audience(self.resource.audience(&self.endpoints), found))
    }
}

/// What an own token, verified before, is worth in a later directory, and when its key expires.
pub(crate) fn resolve(
    directory: &Directory,
    client: ClientId,
    kid: &str,
    before: &Caller,
    now: Timestamp,
) -> Result<(Caller, Timestamp), TokenFault> {
    let key = token_key(directory, kid, now).ok_or(TokenFault::Signature)?;
    let app_id = before.app_id.as_deref().unwrap_or_default();
    let after = caller(directory, client, before.tenant, app_id, before.issuer.clone())?;
    if after.object_id != before.object_id {
        return Err(TokenFault::UnknownPrincipal);
    }
    Ok((after, key.expires))
}

fn token_key<'a>(directory: &'a Directory, kid: &str, now: Timestamp) -> Option<&'a TokenKey> {
    directory.token_keys().iter().find(|key| key.kid == kid && now < key.expires)
}

fn caller(
    directory: &Directory,
    client: ClientId,
    tenant: TenantId,
    app_id: &str,
    issuer: String,
) -> Result<Caller, TokenFault> {
    let application = directory
        .application(client)
        .filter(|application| application.tenant == tenant)
        .ok_or(TokenFault::UnknownPrincipal)?;
    Ok(Caller {
        tenant,
        object_id: application.object_id,
        app_id: Some(app_id.to_owned()),
        upn: None,
        groups: directory.groups_of(application.object_id),
        identity_type: IdentityType::App,
        issuer,
    })
}
