//! Keys in certificates that another implementation made (fixtures/make.py).

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

use strongroom_model::{Curve, PublicKey};
use strongroom_pki::{public_key, subject_public_key_info};

const CERTIFICATES: &str = include_str!("fixtures/certificates.txt");

fn unhex(text: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(text.get(i..i + 2).unwrap(), 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn keys_are_read_as_another_implementation_wrote_them() {
    let mut read = 0;
    for line in CERTIFICATES.lines() {
        let [name, first, second, certificate] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let found = public_key(&unhex(certificate));
        let curve = match name {
            "RSA-2048" | "RSA-3" => None,
            "P-256" | "P-384" | "P-521" => Some(Curve::parse(name).unwrap()),
            "secp256k1" => Some(Curve::P256K),
            _ => {
                assert!(found.is_err(), "{name}");
                continue;
            }
        };
        let (first, second) = (unhex(first), unhex(second));
        let expected = match curve {
            None => PublicKey::Rsa { n: first, e: second },
            Some(curve) => PublicKey::Ec { curve, x: first, y: second },
        };
        assert_eq!(found.unwrap(), expected, "{name}");
        // The certificate holds the key as a file does.
        let (info, whole) = (subject_public_key_info(&expected).unwrap(), unhex(certificate));
        assert!(whole.windows(info.len()).any(|window| window == info), "{name}");
        read += 1;
    }
    assert_eq!(read, 6);
}

#[test]
fn damaged_certificates_are_refused_or_read_and_never_panic() {
    for line in CERTIFICATES.lines() {
        let whole = unhex(line.rsplit(' ').next().unwrap());
        for cut in 0..whole.len() {
            assert!(public_key(&whole[..cut]).is_err());
        }
        for i in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[i] ^= 0x80;
            let _ = public_key(&damaged);
        }
    }
    assert!(public_key(b"").is_err());
}
