//! The examples of RFC 7515, RFC 7516 and RFC 7520, opened by the provider alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_crypto::provider::{Ciphertext, CryptoProvider, ImportedKey};
use strongroom_crypto::{CryptoError, SecretBytes, public};
use strongroom_model::{Curve, EncryptionAlgorithm, PublicKey, SignatureAlgorithm};

use crate::keys::{self, Opened};
use crate::tally::{Expected, Tally, decrypted, verified};

const EXAMPLES: &str = include_str!("vectors/jose.json");

pub(crate) fn tallies(provider: &CryptoProvider) -> Vec<Tally> {
    let examples: Value = serde_json::from_str(EXAMPLES).unwrap();
    let all = |kind: &str| examples[kind].as_array().unwrap().clone();
    let mut tallies: Vec<_> =
        all("signed").iter().map(|example| signed(provider, example)).collect();
    tallies.extend(all("encrypted").iter().map(|example| encrypted(provider, example)));
    tallies
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn bytes(value: &Value, name: &str) -> Vec<u8> {
    decoded(text(value, name))
}

fn header(protected: &str) -> Value {
    serde_json::from_slice(&decoded(protected)).unwrap()
}

fn key(provider: &CryptoProvider, jwk: &Value) -> Result<Opened, CryptoError> {
    let secret = |name| SecretBytes::new(bytes(jwk, name));
    let imported = match text(jwk, "kty") {
        "RSA" => ImportedKey::Rsa {
            n: bytes(jwk, "n"),
            e: bytes(jwk, "e"),
            d: secret("d"),
            p: secret("p"),
            q: secret("q"),
            dp: secret("dp"),
            dq: secret("dq"),
            qi: secret("qi"),
        },
        "EC" => ImportedKey::Ec {
            curve: Curve::parse(text(jwk, "crv")).unwrap(),
            x: bytes(jwk, "x"),
            y: bytes(jwk, "y"),
            d: secret("d"),
        },
        _ => ImportedKey::Oct(secret("k")),
    };
    keys::take_in(provider, &imported)
}

fn signed(provider: &CryptoProvider, example: &Value) -> Tally {
    let protected = text(example, "protected");
    let header = header(protected);
    let algorithm = SignatureAlgorithm::parse(text(&header, "alg")).unwrap();
    let mut tally = Tally::new(format!("{} {}", text(example, "source"), algorithm.name()));
    let key = key(provider, &example["key"]).unwrap();
    if provider.signs(algorithm).is_none() {
        tally.not_applicable(1, format!("{} does not sign so", provider.name));
    } else if matches!(key.public, PublicKey::Oct { .. }) {
        tally.not_applicable(1, "HMAC of a message, where a digest's length is signed");
    } else {
        let message = format!("{protected}.{}", text(example, "payload"));
        let signature = bytes(example, "signature");
        let outcome = signs(&key, algorithm, message.as_bytes(), &signature);
        tally.count("", Expected::Valid, outcome);
        let mut tampered = message.into_bytes();
        tampered[0] ^= 1;
        let digest = keys::digest(algorithm, &tampered);
        let answer = public::verify(&key.public, algorithm, &digest, &signature);
        tally.count("tampered", Expected::Invalid, verified(answer));
    }
    tally
}

/// The published signature fits, and so does one made here; PKCS#1 v1.5 makes the same again.
fn signs(
    key: &Opened,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let digest = keys::digest(algorithm, message);
    let own = key.private.sign(algorithm, &digest);
    let own = own.map_err(|error| format!("signing: {error:?}"))?;
    if algorithm == SignatureAlgorithm::Rs256 && own != signature {
        return Err("signed to something else".to_owned());
    }
    let fits =
        |signature: &[u8]| verified(public::verify(&key.public, algorithm, &digest, signature));
    Ok(fits(&own)? && fits(signature)?)
}

fn encrypted(provider: &CryptoProvider, example: &Value) -> Tally {
    let compact = text(example, "compact");
    let header = header(compact.split('.').next().unwrap());
    let (alg, enc) = (text(&header, "alg"), text(&header, "enc"));
    let mut tally = Tally::new(format!("{} {alg}, {enc}", text(example, "source")));
    let plaintext = bytes(example, "plaintext");
    let outcome = key(provider, &example["key"])
        .map_err(|error| format!("the key was refused: {error:?}"))
        .and_then(|key| opened(provider, &key, &header, compact, &plaintext));
    tally.count("", Expected::Valid, outcome);
    tally
}

/// Opens the content key, and the content with it.
fn opened(
    provider: &CryptoProvider,
    key: &Opened,
    header: &Value,
    compact: &str,
    plaintext: &[u8],
) -> Result<bool, String> {
    let parts: Vec<_> = compact.split('.').collect();
    let [protected, wrapped, iv, value, tag] = parts[..] else { panic!("{compact}") };
    let (wrapped, iv, value, tag) = (decoded(wrapped), decoded(iv), decoded(value), decoded(tag));
    let alg = text(header, "alg");
    let content_key =
        if alg == "dir" { key.private.export() } else { unwrap(key, alg, header, &wrapped) };
    let content_key = content_key.map_err(|error| format!("the content key: {error:?}"))?;
    let (algorithm, content_key) = match text(header, "enc") {
        "A128GCM" => (EncryptionAlgorithm::A128Gcm, content_key.expose()),
        "A256GCM" => (EncryptionAlgorithm::A256Gcm, content_key.expose()),
        // RFC 7518, 5.2.2.1: the second half is the key of the cipher.
        "A128CBC-HS256" => (EncryptionAlgorithm::A128CbcPad, &content_key.expose()[16..]),
        other => panic!("{other}"),
    };
    let content_key = keys::oct(provider, content_key)
        .map_err(|error| format!("the content key was refused: {error:?}"))?;
    let ciphertext = match algorithm {
        EncryptionAlgorithm::A128CbcPad => {
            Ciphertext { value: &value, iv: Some(&iv), ..Ciphertext::default() }
        }
        _ => Ciphertext {
            value: &value,
            iv: Some(&iv),
            aad: Some(protected.as_bytes()),
            tag: Some(&tag),
        },
    };
    decrypted(content_key.private.decrypt(algorithm, ciphertext), plaintext)
}

fn unwrap(
    key: &Opened,
    alg: &str,
    header: &Value,
    wrapped: &[u8],
) -> Result<SecretBytes, CryptoError> {
    if alg == "A256GCMKW" {
        let (iv, tag) = (bytes(header, "iv"), bytes(header, "tag"));
        let value = Ciphertext { value: wrapped, iv: Some(&iv), aad: None, tag: Some(&tag) };
        return key.private.decrypt(EncryptionAlgorithm::A256Gcm, value);
    }
    let algorithm = EncryptionAlgorithm::parse(alg).unwrap();
    key.private.decrypt(algorithm, Ciphertext { value: wrapped, ..Ciphertext::default() })
}
