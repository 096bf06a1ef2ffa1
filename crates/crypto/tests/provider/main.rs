//! What every provider of keys has to pass: published vectors, and a round trip of every key and
//! algorithm that it lists.
//!
//! Vectors of algorithms or parameters that no provider here takes are counted as not applicable,
//! with the reason; so are those that a provider does not list. Each test prints its table. To
//! hold another provider to it, add a line `suite!` below.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod aes;
mod broken;
mod ecdsa;
mod hmac;
mod jose;
mod key_wrap;
mod keys;
mod ml_dsa;
mod response_file;
mod round_trip;
mod rsa_encryption;
mod rsa_signature;
mod tally;

use strongroom_model::{EncryptionAlgorithm, SignatureAlgorithm};

/// The suite for one provider: its name, and an expression that makes it.
macro_rules! suite {
    ($name:ident, $provider:expr) => {
        mod $name {
            #[test]
            fn rsa_signatures() {
                let tallies = crate::rsa_signature::tallies(&$provider);
                crate::tally::close("RSA signatures", &tallies);
            }

            #[test]
            fn rsa_encryption() {
                let tallies = crate::rsa_encryption::tallies(&$provider);
                crate::tally::close("RSA encryption", &tallies);
            }

            #[test]
            fn ecdsa() {
                crate::tally::close("ECDSA", &crate::ecdsa::tallies(&$provider));
            }

            #[test]
            fn aes() {
                crate::tally::close("AES-GCM and AES-CBC", &crate::aes::tallies(&$provider));
            }

            #[test]
            fn key_wrap() {
                crate::tally::close("AES key wrap", &crate::key_wrap::tallies(&$provider));
            }

            #[test]
            fn hmac() {
                crate::tally::close("HMAC", &crate::hmac::tallies(&$provider));
            }

            #[test]
            fn ml_dsa() {
                crate::tally::close("ML-DSA", &crate::ml_dsa::tallies(&$provider));
            }

            #[test]
            fn jose() {
                crate::tally::close("JOSE", &crate::jose::tallies(&$provider));
            }

            #[test]
            fn round_trips() {
                crate::round_trips(&$provider);
            }
        }
    };
}

suite!(software, strongroom_crypto::software::provider());

fn round_trips(provider: &strongroom_crypto::provider::CryptoProvider) {
    let specs = round_trip::specs(provider);
    assert!(!specs.is_empty(), "{} generates no key", provider.name);
    let mut used = Vec::new();
    for spec in specs {
        let names = round_trip::try_out(provider, spec);
        println!("{spec:?}: {}", names.join(", "));
        used.extend(names);
    }
    let signing = provider.signatures.iter().map(|listed| listed.algorithm.name());
    let encrypting = provider.encryptions.iter().map(|listed| listed.algorithm.name());
    for name in signing.chain(encrypting) {
        assert!(used.contains(&name), "{name} is listed, but no key that is generated uses it");
    }
}

/// Else a vector could count as not applicable because the software does not list its algorithm.
#[test]
fn software_lists_every_algorithm() {
    let provider = strongroom_crypto::software::provider();
    for algorithm in SignatureAlgorithm::ALL {
        assert!(provider.signs(*algorithm).is_some(), "{}", algorithm.name());
    }
    for algorithm in EncryptionAlgorithm::ALL {
        assert!(provider.encrypts(*algorithm).is_some(), "{}", algorithm.name());
    }
}
