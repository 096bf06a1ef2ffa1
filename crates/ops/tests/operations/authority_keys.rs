//! The private keys of authorities, from the side of who would certify past them.

use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::{
    IssuerParametersChange, KeyPropertiesChange, PolicyChange, ProfileChange, X509Change,
};
use strongroom_model::{AttributesChange, KeyOperation, Kind};
use strongroom_ops::{ImportCertificate, OpError, UpdateKey};

use crate::authority::{Vault, authority, server};
use crate::certificates::policy;
use crate::support::name;

impl Vault {
    /// Takes in an authority that OpenSSL has made, valid from now on, with its key; its renewals
    /// sign themselves and keep the key.
    async fn import_authority(&self, certificate: &str) {
        self.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout made.key \
             -out made.pem -days 400 -subj /CN=outside \
             -addext keyUsage=critical,keyCertSign,cRLSign",
        );
        let read = |file| std::fs::read(self.dir.path().join(file)).unwrap();
        let key = KeyPropertiesChange { reuse_key: Some(true), ..KeyPropertiesChange::default() };
        let itself = IssuerParametersChange { name: Some("Self".into()), ..Default::default() };
        let request = ImportCertificate {
            name: name(certificate),
            value: SecretBytes::new([read("made.key"), read("made.pem")].concat()),
            password: None,
            policy: Some(PolicyChange {
                key: Some(key),
                issuer: Some(itself),
                ..PolicyChange::default()
            }),
            attributes: AttributesChange::default(),
            tags: None,
            preserve_order: None,
        };
        let request = self.node.admit(&self.vault, request);
        let imported = self.node.ops.import_certificate(request, &mut self.node.call()).await;
        imported.unwrap();
    }
}

#[tokio::test]
async fn the_key_of_an_authority_signs_nothing_that_it_is_handed() {
    let v = Vault::new().await;
    let key = v.node.key(&v.vault, "root").await.unwrap().record;
    assert_eq!(key.listing.key_ops, []);
    let refused = v.node.sign(&v.vault, "root").await.unwrap_err();
    assert!(
        matches!(refused, OpError::OperationNotPermitted(KeyOperation::Sign)),
        "whoever may use keys would have a certificate of any name: {refused}"
    );
    let request = UpdateKey {
        name: name("root"),
        version: None,
        key_ops: Some(vec![KeyOperation::Sign]),
        attributes: AttributesChange::default(),
        exportable: None,
        release_policy: None,
        tags: None,
    };
    let request = v.node.admit(&v.vault, request);
    let refused = v.node.ops.update_key(request, &mut v.node.call()).await.err().unwrap();
    assert!(matches!(refused, OpError::Managed(Kind::Key)), "{refused}");

    // The authority itself signs all the same.
    let leaf = v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    let (root, list) = (v.get("root").await.chain.remove(0), v.list("root", None).await.unwrap());
    let verdict = v.verify(&root, &leaf.chain, &[&list]);
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    let said = v.ocsp("root", &root, &leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: good"), "{said}");
    assert_eq!(v.node.sign(&v.vault, "www").await.unwrap().len(), 64, "a server's key signs");
}

#[tokio::test]
async fn the_key_of_an_imported_authority_stays_what_it_was() {
    let v = Vault::new().await;
    v.import_authority("taken").await;
    let first = v.node.key(&v.vault, "taken").await.unwrap().record.listing;
    assert_eq!(first.key_ops, [KeyOperation::Sign, KeyOperation::Verify]);
    v.node.create_certificate(&v.vault, "taken", None).await.unwrap();
    let second = v.node.key(&v.vault, "taken").await.unwrap().record.listing;
    assert_eq!(second, first, "a renewal that keeps the key");
    assert_eq!(v.node.sign(&v.vault, "taken").await.unwrap().len(), 64);
    v.issuer("taken-ca", "taken", ProfileChange::default()).await;
    v.create("www", "taken-ca", server("www.example.com"), "P-256").await.unwrap();
}

/// The attack: the key signs what one likes as a server's, before or after it is an authority's.
#[tokio::test]
async fn no_key_is_an_authoritys_and_a_servers() {
    let v = Vault::new().await;
    let keeps = |x509: X509Change| {
        let mut keeps = policy("Self");
        keeps.key.as_mut().unwrap().reuse_key = Some(true);
        PolicyChange { x509: Some(x509), ..keeps }
    };
    let key = async || v.node.key(&v.vault, "both").await.unwrap().record.listing;
    let make = async |x509| {
        v.node.create_certificate(&v.vault, "both", Some(keeps(x509))).await.unwrap();
        key().await
    };
    let as_server = make(server("www.example.com")).await;
    let as_authority = make(authority("CN=Both")).await;
    assert_ne!(as_authority.public, as_server.public);
    let renewed = make(authority("CN=Both")).await;
    assert_eq!((&renewed.public, renewed.key_ops.len()), (&as_authority.public, 0));
    let again = make(server("www.example.com")).await;
    assert_ne!(again.public, as_authority.public);
    assert!(!again.key_ops.is_empty());
}
