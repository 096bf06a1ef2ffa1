//! RSNULL: RSASSA-PKCS1-v1_5 without a DigestInfo. No published vectors: the expected signature is
//! computed here by exponentiation (RFC 8017, 8.2.1, with the bytes in the place of T).

use num_bigint::BigUint;
use strongroom_crypto::{CryptoError, public};
use strongroom_model::SignatureAlgorithm::Rsnull;

use crate::rsa_import::{Parts, published};
use crate::{import, open};

fn expected(parts: &Parts, message: &[u8]) -> Vec<u8> {
    let padding = vec![0xff; 256 - 3 - message.len()];
    let encoded = [&[0, 1], &padding[..], &[0], message].concat();
    let power = BigUint::from_bytes_be(&encoded).modpow(&parts.d, &parts.n).to_bytes_be();
    [vec![0; 256 - power.len()], power].concat()
}

#[test]
fn it_signs_what_it_is_given() {
    let parts = published();
    let material = import(&parts.key()).unwrap();
    let key = open(&material);
    for len in [1, 32, 36, 51, 64, 245] {
        let message: Vec<u8> = (0..len).collect();
        let signature = key.sign(Rsnull, &message).unwrap();
        assert_eq!(signature, expected(&parts, &message), "{len} bytes");
        assert!(public::verify(&material.public, Rsnull, &message, &signature).unwrap());
        let other = [&message[1..], &[0x77]].concat();
        assert!(!public::verify(&material.public, Rsnull, &other, &signature).unwrap());
        let longer = [&[0], &signature[..]].concat();
        for wrong in [&signature[1..], &longer, &[0; 256], &[0xff; 256], &[]] {
            assert!(!public::verify(&material.public, Rsnull, &message, wrong).unwrap());
        }
    }
}

#[test]
fn it_takes_what_the_padding_leaves_room_for() {
    let material = import(&published().key()).unwrap();
    let key = open(&material);
    for message in [&[][..], &[1; 246], &[1; 256], &[1; 1_000]] {
        assert_eq!(key.sign(Rsnull, message), Err(CryptoError::Length));
        let verified = public::verify(&material.public, Rsnull, message, &[0; 256]);
        assert_eq!(verified, Err(CryptoError::Length));
    }
}
