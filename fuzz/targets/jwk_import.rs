//! `PUT /keys/{name}`: a JSON body, or without a brace in front the changes to a key of
//! [`strongroom_fuzz::jwk`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use strongroom_crypto::provider::ImportedKey;
use strongroom_fuzz::{NEWEST, assert_refusal, jwk, keys};
use strongroom_http::fuzzing;
use strongroom_model::PublicKey;
use strongroom_ops::{Imported, TransferBlob};

/// Members whose text no refusal may repeat.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "key_hsm"];

/// Texts shorter than this occur by chance.
const TELLING: usize = 12;

fuzz_target!(|data: &[u8]| {
    let changed;
    let body = if data.first() == Some(&b'{') {
        data
    } else {
        changed = jwk::changed(data);
        &changed
    };
    let request = match fuzzing::import(NEWEST, body) {
        Ok(request) => request,
        Err(refusal) => {
            assert_refusal(&refusal);
            return assert_silent(body, &refusal.message);
        }
    };
    match request.key {
        Imported::Plain(key) => {
            if let Ok(material) = keys::import(&key) {
                assert_is(&material.public, &key);
                keys::assert_sound(&material);
            }
        }
        Imported::TransferBlob { blob, .. } => drop(TransferBlob::parse(&blob)),
    }
});

/// What was taken in is what was sent.
fn assert_is(public: &PublicKey, sent: &ImportedKey) {
    let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let expected = match sent {
        ImportedKey::Rsa { n, e, .. } => PublicKey::Rsa { n: number(n), e: number(e) },
        ImportedKey::Ec { curve, x, y, .. } => {
            PublicKey::Ec { curve: *curve, x: x.clone(), y: y.clone() }
        }
        ImportedKey::Oct(key) => PublicKey::Oct { bits: (key.len() * 8).try_into().unwrap() },
        ImportedKey::Pkcs8(_) => unreachable!("no JSON Web Key is one"),
    };
    assert_eq!(*public, expected);
}

/// No private member comes back in a message, unless it was also sent as something else.
fn assert_silent(body: &[u8], message: &str) {
    let Ok(sent) = serde_json::from_slice::<Value>(body) else { return };
    let text = String::from_utf8_lossy(body);
    for member in PRIVATE.iter().filter_map(|name| sent.get("key")?.get(name)?.as_str()) {
        let once = member.len() >= TELLING && text.matches(member).count() == 1;
        assert!(!once || !message.contains(member), "{message}");
    }
}
