//! CKM_RSA_AES_KEY_WRAP (PKCS#11 v3.1, 6.1.22): an RSA key wraps a fresh AES key, which wraps the
//! target key with RFC 5649 padding. `RSA-OAEP(AES key) || AES-KWP(target)`.

use strongroom_model::PublicKey;

use crate::provider::PrivateKey;
use crate::{CryptoError, SecretBytes};

/// The hash of the OAEP that carries the AES key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OaepHash {
    /// `CKM_RSA_AES_KEY_WRAP`: SHA-1.
    Sha1,
    /// `RSA_AES_KEY_WRAP_256`: SHA-256.
    Sha256,
    /// `RSA_AES_KEY_WRAP_384`: SHA-384.
    Sha384,
}

/// Wraps `target` for the holder of an RSA key, under a fresh AES-256 key.
///
/// # Errors
/// [`CryptoError::Key`] when `key` is no RSA key of 2048 bits or more.
pub fn wrap(key: &PublicKey, hash: OaepHash, target: &SecretBytes) -> Result<Vec<u8>, CryptoError> {
    let _ = (key, hash, target);
    Err(CryptoError::Internal)
}

/// Unwraps what was wrapped with SHA-1 for an RSA key of `modulus_bytes`.
///
/// # Errors
/// [`CryptoError::Unauthentic`] for whatever does not unwrap.
pub fn unwrap(
    key: &dyn PrivateKey,
    modulus_bytes: usize,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let _ = (key, modulus_bytes, wrapped);
    Err(CryptoError::Internal)
}
