//! Tokens that the token service would never issue.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_store::Store;

use super::Server;

/// Unpadded base64url.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The header that our tokens have.
pub(crate) fn header<S: Store>(server: &Server<S>) -> Value {
    let directory = server.node.directory.current();
    json!({ "typ": "JWT", "alg": "RS256", "kid": directory.token_keys()[0].kid })
}

/// The claims of a sound token of the owner.
pub(crate) fn claims<S: Store>(server: &Server<S>) -> Value {
    json!({
        "aud": server.endpoints.vault_resource(),
        "iss": server.endpoints.issuer(server.owner.tenant),
        "iat": server.now(),
        "nbf": server.now(),
        "exp": server.now() + 3600,
        "appid": server.owner.client_id.to_string(),
        "oid": server.owner.object_id.to_string(),
        "sub": server.owner.object_id.to_string(),
        "tid": server.owner.tenant.to_string(),
        "ver": "2.0",
    })
}

/// `value` with one member changed, or taken out by `null`.
pub(crate) fn with(mut value: Value, name: &str, member: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    match member {
        Value::Null => object.remove(name),
        member => object.insert(name.into(), member),
    };
    value
}

/// Signed by the server's own key, whatever the header says.
pub(crate) fn sign<S: Store>(server: &Server<S>, header: &Value, claims: &Value) -> String {
    let directory = server.node.directory.current();
    sign_with(&directory.token_keys()[0].key, header, claims)
}

pub(crate) fn sign_with(key: &RsaSigningKey, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let signature = b64(key.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}
