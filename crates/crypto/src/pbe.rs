//! Encryption under a password, as files of keys have it: PBES2 (RFC 8018), and the schemes of
//! PKCS#12 (RFC 7292, appendices B and C), whose weak ciphers are only ever read.
//!
//! How often a file may make a derivation iterate is for its reader to bound.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{digest, hmac, pbkdf2};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, InvalidLength, KeyInit};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;

use crate::{CryptoError, SecretBytes};

/// The hash function of a derivation or of a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1: of older files.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// What a derivation of PKCS#12 is for (RFC 7292, B.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The key of a cipher.
    Key = 1,
    /// The initialization vector of a cipher.
    Iv = 2,
    /// The key of a MAC.
    Mac = 3,
}

/// A block cipher in CBC mode with the padding of PKCS#7. The length of the key is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES with a key of 16, 24 or 32 bytes.
    Aes,
    /// Triple DES with a key of 16 (the first third serves again as the last) or 24 bytes.
    TripleDes,
    /// RC2 with a key of 5 or 16 bytes, all of whose bits are effective.
    Rc2,
}

/// PBKDF2 with HMAC (RFC 8018, 5.2): `length` bytes from a password in the file's encoding.
pub fn pbkdf2(
    hash: Hash,
    password: &SecretBytes,
    salt: &[u8],
    iterations: NonZeroU32,
    length: usize,
) -> SecretBytes {
    let algorithm = match hash {
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let mut key = SecretBytes::new(vec![0; length]);
    pbkdf2::derive(algorithm, iterations, salt, password.expose(), key.expose_mut());
    key
}

/// The derivation of PKCS#12 (RFC 7292, B.2): `length` bytes from a password, which is UTF-16 in
/// big-endian order and ends with a zero character (or is no string at all: nothing).
pub fn pkcs12(
    hash: Hash,
    purpose: Purpose,
    password: &SecretBytes,
    salt: &[u8],
    iterations: NonZeroU32,
    length: usize,
) -> SecretBytes {
    let block_bytes = hash.digest().block_len();
    let diversifier = vec![purpose as u8; block_bytes];
    let mut input = SecretBytes::new(filled(salt, password.expose(), block_bytes));
    let mut key = Vec::with_capacity(length + block_bytes);
    loop {
        let block = hash.repeated(&[&diversifier, input.expose()], iterations);
        key.extend_from_slice(block.as_ref());
        if key.len() >= length {
            break;
        }
        for chunk in input.expose_mut().chunks_exact_mut(block_bytes) {
            add_with_one(chunk, block.as_ref());
        }
    }
    let mut key = SecretBytes::new(key);
    key.truncate(length);
    key
}

/// HMAC (RFC 2104).
pub fn hmac(hash: Hash, key: &SecretBytes, message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac_key(hash, key), message).as_ref().to_vec()
}

/// Checks an HMAC in constant time.
///
/// # Errors
/// [`CryptoError::Unauthentic`] when it does not fit.
pub fn verify_hmac(
    hash: Hash,
    key: &SecretBytes,
    message: &[u8],
    tag: &[u8],
) -> Result<(), CryptoError> {
    hmac::verify(&hmac_key(hash, key), message, tag).map_err(|_| CryptoError::Unauthentic)
}

/// Decrypts, and takes the padding off.
///
/// # Errors
/// [`CryptoError::Length`] for a key or an IV of a length that the cipher does not take,
/// [`CryptoError::Unauthentic`] when the padding is wrong: nearly always under a wrong password.
pub fn decrypt(
    cipher: Cipher,
    key: &SecretBytes,
    iv: &[u8],
    ciphertext: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let mut buffer = SecretBytes::new(ciphertext.to_vec());
    let (key, bytes) = (key.expose(), buffer.expose_mut());
    let length = match (cipher, key.len()) {
        (Cipher::Aes, _) => decrypt_aes(key, iv, bytes)?,
        (Cipher::TripleDes, 24) => decrypt_blocks(TdesEde3::new_from_slice(key), iv, bytes)?,
        (Cipher::TripleDes, 16) => decrypt_blocks(TdesEde2::new_from_slice(key), iv, bytes)?,
        (Cipher::Rc2, 5 | 16) => decrypt_blocks(Rc2::new_from_slice(key), iv, bytes)?,
        (Cipher::TripleDes | Cipher::Rc2, _) => return Err(CryptoError::Length),
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// Encrypts under AES in CBC mode, with padding. The IV must be random, and new for each message.
///
/// # Errors
/// [`CryptoError::Length`] for a key that is not of 16, 24 or 32 bytes.
pub fn encrypt_aes(
    key: &SecretBytes,
    iv: [u8; 16],
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let mut buffer = Vec::with_capacity(plaintext.len() + iv.len());
    buffer.extend_from_slice(plaintext);
    PaddedBlockEncryptingKey::cbc_pkcs7(aes(key.expose())?)
        .and_then(|key| key.less_safe_encrypt(&mut buffer, EncryptionContext::Iv128(iv.into())))
        .map_err(|_| CryptoError::Internal)?;
    Ok(buffer)
}

impl Hash {
    /// The length of a digest, in bytes.
    pub fn bytes(self) -> usize {
        self.digest().output_len()
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// The digest of the digest of … the parts.
    fn repeated(self, parts: &[&[u8]], iterations: NonZeroU32) -> digest::Digest {
        let mut context = digest::Context::new(self.digest());
        for part in parts {
            context.update(part);
        }
        let mut digest = context.finish();
        for _ in 1..iterations.get() {
            digest = digest::digest(self.digest(), digest.as_ref());
        }
        digest
    }
}

/// Salt and password, each repeated until it fills whole blocks; an empty one fills none.
fn filled(salt: &[u8], password: &[u8], block_bytes: usize) -> Vec<u8> {
    let length = |part: &[u8]| part.len().next_multiple_of(block_bytes);
    let mut input = Vec::with_capacity(length(salt) + length(password));
    for part in [salt, password] {
        input.extend(part.iter().cycle().take(length(part)));
    }
    input
}

/// `number += addend + 1`, both big-endian; the addend repeats until it is as long as the number.
fn add_with_one(number: &mut [u8], addend: &[u8]) {
    let addend: Vec<u8> = addend.iter().copied().cycle().take(number.len()).collect();
    let mut carry = 1;
    for (byte, addend) in number.iter_mut().zip(addend).rev() {
        let [high, low] = (u16::from(*byte) + u16::from(addend) + carry).to_be_bytes();
        (*byte, carry) = (low, u16::from(high));
    }
}

fn hmac_key(hash: Hash, key: &SecretBytes) -> hmac::Key {
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Key::new(algorithm, key.expose())
}

fn aes(key: &[u8]) -> Result<UnboundCipherKey, CryptoError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(CryptoError::Length),
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::Internal)
}

/// Decrypts in place, and says how long the plaintext is.
fn decrypt_aes(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Result<usize, CryptoError> {
    let iv: [u8; 16] = iv.try_into().map_err(|_| CryptoError::Length)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(aes(key)?).map_err(|_| CryptoError::Internal)?;
    let plaintext = key.decrypt(bytes, DecryptionContext::Iv128(iv.into()));
    Ok(plaintext.map_err(|_| CryptoError::Unauthentic)?.len())
}

/// As [`decrypt_aes`], for the older ciphers.
fn decrypt_blocks<C: BlockCipherDecrypt>(
    cipher: Result<C, InvalidLength>,
    iv: &[u8],
    bytes: &mut [u8],
) -> Result<usize, CryptoError> {
    let cipher = cipher.map_err(|_| CryptoError::Length)?;
    let decryptor = Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| CryptoError::Length)?;
    let plaintext = decryptor.decrypt_padded::<Pkcs7>(bytes);
    Ok(plaintext.map_err(|_| CryptoError::Unauthentic)?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 8] = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];

    fn times(iterations: u32) -> NonZeroU32 {
        NonZeroU32::new(iterations).unwrap()
    }

    /// Ended by a zero character.
    fn utf16(text: &str) -> SecretBytes {
        SecretBytes::new(text.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect())
    }

    // RFC 6070, the cases of 1 and 4096 iterations; RFC 7914, section 11, for SHA-256.
    #[test]
    fn pbkdf2_of_the_rfcs() {
        let password = SecretBytes::new(b"password".to_vec());
        let derived = |count| pbkdf2(Hash::Sha1, &password, b"salt", times(count), 20);
        let expected = "0c60c80f961f0e71f3a9b524af6012062fe037a6";
        assert_eq!(hex::encode(derived(1).expose()), expected);
        let expected = "4b007901b765489abead49d926f721d065a429c1";
        assert_eq!(hex::encode(derived(4096).expose()), expected);
        let passwd = SecretBytes::new(b"passwd".to_vec());
        let derived = pbkdf2(Hash::Sha256, &passwd, b"salt", times(1), 64);
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
                        49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783";
        assert_eq!(hex::encode(derived.expose()), expected);
    }

    // Computed with OpenSSL 3.0: openssl kdf -keylen 100 -kdfopt digest:SHA1 -kdfopt id:1
    // -kdfopt hexpass:006b0065007900310000 -kdfopt hexsalt:0a58cf64530d823f -kdfopt iter:3
    // PKCS12KDF, and so on for the others.
    #[test]
    fn pkcs12_agrees_with_an_independent_implementation() {
        for (hash, expected) in PKCS12_EXPECTED {
            let key = pkcs12(hash, Purpose::Key, &utf16("key1"), &SALT, times(3), 100);
            assert_eq!(hex::encode(key.expose()), expected, "{hash:?}");
        }
        let key = pkcs12(Hash::Sha1, Purpose::Mac, &SecretBytes::default(), &SALT, times(1), 30);
        let expected = "299a6e0e9e7e39d3f800fc56ab1adc6f31f604c4d79740d70c2cfdaaebe9";
        assert_eq!(hex::encode(key.expose()), expected);
        let long = utf16(&"a".repeat(80));
        let iv = pkcs12(Hash::Sha1, Purpose::Iv, &long, &SALT, times(7), 8);
        assert_eq!(hex::encode(iv.expose()), "54ef09860a4390a5");
    }

    const PKCS12_EXPECTED: [(Hash, &str); 4] = [
        (
            Hash::Sha1,
            "456fe08c623e6f09532a2ec47195395fd7862e014a514857d54d0c5a8a5583e10ca499accd5caadd6687\
             a676eb7dce96ef31ce59903533713fe52c6a1569ef14fc03ffaba7d8a0b20260629e1850c536b85b5627\
             2350a06a3f66a0d373b6aeb3fde34641",
        ),
        (
            Hash::Sha256,
            "38289895da60d18c658fa599116d562339ccadbdd501cd2e8ab3e1d0b693d4881947d929058af15bc07a\
             87dc063cb7e3a0c695ac8d2ee5a8b595c4b0cca3315aa7070d2d54df19f1d9425affd1b5e14505bac67e\
             7d3013332a3687c7b29f714a7a13f14f",
        ),
        (
            Hash::Sha384,
            "98d6fc72babc3134d9f65aa2ec2ec8830f66ef346432c38e3b83b7d3582957da3e1af5172e9eaedd802c\
             2875c5fa2bc545bb6cee94ce6f1a173610b77ef2994acafaaadd0fa11d88f31ee5be753ccaf3583ae620\
             ae3284b85c3dacc83eddf56668dfb649",
        ),
        (
            Hash::Sha512,
            "5a95418753f0ca41169a89488d656ca2da33b55b878cfd290a43113a3681826a2bc4b575e5dc6cbeb849\
             42b42d8d1a95b40ae87b0f4c9c715eea66094a62414028a75bfc4266ae7cb5c5030b842e1e972543d7ee\
             82ec4eee700f0e47a9350ceb809d7f04",
        ),
    ];

    #[test]
    fn keys_and_ivs_of_other_lengths_are_refused() {
        let lengths = [(Cipher::Aes, 8, 16), (Cipher::Aes, 16, 8), (Cipher::TripleDes, 8, 8)];
        let more = [(Cipher::TripleDes, 24, 16), (Cipher::Rc2, 0, 8), (Cipher::Rc2, 200, 8)];
        for (cipher, key, iv) in lengths.into_iter().chain(more) {
            let key = SecretBytes::new(vec![0; key]);
            let refused = decrypt(cipher, &key, &vec![0; iv], &[0; 32]).err();
            assert_eq!(refused, Some(CryptoError::Length), "{cipher:?}");
        }
        assert!(encrypt_aes(&SecretBytes::new(vec![0; 8]), [0; 16], b"").is_err());
    }

    #[test]
    fn ciphertexts_that_are_no_whole_blocks_are_refused() {
        let key = SecretBytes::new(vec![0; 16]);
        for (cipher, iv) in [(Cipher::Aes, 16), (Cipher::TripleDes, 8), (Cipher::Rc2, 8)] {
            for length in [0, 1, 15, 17] {
                let refused = decrypt(cipher, &key, &vec![0; iv], &vec![0; length]).err();
                assert_eq!(refused, Some(CryptoError::Unauthentic), "{cipher:?} {length}");
            }
        }
    }
}
