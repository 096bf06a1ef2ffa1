//! Keys that OpenSSL made, taken apart; `keys/make.sh` says how.

use strongroom_crypto::CryptoError;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::software::private_key_file::{Encoding, read};

use crate::{import, secret};

macro_rules! key {
    ($name:literal) => {
        &include_bytes!(concat!("keys/", $name))[..]
    };
}

#[test]
fn the_parts_are_those_of_the_key() {
    for (encoding, file, pkcs8) in [
        (Encoding::Pkcs8, key!("rsa-2048.der"), key!("rsa-2048.der")),
        (Encoding::Pkcs8, key!("rsa-2048-e3.der"), key!("rsa-2048-e3.der")),
        (Encoding::Pkcs1, key!("rsa-2048-pkcs1.der"), key!("rsa-2048.der")),
        (Encoding::Pkcs8, key!("p256.der"), key!("p256.der")),
        (Encoding::Pkcs8, key!("p256-without-point.der"), key!("p256.der")),
        (Encoding::Pkcs8, key!("p384.der"), key!("p384.der")),
        (Encoding::Pkcs8, key!("p521.der"), key!("p521.der")),
        (Encoding::Pkcs8, key!("p256k.der"), key!("p256k.der")),
        (Encoding::Pkcs8, key!("p256k-without-point.der"), key!("p256k.der")),
        (Encoding::Sec1, key!("p256-sec1.der"), key!("p256.der")),
        (Encoding::Sec1, key!("p521-sec1.der"), key!("p521.der")),
        (Encoding::Sec1, key!("p256k-sec1.der"), key!("p256k.der")),
    ] {
        let parts = read(encoding, &secret(file)).unwrap();
        assert!(matches!(parts, ImportedKey::Rsa { .. } | ImportedKey::Ec { .. }));
        let (found, whole) = (import(&parts).unwrap(), import(&ImportedKey::Pkcs8(secret(pkcs8))));
        let whole = whole.unwrap();
        assert_eq!(found.public, whole.public);
        assert_eq!(found.private.expose(), whole.private.expose());
    }
}

#[test]
fn other_keys_are_refused() {
    for (encoding, file, expected) in [
        (Encoding::Pkcs8, key!("ed25519.der"), CryptoError::Algorithm),
        (Encoding::Pkcs8, key!("rsa-pss-2048.der"), CryptoError::Algorithm),
        (Encoding::Pkcs8, key!("p224.der"), CryptoError::Key),
        (Encoding::Pkcs8, key!("p256-explicit.der"), CryptoError::Key),
        (Encoding::Pkcs8, key!("p256-encrypted.der"), CryptoError::Key),
        (Encoding::Pkcs8, key!("rsa-2048-pkcs1.der"), CryptoError::Key),
        (Encoding::Pkcs1, key!("rsa-2048.der"), CryptoError::Key),
        (Encoding::Pkcs1, key!("rsa-2048-three-primes.der"), CryptoError::Key),
        (Encoding::Sec1, key!("p256.der"), CryptoError::Key),
        (Encoding::Sec1, key!("p256.pub"), CryptoError::Key),
        (Encoding::Sec1, &[], CryptoError::Key),
    ] {
        assert_eq!(read(encoding, &secret(file)).err(), Some(expected));
    }
}
