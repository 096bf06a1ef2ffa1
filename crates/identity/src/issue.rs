//! Access tokens: their claims and their signature (RFC 7519, RS256).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use strongroom_crypto::random;
use strongroom_directory::{Application, Directory, TokenKey};
use strongroom_model::{Endpoints, PrincipalId, Timestamp};

use crate::refusal::Refusal;

/// How long a token is good, in seconds.
pub(crate) const LIFETIME: i64 = 3600;

/// The most groups a token names; beyond, it names none, and the vault reads the directory.
const MOST_GROUPS: usize = 200;

/// The shape of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

/// What a token says.
pub(crate) struct Grant<'a> {
    pub(crate) application: &'a Application,
    pub(crate) audience: &'a str,
    pub(crate) version: TokenVersion,
    /// The client's capabilities (`CP1`: it handles claims challenges).
    pub(crate) capabilities: Vec<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    x5t: &'a str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: String,
    appidacr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azpacr: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    idp: String,
    idtyp: &'a str,
    oid: String,
    sub: String,
    tid: String,
    uti: String,
    ver: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    xms_cc: Vec<String>,
}

/// A signed token, good from `now` for [`LIFETIME`].
pub(crate) fn sign(
    grant: &Grant<'_>,
    endpoints: &Endpoints,
    directory: &Directory,
    now: Timestamp,
) -> Result<String, Refusal> {
    let key = signing_key(directory.token_keys(), now).ok_or(Refusal::NotReady)?;
    let header = Header { typ: "JWT", alg: "RS256", x5t: &key.kid, kid: &key.kid };
    let claims = claims(grant, endpoints, directory, now)?;
    let signed = format!("{}.{}", segment(&header)?, segment(&claims)?);
    let signature = key.key.sign(signed.as_bytes()).map_err(|error| {
        tracing::error!(%error, kid = key.kid, "a token could not be signed");
        Refusal::NotReady
    })?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The newest key that may sign, and that verifiers still accept when the token ends.
pub(crate) fn signing_key(keys: &[TokenKey], now: Timestamp) -> Option<&TokenKey> {
    let outlives = |key: &&TokenKey| now.plus_seconds(LIFETIME) <= key.expires;
    keys.iter().filter(|key| key.signs_from <= now).filter(outlives).max_by_key(|k| k.signs_from)
}

fn claims<'a>(
    grant: &Grant<'a>,
    endpoints: &Endpoints,
    directory: &Directory,
    now: Timestamp,
) -> Result<Claims<'a>, Refusal> {
    let application = grant.application;
    let issuer = endpoints.issuer(application.tenant);
    let client = application.client_id.to_string();
    let object = application.object_id.to_string();
    let is_v2 = grant.version == TokenVersion::V2;
    let unique: [u8; 16] = random::bytes().map_err(|_| Refusal::NotReady)?;
    Ok(Claims {
        aud: grant.audience,
        iss: issuer.clone(),
        iat: now.0,
        nbf: now.0,
        exp: now.plus_seconds(LIFETIME).0,
        azp: is_v2.then(|| client.clone()),
        azpacr: is_v2.then_some("1"),
        appid: client,
        appidacr: "1",
        groups: groups(directory, application.object_id),
        idp: issuer,
        idtyp: "app",
        oid: object.clone(),
        sub: object,
        tid: application.tenant.to_string(),
        uti: URL_SAFE_NO_PAD.encode(unique),
        ver: if is_v2 { "2.0" } else { "1.0" },
        xms_cc: grant.capabilities.clone(),
    })
}

fn groups(directory: &Directory, principal: PrincipalId) -> Vec<String> {
    let groups = directory.groups_of(principal);
    if groups.len() > MOST_GROUPS {
        return Vec::new();
    }
    groups.iter().map(ToString::to_string).collect()
}

fn segment(part: &impl Serialize) -> Result<String, Refusal> {
    let json = serde_json::to_vec(part).map_err(|_| Refusal::NotReady)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
