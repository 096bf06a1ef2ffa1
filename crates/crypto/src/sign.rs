//! Signing keys of the service itself: RSA for its tokens, P-256 for its certificates.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};

use crate::{CryptoError, SecretBytes};

/// An RSA-2048 key pair that signs tokens with RS256.
pub struct RsaSigningKey(KeyPair);

/// The public half of an RSA key: big-endian integers without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicComponents {
    /// The modulus.
    pub n: Vec<u8>,
    /// The exponent.
    pub e: Vec<u8>,
}

impl RsaSigningKey {
    /// Draws a key of 2048 bits. Takes some 70 ms of CPU: call it on a blocking thread.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn generate() -> Result<Self, CryptoError> {
        KeyPair::generate(KeySize::Rsa2048).map(Self).map_err(|_| CryptoError::Internal)
    }

    /// Reads a PKCS#8 key.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when it is malformed.
    pub fn from_pkcs8(der: &SecretBytes) -> Result<Self, CryptoError> {
        KeyPair::from_pkcs8(der.expose()).map(Self).map_err(|_| CryptoError::Key)
    }

    /// The key in PKCS#8, to be sealed.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| CryptoError::Internal)?;
        Ok(SecretBytes::new(der.as_ref().to_vec()))
    }

    /// The RS256 signature (RSASSA-PKCS1-v1_5 with SHA-256) of a message.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| CryptoError::Internal)?;
        Ok(signature)
    }

    /// The public half.
    pub fn public(&self) -> RsaPublicComponents {
        let public = self.0.public_key();
        RsaPublicComponents {
            n: public.modulus().big_endian_without_leading_zero().to_vec(),
            e: public.exponent().big_endian_without_leading_zero().to_vec(),
        }
    }
}

/// A P-256 key pair that signs certificates with ES256.
pub struct EcSigningKey(EcdsaKeyPair);

impl EcSigningKey {
    /// Draws a key.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn generate() -> Result<Self, CryptoError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map(Self)
            .map_err(|_| CryptoError::Internal)
    }

    /// Reads a PKCS#8 key.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when it is malformed.
    pub fn from_pkcs8(der: &SecretBytes) -> Result<Self, CryptoError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.expose())
            .map(Self)
            .map_err(|_| CryptoError::Key)
    }

    /// The key in PKCS#8 (with its public half), to be sealed or handed to TLS.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        self.0
            .to_pkcs8v1()
            .map(|der| SecretBytes::new(der.as_ref().to_vec()))
            .map_err(|_| CryptoError::Internal)
    }

    /// The public point, uncompressed: 65 bytes.
    pub fn public_point(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The ES256 signature of a message, in the ASN.1 form of X.509.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0
            .sign(&SystemRandom::new(), message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| CryptoError::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jws::{SignatureAlgorithm, VerifyingKey};

    #[test]
    fn an_rsa_key_survives_pkcs8_and_its_signature_verifies() {
        let key = RsaSigningKey::generate().unwrap();
        let again = RsaSigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(key.public().n.len(), 256);
        assert_eq!(key.public().e, [1, 0, 1]);
        let signature = again.sign(b"message").unwrap();
        let public = VerifyingKey::rsa(&key.public().n, &key.public().e).unwrap();
        public.verify(SignatureAlgorithm::Rs256, b"message", &signature).unwrap();
        assert!(public.verify(SignatureAlgorithm::Rs256, b"massage", &signature).is_err());
        assert!(public.verify(SignatureAlgorithm::Ps256, b"message", &signature).is_err());
        assert!(public.verify(SignatureAlgorithm::Es256, b"message", &signature).is_err());
    }
}
