//! Private keys on secp256k1 (`P-256K`), kept as PKCS#8. By k256, whose arithmetic is made for
//! this curve: aws-lc-rs has it too, but signs six times slower.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use pkcs8::{DecodePrivateKey, EncodePrivateKey};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};

use crate::provider::{KeyMaterial, PrivateKey};
use crate::software::ec::public_half;
use crate::{CryptoError, SecretBytes, random};

/// How often a scalar is drawn. One is out of range with a probability of 2^-127.
const DRAWS: usize = 4;

/// Draws a key.
pub(super) fn generate() -> Result<KeyMaterial, CryptoError> {
    for _ in 0..DRAWS {
        let mut scalar = SecretBytes::new(vec![0; 32]);
        random::fill(scalar.expose_mut())?;
        if let Ok(key) = SigningKey::from_slice(scalar.expose()) {
            return material(&key);
        }
    }
    Err(CryptoError::Random)
}

/// Takes a key in: the scalar must be in range, and lead to the point (SEC 1, uncompressed).
pub(super) fn import(point: &[u8], d: &SecretBytes) -> Result<KeyMaterial, CryptoError> {
    let key = SigningKey::from_slice(d.expose()).map_err(|_| CryptoError::Key)?;
    if key.verifying_key().to_sec1_point(false).as_bytes() != point {
        return Err(CryptoError::Key);
    }
    material(&key)
}

/// Takes a key in as PKCS#8, with or without its point.
pub(super) fn import_pkcs8(pkcs8: &SecretBytes) -> Result<KeyMaterial, CryptoError> {
    material(&read(pkcs8)?)
}

/// Opens a kept key.
pub(super) fn open(public: &PublicKey, private: &SecretBytes) -> Result<EcKey, CryptoError> {
    let key = read(private)?;
    if *public != public_of(&key)? {
        return Err(CryptoError::Key);
    }
    Ok(EcKey { public: public.clone(), key })
}

fn read(pkcs8: &SecretBytes) -> Result<SigningKey, CryptoError> {
    SigningKey::from_pkcs8_der(pkcs8.expose()).map_err(|_| CryptoError::Key)
}

fn material(key: &SigningKey) -> Result<KeyMaterial, CryptoError> {
    Ok(KeyMaterial { public: public_of(key)?, private: pkcs8(key)? })
}

fn public_of(key: &SigningKey) -> Result<PublicKey, CryptoError> {
    public_half(Curve::P256K, key.verifying_key().to_sec1_point(false).as_bytes())
}

fn pkcs8(key: &SigningKey) -> Result<SecretBytes, CryptoError> {
    let der = key.to_pkcs8_der().map_err(|_| CryptoError::Internal)?;
    Ok(SecretBytes::new(der.as_bytes().to_vec()))
}

/// A key ready for work.
pub(super) struct EcKey {
    public: PublicKey,
    key: SigningKey,
}

impl PrivateKey for EcKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The nonce is derived from key and digest (RFC 6979); `s` is in the lower half of its range.
    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if algorithm != SignatureAlgorithm::Es256k {
            return Err(CryptoError::Algorithm);
        }
        if Some(digest.len()) != algorithm.digest_bytes() {
            return Err(CryptoError::Length);
        }
        let signature: Signature =
            self.key.sign_prehash(digest).map_err(|_| CryptoError::Internal)?;
        Ok(signature.to_bytes().to_vec())
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        pkcs8(&self.key)
    }
}
