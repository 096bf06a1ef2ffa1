//! ECDSA in the form r || s: Wycheproof, NIST's SigVer, and public keys that are none (PKV).

use strongroom_crypto::provider::{CryptoProvider, ImportedKey};
use strongroom_crypto::{CryptoError, public};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};
use wycheproof::ecdsa::{TestGroup, TestGroupTypeId, TestName, TestSet};
use wycheproof::{EllipticCurve, HashFunction, TestResult};

use crate::keys;
use crate::response_file;
use crate::tally::{Expected, Tally, verified};

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies: Vec<_> =
        TestName::all().into_iter().map(|name| wycheproof(provider, name)).collect();
    tallies.push(sig_ver(provider));
    tallies.push(public_keys(provider));
    tallies
}

fn wycheproof(provider: &CryptoProvider, name: TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    for group in TestSet::load(name).unwrap().test_groups {
        let (curve, algorithm) = match applicable(provider, &group) {
            Ok(found) => found,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        let (x, y) = group.key.key[1..].split_at(curve.field_bytes());
        let key = PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() };
        for test in group.tests {
            let expected = match test.result {
                TestResult::Valid => Expected::Valid,
                _ => Expected::Invalid,
            };
            let digest = keys::digest(algorithm, &test.msg);
            let answer = public::verify(&key, algorithm, &digest, &test.sig);
            tally.count(test.tc_id, expected, verified(answer));
        }
    }
    tally
}

fn applicable(
    provider: &CryptoProvider,
    group: &TestGroup,
) -> Result<(Curve, SignatureAlgorithm), String> {
    let (curve, algorithm, hash) = match group.key.curve {
        EllipticCurve::Secp256r1 => {
            (Curve::P256, SignatureAlgorithm::Es256, HashFunction::Sha2_256)
        }
        EllipticCurve::Secp384r1 => {
            (Curve::P384, SignatureAlgorithm::Es384, HashFunction::Sha2_384)
        }
        EllipticCurve::Secp521r1 => {
            (Curve::P521, SignatureAlgorithm::Es512, HashFunction::Sha2_512)
        }
        EllipticCurve::Secp256k1 => {
            (Curve::P256K, SignatureAlgorithm::Es256k, HashFunction::Sha2_256)
        }
        other => return Err(format!("the curve {other:?}")),
    };
    if group.hash != hash {
        return Err(format!("{:?} on {}", group.hash, curve.name()));
    }
    if group.test_type != TestGroupTypeId::EcdsaP1363 {
        return Err("signatures in DER".to_owned());
    }
    match provider.signs(algorithm) {
        Some(_) => Ok((curve, algorithm)),
        None => Err(format!("{} does not sign with {}", provider.name, algorithm.name())),
    }
}

fn sig_ver(provider: &CryptoProvider) -> Tally {
    let mut tally = Tally::new("NIST CAVP SigVer (ECDSA)");
    for vector in response_file::read("cavp/SigVerECDSA_186-3.rsp") {
        let (curve, algorithm) = match vector.section.as_str() {
            "[P-256,SHA-256]" => (Curve::P256, SignatureAlgorithm::Es256),
            "[P-384,SHA-384]" => (Curve::P384, SignatureAlgorithm::Es384),
            "[P-521,SHA-512]" => (Curve::P521, SignatureAlgorithm::Es512),
            other => panic!("{other}"),
        };
        if provider.signs(algorithm).is_none() {
            tally.not_applicable(1, format!("{} does not sign so", provider.name));
            continue;
        }
        let number = |name| keys::coordinate(curve, &vector.bytes(name)).unwrap();
        let key = PublicKey::Ec { curve, x: number("Qx"), y: number("Qy") };
        let signature = [number("R"), number("S")].concat();
        let digest = keys::digest(algorithm, &vector.bytes("Msg"));
        let expected = if vector.fails() { Expected::Invalid } else { Expected::Valid };
        let outcome = match public::verify(&key, algorithm, &digest, &signature) {
            // Some of these have a changed public key, which then is no point.
            Err(CryptoError::Key) => Ok(false),
            answer => verified(answer),
        };
        tally.count(vector.number, expected, outcome);
    }
    tally
}

/// Points that are none have to be refused with an imported key, whatever its scalar. A valid
/// point without its scalar can not be imported, so only the invalid ones apply.
fn public_keys(provider: &CryptoProvider) -> Tally {
    let mut tally = Tally::new("NIST CAVP PKV (ECDSA)");
    for vector in response_file::read("cavp/PKV_186-3.rsp") {
        let curve = Curve::parse(vector.section.trim_matches(['[', ']'])).unwrap();
        let coordinates = ["Qx", "Qy"].map(|name| keys::coordinate(curve, &vector.bytes(name)));
        match coordinates {
            _ if !vector.fails() => tally.not_applicable(1, "a point without its scalar"),
            [Some(x), Some(y)] => {
                tally.count(vector.number, Expected::Invalid, imports(provider, curve, x, y));
            }
            _ => tally.not_applicable(1, "a coordinate longer than the field"),
        }
    }
    tally
}

fn imports(
    provider: &CryptoProvider,
    curve: Curve,
    x: Vec<u8>,
    y: Vec<u8>,
) -> Result<bool, String> {
    let mut scalar = vec![0; curve.field_bytes()];
    scalar[curve.field_bytes() - 1] = 1;
    let key = ImportedKey::Ec { curve, x, y, d: keys::secret(&scalar) };
    match provider.keys.import(&key) {
        Ok(_) => Ok(true),
        Err(CryptoError::Key) => Ok(false),
        Err(error) => Err(format!("refused as {error:?}")),
    }
}
