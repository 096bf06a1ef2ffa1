//! The bodies of the key operations but import: one JSON (without a brace in front, of
//! [`strongroom_fuzz::work`]), read as every operation reads it in several versions, and what is
//! admitted done with keys of every kind.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::provider;
use strongroom_fuzz::keys::{OPENED, Opened};
use strongroom_fuzz::{NEWEST, assert_refusal, work};
use strongroom_http::fuzzing::{self, Refusal};
use strongroom_model::keys::MAX_TAG_CHARS;
use strongroom_model::release::Grammar;
use strongroom_model::{KeySpec, ReleasePolicy, Tags};
use strongroom_ops::{Ciphertext, CreateKey, Plaintext, Sign, UpdateKey, Verify};

/// One with releases, one without, and the oldest.
const OLDER: [&str; 3] = ["7.4", "7.2", "2015-06-01"];

fuzz_target!(|data: &[u8]| {
    let asked;
    let body = if data.first() == Some(&b'{') {
        data
    } else {
        asked = work::asked(data);
        &asked
    };
    for version in OLDER {
        admitted(fuzzing::create(version, body), create);
        admitted(fuzzing::update(version, body), update);
        admitted(fuzzing::encrypt(version, body), drop);
        admitted(fuzzing::sign(version, body), drop);
    }
    admitted(fuzzing::create(NEWEST, body), create);
    admitted(fuzzing::update(NEWEST, body), update);
    admitted(fuzzing::encrypt(NEWEST, body), |sent| encrypt(&sent));
    admitted(fuzzing::decrypt(NEWEST, body), |sent| decrypt(&sent));
    admitted(fuzzing::sign(NEWEST, body), |sent| sign(&sent));
    admitted(fuzzing::verify(NEWEST, body), |sent| verify(&sent));
    admitted(fuzzing::release(body), drop);
    admitted(fuzzing::rotation_policy(body), drop);
});

fn admitted<T>(read: Result<T, Refusal>, then: impl FnOnce(T)) {
    match read {
        Ok(request) => then(request),
        Err(refusal) => assert_refusal(&refusal),
    }
}

fn create(sent: CreateKey) {
    match sent.spec {
        KeySpec::Rsa { bits, exponent } => {
            assert!(matches!(bits, 2048 | 3072 | 4096) && exponent >= 3 && exponent % 2 == 1);
        }
        KeySpec::Oct { bits } => assert!(matches!(bits, 128 | 192 | 256)),
        KeySpec::Ec(_) | KeySpec::Akp(_) => {}
    }
    policy_and_tags(sent.new.release_policy, sent.new.tags);
}

fn update(sent: UpdateKey) {
    policy_and_tags(sent.release_policy, sent.tags);
}

/// What is kept can be read again, and is then the same.
fn policy_and_tags(policy: Option<ReleasePolicy>, tags: Option<Tags>) {
    if let Some(policy) = policy {
        let grammar = Grammar::parse(&policy.document).unwrap();
        assert_eq!(grammar.to_json().unwrap(), policy.document);
        let content_type = policy.content_type.as_deref();
        let again = ReleasePolicy::new(content_type, policy.immutable, &policy.document);
        assert_eq!(again.unwrap(), policy);
    }
    if let Some(tags) = tags {
        let again = Tags::parse(tags.as_map().clone(), MAX_TAG_CHARS);
        assert_eq!(again.unwrap(), tags);
    }
}

fn encrypt(sent: &Plaintext) {
    let (iv, aad) = (sent.iv.as_deref(), sent.aad.as_deref());
    for key in OPENED.iter() {
        let _ = key.encrypt(sent.algorithm, sent.value.expose(), iv, aad);
    }
}

fn decrypt(sent: &Ciphertext) {
    let ciphertext = provider::Ciphertext {
        value: &sent.value,
        iv: sent.iv.as_deref(),
        aad: sent.aad.as_deref(),
        tag: sent.tag.as_deref(),
    };
    OPENED.iter().for_each(|key| key.decrypt(sent.algorithm, ciphertext));
}

fn sign(sent: &Sign) {
    for key in OPENED.iter() {
        let signed = key.sign(sent.algorithm, &sent.digest);
        assert_eq!(signed.is_ok(), is_admissible(key, sent), "{} {signed:?}", sent.algorithm);
    }
}

fn is_admissible(key: &Opened, sent: &Sign) -> bool {
    use strongroom_model::SignatureAlgorithm::Rsnull;
    key.public.signs_with(sent.algorithm)
        && match sent.algorithm.digest_bytes() {
            Some(length) => sent.digest.len() == length,
            // What fits a modulus of 2048 bits with the padding of PKCS #1.
            None => sent.algorithm != Rsnull || (1..=245).contains(&sent.digest.len()),
        }
}

fn verify(sent: &Verify) {
    for key in OPENED.iter() {
        let _ = key.verify(sent.algorithm, &sent.digest, &sent.signature);
    }
}
