//! The members of the key operations' bodies, read and checked.

use std::collections::BTreeMap;

use strongroom_crypto::SecretBytes;
use strongroom_model::keys::MAX_TAG_CHARS;
use strongroom_model::{
    Curve, EncryptionAlgorithm, KeyOperation, KeyType, ModelError, ReleasePolicy,
    SignatureAlgorithm,
};
use strongroom_ops::NewKey;
use strongroom_wire::keys::{KeyAttributesParameters, KeyReleasePolicyParameters};
use strongroom_wire::{SecretValue, base64url};

use crate::vault::api_version::ApiVersion;
use crate::vault::objects::tags;
use crate::vault::problem::Problem;

/// A member that has to be there.
pub(super) fn required<T>(name: &str, sent: Option<T>) -> Result<T, Problem> {
    sent.ok_or_else(|| missing(name))
}

pub(super) fn missing(name: &str) -> Problem {
    Problem::bad(format!("Property '{name}' is required.\r\n"))
}

/// A binary member that may be secret. The real service says of a malformed one that it is not
/// there, too.
pub(super) fn secret(
    name: &str,
    sent: Option<&SecretValue>,
) -> Result<Option<SecretBytes>, Problem> {
    Ok(public(name, sent)?.map(SecretBytes::new))
}

/// A binary member that is no secret.
pub(super) fn public(name: &str, sent: Option<&SecretValue>) -> Result<Option<Vec<u8>>, Problem> {
    let decode = |text: &SecretValue| text.to_bytes().ok_or_else(|| not_base64url(name));
    let mut decoded = sent.map(decode).transpose()?;
    Ok(decoded.as_mut().map(|bytes| std::mem::take(&mut **bytes)))
}

fn not_base64url(name: &str) -> Problem {
    Problem::bad(format!(
        "Content of '{name}' is not base64url.\r\nProperty '{name}' is required.\r\n"
    ))
}

/// A type of key that the version knows.
pub(super) fn key_type(version: ApiVersion, name: &str) -> Result<KeyType, Problem> {
    let known = KeyType::parse(name).ok().filter(|known| version.has_key_type(*known));
    known.ok_or_else(|| {
        Problem::KeyType(name.chars().filter(|c| !c.is_control()).take(40).collect())
    })
}

/// A curve that the version knows.
pub(super) fn curve(version: ApiVersion, name: Option<&str>) -> Result<Option<Curve>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let curve = Curve::parse(name)?;
    if version.has_curve(curve) { Ok(Some(curve)) } else { Err(unknown(curve.name())) }
}

/// A way to sign that the version knows.
pub(super) fn signature(
    version: ApiVersion,
    name: Option<String>,
) -> Result<SignatureAlgorithm, Problem> {
    let algorithm = SignatureAlgorithm::parse(&required("alg", name)?)?;
    if version.has_signature(algorithm) { Ok(algorithm) } else { Err(unknown(algorithm.name())) }
}

/// A way to encrypt or wrap that the version knows.
pub(super) fn encryption(
    version: ApiVersion,
    name: Option<String>,
) -> Result<EncryptionAlgorithm, Problem> {
    let algorithm = EncryptionAlgorithm::parse(&required("alg", name)?)?;
    if version.has_encryption(algorithm) { Ok(algorithm) } else { Err(unknown(algorithm.name())) }
}

fn unknown(name: &str) -> Problem {
    ModelError::Algorithm(name.to_owned()).into()
}

/// What a key may be used for.
pub(super) fn key_ops(sent: Option<Vec<String>>) -> Result<Option<Vec<KeyOperation>>, Problem> {
    let read = |names: Vec<String>| names.iter().map(|name| KeyOperation::parse(name)).collect();
    Ok(sent.map(read).transpose()?)
}

/// Whether a key may be released.
pub(super) fn exportable(version: ApiVersion, sent: Option<bool>) -> Result<Option<bool>, Problem> {
    if sent == Some(true) && !version.has_key_release() {
        return Err(Problem::bad(
            "AKV.SKR.1001: The exportable attribute is only supported with premium vaults and API \
             version >= '7.3-preview'.",
        ));
    }
    Ok(sent)
}

/// When a key may be released. Older versions do not know the member.
pub(super) fn release_policy(
    version: ApiVersion,
    sent: Option<KeyReleasePolicyParameters>,
) -> Result<Option<ReleasePolicy>, Problem> {
    let Some(sent) = sent.filter(|_| version.has_key_release()) else { return Ok(None) };
    let data = required("release_policy.data", sent.data)?;
    let document = base64url::decode(&data).ok_or_else(|| not_base64url("release_policy.data"))?;
    let immutable = sent.immutable.unwrap_or(false);
    Ok(Some(ReleasePolicy::new(sent.content_type.as_deref(), immutable, &document)?))
}

/// What a client says of a new version, whether it is generated or imported.
pub(super) struct Said {
    pub(super) key_ops: Option<Vec<String>>,
    pub(super) attributes: Option<KeyAttributesParameters>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) release_policy: Option<KeyReleasePolicyParameters>,
}

impl Said {
    pub(super) fn into_new(self, version: ApiVersion) -> Result<NewKey, Problem> {
        let attributes = self.attributes.unwrap_or_default();
        Ok(NewKey {
            key_ops: key_ops(self.key_ops)?,
            exportable: exportable(version, attributes.exportable)?,
            attributes: attributes.common.into(),
            release_policy: release_policy(version, self.release_policy)?,
            tags: tags(self.tags, MAX_TAG_CHARS)?,
        })
    }
}
