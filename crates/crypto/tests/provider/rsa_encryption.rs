//! RSA encryption: Wycheproof's PKCS#1 v1.5 and OAEP, and RSA Laboratories' vectors.

use strongroom_crypto::provider::{Ciphertext, CryptoProvider, ImportedKey};
use strongroom_crypto::public;
use strongroom_model::EncryptionAlgorithm::{self, Rsa15, RsaOaep, RsaOaep256};
use wycheproof::{
    HashFunction, RsaPrivate, TestResult, rsa_oaep as oaep, rsa_pkcs1_decrypt as pkcs1,
};

use crate::keys::{self, Opened};
use crate::response_file::{self, Vector};
use crate::tally::{Expected, Tally, decrypted};

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies = Vec::new();
    tallies.extend(pkcs1::TestName::all().into_iter().map(|name| wycheproof_pkcs1(provider, name)));
    tallies.extend(oaep::TestName::all().into_iter().map(|name| wycheproof_oaep(provider, name)));
    for (file, algorithm) in [
        ("pkcs1/pkcs1v15crypt.rsp", Rsa15),
        ("pkcs1/oaep-sha1.rsp", RsaOaep),
        ("pkcs1/oaep-sha256.rsp", RsaOaep256),
    ] {
        tallies.push(laboratories(provider, file, algorithm));
    }
    tallies
}

fn wycheproof_pkcs1(provider: &CryptoProvider, name: pkcs1::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof RSAES-PKCS1 {name:?}"));
    for group in pkcs1::TestSet::load(name).unwrap().test_groups {
        if let Err(reason) = listed(provider, Rsa15, group.key_size) {
            tally.not_applicable(group.tests.len(), reason);
            continue;
        }
        let key = both_ways(provider, &group.key, &group.pkcs8);
        for test in group.tests {
            let expected = match test.result {
                TestResult::Valid => Expected::Valid,
                _ => Expected::Invalid,
            };
            let value = Ciphertext { value: &test.ct, ..Ciphertext::default() };
            let outcome = decrypted(key.private.decrypt(Rsa15, value), &test.pt);
            tally.count(test.tc_id, expected, outcome);
        }
    }
    tally
}

fn wycheproof_oaep(provider: &CryptoProvider, name: oaep::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof RSAES-OAEP {name:?}"));
    for group in oaep::TestSet::load(name).unwrap().test_groups {
        let algorithm = match applicable_oaep(provider, &group) {
            Ok(algorithm) => algorithm,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        let key = both_ways(provider, &group.key, &group.pkcs8);
        for test in group.tests {
            let expected = match test.result {
                TestResult::Invalid => Expected::Invalid,
                _ if !test.label.is_empty() => Expected::RefusedByChoice("a label"),
                _ => Expected::Valid,
            };
            let value = Ciphertext { value: &test.ct, ..Ciphertext::default() };
            let outcome = decrypted(key.private.decrypt(algorithm, value), &test.pt);
            tally.count(test.tc_id, expected, outcome);
        }
    }
    tally
}

fn applicable_oaep(
    provider: &CryptoProvider,
    group: &oaep::TestGroup,
) -> Result<EncryptionAlgorithm, String> {
    let algorithm = match (group.hash, group.mgf_hash) {
        (HashFunction::Sha1, HashFunction::Sha1) => RsaOaep,
        (HashFunction::Sha2_256, HashFunction::Sha2_256) => RsaOaep256,
        (hash, mgf) if hash == mgf => return Err(format!("{hash:?}")),
        _ => return Err("another hash in MGF1".to_owned()),
    };
    listed(provider, algorithm, group.key_size)
}

fn listed(
    provider: &CryptoProvider,
    algorithm: EncryptionAlgorithm,
    modulus_bits: usize,
) -> Result<EncryptionAlgorithm, String> {
    if !keys::takes_modulus(modulus_bits) {
        Err(format!("a modulus of {modulus_bits} bits"))
    } else if provider.encrypts(algorithm).is_none() {
        Err(format!("{} does not decrypt with {}", provider.name, algorithm.name()))
    } else {
        Ok(algorithm)
    }
}

/// The key of a group, which has to come out the same from its numbers and from PKCS#8.
fn both_ways(provider: &CryptoProvider, key: &RsaPrivate, pkcs8: &[u8]) -> Opened {
    let parts = keys::take_in(
        provider,
        &ImportedKey::Rsa {
            n: key.n.to_vec(),
            e: key.e.to_vec(),
            d: keys::secret(&key.d),
            p: keys::secret(&key.p),
            q: keys::secret(&key.q),
            dp: keys::secret(&key.d1),
            dq: keys::secret(&key.d2),
            qi: keys::secret(&key.c),
        },
    );
    let parts = parts.unwrap_or_else(|error| panic!("the numbers of a key: {error:?}"));
    let whole = keys::take_in(provider, &ImportedKey::Pkcs8(keys::secret(pkcs8)));
    let whole = whole.unwrap_or_else(|error| panic!("a key in PKCS#8: {error:?}"));
    assert_eq!(parts.public, keys::rsa(&key.n, &key.e));
    assert_eq!(whole.public, parts.public);
    parts
}

fn laboratories(provider: &CryptoProvider, file: &str, algorithm: EncryptionAlgorithm) -> Tally {
    let mut tally = Tally::new(file);
    for vector in response_file::read(file) {
        let number = |name| vector.bytes(name);
        let bits = keys::stripped(&number("n")).len() * 8;
        if let Err(reason) = listed(provider, algorithm, bits) {
            tally.not_applicable(1, reason);
            continue;
        }
        tally.count(vector.number, Expected::Valid, opens(provider, algorithm, &vector));
    }
    tally
}

/// Opens a vector's ciphertext, and what the public key makes of its plaintext.
fn opens(
    provider: &CryptoProvider,
    algorithm: EncryptionAlgorithm,
    vector: &Vector,
) -> Result<bool, String> {
    let [e, d, p, q] = ["e", "d", "p", "q"].map(|name| vector.bytes(name));
    let key = keys::take_in(provider, &keys::rsa_private(&e, &d, &p, &q))
        .map_err(|error| format!("the private key was refused: {error:?}"))?;
    let plaintext = vector.bytes("M");
    let ours = public::encrypt(&key.public, algorithm, &plaintext)
        .map_err(|error| format!("encrypting: {error:?}"))?;
    for value in [vector.bytes("C"), ours] {
        let value = Ciphertext { value: &value, ..Ciphertext::default() };
        if !decrypted(key.private.decrypt(algorithm, value), &plaintext)? {
            return Ok(false);
        }
    }
    Ok(true)
}
