//! AES-GCM and AES-CBC: Wycheproof and NIST's CAVP.

use strongroom_crypto::provider::{Ciphertext, CryptoProvider, PrivateKey};
use strongroom_model::EncryptionAlgorithm::{
    self, A128Cbc, A128CbcPad, A128Gcm, A192Cbc, A192CbcPad, A192Gcm, A256Cbc, A256CbcPad, A256Gcm,
};
use wycheproof::{TestResult, aead, cipher};

use crate::keys;
use crate::response_file;
use crate::tally::{Expected, Tally, decrypted};

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies = Vec::new();
    tallies.extend(aead::TestName::all().into_iter().map(|name| wycheproof_gcm(provider, name)));
    tallies.extend(cipher::TestName::all().into_iter().map(|name| wycheproof_cbc(provider, name)));
    for bits in [128, 192, 256] {
        tallies.push(cavp_gcm(provider, bits));
        for kind in ["GFSbox", "KeySbox", "VarKey", "VarTxt", "MMT"] {
            tallies.push(cavp_cbc(provider, kind, bits));
        }
    }
    tallies
}

/// The algorithm for a size of key, if the provider lists it.
fn listed(
    provider: &CryptoProvider,
    algorithms: [EncryptionAlgorithm; 3],
    key_bits: usize,
) -> Result<EncryptionAlgorithm, String> {
    let fits = |alg: &EncryptionAlgorithm| alg.aes_bits().map(usize::from) == Some(key_bits);
    let found = algorithms.into_iter().find(fits);
    let algorithm = found.ok_or_else(|| format!("a key of {key_bits} bits"))?;
    match provider.encrypts(algorithm) {
        Some(_) => Ok(algorithm),
        None => Err(format!("{} does not encrypt with {}", provider.name, algorithm.name())),
    }
}

fn wycheproof_gcm(provider: &CryptoProvider, name: aead::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    for group in aead::TestSet::load(name).unwrap().test_groups {
        let algorithm = match applicable_gcm(provider, name, &group) {
            Ok(algorithm) => algorithm,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        for test in group.tests {
            let expected = match test.result {
                TestResult::Valid => Expected::Valid,
                _ => Expected::Invalid,
            };
            let key = keys::oct(provider, &test.key).unwrap().private;
            let value = Ciphertext {
                value: &test.ct,
                iv: Some(&test.nonce),
                aad: Some(&test.aad),
                tag: Some(&test.tag),
            };
            let outcome = decrypted(key.decrypt(algorithm, value), &test.pt);
            let again = gcm_again(&*key, algorithm, &test.pt, &test.aad);
            tally.count(test.tc_id, expected, again.and(outcome));
        }
    }
    tally
}

fn applicable_gcm(
    provider: &CryptoProvider,
    name: aead::TestName,
    group: &aead::TestGroup,
) -> Result<EncryptionAlgorithm, String> {
    if name != aead::TestName::AesGcm {
        return Err("another cipher".to_owned());
    }
    if group.nonce_size != 96 || group.tag_size != 128 {
        return Err("an initialization vector of another length than 12 bytes".to_owned());
    }
    listed(provider, [A128Gcm, A192Gcm, A256Gcm], group.key_size)
}

/// The provider draws its own initialization vector, so that a published ciphertext can only be
/// opened; what it encrypts itself has to open again.
fn gcm_again(
    key: &dyn PrivateKey,
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
    aad: &[u8],
) -> Result<(), String> {
    let made = key
        .encrypt(algorithm, plaintext, None, Some(aad))
        .map_err(|error| format!("encrypting: {error:?}"))?;
    let value = Ciphertext {
        value: &made.value,
        iv: made.iv.as_deref(),
        aad: Some(aad),
        tag: made.tag.as_deref(),
    };
    match decrypted(key.decrypt(algorithm, value), plaintext)? {
        true => Ok(()),
        false => Err("its own ciphertext does not open".to_owned()),
    }
}

fn cavp_gcm(provider: &CryptoProvider, bits: usize) -> Tally {
    let mut tally = Tally::new(format!("NIST CAVP gcmDecrypt{bits}"));
    let algorithm = listed(provider, [A128Gcm, A192Gcm, A256Gcm], bits);
    for vector in response_file::read(&format!("cavp/gcmDecrypt{bits}.rsp")) {
        let algorithm = match &algorithm {
            Ok(algorithm) => *algorithm,
            Err(reason) => {
                tally.not_applicable(1, reason);
                continue;
            }
        };
        let [key, iv, value, aad, tag] =
            ["Key", "IV", "CT", "AAD", "Tag"].map(|name| vector.bytes(name));
        let (expected, plaintext) = if vector.fails() {
            (Expected::Invalid, Vec::new())
        } else {
            (Expected::Valid, vector.bytes("PT"))
        };
        let key = keys::oct(provider, &key).unwrap().private;
        let aad = (!aad.is_empty()).then_some(&aad[..]);
        let value = Ciphertext { value: &value, iv: Some(&iv), aad, tag: Some(&tag) };
        let outcome = decrypted(key.decrypt(algorithm, value), &plaintext);
        tally.count(vector.number, expected, outcome);
    }
    tally
}

fn wycheproof_cbc(provider: &CryptoProvider, name: cipher::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    for group in cipher::TestSet::load(name).unwrap().test_groups {
        let algorithm = if name == cipher::TestName::AesCbcPkcs5 {
            listed(provider, [A128CbcPad, A192CbcPad, A256CbcPad], group.key_size)
        } else {
            Err("another cipher".to_owned())
        };
        let algorithm = match algorithm {
            Ok(algorithm) => algorithm,
            Err(reason) => {
                tally.not_applicable(group.tests.len(), reason);
                continue;
            }
        };
        for test in group.tests {
            let key = keys::oct(provider, &test.key).unwrap().private;
            let (expected, outcome) = match test.result {
                TestResult::Valid => {
                    let outcome = cbc(&*key, algorithm, &test.nonce, &test.pt, &test.ct);
                    (Expected::Valid, outcome)
                }
                _ => (Expected::Invalid, cbc_opens(&*key, algorithm, &test.nonce, &[], &test.ct)),
            };
            tally.count(test.tc_id, expected, outcome);
        }
    }
    tally
}

fn cavp_cbc(provider: &CryptoProvider, kind: &str, bits: usize) -> Tally {
    let mut tally = Tally::new(format!("NIST CAVP CBC{kind}{bits}"));
    let algorithm = listed(provider, [A128Cbc, A192Cbc, A256Cbc], bits);
    for vector in response_file::read(&format!("cavp/CBC{kind}{bits}.rsp")) {
        match &algorithm {
            Ok(algorithm) => {
                let [key, iv, plaintext, value] =
                    ["KEY", "IV", "PLAINTEXT", "CIPHERTEXT"].map(|name| vector.bytes(name));
                let key = keys::oct(provider, &key).unwrap().private;
                let outcome = cbc(&*key, *algorithm, &iv, &plaintext, &value);
                tally.count(vector.number, Expected::Valid, outcome);
            }
            Err(reason) => tally.not_applicable(1, reason),
        }
    }
    tally
}

/// Both directions.
fn cbc(
    key: &dyn PrivateKey,
    algorithm: EncryptionAlgorithm,
    iv: &[u8],
    plaintext: &[u8],
    value: &[u8],
) -> Result<bool, String> {
    let made = key
        .encrypt(algorithm, plaintext, Some(iv), None)
        .map_err(|error| format!("encrypting: {error:?}"))?;
    if made.value != value {
        return Err("encrypted to something else".to_owned());
    }
    cbc_opens(key, algorithm, iv, plaintext, value)
}

fn cbc_opens(
    key: &dyn PrivateKey,
    algorithm: EncryptionAlgorithm,
    iv: &[u8],
    plaintext: &[u8],
    value: &[u8],
) -> Result<bool, String> {
    let value = Ciphertext { value, iv: Some(iv), ..Ciphertext::default() };
    decrypted(key.decrypt(algorithm, value), plaintext)
}
