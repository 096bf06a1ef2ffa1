//! What the software provider refuses, and how; and what no published vector covers.
//!
//! Published vectors of every algorithm are in `tests/provider`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod contract;
mod ec_import;
mod failures;
mod pkcs8_import;
mod private_key_file;
mod rsa_import;
mod rsnull;

use std::sync::Arc;

use strongroom_crypto::provider::{ImportedKey, KeyMaterial, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes, software};
use strongroom_model::KeySpec;

fn secret(bytes: &[u8]) -> SecretBytes {
    SecretBytes::new(bytes.to_vec())
}

fn import(key: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
    software::provider().keys.import(key)
}

fn open(material: &KeyMaterial) -> Arc<dyn PrivateKey> {
    software::provider().keys.open(&material.public, &material.private).unwrap()
}

fn generate(spec: KeySpec) -> (KeyMaterial, Arc<dyn PrivateKey>) {
    let material = software::provider().keys.generate(spec).unwrap();
    let key = open(&material);
    (material, key)
}

/// Asserts that a key is refused as unacceptable.
fn refused(what: &str, key: &ImportedKey) {
    match import(key) {
        Err(error) => assert_eq!(error, CryptoError::Key, "{what}"),
        Ok(_) => panic!("taken in: {what}"),
    }
}
