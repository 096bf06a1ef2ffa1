//! Keys of vectors: taken in by the provider, and opened.

use std::sync::Arc;

use aws_lc_rs::digest;
use num_bigint::BigUint;
use strongroom_crypto::provider::{CryptoProvider, ImportedKey, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};

/// A key that a provider took in, ready for work.
pub(crate) struct Opened {
    pub(crate) public: PublicKey,
    pub(crate) private: Arc<dyn PrivateKey>,
}

/// Takes a key in and opens what the provider kept of it.
pub(crate) fn take_in(provider: &CryptoProvider, key: &ImportedKey) -> Result<Opened, CryptoError> {
    let material = provider.keys.import(key)?;
    let private = provider.keys.open(&material.public, &material.private)?;
    Ok(Opened { public: material.public, private })
}

/// A symmetric key.
pub(crate) fn oct(provider: &CryptoProvider, key: &[u8]) -> Result<Opened, CryptoError> {
    take_in(provider, &ImportedKey::Oct(secret(key)))
}

pub(crate) fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(bytes.to_vec())
}

/// An RSA public key from integers that may have leading zeros.
pub(crate) fn rsa(n: &[u8], e: &[u8]) -> PublicKey {
    PublicKey::Rsa { n: stripped(n).to_vec(), e: stripped(e).to_vec() }
}

/// An RSA private key from its primes and exponents; the rest is computed.
pub(crate) fn rsa_private(e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> ImportedKey {
    let [big_d, big_p, big_q] = [d, p, q].map(BigUint::from_bytes_be);
    let bytes = |number: BigUint| SecretBytes::new(number.to_bytes_be());
    let one = BigUint::from(1_u8);
    let inverse = big_q.modpow(&(&big_p - 2_u8), &big_p);
    ImportedKey::Rsa {
        n: (&big_p * &big_q).to_bytes_be(),
        e: stripped(e).to_vec(),
        dp: bytes(&big_d % (&big_p - &one)),
        dq: bytes(&big_d % (&big_q - &one)),
        d: bytes(big_d),
        p: bytes(big_p),
        q: bytes(big_q),
        qi: bytes(inverse),
    }
}

pub(crate) fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A number at a curve's full length, as a key has it; `None` if it does not fit.
pub(crate) fn coordinate(curve: Curve, number: &[u8]) -> Option<Vec<u8>> {
    let number = stripped(number);
    let zeros = curve.field_bytes().checked_sub(number.len())?;
    Some([&vec![0; zeros], number].concat())
}

/// The digest that an algorithm signs: the message itself where it takes messages.
pub(crate) fn digest(algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.digest_bytes() {
        Some(32) => &digest::SHA256,
        Some(48) => &digest::SHA384,
        Some(64) => &digest::SHA512,
        _ => return message.to_vec(),
    };
    digest::digest(hash, message).as_ref().to_vec()
}

/// Whether a provider works with RSA keys of this size.
pub(crate) fn takes_modulus(bits: usize) -> bool {
    matches!(bits, 2048 | 3072 | 4096)
}
