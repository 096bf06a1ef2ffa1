//! What bring-your-own-key brings. By the first byte: `{` a transfer blob, `C` what follows a
//! genuine carrier of an AES key, anything else a private key in PKCS#8, PKCS#1 or SEC 1.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::rsa_aes_key_wrap::{self, OaepHash};
use strongroom_crypto::software::private_key_file::{self, Encoding};
use strongroom_crypto::{CryptoError, SecretBytes, public};
use strongroom_fuzz::keys::{self, KEK};
use strongroom_model::EncryptionAlgorithm;
use strongroom_ops::TransferBlob;

/// The length of the modulus of [`KEK`].
const MODULUS_BYTES: usize = 256;

fuzz_target!(|data: &[u8]| match data {
    [b'{', ..] => blob(data),
    [b'C', length, wrapped @ ..] => carried(*length, wrapped),
    der => key(&SecretBytes::new(der.to_vec())),
});

fn blob(json: &[u8]) {
    let Ok(blob) = TransferBlob::parse(json) else { return };
    let version = blob.kek.version.map(|version| format!("/{version}")).unwrap_or_default();
    let again = json!({
        "schema_version": "1.0.0",
        "header": {
            "kid": format!("https://{}.x/keys/{}{version}", blob.kek.vault, blob.kek.name),
            "alg": "dir",
            "enc": "CKM_RSA_AES_KEY_WRAP",
        },
        "ciphertext": URL_SAFE_NO_PAD.encode(&blob.ciphertext),
    });
    assert_eq!(TransferBlob::parse(again.to_string().as_bytes()).unwrap(), blob);
    if let Some(key) = unwrap(&blob.ciphertext) {
        import(key);
    }
}

/// An AES key of any length, well wrapped, before what claims to be wrapped with it.
fn carried(length: u8, wrapped: &[u8]) {
    let aes_key = vec![1; usize::from(length)];
    let carrier = public::encrypt(&KEK.public, EncryptionAlgorithm::RsaOaep, &aes_key);
    if let Ok(carrier) = carrier {
        unwrap(&[&carrier, wrapped].concat());
    }
}

fn key(der: &SecretBytes) {
    let whole = import(SecretBytes::new(der.expose().to_vec()));
    for encoding in [Encoding::Pkcs8, Encoding::Pkcs1, Encoding::Sec1] {
        let Ok(parts) = private_key_file::read(encoding, der) else { continue };
        let Ok(material) = keys::import(&parts) else { continue };
        keys::assert_sound(&material);
        if let (Encoding::Pkcs8, Some(whole)) = (encoding, &whole) {
            assert_eq!(material.public, *whole, "the same key by both ways");
        }
    }
    if whole.is_some() {
        let wrapped = rsa_aes_key_wrap::wrap(&KEK.public, OaepHash::Sha1, der).unwrap();
        assert_eq!(unwrap(&wrapped).unwrap().expose(), der.expose());
    }
}

fn unwrap(wrapped: &[u8]) -> Option<SecretBytes> {
    let unwrapped = rsa_aes_key_wrap::unwrap(&*KEK.private, MODULUS_BYTES, wrapped);
    unwrapped.inspect_err(|error| assert_eq!(*error, CryptoError::Unauthentic)).ok()
}

fn import(der: SecretBytes) -> Option<strongroom_model::PublicKey> {
    let material = keys::import(&ImportedKey::Pkcs8(der)).ok()?;
    keys::assert_sound(&material);
    Some(material.public)
}
