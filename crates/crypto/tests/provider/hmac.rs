//! HMAC: Wycheproof, and values that Python's `hmac` computed.

use strongroom_crypto::provider::{CryptoProvider, PrivateKey};
use strongroom_model::SignatureAlgorithm::{self, Hs256, Hs384, Hs512};
use wycheproof::TestResult;
use wycheproof::mac::{Test, TestGroup, TestName, TestSet};

use crate::keys;
use crate::response_file;
use crate::tally::{Expected, Tally, verified};

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies: Vec<_> =
        TestName::all().into_iter().map(|name| wycheproof(provider, name)).collect();
    tallies.push(python(provider));
    tallies
}

fn wycheproof(provider: &CryptoProvider, name: TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    for group in TestSet::load(name).unwrap().test_groups {
        for test in &group.tests {
            match applicable(provider, name, &group, test) {
                Err(reason) => tally.not_applicable(1, reason),
                Ok(algorithm) => {
                    let expected = match test.result {
                        TestResult::Valid => Expected::Valid,
                        _ => Expected::Invalid,
                    };
                    let key = keys::oct(provider, &test.key).unwrap().private;
                    let outcome = fits(&*key, algorithm, &test.msg, &test.tag);
                    tally.count(test.tc_id, expected, outcome);
                }
            }
        }
    }
    tally
}

fn applicable(
    provider: &CryptoProvider,
    name: TestName,
    group: &TestGroup,
    test: &Test,
) -> Result<SignatureAlgorithm, String> {
    let (algorithm, tag_bits) = match name {
        TestName::HmacSha256 => (Hs256, 256),
        TestName::HmacSha384 => (Hs384, 384),
        TestName::HmacSha512 => (Hs512, 512),
        _ => return Err("another function".to_owned()),
    };
    if provider.signs(algorithm).is_none() {
        return Err(format!("{} does not sign with {}", provider.name, algorithm.name()));
    }
    if group.tag_size != tag_bits {
        return Err("a shortened tag".to_owned());
    }
    if !matches!(group.key_size, 128 | 192 | 256) {
        return Err("a key of another length than an AES key".to_owned());
    }
    match algorithm.digest_bytes() {
        Some(length) if length != test.msg.len() => {
            Err(format!("a message of another length than the {length} bytes that are signed"))
        }
        _ => Ok(algorithm),
    }
}

/// Whether the key both accepts and makes this tag.
fn fits(
    key: &dyn PrivateKey,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    tag: &[u8],
) -> Result<bool, String> {
    let fits = verified(key.verify(algorithm, message, tag))?;
    let made = key.sign(algorithm, message).map_err(|error| format!("signing: {error:?}"))?;
    match (made == tag) == fits {
        true => Ok(fits),
        false => Err("signing and verifying disagree".to_owned()),
    }
}

fn python(provider: &CryptoProvider) -> Tally {
    let mut tally = Tally::new("HMAC by Python");
    for vector in response_file::read("independent/hmac.rsp") {
        let algorithm = SignatureAlgorithm::parse(vector.text("Algorithm")).unwrap();
        if provider.signs(algorithm).is_none() {
            tally.not_applicable(1, format!("{} does not sign so", provider.name));
            continue;
        }
        let [key, message, tag] = ["Key", "Msg", "Tag"].map(|name| vector.bytes(name));
        let key = keys::oct(provider, &key).unwrap().private;
        let outcome = fits(&*key, algorithm, &message, &tag);
        tally.count(vector.number, Expected::Valid, outcome);
    }
    tally
}
