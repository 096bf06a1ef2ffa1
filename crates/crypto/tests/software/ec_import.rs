//! Elliptic curve keys from point and scalar: everything that can be wrong with them.

use num_bigint::BigUint;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::public;
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};

use crate::{import, open, refused, secret};

/// A curve's base point and its order: SP 800-186, 3.2.1, and SEC 2, 2.4.1.
struct Published {
    curve: Curve,
    algorithm: SignatureAlgorithm,
    x: &'static str,
    y: &'static str,
    order: &'static str,
}

const PUBLISHED: [Published; 4] = [
    Published {
        curve: Curve::P256,
        algorithm: SignatureAlgorithm::Es256,
        x: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        y: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    },
    Published {
        curve: Curve::P384,
        algorithm: SignatureAlgorithm::Es384,
        x: concat!(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98",
            "59f741e082542a385502f25dbf55296c3a545e3872760ab7"
        ),
        y: concat!(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c",
            "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
        ),
        order: concat!(
            "ffffffffffffffffffffffffffffffffffffffffffffffff",
            "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        ),
    },
    Published {
        curve: Curve::P521,
        algorithm: SignatureAlgorithm::Es512,
        x: concat!(
            "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb5",
            "21f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de",
            "3348b3c1856a429bf97e7e31c2e5bd66"
        ),
        y: concat!(
            "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b44",
            "6817afbd17273e662c97ee72995ef42640c550b9013fad0761",
            "353c7086a272c24088be94769fd16650"
        ),
        order: concat!(
            "01ffffffffffffffffffffffffffffffffffffffffffffffff",
            "fffffffffffffffffa51868783bf2f966b7fcc0148f709a5d0",
            "3bb5c9b8899c47aebb6fb71e91386409"
        ),
    },
    Published {
        curve: Curve::P256K,
        algorithm: SignatureAlgorithm::Es256k,
        x: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        y: "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        order: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    },
];

impl Published {
    fn point(&self) -> (Vec<u8>, Vec<u8>) {
        (hex::decode(self.x).unwrap(), hex::decode(self.y).unwrap())
    }

    /// A scalar at the curve's full length.
    fn scalar(&self, number: &BigUint) -> Vec<u8> {
        let number = number.to_bytes_be();
        [vec![0; self.curve.field_bytes() - number.len()], number].concat()
    }

    /// The key of the base point, whose scalar is 1, with another scalar.
    fn with_scalar(&self, number: &BigUint) -> ImportedKey {
        let (x, y) = self.point();
        ImportedKey::Ec { curve: self.curve, x, y, d: secret(&self.scalar(number)) }
    }

    fn one(&self) -> Vec<u8> {
        self.scalar(&BigUint::from(1_u8))
    }
}

#[test]
fn the_base_point_is_the_key_of_the_scalar_1() {
    for published in &PUBLISHED {
        let material = import(&published.with_scalar(&BigUint::from(1_u8))).unwrap();
        let (x, y) = published.point();
        let PublicKey::Ec { curve, .. } = material.public else { panic!("not EC") };
        assert_eq!(curve, published.curve);
        assert_eq!(material.public, PublicKey::Ec { curve, x, y });
        let digest = vec![7; published.algorithm.digest_bytes().unwrap()];
        let signature = open(&material).sign(published.algorithm, &digest).unwrap();
        assert_eq!(signature.len(), 2 * curve.field_bytes());
        let fits = public::verify(&material.public, published.algorithm, &digest, &signature);
        assert!(fits.unwrap());
    }
}

#[test]
fn scalars_of_another_point_or_out_of_range_are_refused() {
    for published in &PUBLISHED {
        let order = BigUint::parse_bytes(published.order.as_bytes(), 16).unwrap();
        let one = BigUint::from(1_u8);
        let scalars = [
            ("0", BigUint::ZERO),
            ("2", BigUint::from(2_u8)),
            ("the order less 1, of the opposite point", &order - &one),
            ("the order", order.clone()),
            ("the order and 1, of the same point", &order + &one),
        ];
        for (what, scalar) in scalars {
            refused(&format!("{}: {what}", published.curve), &published.with_scalar(&scalar));
        }
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    for published in &PUBLISHED {
        let (x, y) = published.point();
        let key = |x: Vec<u8>, y: Vec<u8>| ImportedKey::Ec {
            curve: published.curve,
            x,
            y,
            d: secret(&published.one()),
        };
        let mut other = y.clone();
        *other.last_mut().unwrap() ^= 1;
        refused("another y", &key(x.clone(), other));
        refused("x and y swapped", &key(y.clone(), x.clone()));
        let size = published.curve.field_bytes();
        refused("the origin", &key(vec![0; size], vec![0; size]));
        refused("coordinates beyond the field", &key(vec![0xff; size], vec![0xff; size]));
    }
}

#[test]
fn lengths_other_than_the_curve_s_are_refused() {
    for published in &PUBLISHED {
        let (x, y) = published.point();
        let d = published.one();
        let key = |x: &[u8], y: &[u8], d: &[u8]| ImportedKey::Ec {
            curve: published.curve,
            x: x.to_vec(),
            y: y.to_vec(),
            d: secret(d),
        };
        let longer = |bytes: &[u8]| [&[0], bytes].concat();
        refused("a longer x", &key(&longer(&x), &y, &d));
        refused("a longer y", &key(&x, &longer(&y), &d));
        refused("a longer d", &key(&x, &y, &longer(&d)));
        refused("a shorter x", &key(&x[1..], &y, &d));
        refused("a shorter y", &key(&x, &y[1..], &d));
        refused("a shorter d", &key(&x, &y, &d[1..]));
        refused("a byte from x in y", &key(&x[1..], &longer(&y), &d));
        refused("nothing", &key(&[], &[], &[]));
    }
}

#[test]
fn a_key_of_another_curve_of_the_same_length_is_refused() {
    let [p256, .., p256k] = &PUBLISHED;
    let (x, y) = p256k.point();
    refused("P-256", &ImportedKey::Ec { curve: p256.curve, x, y, d: secret(&p256.one()) });
    let (x, y) = p256.point();
    refused("P-256K", &ImportedKey::Ec { curve: p256k.curve, x, y, d: secret(&p256.one()) });
}
