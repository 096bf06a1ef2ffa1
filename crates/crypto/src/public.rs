//! Operations of public keys: they need no private half, and run on the request's own thread.

use strongroom_model::{EncryptionAlgorithm, PublicKey, SignatureAlgorithm};

use crate::CryptoError;

/// Whether a signature over a digest (or message: see [`crate::provider::PrivateKey::sign`]) fits.
///
/// # Errors
/// [`CryptoError::Algorithm`] for an algorithm of another type of key, [`CryptoError::Length`]
/// for a digest of another length. A signature that does not fit, of whatever length, is `false`.
pub fn verify(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    let _ = (key, algorithm, digest, signature);
    Err(CryptoError::Internal)
}

/// Encrypts or wraps for the holder of an RSA key.
///
/// # Errors
/// [`CryptoError::Algorithm`] for an algorithm of another type of key, [`CryptoError::Length`]
/// for a plaintext longer than the padding leaves room for.
pub fn encrypt(
    key: &PublicKey,
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let _ = (key, algorithm, plaintext);
    Err(CryptoError::Internal)
}
