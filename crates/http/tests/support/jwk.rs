//! Keys of others' making.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The RSA key of the specification's import example.
pub(crate) fn rsa() -> Value {
    let example = include_str!("../../../wire/tests/examples/ImportKey-example.json");
    let example: Value = serde_json::from_str(example).unwrap();
    example["parameters"]["parameters"]["key"].clone()
}

/// RFC 7515, appendix A.3: a key on P-256.
pub(crate) fn p256() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    })
}

/// A key with one of its binary members changed.
pub(crate) fn changed(mut jwk: Value, member: &str, change: impl Fn(&mut Vec<u8>)) -> Value {
    let mut bytes = URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
    change(&mut bytes);
    jwk[member] = URL_SAFE_NO_PAD.encode(bytes).into();
    jwk
}
