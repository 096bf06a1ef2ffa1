//! Signed requests: JSON Web Signatures in their flattened form (RFC 8555, section 6.2), and the
//! keys that sign them.
//!
//! [`Jws::parse`] believes nothing; whoever reads the payload has called [`Jws::verify`] with a
//! key of their own choice before. An account signs asymmetrically, a binding with HS256, and
//! neither takes the other's algorithm.

#![cfg_attr(not(any(fuzzing, test)), allow(unreachable_pub, reason = "`fuzz/` calls it"))]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use strongroom_crypto::jws::{SignatureAlgorithm, VerifyingKey};
use strongroom_crypto::{CryptoError, MacKey, digest};
use strongroom_model::{Curve, PublicKey};
use strongroom_ops::{AcmeErrorKind as Kind, AcmeRefusal};

/// The longest nonce, URL or key id that is looked at, in bytes.
const MAX_TEXT: usize = 2_048;

/// A JWS in its parts. Nothing in it may be believed before [`Jws::verify`] or
/// [`Jws::verify_binding`].
pub struct Jws {
    /// The algorithm's name, as it was sent.
    pub algorithm: String,
    /// The nonce; a signature within another has none.
    pub nonce: Option<String>,
    /// What the request was signed for.
    pub url: String,
    /// Who is said to have signed it.
    pub signer: Signer,
    /// The payload; of a POST-as-GET it is empty.
    pub payload: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

/// Who is said to have signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// Whoever has this key.
    Key(AccountKey),
    /// The account (or the binding) of this id.
    Id(String),
}

/// A key that may sign requests: RSA of 2048 to 8192 bits, P-256 or P-384.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey(PublicKey);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    nonce: Option<String>,
    url: Option<String>,
    jwk: Option<Jwk>,
    kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
    b64: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<serde::de::IgnoredAny>,
}

impl Jws {
    /// Takes exactly `protected`, `payload` and `signature`, each base64url without padding, and
    /// of the protected header `alg`, `url`, one of `jwk` and `kid`, perhaps a nonce, and no
    /// extension that would have to be understood.
    ///
    /// # Errors
    /// `malformed`; `badPublicKey` for a key that is not one of [`AccountKey`].
    pub fn parse(body: &[u8]) -> Result<Self, AcmeRefusal> {
        let flattened: Flattened = serde_json::from_slice(body)
            .map_err(|_| malformed("The body is no JWS in flattened JSON."))?;
        let header = decode(&flattened.protected)?;
        let header: Protected = serde_json::from_slice(&header)
            .map_err(|_| malformed("The protected header is not as it must be."))?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(malformed("The protected header names an extension."));
        }
        let signer = match (header.jwk, header.kid) {
            (Some(jwk), None) => Signer::Key(AccountKey::read(&jwk)?),
            (None, Some(kid)) => Signer::Id(bounded(kid)?),
            _ => return Err(malformed("The protected header has one of jwk and kid.")),
        };
        let url = header.url.ok_or_else(|| malformed("The protected header has no url."))?;
        Ok(Self {
            algorithm: bounded(header.alg)?,
            nonce: header.nonce.map(bounded).transpose()?,
            url: bounded(url)?,
            signer,
            payload: decode(&flattened.payload)?,
            signed: [flattened.protected.as_bytes(), b".", flattened.payload.as_bytes()].concat(),
            signature: decode(&flattened.signature)?,
        })
    }

    /// Checks an account's signature.
    ///
    /// # Errors
    /// `badSignatureAlgorithm` for an algorithm other than RS256, PS256, ES256 and ES384 (there is
    /// no `none` and no HMAC), `malformed` when the signature does not fit.
    pub fn verify(&self, key: &AccountKey) -> Result<(), AcmeRefusal> {
        let algorithm = SignatureAlgorithm::from_name(&self.algorithm).map_err(|_| {
            let text = "The signature algorithm is not one of RS256, PS256, ES256 and ES384.";
            AcmeRefusal::new(Kind::BadSignatureAlgorithm, text)
        })?;
        let verified = match key.verifying() {
            Ok(verifying) => verifying.verify(algorithm, &self.signed, &self.signature),
            Err(error) => Err(error),
        };
        verified.map_err(|error| match error {
            CryptoError::Algorithm => {
                malformed("The signature algorithm is for another kind of key.")
            }
            _ => malformed("The signature does not fit."),
        })
    }

    /// Checks the signature of a binding (RFC 8555, section 7.3.4): HS256 and nothing else.
    ///
    /// # Errors
    /// `badSignatureAlgorithm`; `unauthorized` when the signature does not fit.
    pub fn verify_binding(&self, key: &MacKey) -> Result<(), AcmeRefusal> {
        if self.algorithm != "HS256" {
            let text = "A binding is signed with HS256.";
            return Err(AcmeRefusal::new(Kind::BadSignatureAlgorithm, text));
        }
        key.verify(&[&self.signed], &self.signature).map_err(|_| {
            AcmeRefusal::new(Kind::Unauthorized, "The binding's key is unknown, or was used.")
        })
    }
}

impl AccountKey {
    /// Reads a JWK by itself, such as a binding's payload.
    ///
    /// # Errors
    /// `malformed`, `badPublicKey`.
    pub fn parse(json: &[u8]) -> Result<Self, AcmeRefusal> {
        let jwk: Jwk =
            serde_json::from_slice(json).map_err(|_| malformed("A JWK is malformed."))?;
        Self::read(&jwk)
    }

    fn read(jwk: &Jwk) -> Result<Self, AcmeRefusal> {
        if jwk.d.is_some() {
            return Err(bad_key("The JWK holds the private key: it must be taken as lost."));
        }
        let part = |part: &Option<String>| {
            let part = part.as_deref().ok_or_else(|| bad_key("A member of the JWK is missing."))?;
            decode(part)
        };
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (trimmed(&part(&jwk.n)?), trimmed(&part(&jwk.e)?));
                PublicKey::Rsa { n, e }
            }
            ("EC", Some("P-256")) => {
                PublicKey::Ec { curve: Curve::P256, x: part(&jwk.x)?, y: part(&jwk.y)? }
            }
            ("EC", Some("P-384")) => {
                PublicKey::Ec { curve: Curve::P384, x: part(&jwk.x)?, y: part(&jwk.y)? }
            }
            _ => return Err(bad_key("An account's key is RSA, or EC on P-256 or P-384.")),
        };
        let key = Self(key);
        key.verifying().map_err(|_| bad_key("The key is too weak, or malformed."))?;
        Ok(key)
    }

    /// The key of an account as it is kept.
    pub fn kept(key: PublicKey) -> Self {
        Self(key)
    }

    /// The key.
    pub fn public(&self) -> &PublicKey {
        &self.0
    }

    fn verifying(&self) -> Result<VerifyingKey, CryptoError> {
        match &self.0 {
            PublicKey::Rsa { n, e } => VerifyingKey::rsa(n, e),
            PublicKey::Ec { curve, x, y } => VerifyingKey::ec(curve.name(), x, y),
            _ => Err(CryptoError::Key),
        }
    }

    /// The JWK's thumbprint (RFC 7638) in base64url.
    pub fn thumbprint(&self) -> String {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let json = match &self.0 {
            PublicKey::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n))
            }
            PublicKey::Ec { curve, x, y } => format!(
                r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
                curve.name(),
                b64(x),
                b64(y)
            ),
            // No such key is ever read.
            _ => String::new(),
        };
        b64(&digest::sha256(json.as_bytes()))
    }
}

fn trimmed(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default().to_vec()
}

/// Strict: no padding, no white space, no stray bits in the last character.
fn decode(text: &str) -> Result<Vec<u8>, AcmeRefusal> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_| malformed("A part of the JWS is no base64url without padding."))
}

fn bounded(text: String) -> Result<String, AcmeRefusal> {
    if text.len() > MAX_TEXT { Err(malformed("A header is too long.")) } else { Ok(text) }
}

fn malformed(text: &str) -> AcmeRefusal {
    AcmeRefusal::new(Kind::Malformed, text)
}

fn bad_key(text: &str) -> AcmeRefusal {
    AcmeRefusal::new(Kind::BadPublicKey, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7515, appendix A.3: the key, the signing input and the signature, in flattened form.
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn b64(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn sent(protected: &str, payload: &str, signature: &str) -> Vec<u8> {
        format!(
            r#"{{"protected":"{}","payload":"{}","signature":"{signature}"}}"#,
            b64(protected),
            b64(payload)
        )
        .into_bytes()
    }

    fn refused(body: &[u8]) -> Kind {
        Jws::parse(body).err().unwrap().kind
    }

    // RFC 7638, section 3.1.
    #[test]
    fn the_thumbprint_of_rfc_7638() {
        let n = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aP",
            "FFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl9",
            "3lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA",
            "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3",
            "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        );
        let jwk =
            format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        let key = AccountKey::parse(jwk.as_bytes()).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let padded = jwk.replace("\"e\":\"AQAB\"", "\"e\":\"AAEAAQ\"");
        assert_eq!(AccountKey::parse(padded.as_bytes()).unwrap(), key, "one spelling of a key");
    }

    #[test]
    fn a_header_has_one_signer_and_no_extension() {
        let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#);
        let sound = format!(r#"{{"alg":"ES256","nonce":"n","url":"u","jwk":{jwk}}}"#);
        let jws = Jws::parse(&sent(&sound, "{}", "AAAA")).unwrap();
        assert_eq!((jws.url.as_str(), jws.nonce.as_deref()), ("u", Some("n")));
        assert!(matches!(jws.signer, Signer::Key(_)));
        for header in [
            format!(r#"{{"alg":"ES256","url":"u","jwk":{jwk},"kid":"k"}}"#),
            r#"{"alg":"ES256","url":"u"}"#.into(),
            r#"{"alg":"ES256","kid":"k"}"#.into(),
            r#"{"url":"u","kid":"k"}"#.into(),
            r#"{"alg":"ES256","alg":"none","url":"u","kid":"k"}"#.into(),
            r#"{"alg":"ES256","url":"u","url":"v","kid":"k"}"#.into(),
            r#"{"alg":"ES256","url":"u","kid":"k","crit":["b64"],"b64":false}"#.into(),
            r#"{"alg":"ES256","url":"u","kid":"k","crit":[]}"#.into(),
            r#"{"alg":["ES256"],"url":"u","kid":"k"}"#.into(),
            "[]".into(),
            String::new(),
        ] {
            assert_eq!(refused(&sent(&header, "{}", "AAAA")), Kind::Malformed, "{header}");
        }
    }

    #[test]
    fn only_the_flattened_form_is_taken() {
        let protected = b64(r#"{"alg":"ES256","url":"u","kid":"k"}"#);
        for body in [
            String::new(),
            "{}".into(),
            format!("{protected}.e30.AAAA"),
            format!(r#"{{"payload":"","signatures":[{{"protected":"{protected}"}}]}}"#),
            format!(r#"{{"protected":"{protected}","payload":"","signature":"","header":{{}}}}"#),
            format!(r#"{{"protected":"{protected}=","payload":"","signature":""}}"#),
            format!(r#"{{"protected":"{protected}","payload":"+/","signature":""}}"#),
            format!(r#"{{"protected":"{protected}","payload":"","signature":"AAB"}}"#),
            format!(r#"{{"protected":"{protected}","payload":"","signature":""}} "x""#),
        ] {
            assert_eq!(refused(body.as_bytes()), Kind::Malformed, "{body}");
        }
    }

    #[test]
    fn weak_and_foreign_keys_are_refused() {
        for jwk in [
            r#"{"kty":"oct","k":"AAAA"}"#.to_owned(),
            format!(r#"{{"kty":"EC","crv":"P-521","x":"{X}","y":"{Y}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-384","x":"{X}","y":"{Y}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}"}}"#),
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}","d":"{X}"}}"#),
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.into(),
            format!(r#"{{"kty":"RSA","n":"{}","e":"AQ"}}"#, b64([0xff; 256])),
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
                .into(),
        ] {
            assert_eq!(
                AccountKey::parse(jwk.as_bytes()).unwrap_err().kind,
                Kind::BadPublicKey,
                "{jwk}"
            );
        }
    }

    #[test]
    fn an_account_never_signs_with_none_or_with_a_shared_key() {
        let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#);
        let key = AccountKey::parse(jwk.as_bytes()).unwrap();
        for name in ["none", "None", "HS256", "HS512", "ES512", "es256", ""] {
            let header = format!(r#"{{"alg":"{name}","url":"u","kid":"k"}}"#);
            for signature in ["", "AAAA"] {
                let jws = Jws::parse(&sent(&header, "{}", signature)).unwrap();
                let refusal = jws.verify(&key).unwrap_err();
                assert_eq!(refusal.kind, Kind::BadSignatureAlgorithm, "{name}");
            }
        }
        // HS256 with the public key's own bytes as the shared key.
        let header = r#"{"alg":"HS256","url":"u","kid":"k"}"#;
        let signed = format!("{}.{}", b64(header), b64("{}"));
        let tag = MacKey::new(jwk.as_bytes()).tag(&[signed.as_bytes()]);
        let jws = Jws::parse(&sent(header, "{}", &b64(tag))).unwrap();
        assert!(jws.verify(&key).is_err());
        jws.verify_binding(&MacKey::new(jwk.as_bytes())).unwrap();
        assert!(jws.verify_binding(&MacKey::new(b"another")).is_err());
        let asymmetric =
            Jws::parse(&sent(r#"{"alg":"ES256","url":"u","kid":"k"}"#, "", "")).unwrap();
        let refusal = asymmetric.verify_binding(&MacKey::new(b"k")).unwrap_err();
        assert_eq!(refusal.kind, Kind::BadSignatureAlgorithm);
    }
}
