//! The bodies of the key operations.
//!
//! Binary members of requests are kept as the text that came ([`SecretValue::to_bytes`] reads
//! them), so that a malformed one can be named to the client. What the specification requires is
//! optional here for the same reason.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_model::{KeyListing, PublicKey, ReleasePolicy};

use crate::{AttributesParameters, Base64Url, Deletion, ObjectAttributes, Page, SecretValue};

/// What a client may say of a key's attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct KeyAttributesParameters {
    /// What every object has.
    #[serde(flatten)]
    pub common: AttributesParameters,
    /// Whether the key may be released.
    pub exportable: Option<bool>,
}

/// A release policy as a client sends it.
#[derive(Clone, Debug, Deserialize)]
pub struct KeyReleasePolicyParameters {
    /// What `data` is.
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
    /// Whether it can never be changed again.
    pub immutable: Option<bool>,
    /// The policy, base64url.
    pub data: Option<String>,
}

/// `POST /keys/{name}/create`
#[derive(Clone, Debug, Deserialize)]
pub struct KeyCreateParameters {
    /// The type; required.
    pub kty: Option<String>,
    /// The size, in bits.
    pub key_size: Option<u32>,
    /// The public exponent of an RSA key.
    pub public_exponent: Option<u32>,
    /// What the key may be used for.
    pub key_ops: Option<Vec<String>>,
    /// Attributes of the version.
    pub attributes: Option<KeyAttributesParameters>,
    /// Tags of the version.
    pub tags: Option<BTreeMap<String, String>>,
    /// The curve.
    pub crv: Option<String>,
    /// When the key may be released.
    pub release_policy: Option<KeyReleasePolicyParameters>,
    /// The algorithm of an AKP key; since api-version 2026-05-01-preview.
    pub alg: Option<String>,
}

/// `PUT /keys/{name}`
#[derive(Deserialize)]
pub struct KeyImportParameters {
    /// Whether the key goes into the vault's device.
    #[serde(rename = "Hsm")]
    pub hsm: Option<bool>,
    /// The key; required.
    pub key: Option<JsonWebKeyParameters>,
    /// Attributes of the version.
    pub attributes: Option<KeyAttributesParameters>,
    /// Tags of the version.
    pub tags: Option<BTreeMap<String, String>>,
    /// When the key may be released.
    pub release_policy: Option<KeyReleasePolicyParameters>,
}

/// A key to import (RFC 7517, RFC 7518 section 6). All of it is taken for secret.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct JsonWebKeyParameters {
    /// The type.
    pub kty: Option<String>,
    /// What the key may be used for.
    pub key_ops: Option<Vec<String>>,
    /// RSA: the modulus.
    pub n: Option<SecretValue>,
    /// RSA: the public exponent.
    pub e: Option<SecretValue>,
    /// RSA: the private exponent. EC: the private scalar.
    pub d: Option<SecretValue>,
    /// RSA: `d mod (p - 1)`.
    pub dp: Option<SecretValue>,
    /// RSA: `d mod (q - 1)`.
    pub dq: Option<SecretValue>,
    /// RSA: the inverse of `q` modulo `p`.
    pub qi: Option<SecretValue>,
    /// RSA: the first prime.
    pub p: Option<SecretValue>,
    /// RSA: the second prime.
    pub q: Option<SecretValue>,
    /// The symmetric key.
    pub k: Option<SecretValue>,
    /// A key wrapped for the vault: bring your own key.
    pub key_hsm: Option<SecretValue>,
    /// EC: the curve.
    pub crv: Option<String>,
    /// EC: the point's x.
    pub x: Option<SecretValue>,
    /// EC: the point's y.
    pub y: Option<SecretValue>,
    /// AKP: the algorithm.
    pub alg: Option<String>,
    /// AKP: the public key.
    #[serde(rename = "pub")]
    pub public: Option<SecretValue>,
}

/// `PATCH /keys/{name}/{version}`; an absent or `null` member is left alone.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeyUpdateParameters {
    /// What the key may be used for from now on.
    pub key_ops: Option<Vec<String>>,
    /// New attributes.
    pub attributes: Option<KeyAttributesParameters>,
    /// New tags, in place of all old ones.
    pub tags: Option<BTreeMap<String, String>>,
    /// A new release policy.
    pub release_policy: Option<KeyReleasePolicyParameters>,
}

/// `POST /keys/{name}/{version}/encrypt`, `decrypt`, `wrapkey` and `unwrapkey`
#[derive(Deserialize)]
pub struct KeyOperationsParameters {
    /// The algorithm; required.
    pub alg: Option<String>,
    /// What to work on, base64url; required.
    pub value: Option<SecretValue>,
    /// The initialization vector, base64url.
    pub iv: Option<SecretValue>,
    /// Data to authenticate but not to encrypt, base64url.
    pub aad: Option<SecretValue>,
    /// The authentication tag, base64url.
    pub tag: Option<SecretValue>,
}

/// `POST /keys/{name}/{version}/sign`
#[derive(Deserialize)]
pub struct KeySignParameters {
    /// The algorithm; required, but with `external_mu`.
    pub alg: Option<String>,
    /// The digest, or for `RSNULL` and ML-DSA the message, base64url.
    pub value: Option<SecretValue>,
    /// ML-DSA: the message representative of FIPS 204, base64url; since 2026-05-01-preview.
    pub external_mu: Option<SecretValue>,
    /// ML-DSA: the context, base64url; since 2026-05-01-preview.
    pub context: Option<SecretValue>,
}

/// `POST /keys/{name}/{version}/verify`
#[derive(Deserialize)]
pub struct KeyVerifyParameters {
    /// The algorithm; required, but with `external_mu`.
    pub alg: Option<String>,
    /// The digest, or the message, base64url; required, but with `external_mu`.
    pub digest: Option<SecretValue>,
    /// The signature, base64url; required.
    pub value: Option<SecretValue>,
    /// ML-DSA: the message representative of FIPS 204, base64url; since 2026-05-01-preview.
    pub external_mu: Option<SecretValue>,
    /// ML-DSA: the context, base64url; since 2026-05-01-preview.
    pub context: Option<SecretValue>,
}

/// `POST /keys/{name}/{version}/release`
#[derive(Clone, Debug, Deserialize)]
pub struct KeyReleaseParameters {
    /// The attestation token of the environment that asks; required.
    pub target: Option<String>,
    /// The client's own freshness, to be found in the token.
    pub nonce: Option<String>,
    /// How the key is wrapped.
    pub enc: Option<String>,
}

/// `POST /rng`
#[derive(Clone, Debug, Deserialize)]
pub struct GetRandomBytesRequest {
    /// How many bytes, 1 to 128; required.
    pub count: Option<i32>,
}

/// `POST /keys/{name}/{version}/securewrapkey`
#[derive(Clone, Debug, Deserialize)]
pub struct SecureKeyWrapOperationParameters {
    /// The algorithm; required.
    pub alg: Option<String>,
}

/// `POST /keys/{name}/{version}/secureunwrapkey`
#[derive(Deserialize)]
pub struct SecureKeyUnwrapOperationParameters {
    /// The algorithm; required.
    pub alg: Option<String>,
    /// The wrapped key, base64url; required.
    pub value: Option<SecretValue>,
    /// The attestation token of the environment that asks; required.
    pub target: Option<String>,
    /// Who the environment trusts; since 2026-07-01-preview.
    #[serde(rename = "applicationTrustedIssuer")]
    pub application_trusted_issuer: Option<String>,
}

/// `POST /keys/restore`
pub type KeyRestoreParameters = crate::backup::RestoreParameters;

/// `POST /keys/{name}/backup`
pub type BackupKeyResult = crate::backup::BackupResult;

/// The public half of a key, in the order in which the real service sends it.
#[derive(Clone, Debug, Serialize)]
pub struct JsonWebKey<'a> {
    /// The identifier, with the version.
    pub kid: Cow<'a, str>,
    /// The type.
    pub kty: &'a str,
    /// What the key may be used for.
    pub key_ops: Vec<&'a str>,
    /// RSA: the modulus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<Base64Url<'a>>,
    /// RSA: the public exponent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<Base64Url<'a>>,
    /// EC: the curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<&'a str>,
    /// EC: the point's x.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<Base64Url<'a>>,
    /// EC: the point's y.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<Base64Url<'a>>,
    /// AKP: the algorithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<&'a str>,
    /// AKP: the public key.
    #[serde(rename = "pub", skip_serializing_if = "Option::is_none")]
    pub public: Option<Base64Url<'a>>,
}

impl<'a> JsonWebKey<'a> {
    /// A key's public half under its identifier.
    pub fn new(kid: impl Into<Cow<'a, str>>, key: &'a KeyListing) -> Self {
        let mut jwk = Self {
            kid: kid.into(),
            kty: key.key_type.name(),
            key_ops: key.key_ops.iter().map(|permitted| permitted.name()).collect(),
            n: None,
            e: None,
            crv: None,
            x: None,
            y: None,
            alg: None,
            public: None,
        };
        match &key.public {
            PublicKey::Rsa { n, e } => {
                jwk.n = Some(Base64Url(n));
                jwk.e = Some(Base64Url(e));
            }
            PublicKey::Ec { curve, x, y } => {
                jwk.crv = Some(curve.name());
                jwk.x = Some(Base64Url(x));
                jwk.y = Some(Base64Url(y));
            }
            PublicKey::Oct { .. } => {}
            PublicKey::Akp { algorithm, public } => {
                jwk.alg = Some(algorithm.name());
                jwk.public = Some(Base64Url(public));
            }
        }
        jwk
    }
}

/// The attributes of a key in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct KeyAttributes<'a> {
    /// What every object has.
    #[serde(flatten)]
    pub common: ObjectAttributes<'a>,
    /// Whether the key may be released; before api-version 7.5-preview.1 only if it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exportable: Option<bool>,
    /// What protects the key: `0` is software; since api-version 7.5-preview.1.
    #[serde(rename = "hsmPlatform", skip_serializing_if = "Option::is_none")]
    pub hsm_platform: Option<Cow<'a, str>>,
    /// How a device vouches for the key; since api-version 7.6-preview.2, and only where asked
    /// for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<KeyAttestation<'a>>,
}

/// How a device vouches for a key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyAttestation<'a> {
    /// The certificates to check the rest with, PEM.
    #[serde(rename = "certificatePemFile", skip_serializing_if = "Option::is_none")]
    pub certificate_pem_file: Option<Base64Url<'a>>,
    /// What is said of the private half.
    #[serde(rename = "privateKeyAttestation", skip_serializing_if = "Option::is_none")]
    pub private_key_attestation: Option<Base64Url<'a>>,
    /// What is said of the public half.
    #[serde(rename = "publicKeyAttestation", skip_serializing_if = "Option::is_none")]
    pub public_key_attestation: Option<Base64Url<'a>>,
    /// The version of the format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'a str>,
}

/// A release policy in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReleasePolicy<'a> {
    /// What `data` is.
    #[serde(rename = "contentType")]
    pub content_type: &'a str,
    /// The policy.
    pub data: Base64Url<'a>,
    /// Whether it can never be changed again.
    pub immutable: bool,
}

impl<'a> From<&'a ReleasePolicy> for KeyReleasePolicy<'a> {
    fn from(policy: &'a ReleasePolicy) -> Self {
        Self {
            content_type: policy
                .content_type
                .as_deref()
                .unwrap_or("application/json; charset=utf-8"),
            data: Base64Url(&policy.document),
            immutable: policy.immutable,
        }
    }
}

/// One version of a key: the answer of create, import, get, update, rotate, recover and restore.
#[derive(Clone, Debug, Serialize)]
pub struct KeyBundle<'a> {
    /// Its public half.
    pub key: JsonWebKey<'a>,
    /// Its attributes.
    pub attributes: KeyAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// Whether the key lives and dies with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// When it may be released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_policy: Option<KeyReleasePolicy<'a>>,
}

/// A key or a version in a list.
#[derive(Clone, Debug, Serialize)]
pub struct KeyItem<'a> {
    /// The identifier; without a version in a list of keys, with it in a list of versions.
    pub kid: Cow<'a, str>,
    /// Its attributes.
    pub attributes: KeyAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// Whether the key lives and dies with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
}

/// The answer of delete and of get-deleted.
#[derive(Clone, Debug, Serialize)]
pub struct DeletedKeyBundle<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The key.
    #[serde(flatten)]
    pub key: KeyBundle<'a>,
}

/// A deleted key in a list.
#[derive(Clone, Debug, Serialize)]
pub struct DeletedKeyItem<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The key.
    #[serde(flatten)]
    pub key: KeyItem<'a>,
}

/// `GET /keys` and `GET /keys/{name}/versions`
pub type KeyListResult<'a> = Page<KeyItem<'a>>;

/// `GET /deletedkeys`
pub type DeletedKeyListResult<'a> = Page<DeletedKeyItem<'a>>;

/// The answer of encrypt, decrypt, wrap, unwrap and sign. The value may be secret:
/// [`crate::to_secret_json`].
#[derive(Serialize)]
pub struct KeyOperationResult<'a> {
    /// The version that did it.
    pub kid: Cow<'a, str>,
    /// What came out.
    pub value: SecretValue,
    /// The initialization vector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iv: Option<Base64Url<'a>>,
    /// The authentication tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Base64Url<'a>>,
    /// What was authenticated but not encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aad: Option<Base64Url<'a>>,
}

/// The answer of verify.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KeyVerifyResult {
    /// Whether the signature is good.
    pub value: bool,
}

/// The answer of release.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReleaseResult {
    /// A JWS about the released key.
    pub value: String,
}

/// The answer of `/rng`. The bytes are secret: [`crate::to_secret_json`].
#[derive(Serialize)]
pub struct RandomBytes {
    /// The bytes.
    pub value: SecretValue,
}

/// The answer of secure wrap and secure unwrap. The value may be secret:
/// [`crate::to_secret_json`].
#[derive(Serialize)]
pub struct SecureKeyOperationResult<'a> {
    /// The version that did it.
    pub kid: Cow<'a, str>,
    /// The algorithm.
    pub alg: &'a str,
    /// What came out.
    pub value: SecretValue,
}
