//! The sealed form of a record:
//! `format u8 | key generation u32 | salt 24 | ciphertext | tag 16`.
//!
//! The record's own AES-256-GCM key and nonce come from HKDF-SHA-256 over the data key with the
//! random salt, so that one data key safely seals any number of records: with random nonces
//! alone it would meet the limit of SP 800-38D in days at full write speed.

use strongroom_crypto::{CryptoError, SecretBytes, SymmetricKey, aead, kdf, random};

/// The format that this release writes.
pub(crate) const FORMAT: u8 = 1;

pub(crate) const SALT_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + 4 + SALT_BYTES;
const INFO: &[u8] = b"strongroom/record/v1";

/// The clear beginning of a sealed record.
pub(crate) struct Header<'a> {
    pub(crate) format: u8,
    pub(crate) generation: u32,
    pub(crate) salt: &'a [u8],
    pub(crate) ciphertext: &'a [u8],
}

/// Splits a sealed record; `None` if it is too short to be one.
pub(crate) fn parse(sealed: &[u8]) -> Option<Header<'_>> {
    let (header, ciphertext) = sealed.split_at_checked(HEADER_BYTES)?;
    let (format, rest) = header.split_first()?;
    let (generation, salt) = rest.split_first_chunk::<4>()?;
    let generation = u32::from_be_bytes(*generation);
    Some(Header { format: *format, generation, salt, ciphertext })
}

pub(crate) fn seal(
    key: &SymmetricKey,
    generation: u32,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let salt = random::bytes::<SALT_BYTES>()?;
    let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + aead::TAG_BYTES);
    out.push(FORMAT);
    out.extend_from_slice(&generation.to_be_bytes());
    out.extend_from_slice(&salt);
    let (record_key, nonce) = derive(key, &salt)?;
    aead::seal(record_key.expose(), nonce, aad, plaintext, &mut out)?;
    Ok(out)
}

pub(crate) fn open(
    key: &SymmetricKey,
    header: &Header<'_>,
    aad: &[u8],
) -> Result<SecretBytes, CryptoError> {
    opener(key, header)?.open(aad, header.ciphertext)
}

/// The key of one record, derived and made ready.
pub(crate) fn opener(key: &SymmetricKey, header: &Header<'_>) -> Result<aead::Opener, CryptoError> {
    let (record_key, nonce) = derive(key, header.salt)?;
    aead::Opener::new(record_key.expose(), nonce)
}

fn derive(
    key: &SymmetricKey,
    salt: &[u8],
) -> Result<(SymmetricKey, [u8; aead::NONCE_BYTES]), CryptoError> {
    let okm = kdf::hkdf_sha256::<{ 32 + aead::NONCE_BYTES }>(key, salt, INFO)?;
    let (record_key, nonce) = okm.split_at(32);
    let nonce = nonce.try_into().map_err(|_| CryptoError::Internal)?;
    Ok((SymmetricKey::from_slice(record_key)?, nonce))
}
