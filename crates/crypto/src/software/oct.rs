//! Symmetric keys: AES (FIPS 197) in its modes, and HMAC (RFC 2104). Kept as their bytes.
//!
//! A key is expanded anew for each operation: that takes some 100 ns, and no expanded copy waits
//! in memory.

use aws_lc_rs::aead::{
    self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey,
};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::hmac;
use strongroom_model::{EncryptionAlgorithm, PublicKey, SignatureAlgorithm};
use subtle::{Choice, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess};

use crate::aead::{NONCE_BYTES, TAG_BYTES};
use crate::provider::{Ciphertext, Encrypted, KeyMaterial, PrivateKey};
use crate::{CryptoError, SecretBytes, ffi, random};

/// The length of an AES block, and of the IV of CBC, in bytes.
const BLOCK_BYTES: usize = 16;

/// Draws a key.
pub(super) fn generate(bits: u16) -> Result<KeyMaterial, CryptoError> {
    let mut key = SecretBytes::new(vec![0; usize::from(bits / 8)]);
    random::fill(key.expose_mut())?;
    import(&key)
}

/// Takes a key of 128, 192 or 256 bits in.
pub(super) fn import(key: &SecretBytes) -> Result<KeyMaterial, CryptoError> {
    let public = PublicKey::Oct { bits: bits(key)? };
    Ok(KeyMaterial { public, private: SecretBytes::new(key.expose().to_vec()) })
}

/// Opens a kept key.
pub(super) fn open(public: &PublicKey, private: &SecretBytes) -> Result<OctKey, CryptoError> {
    if *public != (PublicKey::Oct { bits: bits(private)? }) {
        return Err(CryptoError::Key);
    }
    Ok(OctKey { public: public.clone(), key: SecretBytes::new(private.expose().to_vec()) })
}

fn bits(key: &SecretBytes) -> Result<u16, CryptoError> {
    match key.len() {
        16 => Ok(128),
        24 => Ok(192),
        32 => Ok(256),
        _ => Err(CryptoError::Key),
    }
}

/// How an algorithm uses AES, whatever the size of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Gcm,
    Cbc,
    CbcPad,
    Wrap,
    WrapPad,
}

impl Mode {
    fn of(algorithm: EncryptionAlgorithm) -> Result<Self, CryptoError> {
        use EncryptionAlgorithm as Alg;
        match algorithm {
            Alg::A128Gcm | Alg::A192Gcm | Alg::A256Gcm => Ok(Self::Gcm),
            Alg::A128Cbc | Alg::A192Cbc | Alg::A256Cbc => Ok(Self::Cbc),
            Alg::A128CbcPad | Alg::A192CbcPad | Alg::A256CbcPad => Ok(Self::CbcPad),
            Alg::A128Kw | Alg::A192Kw | Alg::A256Kw | Alg::CkmAesKeyWrap => Ok(Self::Wrap),
            Alg::CkmAesKeyWrapPad => Ok(Self::WrapPad),
            Alg::Rsa15 | Alg::RsaOaep | Alg::RsaOaep256 => Err(CryptoError::Algorithm),
        }
    }
}

/// A key ready for work.
pub(super) struct OctKey {
    public: PublicKey,
    key: SecretBytes,
}

impl OctKey {
    /// The mode of an algorithm that fits this key, and takes the AAD.
    fn mode(
        &self,
        algorithm: EncryptionAlgorithm,
        aad: Option<&[u8]>,
    ) -> Result<Mode, CryptoError> {
        if !self.public.encrypts_with(algorithm) {
            return Err(CryptoError::Algorithm);
        }
        let mode = Mode::of(algorithm)?;
        if mode != Mode::Gcm && aad.is_some_and(|aad| !aad.is_empty()) {
            return Err(CryptoError::Algorithm);
        }
        Ok(mode)
    }

    fn tag(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<hmac::Tag, CryptoError> {
        let hash = match algorithm {
            SignatureAlgorithm::Hs256 => hmac::HMAC_SHA256,
            SignatureAlgorithm::Hs384 => hmac::HMAC_SHA384,
            SignatureAlgorithm::Hs512 => hmac::HMAC_SHA512,
            _ => return Err(CryptoError::Algorithm),
        };
        if Some(digest.len()) != algorithm.digest_bytes() {
            return Err(CryptoError::Length);
        }
        Ok(hmac::sign(&hmac::Key::new(hash, self.key.expose()), digest))
    }
}

impl PrivateKey for OctKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        Ok(self.tag(algorithm, digest)?.as_ref().to_vec())
    }

    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        Ok(self.tag(algorithm, digest)?.as_ref().ct_eq(signature).into())
    }

    fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
    ) -> Result<Encrypted, CryptoError> {
        let mode = self.mode(algorithm, aad)?;
        let key = self.key.expose();
        if iv.is_some() && !matches!(mode, Mode::Cbc | Mode::CbcPad) {
            return Err(CryptoError::Length);
        }
        let wrapped = |value| Encrypted { value, iv: None, tag: None };
        match mode {
            Mode::Gcm => seal_gcm(key, plaintext, aad.unwrap_or_default()),
            Mode::Cbc => encrypt_cbc(key, SecretBytes::new(plaintext.to_vec()), iv),
            Mode::CbcPad => encrypt_cbc(key, padded(plaintext), iv),
            Mode::Wrap => ffi::aes_wrap(key, plaintext).map(wrapped),
            Mode::WrapPad => ffi::aes_wrap_padded(key, plaintext).map(wrapped),
        }
    }

    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: Ciphertext<'_>,
    ) -> Result<SecretBytes, CryptoError> {
        let mode = self.mode(algorithm, ciphertext.aad)?;
        let key = self.key.expose();
        match mode {
            Mode::Gcm => open_gcm(key, ciphertext),
            Mode::Cbc => decrypt_cbc(key, ciphertext),
            Mode::CbcPad => unpadded(decrypt_cbc(key, ciphertext)?),
            Mode::Wrap => ffi::aes_unwrap(key, ciphertext.value),
            Mode::WrapPad => ffi::aes_unwrap_padded(key, ciphertext.value),
        }
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        Ok(SecretBytes::new(self.key.expose().to_vec()))
    }
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, CryptoError> {
    let algorithm: &aead::Algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| CryptoError::Key)
}

fn seal_gcm(key: &[u8], plaintext: &[u8], aad: &[u8]) -> Result<Encrypted, CryptoError> {
    let nonce: [u8; NONCE_BYTES] = random::bytes()?;
    let mut value = SecretBytes::new(plaintext.to_vec());
    let (nonce_once, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(aad));
    let tag = gcm(key)?
        .seal_in_place_separate_tag(nonce_once, aad, value.expose_mut())
        .map_err(|_| CryptoError::Length)?;
    let value = value.into_sealed();
    Ok(Encrypted { value, iv: Some(nonce.to_vec()), tag: Some(tag.as_ref().to_vec()) })
}

fn open_gcm(key: &[u8], ciphertext: Ciphertext<'_>) -> Result<SecretBytes, CryptoError> {
    let iv = ciphertext.iv.unwrap_or_default();
    let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| CryptoError::Length)?;
    let tag = ciphertext.tag.unwrap_or_default();
    if tag.len() != TAG_BYTES {
        return Err(CryptoError::Unauthentic);
    }
    let mut buffer = SecretBytes::new([ciphertext.value, tag].concat());
    let len = gcm(key)?
        .open_in_place(nonce, Aad::from(ciphertext.aad.unwrap_or_default()), buffer.expose_mut())
        .map_err(|_| CryptoError::Unauthentic)?
        .len();
    buffer.truncate(len);
    Ok(buffer)
}

fn cbc(key: &[u8]) -> Result<UnboundCipherKey, CryptoError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::Key)
}

/// Encrypts whole blocks, in place.
fn encrypt_cbc(
    key: &[u8],
    mut blocks: SecretBytes,
    iv: Option<&[u8]>,
) -> Result<Encrypted, CryptoError> {
    if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK_BYTES) {
        return Err(CryptoError::Length);
    }
    let iv: [u8; BLOCK_BYTES] = match iv {
        Some(given) => given.try_into().map_err(|_| CryptoError::Length)?,
        None => random::bytes()?,
    };
    EncryptingKey::cbc(cbc(key)?)
        .and_then(|key| {
            key.less_safe_encrypt(blocks.expose_mut(), EncryptionContext::Iv128(iv.into()))
        })
        .map_err(|_| CryptoError::Internal)?;
    Ok(Encrypted { value: blocks.into_sealed(), iv: Some(iv.to_vec()), tag: None })
}

fn decrypt_cbc(key: &[u8], ciphertext: Ciphertext<'_>) -> Result<SecretBytes, CryptoError> {
    let iv = ciphertext.iv.unwrap_or_default();
    let iv: [u8; BLOCK_BYTES] = iv.try_into().map_err(|_| CryptoError::Length)?;
    if ciphertext.value.is_empty() || !ciphertext.value.len().is_multiple_of(BLOCK_BYTES) {
        return Err(CryptoError::Unauthentic);
    }
    let mut blocks = SecretBytes::new(ciphertext.value.to_vec());
    DecryptingKey::cbc(cbc(key)?)
        .and_then(|key| {
            key.decrypt(blocks.expose_mut(), DecryptionContext::Iv128(iv.into())).map(|_| ())
        })
        .map_err(|_| CryptoError::Internal)?;
    Ok(blocks)
}

/// With the padding of PKCS#7 (RFC 5652, 6.3).
fn padded(plaintext: &[u8]) -> SecretBytes {
    let count = BLOCK_BYTES - plaintext.len() % BLOCK_BYTES;
    let mut blocks = Vec::with_capacity(plaintext.len() + count);
    blocks.extend_from_slice(plaintext);
    blocks.resize(plaintext.len() + count, u8::try_from(count).unwrap_or_default());
    SecretBytes::new(blocks)
}

/// Takes the padding off. Every byte of the last block is looked at, whatever the others are.
fn unpadded(mut blocks: SecretBytes) -> Result<SecretBytes, CryptoError> {
    let last = blocks.expose().last_chunk::<BLOCK_BYTES>().ok_or(CryptoError::Unauthentic)?;
    let count = last[BLOCK_BYTES - 1];
    let mut good: Choice = count.ct_gt(&0) & !count.ct_gt(&16);
    for (place, byte) in (0_u8..16).rev().zip(last) {
        good &= !place.ct_lt(&count) | byte.ct_eq(&count);
    }
    if !bool::from(good) {
        return Err(CryptoError::Unauthentic);
    }
    let len = blocks.len() - usize::from(count);
    blocks.truncate(len);
    Ok(blocks)
}
