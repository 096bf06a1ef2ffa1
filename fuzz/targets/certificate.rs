//! Certificates, in DER.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::digest;
use strongroom_fuzz::requests;
use strongroom_pki::{check_validity, facts, order_chain};

fuzz_target!(|data: &[u8]| {
    let Ok(facts) = facts(data) else { return };
    assert_eq!(facts.thumbprint.0, digest::sha1(data));
    assert_ne!(facts.serial.first(), Some(&0));
    let chain = vec![data.to_vec()];
    // A chain of one is itself, whoever signed it; twice the same is one too many, or the same.
    if let Ok(ordered) = order_chain(chain.clone(), &facts.public) {
        assert_eq!(ordered, chain);
    }
    drop(order_chain([chain.clone(), chain.clone()].concat(), &facts.public));
    assert!(check_validity(&chain, facts.not_before).is_ok() || facts.not_after < facts.not_before);
    requests::assert_asked_again(&facts.x509);
});
