//! Digests (FIPS 180-4).

use aws_lc_rs::digest;
use strongroom_model::SignatureAlgorithm;

use crate::CryptoError;

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// SHA-1, for `x5t` thumbprints only; it secures nothing.
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

/// A digest that somebody else computed, checked for the length that `algorithm` takes.
///
/// # Errors
/// [`CryptoError::Length`] for another length, [`CryptoError::Algorithm`] for an algorithm that
/// takes no digest.
pub(crate) fn import(
    algorithm: SignatureAlgorithm,
    bytes: &[u8],
) -> Result<digest::Digest, CryptoError> {
    let hash = match algorithm.digest_bytes() {
        Some(32) => &digest::SHA256,
        Some(48) => &digest::SHA384,
        Some(64) => &digest::SHA512,
        _ => return Err(CryptoError::Algorithm),
    };
    digest::Digest::import_less_safe(bytes, hash).map_err(|_| CryptoError::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4 examples, message "abc".
    #[test]
    fn abc() {
        assert_eq!(
            hex::encode(sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hex::encode(sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
