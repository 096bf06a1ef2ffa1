//! RSA signatures: Wycheproof's PKCS#1 v1.5 and PSS, and NIST's SigVer.

use strongroom_crypto::provider::CryptoProvider;
use strongroom_crypto::public;
use strongroom_model::SignatureAlgorithm::{self, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
use wycheproof::rsa_pkcs1_verify::{self as pkcs1, TestFlag};
use wycheproof::{HashFunction, Mgf, TestResult, rsa_pss_verify as pss};

use crate::keys;
use crate::response_file::{self, Vector};
use crate::tally::{Expected, Tally, verified};

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies = Vec::new();
    tallies.extend(pkcs1::TestName::all().into_iter().map(|name| wycheproof_pkcs1(provider, name)));
    tallies.extend(pss::TestName::all().into_iter().map(|name| wycheproof_pss(provider, name)));
    tallies.push(sig_ver(provider));
    tallies
}

fn wycheproof_pkcs1(provider: &CryptoProvider, name: pkcs1::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof PKCS1 {name:?}"));
    for group in pkcs1::TestSet::load(name).unwrap().test_groups {
        let algorithm = match applicable_pkcs1(provider, &group) {
            Ok(algorithm) => algorithm,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        let key = keys::rsa(&group.key.n, &group.key.e);
        for test in group.tests {
            let expected = match test.result {
                TestResult::Valid => Expected::Valid,
                TestResult::Acceptable if test.flags == [TestFlag::MissingNull] => {
                    Expected::RefusedByChoice("a DigestInfo without NULL (RFC 8017, 9.2)")
                }
                _ => Expected::Invalid,
            };
            let digest = keys::digest(algorithm, &test.msg);
            let answer = public::verify(&key, algorithm, &digest, &test.sig);
            tally.count(test.tc_id, expected, verified(answer));
        }
    }
    tally
}

fn applicable_pkcs1(
    provider: &CryptoProvider,
    group: &pkcs1::TestGroup,
) -> Result<SignatureAlgorithm, String> {
    let algorithm = match group.hash {
        HashFunction::Sha2_256 => Rs256,
        HashFunction::Sha2_384 => Rs384,
        HashFunction::Sha2_512 => Rs512,
        other => return Err(format!("{other:?}")),
    };
    listed(provider, algorithm, group.key_size)
}

fn listed(
    provider: &CryptoProvider,
    algorithm: SignatureAlgorithm,
    modulus_bits: usize,
) -> Result<SignatureAlgorithm, String> {
    if !keys::takes_modulus(modulus_bits) {
        Err(format!("a modulus of {modulus_bits} bits"))
    } else if provider.signs(algorithm).is_none() {
        Err(format!("{} does not sign with {}", provider.name, algorithm.name()))
    } else {
        Ok(algorithm)
    }
}

fn wycheproof_pss(provider: &CryptoProvider, name: pss::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof PSS {name:?}"));
    for group in pss::TestSet::load(name).unwrap().test_groups {
        let (algorithm, salt_fits) = match applicable_pss(provider, &group) {
            Ok(found) => found,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        let key = keys::rsa(&group.key.n, &group.key.e);
        for test in group.tests {
            if !salt_fits && test.result != TestResult::Valid {
                tally.not_applicable(1, "invalid, but with another length of salt");
                continue;
            }
            let expected = match test.result {
                TestResult::Valid if salt_fits => Expected::Valid,
                TestResult::Valid => Expected::RefusedByChoice("a salt not as long as the hash"),
                _ => Expected::Invalid,
            };
            let digest = keys::digest(algorithm, &test.msg);
            let answer = public::verify(&key, algorithm, &digest, &test.sig);
            tally.count(test.tc_id, expected, verified(answer));
        }
    }
    tally
}

/// The algorithm, and whether the salt has its length (RFC 7518, 3.5).
fn applicable_pss(
    provider: &CryptoProvider,
    group: &pss::TestGroup,
) -> Result<(SignatureAlgorithm, bool), String> {
    let (algorithm, salt) = match group.hash {
        HashFunction::Sha2_256 => (Ps256, 32),
        HashFunction::Sha2_384 => (Ps384, 48),
        HashFunction::Sha2_512 => (Ps512, 64),
        other => return Err(format!("{other:?}")),
    };
    if group.mgf != Mgf::Mgf1 || group.mgf_hash != Some(group.hash) {
        return Err(format!("another hash in {:?}", group.mgf));
    }
    Ok((listed(provider, algorithm, group.key_size)?, group.salt_size == salt))
}

/// NIST's SigVer carries the private key of each valid signature: with PKCS#1 v1.5 it must come
/// out again.
fn sig_ver(provider: &CryptoProvider) -> Tally {
    let mut tally = Tally::new("NIST CAVP SigVer15_186-3");
    for vector in response_file::read("cavp/SigVer15_186-3.rsp") {
        let algorithm = match vector.text("SHAAlg") {
            "SHA256" => Rs256,
            "SHA384" => Rs384,
            "SHA512" => Rs512,
            other => panic!("{other}"),
        };
        let key = keys::rsa(&vector.bytes("n"), &vector.bytes("e"));
        match listed(provider, algorithm, key.bits().unwrap() as usize) {
            Err(reason) => tally.not_applicable(1, reason),
            Ok(_) => {
                let expected = if vector.fails() { Expected::Invalid } else { Expected::Valid };
                let digest = keys::digest(algorithm, &vector.bytes("Msg"));
                let answer = public::verify(&key, algorithm, &digest, &vector.bytes("S"));
                let outcome = verified(answer).and_then(|fits| {
                    signs_the_same(provider, algorithm, &digest, &vector).map(|same| fits && same)
                });
                tally.count(vector.number, expected, outcome);
            }
        }
    }
    tally
}

fn signs_the_same(
    provider: &CryptoProvider,
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    vector: &Vector,
) -> Result<bool, String> {
    if !vector.has("d") {
        return Ok(true);
    }
    let [e, d, p, q] = ["e", "d", "p", "q"].map(|name| vector.bytes(name));
    let opened = keys::take_in(provider, &keys::rsa_private(&e, &d, &p, &q))
        .map_err(|error| format!("the private key was refused: {error:?}"))?;
    let signature = opened.private.sign(algorithm, digest);
    Ok(signature.map_err(|error| format!("signing: {error:?}"))? == vector.bytes("S"))
}
