//! Signed requests of ACME clients. By the first byte: `{` a whole request; anything else is a
//! protected header and a payload, with a zero byte between them, which the target signs: with an
//! account's key, and with a binding's.

#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom_crypto::{MacKey, digest};
use strongroom_fuzz::keys::{OPENED, Opened};
use strongroom_http::jws::{AccountKey, Jws, Signer};
use strongroom_model::{PublicKey, SignatureAlgorithm};

static P256: LazyLock<&Opened> = LazyLock::new(|| &OPENED[2]);

/// Keys that signed nothing: RSA, P-384, and one that is no account's.
static OTHERS: LazyLock<Vec<AccountKey>> = LazyLock::new(|| {
    [0, 3, 4].map(|place: usize| AccountKey::kept(OPENED[place].public.clone())).into()
});

static BINDING: LazyLock<MacKey> = LazyLock::new(|| MacKey::new(&[7; 32]));

fuzz_target!(|data: &[u8]| {
    if data.first() == Some(&b'{') {
        return whole(data);
    }
    let split = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (header, payload) = (&data[..split], data.get(split + 1..).unwrap_or_default());
    by_account(header, payload);
    by_binding(header, payload);
});

fn whole(body: &[u8]) {
    let Ok(jws) = Jws::parse(body) else { return };
    assert_foreign(&jws);
    assert!(jws.verify_binding(&BINDING).is_err());
    let Signer::Key(key) = &jws.signer else { return };
    let (PublicKey::Rsa { .. } | PublicKey::Ec { .. }) = key.public() else {
        panic!("no account has this key");
    };
    assert_eq!(URL_SAFE_NO_PAD.decode(key.thumbprint()).unwrap().len(), 32);
    drop(jws.verify(key));
}

/// What the account's key signed is believed of it alone, and of nothing else it could have signed.
fn by_account(header: &[u8], payload: &[u8]) {
    let sign = |signed: &[u8]| {
        P256.private.sign(SignatureAlgorithm::Es256, &digest::sha256(signed)).unwrap()
    };
    let Some(jws) = parsed(header, payload, payload, &sign) else { return };
    let key = AccountKey::kept(P256.public.clone());
    assert_eq!(jws.payload, payload);
    assert_eq!(jws.verify(&key).is_ok(), jws.algorithm == "ES256");
    assert_foreign(&jws);
    assert!(jws.verify_binding(&BINDING).is_err());
    let changed = [payload, b"!"].concat();
    let changed = parsed(header, payload, &changed, &sign).unwrap();
    assert!(changed.verify(&key).is_err());
}

fn by_binding(header: &[u8], payload: &[u8]) {
    let sign = |signed: &[u8]| BINDING.tag(&[signed]).to_vec();
    let Some(jws) = parsed(header, payload, payload, &sign) else { return };
    assert_eq!(jws.verify_binding(&BINDING).is_ok(), jws.algorithm == "HS256");
    assert!(jws.verify_binding(&MacKey::new(&[8; 32])).is_err());
    assert!(jws.verify(&AccountKey::kept(P256.public.clone())).is_err());
    assert_foreign(&jws);
}

fn assert_foreign(jws: &Jws) {
    assert!(OTHERS.iter().all(|key| jws.verify(key).is_err()));
}

/// A request that says `sent`, signed as though it said `payload`.
fn parsed(
    header: &[u8],
    payload: &[u8],
    sent: &[u8],
    sign: &dyn Fn(&[u8]) -> Vec<u8>,
) -> Option<Jws> {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encoded(header), encoded(payload));
    let body = json!({
        "protected": encoded(header),
        "payload": encoded(sent),
        "signature": encoded(&sign(signed.as_bytes())),
    });
    Jws::parse(body.to_string().as_bytes()).ok()
}
