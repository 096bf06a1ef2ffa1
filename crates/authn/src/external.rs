//! Tokens of trusted external issuers: real Entra ID, Keycloak, any OpenID provider.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_directory::{Directory, TrustedIssuer};
use strongroom_model::{Caller, Endpoints, IdentityType, PrincipalId, Timestamp};
use strongroom_outgoing::OutgoingRules;
use uuid::Uuid;

pub(crate) mod keys;

use crate::claims::Claims;
use crate::jws::Jws;
use crate::verify::{Lifetime, Origin, Proof};
use crate::{Resource, TokenFault};
use keys::{IssuerKeys, KeySource};

/// How far an external issuer's clock may be off, in seconds.
const LEEWAY: i64 = 60;

/// For how long a verified token is taken without its issuer's keys, in seconds.
const VERIFY_AGAIN: i64 = 300;

/// The most groups that a token may name; Entra ID puts no more than 200 into one.
const MOST_GROUPS: usize = 200;

/// Real vaults and Managed HSMs. A token good there must never be good here, or a broken
/// installation could use what it receives against them.
const REAL_SERVICES: &[&str] = &[
    "https://vault.azure.net",
    "https://vault.azure.cn",
    "https://vault.usgovcloudapi.net",
    "https://managedhsm.azure.net",
    "https://managedhsm.azure.cn",
    "https://managedhsm.usgovcloudapi.net",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
];

/// The issuer that the directory trusts under this `iss`, to the letter.
fn trusted<'a>(directory: &'a Directory, iss: &str) -> Option<&'a Arc<TrustedIssuer>> {
    directory.trusted_issuers().iter().find(|trusted| trusted.issuer == iss)
}

/// The `aud` of an issuer's tokens for a service; `None`: the service trusts it in nothing.
fn audience(trusted: &TrustedIssuer, resource: Resource) -> Option<&str> {
    match resource {
        Resource::Vault => Some(&trusted.audience),
        Resource::Management => trusted.management_audience.as_deref(),
        Resource::Graph => trusted.graph_audience.as_deref(),
    }
}

/// What an external token, verified before, is worth in a later directory: nothing once its
/// issuer was removed or configured otherwise.
pub(crate) fn resolve(
    directory: &Directory,
    issuer: &Arc<TrustedIssuer>,
    token_groups: &[PrincipalId],
    before: &Caller,
) -> Result<Caller, TokenFault> {
    if trusted(directory, &issuer.issuer) != Some(issuer) {
        return Err(TokenFault::UnknownPrincipal);
    }
    refuse_local(directory, before.object_id)?;
    let groups = all_groups(directory, before.object_id, token_groups);
    Ok(Caller { groups, ..before.clone() })
}

/// An issuer's keys, and the configuration they were fetched under.
type Configured = (Arc<TrustedIssuer>, Arc<IssuerKeys>);

/// The keys of all external issuers seen so far.
pub(crate) struct ExternalIssuers {
    endpoints: Endpoints,
    resource: Resource,
    outgoing: Arc<OutgoingRules>,
    keys: Mutex<HashMap<String, Configured>>,
}

impl ExternalIssuers {
    pub(crate) fn new(endpoints: Endpoints, resource: Resource, outgoing: OutgoingRules) -> Self {
        Self { endpoints, resource, outgoing: Arc::new(outgoing), keys: Mutex::default() }
    }

    /// The issuer that this service trusts under an `iss`.
    pub(crate) fn trusted<'a>(
        &self,
        directory: &'a Directory,
        iss: &str,
    ) -> Option<&'a Arc<TrustedIssuer>> {
        trusted(directory, iss).filter(|trusted| audience(trusted, self.resource).is_some())
    }

    /// Checks algorithm, signature, audience, lifetime and demanded claims; names the principal.
    pub(crate) async fn verify(
        &self,
        jws: &Jws<'_>,
        trusted: &Arc<TrustedIssuer>,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Proof, TokenFault> {
        if !trusted.algorithms.iter().any(|name| name == jws.algorithm.name()) {
            return Err(TokenFault::Malformed);
        }
        let key = self
            .keys_of(trusted)
            .find(&jws.kid, jws.algorithm)
            .await
            .ok_or_else(|| TokenFault::unknown_key(jws.encoded_header))?;
        jws.verify(&key)?;
        self.check_audience(&jws.claims, trusted)?;
        let lifetime = Lifetime::of(&jws.claims, LEEWAY)?;
        lifetime.check(now)?;
        let holds = |(name, value): &(String, String)| jws.claims.text(name) == Some(value);
        if !trusted.required_claims.iter().all(holds) {
            return Err(TokenFault::Claim);
        }
        let principal = principal(&jws.claims, &trusted.issuer)?;
        refuse_local(directory, principal)?;
        let groups = token_groups(&jws.claims)?;
        let caller = caller(&jws.claims, trusted, principal, directory, &groups);
        let verify_again = now.plus_seconds(VERIFY_AGAIN);
        let origin = Origin::External { issuer: Arc::clone(trusted), groups };
        Ok(Proof::new(caller, origin, lifetime, verify_again))
    }

    /// The keys under the issuer's present configuration; another one starts afresh.
    fn keys_of(&self, trusted: &Arc<TrustedIssuer>) -> Arc<IssuerKeys> {
        let mut all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(&trusted.issuer) {
            Some((configured, keys)) if configured == trusted => Arc::clone(keys),
            _ => {
                let outgoing = Arc::clone(&self.outgoing);
                let keys = Arc::new(IssuerKeys::new(KeySource::of(trusted), outgoing));
                let configured = (Arc::clone(trusted), Arc::clone(&keys));
                all.insert(trusted.issuer.clone(), configured);
                keys
            }
        }
    }

    fn check_audience(&self, claims: &Claims, trusted: &TrustedIssuer) -> Result<(), TokenFault> {
        let found = claims.texts("aud");
        let is_real = |audience: &&str| {
            let bare = audience.trim_end_matches('/');
            REAL_SERVICES.iter().any(|real| real.eq_ignore_ascii_case(bare))
        };
        let expected = audience(trusted, self.resource);
        if found.iter().any(is_real) || !expected.is_some_and(|audience| found.contains(&audience))
        {
            let expected = self.resource.audience(&self.endpoints);
            return Err(TokenFault::audience(expected, &found.join(" ")));
        }
        Ok(())
    }
}

fn caller(
    claims: &Claims,
    trusted: &TrustedIssuer,
    principal: PrincipalId,
    directory: &Directory,
    token_groups: &[PrincipalId],
) -> Caller {
    let upn = claims.text("upn");
    let is_person = match claims.text("idtyp") {
        Some(kind) => kind == "user",
        None => upn.is_some() || claims.has("scp"),
    };
    Caller {
        tenant: trusted.tenant,
        object_id: principal,
        app_id: claims.text("appid").or_else(|| claims.text("azp")).map(str::to_owned),
        upn: upn.map(str::to_owned),
        groups: all_groups(directory, principal, token_groups),
        identity_type: if is_person { IdentityType::User } else { IdentityType::App },
        issuer: trusted.issuer.clone(),
    }
}

/// `oid`, or a name-based id of issuer and subject: UUIDv5(UUIDv5(URL namespace, iss), sub).
fn principal(claims: &Claims, issuer: &str) -> Result<PrincipalId, TokenFault> {
    if let Some(oid) = claims.guid("oid") {
        return Ok(PrincipalId(oid));
    }
    let subject = claims.text("sub").filter(|sub| !sub.is_empty()).ok_or(TokenFault::Claim)?;
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, issuer.as_bytes());
    Ok(PrincipalId(Uuid::new_v5(&namespace, subject.as_bytes())))
}

/// An application of this installation signs in here, and a group of it does nowhere: no other
/// issuer may speak for either.
fn refuse_local(directory: &Directory, principal: PrincipalId) -> Result<(), TokenFault> {
    if is_ours(directory, principal) { Err(TokenFault::UnknownPrincipal) } else { Ok(()) }
}

fn is_ours(directory: &Directory, id: PrincipalId) -> bool {
    directory.group(id).is_some() || directory.application_by_object(id).is_some()
}

/// The GUIDs of the `groups` claim.
fn token_groups(claims: &Claims) -> Result<Vec<PrincipalId>, TokenFault> {
    let named = claims.texts("groups");
    if named.len() > MOST_GROUPS {
        return Err(TokenFault::Claim);
    }
    Ok(named.iter().filter_map(|group| group.parse().ok()).collect())
}

fn all_groups(
    directory: &Directory,
    principal: PrincipalId,
    token_groups: &[PrincipalId],
) -> Vec<PrincipalId> {
    let mut groups = directory.groups_of(principal);
    // Another issuer has no say in who belongs to a group of ours, nor in who is an application
    // of ours: roles are given to either by the same kind of id.
    groups.extend(token_groups.iter().filter(|id| !is_ours(directory, **id)));
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes()).unwrap()
    }

    // Computed with Python: uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, iss), sub).
    #[test]
    fn a_subject_without_oid_has_a_name_based_id() {
        let id = principal(&claims(r#"{"sub":"alice"}"#), "https://kc.example/realms/a").unwrap();
        assert_eq!(id.to_string(), PYTHON_UUID5);
        assert!(principal(&claims(r#"{"sub":""}"#), "https://kc.example").is_err());
        assert!(principal(&claims("{}"), "https://kc.example").is_err());
        let oid = r#"{"sub":"alice","oid":"72f988bf-86f1-41af-91ab-2d7cd011db47"}"#;
        let id = principal(&claims(oid), "https://kc.example").unwrap();
        assert_eq!(id.to_string(), "72f988bf-86f1-41af-91ab-2d7cd011db47");
    }

    const PYTHON_UUID5: &str = "3d21e284-673c-5bb2-9f9c-116dfdffb6ea";

    #[test]
    fn groups_are_guids_and_at_most_200() {
        let id = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let mixed = claims(&format!(r#"{{"groups":["admins","{id}",7]}}"#));
        assert_eq!(token_groups(&mixed).unwrap(), [id.parse().unwrap()]);
        let many = vec![format!("\"{id}\""); 201].join(",");
        assert!(token_groups(&claims(&format!(r#"{{"groups":[{many}]}}"#))).is_err());
    }
}
