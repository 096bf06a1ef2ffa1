//! An attestation token as it is sent; or, with a brace in front, its header, its claims and
//! maybe its authority's keys in JSON, parted by NUL bytes, which the target signs.

#![no_main]

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom_authn::attestation::{
    AttestationAuthorities, AttestationFault, AttestationToken, Attested,
};
use strongroom_crypto::rsa_aes_key_wrap::{self, OaepHash};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{CryptoError, SecretBytes};
use strongroom_fuzz::keys;
use strongroom_model::release::Authority;
use strongroom_model::{PublicKey, Timestamp};
use strongroom_ops::release::Recipient;

/// A token that the authority did sign.
const GENUINE: &str = include_str!("../corpus/attestation_token/genuine");

/// When it is verified: within its lifetime.
const NOW: Timestamp = Timestamp(1_767_225_600);

/// How far an authority's clock may be off, in seconds.
const LEEWAY: f64 = 60.0;

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::parse("https://attest.example").unwrap());

static KEY: LazyLock<RsaSigningKey> = LazyLock::new(|| {
    let der = keys::KEK.private.export().unwrap();
    RsaSigningKey::from_pkcs8(&SecretBytes::new(der.expose().to_vec())).unwrap()
});

static JWKS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let (n, e) = (URL_SAFE_NO_PAD.encode(KEY.public().n), URL_SAFE_NO_PAD.encode(KEY.public().e));
    let key = json!({ "kty": "RSA", "kid": "x", "n": n, "e": e });
    json!({ "keys": [key] }).to_string().into_bytes()
});

fuzz_target!(|data: &[u8]| {
    if data.first() == Some(&b'{') {
        return signed_here(data);
    }
    let Ok(token) = std::str::from_utf8(data) else { return };
    if let Ok(attested) = verify(token, &JWKS).unwrap() {
        let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
        assert_eq!(signed(token), signed(GENUINE), "nobody signed this");
        is_in_order(&attested);
    }
});

fn signed_here(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    // A signature takes long, so it is made only for what is looked at.
    if AttestationToken::parse(&format!("{signed}.")).is_err() {
        return;
    }
    let signature = URL_SAFE_NO_PAD.encode(KEY.sign(signed.as_bytes()).unwrap());
    let token = format!("{signed}.{signature}");
    if let Ok(attested) = verify(&token, &JWKS).unwrap() {
        is_in_order(&attested);
    }
    if let Some(jwks) = parts.next() {
        let _ = verify(&token, jwks);
    }
}

/// `None` when the set holds no key.
fn verify(token: &str, jwks: &[u8]) -> Option<Result<Attested, AttestationFault>> {
    let authorities = AttestationAuthorities::with_keys(AUTHORITY.clone(), jwks)?;
    let accepted = [AUTHORITY.clone()];
    let verifying = pin!(authorities.verify(token, &accepted, NOW));
    match verifying.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verified) => Some(verified),
        Poll::Pending => unreachable!("nothing is fetched"),
    }
}

fn is_in_order(attested: &Attested) {
    assert_eq!(attested.authority, *AUTHORITY);
    let issuer = attested.claims["iss"].as_str().unwrap();
    assert_eq!(Authority::parse(issuer).unwrap(), *AUTHORITY);
    let now = NOW.0 as f64;
    let expires = attested.claims["exp"].as_f64().unwrap();
    assert!(expires.ceil() + LEEWAY > now, "expired at {expires}");
    if let Some(begins) = attested.claims.get("nbf").and_then(|begins| begins.as_f64()) {
        assert!(begins <= now + LEEWAY, "begins at {begins}");
    }
    let Some(recipient) = Recipient::of(&attested.claims) else { return };
    let PublicKey::Rsa { n, e } = &recipient.public else { panic!("no RSA key") };
    assert!(n.len() > 256 || (n.len() == 256 && n[0] != 0), "{} bytes", n.len());
    assert!(n[n.len() - 1] % 2 == 1 && e[e.len() - 1] % 2 == 1 && *e != [1]);
    for hash in [OaepHash::Sha1, OaepHash::Sha256, OaepHash::Sha384] {
        let target = SecretBytes::new(vec![7; 40]);
        if let Err(error) = rsa_aes_key_wrap::wrap(&recipient.public, hash, &target) {
            assert_eq!(error, CryptoError::Key);
        }
    }
}
