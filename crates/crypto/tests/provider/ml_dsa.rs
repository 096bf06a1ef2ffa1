//! ML-DSA (FIPS 204): Wycheproof's verification, and signing with the keys that come as a seed.

use strongroom_crypto::provider::{CryptoProvider, ImportedKey};
use strongroom_crypto::{CryptoError, public};
use strongroom_model::{AkpAlgorithm, PublicKey, SignatureAlgorithm};
use wycheproof::{TestResult, mldsa_sign as sign, mldsa_verify as verify};

use crate::keys;
use crate::tally::{Expected, Tally, verified};

type Pair = (AkpAlgorithm, SignatureAlgorithm);
const ML_DSA_44: Pair = (AkpAlgorithm::MlDsa44, SignatureAlgorithm::MlDsa44);
const ML_DSA_65: Pair = (AkpAlgorithm::MlDsa65, SignatureAlgorithm::MlDsa65);
const ML_DSA_87: Pair = (AkpAlgorithm::MlDsa87, SignatureAlgorithm::MlDsa87);

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let mut tallies = Vec::new();
    tallies.extend(verify::TestName::all().into_iter().map(|name| verifies(provider, name)));
    tallies.extend(sign::TestName::all().into_iter().map(|name| signs(provider, name)));
    tallies
}

fn verifies(provider: &CryptoProvider, name: verify::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    let set = verify::TestSet::load(name).unwrap();
    let (algorithm, signature) = match set.algorithm {
        verify::Algorithm::MlDsa44 => ML_DSA_44,
        verify::Algorithm::MlDsa65 => ML_DSA_65,
        verify::Algorithm::MlDsa87 => ML_DSA_87,
    };
    for group in set.test_groups {
        if provider.signs(signature).is_none() {
            tally.not_applicable(group.tests.len(), "an algorithm that is not listed");
            continue;
        }
        let key = PublicKey::Akp { algorithm, public: group.pubkey.to_vec() };
        for test in group.tests {
            if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                tally.not_applicable(1, "a context");
                continue;
            }
            let expected = match test.result {
                TestResult::Valid => Expected::Valid,
                _ => Expected::Invalid,
            };
            let outcome = match public::verify(&key, signature, &test.msg, &test.sig) {
                // What is no public key may be refused as such.
                Err(CryptoError::Key) => Ok(false),
                answer => verified(answer),
            };
            tally.count(test.tc_id, expected, outcome);
        }
    }
    tally
}

fn signs(provider: &CryptoProvider, name: sign::TestName) -> Tally {
    let mut tally = Tally::new(format!("wycheproof {name:?}"));
    let set = sign::TestSet::load(name).unwrap();
    let (_, signature) = match set.algorithm {
        sign::Algorithm::MlDsa44 => ML_DSA_44,
        sign::Algorithm::MlDsa65 => ML_DSA_65,
        sign::Algorithm::MlDsa87 => ML_DSA_87,
    };
    for group in &set.test_groups {
        for test in &group.tests {
            if provider.signs(signature).is_none() {
                tally.not_applicable(1, "an algorithm that is not listed");
            } else if group.privkey_pkcs8.is_none() {
                tally.not_applicable(1, "an expanded private key without its seed");
            } else if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                tally.not_applicable(1, "a context");
            } else if let Some(message) = &test.msg {
                let expected = match test.result {
                    TestResult::Valid => Expected::Valid,
                    _ => Expected::Invalid,
                };
                let outcome = signs_one(provider, signature, group, message, &test.sig);
                tally.count(test.tc_id, expected, outcome);
            } else {
                tally.not_applicable(1, "a message representative (external mu)");
            }
        }
    }
    tally
}

/// Signing draws random numbers, so that it can not give the published signature again: the key
/// has to come out of its seed, and to accept both that signature and one of its own.
fn signs_one(
    provider: &CryptoProvider,
    algorithm: SignatureAlgorithm,
    group: &sign::TestGroup,
    message: &[u8],
    published: &[u8],
) -> Result<bool, String> {
    let pkcs8 = group.privkey_pkcs8.as_ref().unwrap();
    let key = match keys::take_in(provider, &ImportedKey::Pkcs8(keys::secret(pkcs8))) {
        Ok(key) => key,
        Err(CryptoError::Key) => return Ok(false),
        Err(error) => return Err(format!("importing: {error:?}")),
    };
    if let (PublicKey::Akp { public, .. }, Some(known)) = (&key.public, &group.pubkey)
        && *public != **known
    {
        return Err("another public key".to_owned());
    }
    let own = key.private.sign(algorithm, message);
    let own = own.map_err(|error| format!("signing: {error:?}"))?;
    let fits =
        |signature: &[u8]| verified(public::verify(&key.public, algorithm, message, signature));
    Ok(fits(&own)? && fits(published)?)
}
