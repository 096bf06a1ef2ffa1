//! Damaged DER is refused or read, and never panics.

use strongroom_model::Curve;
use strongroom_pki::{
    certificate_request, check_validity, facts, ocsp, order_chain, parse_request,
};

use crate::revocation::request;
use crate::support::{Ca, NOW, Openssl, authority, ec, permitted, server};

/// Every beginning of `whole`, which must be refused, and `whole` with every byte changed.
fn damage(whole: &[u8], read: impl Fn(&[u8]) -> bool) {
    assert!(read(whole));
    for cut in 0..whole.len() {
        assert!(!read(&whole[..cut]), "cut at {cut}");
    }
    assert!(!read(&[whole, &[0]].concat()));
    for i in 0..whole.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut damaged = whole.to_vec();
            damaged[i] ^= bits;
            read(&damaged);
        }
    }
}

#[test]
fn certificates() {
    let mut x509 = authority("CN=Root, O=\"a, b\"", Some(1));
    x509.name_constraints = permitted(&["example.com"], &["10.0.0.0/8"]);
    x509.sans = server(&["a.example.com"]).sans;
    x509.sans.upns = vec!["a@example.com".to_owned()];
    let root = Ca::root(&x509);
    let public = root.key.public();
    damage(&root.certificate, |der| facts(der).is_ok());
    damage(&root.certificate, |der| {
        // No damage leaves the signature in place.
        let ordered = order_chain(vec![der.to_vec()], public).is_ok();
        assert!(!ordered || der == root.certificate || facts(der).is_ok());
        check_validity(&[der.to_vec()], NOW).is_ok()
    });
}

#[test]
fn an_authority_s_certificate() {
    let mut x509 = authority("CN=Root", Some(1));
    x509.name_constraints = permitted(&["example.com"], &["10.0.0.0/8"]);
    let root = Ca::root(&x509);
    damage(&root.certificate, |der| {
        let damaged = Ca { certificate: der.to_vec(), key: root.key.clone() };
        let leaf = server(&["a.example.com"]);
        damaged.certify(&leaf, root.key.public(), &crate::support::terms(1)).is_ok()
    });
}

#[test]
fn requests() {
    let request = certificate_request(&server(&["a.example.com"]), &*ec(Curve::P256)).unwrap();
    damage(&request, |der| {
        let parsed = parse_request(der);
        assert!(parsed.is_err() || der == request, "a request is what its key signed");
        parsed.is_ok()
    });
}

#[test]
fn ocsp_requests() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let leaf = root.below(&server(&["a.example.com"]));
    let request = request(&openssl, &root, &leaf.certificate, "");
    damage(&request, |der| ocsp::parse_request(der).is_ok());
}
