//! RSA keys from their parts: everything that can be wrong with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use num_bigint::BigUint;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::{SecretBytes, public};
use strongroom_model::{PublicKey, SignatureAlgorithm};

use crate::{import, open, refused, secret};

/// The parts as numbers.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) n: BigUint,
    pub(crate) e: BigUint,
    pub(crate) d: BigUint,
    p: BigUint,
    q: BigUint,
    dp: BigUint,
    dq: BigUint,
    qi: BigUint,
}

/// The key of RFC 7515, A.2.
pub(crate) fn published() -> Parts {
    let examples = include_str!("../provider/vectors/jose.json");
    let examples: serde_json::Value = serde_json::from_str(examples).unwrap();
    let key = &examples["signed"][0]["key"];
    let number = |name: &str| {
        BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap())
    };
    Parts {
        n: number("n"),
        e: number("e"),
        d: number("d"),
        p: number("p"),
        q: number("q"),
        dp: number("dp"),
        dq: number("dq"),
        qi: number("qi"),
    }
}

/// The parts that belong to two factors and an exponent, prime or not.
fn computed(p: &BigUint, q: &BigUint, e: u64) -> Option<Parts> {
    let one = BigUint::from(1_u8);
    let e = BigUint::from(e);
    let (p1, q1) = (p - &one, q - &one);
    let d = e.modinv(&(&p1 * &q1))?;
    Some(Parts {
        n: p * q,
        dp: &d % &p1,
        dq: &d % &q1,
        qi: q.modinv(p)?,
        p: p.clone(),
        q: q.clone(),
        e,
        d,
    })
}

impl Parts {
    pub(crate) fn key(&self) -> ImportedKey {
        let private = |number: &BigUint| SecretBytes::new(number.to_bytes_be());
        ImportedKey::Rsa {
            n: self.n.to_bytes_be(),
            e: self.e.to_bytes_be(),
            d: private(&self.d),
            p: private(&self.p),
            q: private(&self.q),
            dp: private(&self.dp),
            dq: private(&self.dq),
            qi: private(&self.qi),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> ImportedKey {
        let mut changed = self.clone();
        change(&mut changed);
        changed.key()
    }
}

/// A part of the key that a test replaces.
type Part = (&'static str, fn(&mut Parts) -> &mut BigUint);

const PARTS: [Part; 8] = [
    ("n", |parts| &mut parts.n),
    ("e", |parts| &mut parts.e),
    ("d", |parts| &mut parts.d),
    ("p", |parts| &mut parts.p),
    ("q", |parts| &mut parts.q),
    ("dp", |parts| &mut parts.dp),
    ("dq", |parts| &mut parts.dq),
    ("qi", |parts| &mut parts.qi),
];

#[test]
fn the_published_key_is_taken_in_and_signs() {
    let parts = published();
    let material = import(&parts.key()).unwrap();
    let PublicKey::Rsa { n, e } = &material.public else { panic!("not RSA") };
    assert_eq!((n, e), (&parts.n.to_bytes_be(), &vec![1, 0, 1]));
    let signature = open(&material).sign(SignatureAlgorithm::Ps512, &[7; 64]).unwrap();
    let fits = public::verify(&material.public, SignatureAlgorithm::Ps512, &[7; 64], &signature);
    assert!(fits.unwrap());
}

#[test]
fn leading_zeros_make_no_difference() {
    let parts = published();
    let zeros = |number: &BigUint| [&[0, 0][..], &number.to_bytes_be()].concat();
    let padded = ImportedKey::Rsa {
        n: zeros(&parts.n),
        e: zeros(&parts.e),
        d: secret(&zeros(&parts.d)),
        p: secret(&zeros(&parts.p)),
        q: secret(&zeros(&parts.q)),
        dp: secret(&zeros(&parts.dp)),
        dq: secret(&zeros(&parts.dq)),
        qi: secret(&zeros(&parts.qi)),
    };
    assert_eq!(import(&padded).unwrap().public, import(&parts.key()).unwrap().public);
}

#[test]
fn every_part_that_does_not_belong_to_the_others_is_refused() {
    let parts = published();
    for (name, part) in PARTS {
        for number in [0_u8, 1, 2] {
            let key = parts.with(|parts| *part(parts) = BigUint::from(number));
            refused(&format!("{name} = {number}"), &key);
        }
        for change in [1_u8, 2] {
            let key = parts.with(|parts| *part(parts) += change);
            refused(&format!("{name} + {change}"), &key);
            let key = parts.with(|parts| *part(parts) -= change);
            refused(&format!("{name} - {change}"), &key);
        }
        let key = parts.with(|parts| *part(parts) <<= 8);
        refused(&format!("{name} with a byte more"), &key);
        let key = parts.with(|parts| *part(parts) <<= 65_536);
        refused(&format!("{name} with 8 KiB more"), &key);
    }
}

#[test]
fn parts_that_are_congruent_but_not_reduced_are_refused() {
    let parts = published();
    let (p1, q1) = (&parts.p - 1_u8, &parts.q - 1_u8);
    refused("d + 4 phi(n)", &parts.with(|parts| parts.d += &p1 * &q1 * 4_u8));
    refused("dp + p - 1", &parts.with(|parts| parts.dp += &p1));
    refused("dq + q - 1", &parts.with(|parts| parts.dq += &q1));
    refused("qi + p", &parts.with(|changed| changed.qi += &parts.p));
}

#[test]
fn swapped_parts_are_refused() {
    let parts = published();
    refused("p and q", &parts.with(|parts| std::mem::swap(&mut parts.p, &mut parts.q)));
    refused("dp and dq", &parts.with(|parts| std::mem::swap(&mut parts.dp, &mut parts.dq)));
    refused(
        "the wrong inverse",
        &parts.with(|changed| {
            changed.qi = parts.p.modinv(&parts.q).unwrap();
        }),
    );
    refused(
        "n and 1",
        &parts.with(|changed| {
            changed.p = parts.n.clone();
            changed.q = BigUint::from(1_u8);
        }),
    );
}

#[test]
fn exponents_are_odd_and_3_or_more_and_of_32_bits() {
    let parts = published();
    for e in [0_u64, 1, 2, 4, 65_536, 65_538] {
        refused(&format!("e = {e}"), &parts.with(|parts| parts.e = BigUint::from(e)));
    }
    let longest = (0..200).find_map(|less| computed(&parts.p, &parts.q, 0xffff_ffff - 2 * less));
    let longest = longest.unwrap();
    let material = import(&longest.key()).unwrap();
    let signature = open(&material).sign(SignatureAlgorithm::Rs256, &[7; 32]).unwrap();
    let fits = public::verify(&material.public, SignatureAlgorithm::Rs256, &[7; 32], &signature);
    assert!(fits.unwrap());
    let longer = (0..200).find_map(|more| computed(&parts.p, &parts.q, 0x1_0000_0001 + 2 * more));
    refused("e of 33 bits", &longer.unwrap().key());
}

/// Consistent in all that can be computed, but no power comes back.
#[test]
fn factors_that_are_not_prime_are_refused() {
    let parts = published();
    let composite = (1..100_u8).find_map(|more| {
        let factor = &parts.p - 2_u8 * more;
        let small = [3_u8, 5, 7, 11].into_iter().any(|prime| &factor % prime == BigUint::ZERO);
        small.then(|| computed(&factor, &parts.q, 65_537)).flatten()
    });
    refused("a composite factor", &composite.unwrap().key());
}

#[test]
fn factors_of_unequal_length_are_refused() {
    let parts = published();
    let short = (&parts.q >> 64) | BigUint::from(1_u8);
    let unequal = (0..100_u8).find_map(|more| {
        let long = (&parts.p << 64) + 2 * more + 1_u8;
        computed(&long, &short, 65_537).filter(|parts| parts.n.bits() == 2048)
    });
    refused("unequal factors", &unequal.unwrap().key());
}

#[test]
fn one_factor_twice_is_refused() {
    let parts = published();
    let twice = parts.with(|changed| {
        changed.q = parts.p.clone();
        changed.dq = parts.dp.clone();
        changed.n = &parts.p * &parts.p;
    });
    refused("n = p * p", &twice);
}
