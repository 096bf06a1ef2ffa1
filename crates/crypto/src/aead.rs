//! AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{CryptoError, SecretBytes};

/// The length of a nonce, in bytes.
pub const NONCE_BYTES: usize = 12;

/// The length of a tag, in bytes.
pub const TAG_BYTES: usize = 16;

fn key(bytes: &[u8; 32]) -> Result<LessSafeKey, CryptoError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| CryptoError::Key)?;
    Ok(LessSafeKey::new(key))
}

/// Appends the ciphertext and tag of `plaintext` to `out`. A key and nonce must never meet twice.
///
/// # Errors
/// [`CryptoError::Internal`] when the library refuses.
pub fn seal(
    key_bytes: &[u8; 32],
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CryptoError> {
    let start = out.len();
    out.extend_from_slice(plaintext);
    let sealed = out.get_mut(start..).ok_or(CryptoError::Internal)?;
    let tag = key(key_bytes)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), sealed)
        .map_err(|_| CryptoError::Internal)?;
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

/// A key made ready for one nonce: opens what was sealed under both, as often as it is asked.
/// The library wipes the key when it is dropped.
pub struct Opener {
    key: LessSafeKey,
    nonce: [u8; NONCE_BYTES],
}

impl Opener {
    /// Makes a key ready.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when the library refuses.
    pub fn new(key_bytes: &[u8; 32], nonce: [u8; NONCE_BYTES]) -> Result<Self, CryptoError> {
        Ok(Self { key: key(key_bytes)?, nonce })
    }

    /// The plaintext of `sealed` (ciphertext and tag).
    ///
    /// # Errors
    /// [`CryptoError::Unauthentic`] when key, nonce, AAD or data do not fit.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, CryptoError> {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let mut buffer = SecretBytes::new(sealed.to_vec());
        let len = self
            .key
            .open_in_place(nonce, Aad::from(aad), buffer.expose_mut())
            .map_err(|_| CryptoError::Unauthentic)?
            .len();
        buffer.truncate(len);
        Ok(buffer)
    }
}

/// The plaintext of `sealed` (ciphertext and tag).
///
/// # Errors
/// [`CryptoError::Unauthentic`] when key, nonce, AAD or data do not fit.
pub fn open(
    key_bytes: &[u8; 32],
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<SecretBytes, CryptoError> {
    Opener::new(key_bytes, nonce)?.open(aad, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    // GCM test case 16: McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B.
    #[test]
    fn test_case_16() {
        let key: [u8; 32] =
            hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
                .unwrap()
                .try_into()
                .unwrap();
        let nonce: [u8; 12] = hex::decode("cafebabefacedbaddecaf888").unwrap().try_into().unwrap();
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plain = hex::decode(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ))
        .unwrap();
        let expected = concat!(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b"
        );
        let mut sealed = Vec::new();
        seal(&key, nonce, &aad, &plain, &mut sealed).unwrap();
        assert_eq!(hex::encode(&sealed), expected);
        assert_eq!(open(&key, nonce, &aad, &sealed).unwrap().expose(), plain);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(&key, nonce, &aad, &flipped).is_err());
        }
        assert!(open(&key, nonce, b"other", &sealed).is_err());
    }
}
