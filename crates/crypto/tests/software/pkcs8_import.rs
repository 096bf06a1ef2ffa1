//! Keys that OpenSSL made, as PKCS#8; `keys/make.sh` says how.

use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::public;
use strongroom_model::{AkpAlgorithm, Curve, PublicKey, SignatureAlgorithm};

use crate::rsa_import::published;
use crate::{import, open, refused, secret};

macro_rules! key {
    ($name:literal) => {
        include_bytes!(concat!("keys/", $name))
    };
}

fn pkcs8(der: &[u8]) -> ImportedKey {
    ImportedKey::Pkcs8(secret(der))
}

/// Takes a key in, signs with it, exports it, takes it in again; gives its public half.
fn taken_in(der: &[u8], algorithm: SignatureAlgorithm) -> PublicKey {
    let material = import(&pkcs8(der)).unwrap();
    let key = open(&material);
    let message = vec![7; algorithm.digest_bytes().unwrap_or(100)];
    let signature = key.sign(algorithm, &message).unwrap();
    assert!(public::verify(&material.public, algorithm, &message, &signature).unwrap());
    let again = import(&pkcs8(key.export().unwrap().expose())).unwrap();
    assert_eq!(again.public, material.public);
    assert_eq!(again.private.expose(), material.private.expose());
    material.public
}

#[test]
fn rsa_keys() {
    let keys = [
        (&key!("rsa-2048.der")[..], &key!("rsa-2048.pub")[..], &[1, 0, 1][..]),
        (key!("rsa-2048-e3.der"), key!("rsa-2048-e3.pub"), &[3]),
    ];
    for (private, spki, exponent) in keys {
        let PublicKey::Rsa { n, e } = taken_in(private, SignatureAlgorithm::Ps256) else {
            panic!("not RSA")
        };
        assert_eq!(e, exponent);
        assert!(spki.windows(n.len()).any(|window| window == n));
    }
}

#[test]
fn elliptic_curve_keys() {
    use SignatureAlgorithm as Alg;
    let keys = [
        (Curve::P256, Alg::Es256, &key!("p256.der")[..], &key!("p256.pub")[..]),
        (Curve::P384, Alg::Es384, key!("p384.der"), key!("p384.pub")),
        (Curve::P521, Alg::Es512, key!("p521.der"), key!("p521.pub")),
        (Curve::P256K, Alg::Es256k, key!("p256k.der"), key!("p256k.pub")),
        (Curve::P256, Alg::Es256, key!("p256-without-point.der"), key!("p256.pub")),
        (Curve::P256K, Alg::Es256k, key!("p256k-without-point.der"), key!("p256k.pub")),
    ];
    for (expected, algorithm, private, spki) in keys {
        let PublicKey::Ec { curve, x, y } = taken_in(private, algorithm) else { panic!("not EC") };
        assert_eq!(curve, expected);
        assert!(spki.ends_with(&[x, y].concat()));
    }
}

/// RFC 9881, appendix C: the seed 00 01 .. 1f, and how the public key begins and ends.
#[test]
fn ml_dsa_keys() {
    use SignatureAlgorithm as Alg;
    let keys = [
        (
            17,
            Alg::MlDsa44,
            AkpAlgorithm::MlDsa44,
            "d7b2b47254aae0db45e7930d4a98d2c97d8f1397d1789dafa17024b316e9bec9",
            "2202766151f16a965f9f81ece76cc070b55869e4db9784cf05c830b3242c8312",
        ),
        (
            18,
            Alg::MlDsa65,
            AkpAlgorithm::MlDsa65,
            "48683d91978e31eb3dddb8b0473482d2b88a5f625949fd8f58a561e696bd4c27",
            "ad18bd13fca55059dd9b185f79f9c47196a4e81b2104bc460a051e02f2e8444f",
        ),
    ];
    for (arc, signature, expected, first, last) in keys {
        let public = taken_in(&ml_dsa_pkcs8(arc), signature);
        let PublicKey::Akp { algorithm, public } = public else { panic!("not ML-DSA") };
        assert_eq!(algorithm, expected);
        assert!(hex::encode(&public).starts_with(first));
        assert!(hex::encode(&public).ends_with(last));
    }
}

/// A key with the seed 00 01 .. 1f; `arc` is the last of the algorithm's object identifier.
fn ml_dsa_pkcs8(arc: u8) -> Vec<u8> {
    let mut der = hex::decode("3034020100300b060960864801650304031104228020").unwrap();
    der[17] = arc;
    der.extend(0..32_u8);
    der
}

#[test]
fn kinds_that_the_vault_does_not_keep_are_refused() {
    refused("1024 bits", &pkcs8(key!("rsa-1024.der")));
    refused("2056 bits", &pkcs8(key!("rsa-2056.der")));
    refused("three primes", &pkcs8(key!("rsa-2048-three-primes.der")));
    refused("a key for PSS alone", &pkcs8(key!("rsa-pss-2048.der")));
    refused("P-224", &pkcs8(key!("p224.der")));
    refused("a curve by its parameters", &pkcs8(key!("p256-explicit.der")));
    refused("Ed25519", &pkcs8(key!("ed25519.der")));
    refused("ML-KEM", &pkcs8(&ml_dsa_pkcs8(20)));
}

#[test]
fn other_formats_are_refused() {
    refused("PKCS#1", &pkcs8(key!("rsa-2048-pkcs1.der")));
    refused("SEC 1", &pkcs8(key!("p256-sec1.der")));
    refused("an encrypted key", &pkcs8(key!("p256-encrypted.der")));
    refused("a public key", &pkcs8(key!("p256.pub")));
    refused("nothing", &pkcs8(&[]));
}

/// Whether it still parses or not: no byte of a key can be changed, cut off or added so that
/// another key is taken in without a complaint, and none makes the parser fall over.
#[test]
fn damaged_keys_are_refused() {
    for der in [&key!("p256.der")[..], key!("p256k.der"), key!("p521.der"), key!("rsa-2048.der")] {
        let intact = import(&pkcs8(der)).unwrap().public;
        for len in 0..der.len() {
            refused("a truncated key", &pkcs8(&der[..len]));
        }
        refused("a byte more", &pkcs8(&[der, &[0]].concat()));
        let step = if der.len() > 1_000 { 7 } else { 1 };
        for at in (0..der.len()).step_by(step) {
            let mut damaged = der.to_vec();
            damaged[at] ^= 0x10;
            if let Ok(material) = import(&pkcs8(&damaged)) {
                assert_eq!(material.public, intact, "byte {at}");
            }
        }
    }
}

/// OpenSSL's layout for keys that Java made without their primes.
#[test]
fn an_rsa_key_without_its_primes_is_refused() {
    let parts = published();
    let integer = |bytes: Vec<u8>| {
        let zero = if bytes[0] & 0x80 == 0 { &[][..] } else { &[0] };
        element(0x02, &[zero, &bytes].concat())
    };
    let mut key = integer(vec![0]);
    for number in [&parts.n, &parts.e, &parts.d] {
        key.extend(integer(number.to_bytes_be()));
    }
    for _ in 0..5 {
        key.extend(integer(vec![0]));
    }
    let algorithm = hex::decode("300d06092a864886f70d0101010500").unwrap();
    let key = element(0x04, &element(0x30, &key));
    refused("no primes", &pkcs8(&element(0x30, &[integer(vec![0]), algorithm, key].concat())));
}

/// A DER element of a length below 64 KiB.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    let [high, low] = len.to_be_bytes();
    let header = match len {
        0..=127 => vec![tag, low],
        128..=255 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&header, value].concat()
}
