//! JSON web keys: the public half that a vault answers, and the private key that it is given.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::ImportedKey;
use strongroom_model::{AkpAlgorithm, Curve, KeyOperation, KeyType, PublicKey};
use strongroom_wire::SecretValue;

use super::super::object::view::add_given;
use super::bytes::{of_answer, shown};
use crate::error::CliError;

/// The public half of a key.
#[derive(Deserialize)]
pub(super) struct Jwk {
    pub(super) kid: String,
    kty: String,
    key_ops: Option<Vec<String>>,
    n: Option<SecretValue>,
    e: Option<SecretValue>,
    crv: Option<String>,
    x: Option<SecretValue>,
    y: Option<SecretValue>,
    alg: Option<String>,
    #[serde(rename = "pub")]
    public: Option<SecretValue>,
}

impl Jwk {
    /// As az prints it, without the members that only private keys have.
    pub(super) fn view(&self) -> Value {
        let shown = |member: &Option<SecretValue>| member.as_ref().map(shown);
        let mut view = json!({
            "kid": self.kid,
            "kty": self.kty,
            "keyOps": self.key_ops,
            "n": shown(&self.n),
            "e": shown(&self.e),
            "crv": self.crv,
            "x": shown(&self.x),
            "y": shown(&self.y),
        });
        let rare = [("alg", json!(self.alg)), ("pub", json!(shown(&self.public)))];
        add_given(&mut view, rare);
        view
    }

    /// The public half.
    pub(super) fn public_key(&self) -> Result<PublicKey, CliError> {
        let unknown =
            || CliError::failed("the vault answered a key that this program does not know");
        let member = |member: &Option<SecretValue>| {
            let member = member.as_ref().ok_or_else(unknown)?;
            Ok::<_, CliError>(of_answer(member)?.to_vec())
        };
        let curve = || self.crv.as_deref().and_then(|name| Curve::parse(name).ok());
        let algorithm = || self.alg.as_deref().and_then(|name| AkpAlgorithm::parse(name).ok());
        let key_type = KeyType::parse(&self.kty).map_err(|_| unknown())?;
        match key_type.software() {
            KeyType::Rsa => Ok(PublicKey::Rsa { n: member(&self.n)?, e: member(&self.e)? }),
            KeyType::Akp => Ok(PublicKey::Akp {
                algorithm: algorithm().ok_or_else(unknown)?,
                public: member(&self.public)?,
            }),
            KeyType::Oct => Err(CliError::Usage(
                "a symmetric key has no public half, and its bytes never leave".into(),
            )),
            _ => Ok(PublicKey::Ec {
                curve: curve().ok_or_else(unknown)?,
                x: member(&self.x)?,
                y: member(&self.y)?,
            }),
        }
    }
}

/// A private key for an import, or one that is wrapped for the vault.
#[derive(Default, Serialize)]
pub(super) struct PrivateJwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dp: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dq: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qi: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_hsm: Option<SecretValue>,
}

impl PrivateJwk {
    /// A key in the clear; `None` for what neither PEM nor an import knows.
    pub(super) fn of_parts(key: &ImportedKey) -> Option<Self> {
        let public = |bytes: &[u8]| Some(SecretValue::from_bytes(bytes));
        let secret = |bytes: &SecretBytes| public(bytes.expose());
        match key {
            ImportedKey::Rsa { n, e, d, p, q, dp, dq, qi } => Some(Self {
                kty: KeyType::Rsa.name().into(),
                n: public(n),
                e: public(e),
                d: secret(d),
                p: secret(p),
                q: secret(q),
                dp: secret(dp),
                dq: secret(dq),
                qi: secret(qi),
                ..Self::default()
            }),
            ImportedKey::Ec { curve, x, y, d } => Some(Self {
                kty: KeyType::Ec.name().into(),
                crv: Some(curve.name()),
                x: public(x),
                y: public(y),
                d: secret(d),
                ..Self::default()
            }),
            ImportedKey::Oct(_) | ImportedKey::Pkcs8(_) => None,
        }
    }

    /// A key that is wrapped for the vault: bring your own key.
    pub(super) fn of_blob(key_type: KeyType, curve: Option<Curve>, blob: &[u8]) -> Self {
        Self {
            kty: key_type.name().into(),
            crv: curve.map(Curve::name),
            key_hsm: Some(SecretValue::from_bytes(blob)),
            ..Self::default()
        }
    }

    /// The same, for these operations only.
    pub(super) fn permitting(mut self, operations: Option<&[KeyOperation]>) -> Self {
        self.key_ops = operations.map(|operations| operations.iter().map(|op| op.name()).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_in_plain_base64() {
        let jwk: Jwk = serde_json::from_value(json!({
            "kid": "https://v/keys/a/1", "kty": "RSA", "key_ops": ["sign"], "n": "-_8", "e": "AQAB",
        }))
        .unwrap();
        let expected = json!({
            "kid": "https://v/keys/a/1", "kty": "RSA", "keyOps": ["sign"], "n": "+/8=",
            "e": "AQAB", "crv": null, "x": null, "y": null,
        });
        assert_eq!(jwk.view(), expected);
        let expected = PublicKey::Rsa { n: vec![0xfb, 0xff], e: vec![1, 0, 1] };
        assert_eq!(jwk.public_key().unwrap(), expected);
    }

    #[test]
    fn a_private_key_has_its_members_only() {
        let key = ImportedKey::Ec {
            curve: Curve::P256,
            x: vec![1],
            y: vec![2],
            d: SecretBytes::new(vec![3]),
        };
        let jwk = PrivateJwk::of_parts(&key).unwrap().permitting(Some(&[KeyOperation::Sign]));
        let expected = json!({
            "kty": "EC", "crv": "P-256", "key_ops": ["sign"], "x": "AQ", "y": "Ag", "d": "Aw",
        });
        assert_eq!(serde_json::to_value(&jwk).unwrap(), expected);
        let jwk = PrivateJwk::of_blob(KeyType::RsaHsm, None, b"{}");
        let expected = json!({"kty": "RSA-HSM", "key_hsm": "e30"});
        assert_eq!(serde_json::to_value(&jwk).unwrap(), expected);
    }
}
