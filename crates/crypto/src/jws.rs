//! Verification of JSON Web Signatures (RFC 7515, RFC 7518): asymmetric algorithms only.
//!
//! There is no `none` and no HMAC here, so a token can never choose one.

use aws_lc_rs::digest::{SHA256, SHA384, digest};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm as KeySignatureAlgorithm};

use crate::{CryptoError, public};

/// A signature algorithm that tokens may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl SignatureAlgorithm {
    /// The algorithm of a JOSE name.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] for every other name, `none` and `HS256` among them.
    pub fn from_name(name: &str) -> Result<Self, CryptoError> {
        match name {
            "RS256" => Ok(Self::Rs256),
            "PS256" => Ok(Self::Ps256),
            "ES256" => Ok(Self::Es256),
            "ES384" => Ok(Self::Es384),
            _ => Err(CryptoError::Algorithm),
        }
    }

    /// The JOSE name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }
}

/// A public key that verifies signatures.
pub struct VerifyingKey(PublicKey);

impl VerifyingKey {
    /// An RSA key of 2048 to 8192 bits, from big-endian integers.
    ///
    /// # Errors
    /// [`CryptoError::Key`] for a modulus or an exponent outside what is safe.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, CryptoError> {
        let n = strip_zeros(n);
        let e = strip_zeros(e);
        let odd = |bytes: &[u8]| bytes.last().is_some_and(|b| b % 2 == 1);
        if !(256..=1024).contains(&n.len()) || !odd(n) || !odd(e) || e == [1] || e.len() > 5 {
            return Err(CryptoError::Key);
        }
        Ok(Self(PublicKey::Rsa { n: n.to_vec(), e: e.to_vec() }))
    }

    /// A key on P-256 or P-384, from a JWK's `crv`, `x` and `y`.
    ///
    /// # Errors
    /// [`CryptoError::Key`] for another curve or coordinates of another length.
    pub fn ec(curve: &str, x: &[u8], y: &[u8]) -> Result<Self, CryptoError> {
        let curve = match curve {
            "P-256" => Curve::P256,
            "P-384" => Curve::P384,
            _ => return Err(CryptoError::Key),
        };
        if x.len() != curve.field_bytes() || y.len() != curve.field_bytes() {
            return Err(CryptoError::Key);
        }
        Ok(Self(PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() }))
    }

    /// Checks a signature in its JWS form.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] when the key is of another kind than the algorithm,
    /// [`CryptoError::Unauthentic`] when the signature does not fit.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        let (algorithm, hash) = match algorithm {
            SignatureAlgorithm::Rs256 => (KeySignatureAlgorithm::Rs256, &SHA256),
            SignatureAlgorithm::Ps256 => (KeySignatureAlgorithm::Ps256, &SHA256),
            SignatureAlgorithm::Es256 => (KeySignatureAlgorithm::Es256, &SHA256),
            SignatureAlgorithm::Es384 => (KeySignatureAlgorithm::Es384, &SHA384),
        };
        let digest = digest(hash, message);
        if public::verify(&self.0, algorithm, digest.as_ref(), signature)? {
            Ok(())
        } else {
            Err(CryptoError::Unauthentic)
        }
    }
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn b64(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    // RFC 7515, appendix A.3: ES256.
    #[test]
    fn rfc_7515_a3_es256() {
        let key = VerifyingKey::ec(
            "P-256",
            &b64("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            &b64("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        )
        .unwrap();
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
                       Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = b64(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q\
             ",
        );
        key.verify(SignatureAlgorithm::Es256, message.as_bytes(), &signature).unwrap();
        assert!(key.verify(SignatureAlgorithm::Es256, b"other", &signature).is_err());
    }

    #[test]
    fn only_asymmetric_algorithms_have_a_name_here() {
        for name in ["none", "None", "HS256", "RS512", "", "rs256"] {
            assert!(SignatureAlgorithm::from_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn weak_keys_are_refused() {
        let mut n = vec![0xff; 256];
        assert!(VerifyingKey::rsa(&n, &[1, 0, 1]).is_ok());
        assert!(VerifyingKey::rsa(&n, &[1]).is_err());
        assert!(VerifyingKey::rsa(&n, &[2]).is_err());
        n[255] = 0xfe;
        assert!(VerifyingKey::rsa(&n, &[1, 0, 1]).is_err());
        assert!(VerifyingKey::rsa(&[0xff; 128], &[1, 0, 1]).is_err());
        assert!(VerifyingKey::ec("P-256", &[1; 31], &[1; 32]).is_err());
        assert!(VerifyingKey::ec("P-521", &[1; 66], &[1; 66]).is_err());
    }
}
