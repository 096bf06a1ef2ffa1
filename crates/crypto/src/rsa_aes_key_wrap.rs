//! CKM_RSA_AES_KEY_WRAP (PKCS#11 v3.1, 6.1.22): an RSA key wraps a fresh AES key, which wraps the
//! target key with RFC 5649 padding. `RSA-OAEP(AES key) || AES-KWP(target)`.

use strongroom_model::{EncryptionAlgorithm, PublicKey};

use crate::provider::{Ciphertext, PrivateKey};
use crate::public::rsa::RsaPublic;
use crate::{CryptoError, SecretBytes, SymmetricKey, ffi};

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
/// [`CryptoError::Key`] when `key` is no RSA key of 2048 bits or more, [`CryptoError::Length`]
/// when `target` is empty.
pub fn wrap(key: &PublicKey, hash: OaepHash, target: &SecretBytes) -> Result<Vec<u8>, CryptoError> {
    let PublicKey::Rsa { n, e } = key else {
        return Err(CryptoError::Key);
    };
    let aes_key = SymmetricKey::generate()?;
    let carrier = RsaPublic { n, e }.encrypt_oaep(hash, aes_key.expose())?;
    let wrapped = ffi::aes_wrap_padded(aes_key.expose(), target.expose())?;
    Ok([carrier, wrapped].concat())
}

/// Unwraps what was wrapped with SHA-1 for an RSA key of `modulus_bytes`.
///
/// Where the AES key does not come out, a random one takes its place, so that this failure takes
/// as long as the other.
///
/// # Errors
/// [`CryptoError::Unauthentic`] for whatever does not unwrap, and [`CryptoError::Algorithm`] when
/// `key` is no RSA key.
pub fn unwrap(
    key: &dyn PrivateKey,
    modulus_bytes: usize,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let (carrier, target) =
        wrapped.split_at_checked(modulus_bytes).ok_or(CryptoError::Unauthentic)?;
    let carrier = Ciphertext { value: carrier, ..Ciphertext::default() };
    let substitute = SymmetricKey::generate()?;
    let carried = match key.decrypt(EncryptionAlgorithm::RsaOaep, carrier) {
        Ok(carried) => Some(carried).filter(|key| matches!(key.len(), 16 | 24 | 32)),
        Err(CryptoError::Unauthentic) => None,
        Err(error) => return Err(error),
    };
    let aes_key = carried.as_ref().map_or(&substitute.expose()[..], SecretBytes::expose);
    let target = ffi::aes_unwrap_padded(aes_key, target)?;
    if carried.is_some() { Ok(target) } else { Err(CryptoError::Unauthentic) }
}
