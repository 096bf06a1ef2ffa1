//! What `fuzz/` calls: from the bytes of a request to what is admitted, or to the refusal. The
//! handlers take hyper's body, which nobody else can make, so the steps between stand here again.

use http::Method;
use serde::de::DeserializeOwned;
use strongroom_model::keys::MAX_TAG_CHARS;
use strongroom_model::{
    AkpAlgorithm, KeySpec, KeyType, ObjectName, Operation, RotationRules, Version,
};
use strongroom_ops::release::{KeyEncryption, ReleaseKey};
use strongroom_ops::{Ciphertext, CreateKey, ImportKey, Plaintext, Sign, UpdateKey, Verify};
use strongroom_wire::{keys as wire, rotation};

use super::members::{self, Said, public, required, secret};
use super::{jwk, rotation::rules};
use crate::query::Query;
use crate::vault::api_version::ApiVersion;
use crate::vault::objects::tags;
use crate::vault::problem::Problem;
use crate::vault::route;

/// What a client is told instead of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The text.
    pub message: String,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let answer = problem.answer();
        Self { status: answer.status.as_u16(), message: answer.message.into_owned() }
    }
}

/// The key and the version that every body is taken to be for.
fn target() -> Result<(ObjectName, Option<Version>), Problem> {
    Ok((ObjectName::parse("fuzzed")?, None))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::bad("Property  has invalid value\r\n"))
}

/// `POST /keys/{name}/create`
pub fn create(api_version: &str, body: &[u8]) -> Result<CreateKey, Refusal> {
    let version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeyCreateParameters = parse(body)?;
    let key_type = members::key_type(version, &required("kty", sent.kty)?)?;
    let curve = members::curve(version, sent.crv.as_deref())?;
    let algorithm = match sent.alg {
        Some(name) if key_type.software() == KeyType::Akp => {
            Some(AkpAlgorithm::parse(&name).map_err(Problem::from)?)
        }
        _ => None,
    };
    let spec = KeySpec::of(key_type, sent.key_size, curve, sent.public_exponent, algorithm)
        .map_err(Problem::from)?;
    let said = Said {
        key_ops: sent.key_ops,
        attributes: sent.attributes,
        tags: sent.tags,
        release_policy: sent.release_policy,
    };
    Ok(CreateKey { name: target()?.0, key_type, spec, new: said.into_new(version)? })
}

/// `PUT /keys/{name}`
pub fn import(api_version: &str, body: &[u8]) -> Result<ImportKey, Refusal> {
    let version = ApiVersion::parse(Some(api_version))?;
    let mut sent: wire::KeyImportParameters = parse(body)?;
    let mut jwk = sent.key.take().ok_or_else(jwk::invalid)?;
    let said = Said {
        key_ops: jwk.key_ops.take(),
        attributes: sent.attributes,
        tags: sent.tags,
        release_policy: sent.release_policy,
    };
    let new = said.into_new(version)?;
    let (key_type, key) = jwk::imported(version, &jwk, sent.hsm)?;
    Ok(ImportKey { name: target()?.0, key_type, key, new })
}

/// `PATCH /keys/{name}/{version}`
pub fn update(api_version: &str, body: &[u8]) -> Result<UpdateKey, Refusal> {
    let api_version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeyUpdateParameters = parse(body)?;
    let attributes = sent.attributes.unwrap_or_default();
    let (name, version) = target()?;
    Ok(UpdateKey {
        name,
        version,
        key_ops: members::key_ops(sent.key_ops)?,
        exportable: members::exportable(api_version, attributes.exportable)?,
        attributes: attributes.common.into(),
        release_policy: members::release_policy(api_version, sent.release_policy)?,
        tags: tags(sent.tags, MAX_TAG_CHARS)?,
    })
}

/// `POST /keys/{name}/{version}/encrypt` and `wrapkey`
pub fn encrypt(api_version: &str, body: &[u8]) -> Result<Plaintext, Refusal> {
    let version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeyOperationsParameters = parse(body)?;
    Ok(Plaintext {
        algorithm: members::encryption(version, sent.alg)?,
        value: required("value", secret("value", sent.value.as_ref())?)?,
        iv: public("iv", sent.iv.as_ref())?,
        aad: public("aad", sent.aad.as_ref())?,
    })
}

/// `POST /keys/{name}/{version}/decrypt` and `unwrapkey`
pub fn decrypt(api_version: &str, body: &[u8]) -> Result<Ciphertext, Refusal> {
    let version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeyOperationsParameters = parse(body)?;
    Ok(Ciphertext {
        algorithm: members::encryption(version, sent.alg)?,
        value: required("value", public("value", sent.value.as_ref())?)?,
        iv: public("iv", sent.iv.as_ref())?,
        aad: public("aad", sent.aad.as_ref())?,
        tag: public("tag", sent.tag.as_ref())?,
    })
}

/// `POST /keys/{name}/{version}/sign`
pub fn sign(api_version: &str, body: &[u8]) -> Result<Sign, Refusal> {
    let api_version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeySignParameters = parse(body)?;
    let (name, version) = target()?;
    Ok(Sign {
        name,
        version,
        algorithm: members::signature(api_version, sent.alg)?,
        digest: required("value", public("value", sent.value.as_ref())?)?,
    })
}

/// `POST /keys/{name}/{version}/verify`
pub fn verify(api_version: &str, body: &[u8]) -> Result<Verify, Refusal> {
    let api_version = ApiVersion::parse(Some(api_version))?;
    let sent: wire::KeyVerifyParameters = parse(body)?;
    let (name, version) = target()?;
    Ok(Verify {
        name,
        version,
        algorithm: members::signature(api_version, sent.alg)?,
        digest: required("digest", public("digest", sent.digest.as_ref())?)?,
        signature: required("value", public("value", sent.value.as_ref())?)?,
    })
}

/// `POST /keys/{name}/{version}/release`
pub fn release(body: &[u8]) -> Result<ReleaseKey, Refusal> {
    let sent: wire::KeyReleaseParameters = parse(body)?;
    let enc = sent.enc.as_deref().map(KeyEncryption::parse).transpose().map_err(Problem::from)?;
    let (name, version) = target()?;
    let target = required("target", sent.target)?;
    Ok(ReleaseKey { name, version, target, nonce: sent.nonce, enc: enc.unwrap_or_default() })
}

/// `PUT /keys/{name}/rotationpolicy`
pub fn rotation_policy(body: &[u8]) -> Result<RotationRules, Refusal> {
    let sent: rotation::KeyRotationPolicyParameters = parse(body)?;
    Ok(rules(&sent)?)
}

/// What a method and a path are about, in the version that a query string names.
pub fn route(
    method: &[u8],
    path: &str,
    query: &str,
) -> Result<(Operation, Option<ObjectName>, Option<Version>), Refusal> {
    let method = Method::from_bytes(method).map_err(|_| Problem::MethodNotAllowed)?;
    let query = Query::parse(Some(query));
    let route = route::parse(&method, path)?;
    ApiVersion::parse(query.get("api-version"))?.check(route.operation)?;
    Ok((route.operation, route.name.or(route.issuer), route.version))
}

/// The first value of a parameter of a query string.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    Query::parse(Some(query)).get(name).map(str::to_owned)
}
