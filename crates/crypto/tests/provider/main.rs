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

/// The suite for one provider: its name, an expression that makes it, and how many vectors of each
/// family must at least be run, so that none gets lost unnoticed.
macro_rules! suite {
    ($name:ident, $provider:expr, { $($family:ident: $least:expr,)* }) => {
        mod $name {
            $(
                #[test]
                fn $family() {
                    let tallies = crate::$family::tallies(&$provider);
                    crate::tally::close(stringify!($family), &tallies, $least);
                }
            )*

            #[test]
            fn round_trips() {
                crate::round_trips(&$provider);
            }
        }
    };
}

suite!(software, strongroom_crypto::software::provider(), {
    aes: 3676,
    ecdsa: 1173,
    hmac: 38,
    jose: 20,
    key_wrap: 2398,
    ml_dsa: 840,
    rsa_encryption: 452,
    rsa_signature: 4094,
});

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
