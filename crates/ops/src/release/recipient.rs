//! The key of an attested environment, for which a released key is wrapped.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_model::PublicKey;
use strongroom_model::release::Claims;

/// Claims of older tokens that hold, in base64url, what the enclave said of itself.
const HELD_DATA: [&str; 3] = ["x-ms-sgx-ehd", "aas-ehd", "maa-ehd"];

/// The sizes of RSA keys that a key is released to, in bytes of the modulus.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// An RSA key that only the attested environment can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Its id in the token; empty if it has none.
    pub kid: String,
    /// The key.
    pub public: PublicKey,
}

impl Recipient {
    /// The recipient that verified claims name: the first key for encryption (`use` is `enc`, or
    /// `key_ops` contains `encrypt`) in the JWK set of `x-ms-runtime`, or of the enclave held
    /// data where there is no such claim (Key Vault, "Secure key release policy grammar",
    /// "Environment Assertion"). If that first key is unsuitable, no other takes its place.
    ///
    /// `x-ms-isolation-tee.x-ms-runtime` is not looked at: its keys are the platform's.
    pub fn of(claims: &Claims) -> Option<Self> {
        let held;
        let set = match claims.get("x-ms-runtime") {
            Some(runtime) => runtime,
            None => {
                held = HELD_DATA.iter().find_map(|name| held_data(claims.get(*name)?))?;
                &held
            }
        };
        let key = set.get("keys")?.as_array()?.iter().find(|key| is_for_encryption(key))?;
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text(name)?).ok()?;
            Some(bytes.iter().copied().skip_while(|b| *b == 0).collect::<Vec<u8>>())
        };
        let (n, e) = (number("n")?, number("e")?);
        let is_sound = text("kty") == Some("RSA") && is_sound(&n, &e);
        let kid: String = text("kid").unwrap_or_default().chars().take(256).collect();
        is_sound.then_some(Self { kid, public: PublicKey::Rsa { n, e } })
    }
}

fn held_data(claim: &Value) -> Option<Value> {
    let json = URL_SAFE_NO_PAD.decode(claim.as_str()?).ok()?;
    serde_json::from_slice(&json).ok()
}

fn is_for_encryption(key: &Value) -> bool {
    let permits = |ops: &Value| match ops {
        Value::Array(ops) => ops.iter().any(|op| op == "encrypt"),
        // Written so by the sidecar of confidential containers.
        op => op == "encrypt",
    };
    key.get("use").is_some_and(|purpose| purpose == "enc")
        || key.get("key_ops").is_some_and(permits)
}

/// Odd, of a size that is neither weak nor a burden, and with an exponent of at most 33 bits.
fn is_sound(n: &[u8], e: &[u8]) -> bool {
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|b| b % 2 == 1);
    MODULUS_BYTES.contains(&n.len()) && odd(n) && odd(e) && e != [1] && e.len() <= 5
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2^2047 + 1: of the right form, and no key of anybody.
    fn modulus() -> Vec<u8> {
        [&[0x80], &[0; 254][..], &[1]].concat()
    }

    fn jwk(kid: &str, purpose: &str) -> Value {
        let n = URL_SAFE_NO_PAD.encode(modulus());
        json!({"kty": "RSA", "kid": kid, "use": purpose, "e": "AQAB", "n": n})
    }

    fn of(claims: Value) -> Option<String> {
        let Value::Object(claims) = claims else { panic!("no claims") };
        Recipient::of(&claims).map(|recipient| recipient.kid)
    }

    #[test]
    fn the_first_key_for_encryption_is_taken() {
        let keys = json!([jwk("a", "sig"), jwk("b", "enc"), jwk("c", "enc")]);
        assert_eq!(of(json!({"x-ms-runtime": {"keys": keys}})).as_deref(), Some("b"));
        for ops in [json!(["encrypt"]), json!(["decrypt", "encrypt"]), json!("encrypt")] {
            let mut key = jwk("TpmEphemeralEncryptionKey", "");
            key.as_object_mut().unwrap().remove("use");
            key["key_ops"] = ops;
            let found = of(json!({"x-ms-runtime": {"keys": [key]}}));
            assert_eq!(found.as_deref(), Some("TpmEphemeralEncryptionKey"));
        }
    }

    #[test]
    fn the_platforms_own_keys_are_not_looked_at() {
        let platform = json!({"x-ms-isolation-tee": {"x-ms-runtime": {
            "keys": [jwk("HCLAkPub", "sig"), jwk("HCLEkPub", "enc")]}}});
        assert_eq!(of(platform), None);
    }

    #[test]
    fn an_unsuitable_key_gives_way_to_no_other() {
        let replaced = |name: &str, value: Value| {
            let mut key = jwk("weak", "enc");
            key[name] = value;
            of(json!({"x-ms-runtime": {"keys": [key, jwk("other", "enc")]}}))
        };
        let number = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(replaced("kid", json!("same")).as_deref(), Some("same"));
        assert_eq!(replaced("kid", json!(7)).as_deref(), Some(""));
        for (name, value) in [
            ("kty", json!("EC")),
            ("n", number(&[0xff; 128])),
            ("n", number(&[0xff; 1025])),
            ("n", number(&[&modulus()[..255], &[2]].concat())),
            ("n", number(&[])),
            ("n", json!("+/+/")),
            ("n", json!(null)),
            ("e", number(&[1])),
            ("e", number(&[2])),
            ("e", number(&[1; 6])),
        ] {
            assert_eq!(replaced(name, value.clone()), None, "{name} {value}");
        }
    }

    // The claim of the older example in the specification of 7.6-preview.1.
    #[test]
    fn enclave_held_data_is_read_where_there_is_nothing_newer() {
        let held = URL_SAFE_NO_PAD.encode(json!({"keys": [jwk("held", "enc")]}).to_string());
        for name in ["aas-ehd", "maa-ehd", "x-ms-sgx-ehd"] {
            assert_eq!(of(json!({name: held})).as_deref(), Some("held"));
        }
        assert_eq!(of(json!({"aas-ehd": held, "x-ms-runtime": {}})), None);
        assert_eq!(of(json!({"maa-ehd": "sdk-test"})), None);
        assert_eq!(of(json!({})), None);
    }
}
