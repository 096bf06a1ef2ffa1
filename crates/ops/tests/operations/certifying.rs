//! Certificates made, merged and taken in; with their keys and secrets, and without leaving half
//! of anything when they are refused.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::{KeyPropertiesChange, OperationStatus, PolicyChange};
use strongroom_model::{AttributesChange, Kind, PublicKey, VaultResource};
use strongroom_ops::{
    CreateKey, DeleteCertificateOperation, GetCertificates, ImportCertificate, MergeCertificate,
    NewKey, OpError, PageRequest, SetSecret, UpdateCertificate, UpdateCertificateOperation,
};
use strongroom_store::Store;
use strongroom_store::memory::MemoryStore;

use crate::certificates::policy;
use crate::openssl::OpenSsl;
use crate::support::{Node, name};

fn exportable(issuer: &str, exportable: bool, content_type: &str) -> PolicyChange {
    let mut policy = policy(issuer);
    let key = policy.key.take().unwrap();
    policy.key = Some(KeyPropertiesChange { exportable: Some(exportable), ..key });
    policy.content_type = Some(content_type.into());
    policy
}

pub(crate) fn import(certificate: &str, value: &[u8], password: &str) -> ImportCertificate {
    ImportCertificate {
        name: name(certificate),
        value: SecretBytes::new(value.to_vec()),
        password: Some(SecretBytes::new(password.as_bytes().to_vec())),
        policy: None,
        attributes: AttributesChange::default(),
        tags: None,
        preserve_order: None,
    }
}

pub(crate) fn merge(certificate: &str, chain: Vec<Vec<u8>>) -> MergeCertificate {
    let (name, attributes) = (name(certificate), AttributesChange::default());
    MergeCertificate { name, chain, attributes, tags: None }
}

async fn set_secret<S: Store>(
    node: &Node<S>,
    vault: &Arc<VaultResource>,
    secret: &str,
) -> Result<(), OpError> {
    let request = SetSecret {
        name: name(secret),
        value: SecretBytes::new(b"value".to_vec()),
        content_type: None,
        attributes: AttributesChange::default(),
        tags: None,
    };
    node.ops.set_secret(node.admit(vault, request), &mut node.call()).await.map(|_| ())
}

/// What `openssl ca` needs: it alone sets both ends of a validity in every release.
const CONFIGURATION: &[u8] = b"[ca]
default_ca = outside
[outside]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = names
copy_extensions = copyall
email_in_dn = no
unique_subject = no
x509_extensions = leaf
[names]
commonName = supplied
[leaf]
authorityKeyIdentifier = keyid
[root]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
";

/// An authority of OpenSSL, valid at the test's time.
pub(crate) fn authority(openssl: &OpenSsl) -> Vec<u8> {
    openssl.put("configuration", CONFIGURATION);
    openssl.put("index", b"");
    openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ca.key");
    openssl.run("req -new -key ca.key -subj /CN=outside -out request");
    openssl.run(
        "ca -batch -config configuration -selfsign -keyfile ca.key -in request -notext \
         -extensions root -startdate 20251201000000Z -enddate 20361201000000Z -out ca.pem",
    );
    openssl.run("x509 -in ca.pem -outform DER")
}

/// A certificate for a request in DER.
pub(crate) fn certify(openssl: &OpenSsl, csr: &[u8], end: &str) -> Vec<u8> {
    openssl.put("csr", csr);
    openssl.run("req -inform DER -in csr -out request");
    openssl.run(&format!(
        "ca -batch -config configuration -cert ca.pem -keyfile ca.key -in request -notext \
         -startdate 20251201000000Z -enddate {end} -out issued.pem"
    ));
    openssl.run("x509 -in issued.pem -outform DER")
}

#[tokio::test]
async fn a_self_signed_certificate_comes_with_its_key_and_secret() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let begun = node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    assert_eq!(begun.status, OperationStatus::InProgress, "as the real service answers");
    let done = node.operation(&vault, "web").await.unwrap();
    assert_eq!(done.status, OperationStatus::Completed);
    assert_eq!((done.request_id, done.version), (begun.request_id, begun.version));
    let view = node.certificate(&vault, "WEB").await;
    assert_eq!(view.record.version, begun.version);
    assert!(view.has_operation);
    let key = node.key(&vault, "web").await.unwrap().record;
    assert_eq!((key.version, key.listing.managed), (begun.version, Some(true)));
    assert_eq!(key.attributes, view.record.attributes, "the certificate's own times");
    let openssl = OpenSsl::new();
    openssl.put("certificate", &view.chain[0]);
    let said =
        openssl.run("x509 -inform DER -in certificate -noout -subject -issuer -nameopt RFC2253");
    let said = String::from_utf8(said).unwrap();
    assert_eq!(said, "subject=CN=example.com\nissuer=CN=example.com\n");
    let PublicKey::Ec { x, .. } = &key.listing.public else { panic!("not EC") };
    assert!(view.chain[0].windows(32).any(|part| part == x), "the key is the certificate's");
    assert_eq!(node.sign(&vault, "web").await.unwrap().len(), 64);
    let (value, content_type) = node.secret(&vault, "web").await.unwrap();
    assert_eq!(content_type.as_deref(), Some("application/x-pkcs12"));
    openssl.put("pfx", &STANDARD.decode(value).unwrap());
    openssl.run("pkcs12 -in pfx -passin pass: -nodes -out both.pem");
    let key_of = |from| String::from_utf8(openssl.run(from)).unwrap();
    let private = key_of("pkey -in both.pem -pubout");
    assert_eq!(private, key_of("x509 -in both.pem -noout -pubkey"));
    assert_eq!(private, key_of("x509 -inform DER -in certificate -noout -pubkey"));
}

#[tokio::test]
async fn a_key_that_may_not_leave_is_not_in_the_secret() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let pem = "application/x-pem-file";
    for (certificate, leaves) in [("stays", false), ("leaves", true)] {
        let policy = exportable("Self", leaves, pem);
        node.create_certificate(&vault, certificate, Some(policy)).await.unwrap();
        let (value, content_type) = node.secret(&vault, certificate).await.unwrap();
        let value = String::from_utf8(value).unwrap();
        assert_eq!(content_type.as_deref(), Some(pem));
        assert!(value.contains("-----BEGIN CERTIFICATE-----"));
        assert_eq!(value.contains("PRIVATE KEY"), leaves, "{certificate}");
        assert_eq!(node.sign(&vault, certificate).await.unwrap().len(), 64);
    }
}

#[tokio::test]
async fn a_request_goes_out_and_a_certificate_comes_back() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let openssl = OpenSsl::new();
    let root = authority(&openssl);
    let begun = node.create_certificate(&vault, "web", Some(policy("Unknown"))).await.unwrap();
    let view = node.certificate(&vault, "web").await;
    assert!(view.chain.is_empty() && view.record.listing.is_pending());
    assert!(matches!(node.key(&vault, "web").await, Err(OpError::NotFound { .. })));
    for (include_pending, shown) in [(false, 0), (true, 1)] {
        let page = PageRequest { max_results: 25, skip_token: None };
        let request = node.admit(&vault, GetCertificates { page, include_pending });
        assert_eq!(node.ops.get_certificates(request).await.unwrap().values.len(), shown);
    }
    let again = node.create_certificate(&vault, "web", Some(policy("Self"))).await;
    assert!(matches!(again, Err(OpError::PendingExists)));
    openssl.put("csr", &begun.csr);
    openssl.run("req -inform DER -in csr -verify -noout");
    let leaf = certify(&openssl, &begun.csr, "20301201000000Z");
    let before = node.rows().await;
    // Of another key; expired; with a certificate that belongs nowhere.
    let other = node.create_certificate(&vault, "other", Some(policy("Unknown"))).await.unwrap();
    let wrong = certify(&openssl, &other.csr, "20301201000000Z");
    let expired = certify(&openssl, &begun.csr, "20251202000000Z");
    let stray = vec![leaf.clone(), wrong.clone()];
    for chain in [
        vec![wrong, root.clone()],
        vec![root.clone(), expired],
        stray,
        vec![],
        vec![b"nothing".to_vec()],
    ] {
        let request = node.admit(&vault, merge("web", chain));
        let refused = node.ops.merge_certificate(request, &mut node.call()).await;
        assert!(matches!(refused, Err(OpError::Invalid(_))), "{:?}", refused.err());
    }
    let rows: Vec<_> = node.rows().await;
    assert_eq!(rows.len(), before.len() + 3, "those of the other certificate, and no more");
    // In any order.
    let request = node.admit(&vault, merge("web", vec![root.clone(), leaf.clone()]));
    let merged = node.ops.merge_certificate(request, &mut node.call()).await.unwrap();
    assert_eq!(merged.chain, [leaf, root]);
    assert_eq!(merged.record.version, begun.version);
    assert_eq!(node.certificate(&vault, "web").await.chain, merged.chain);
    assert_eq!(node.key(&vault, "web").await.unwrap().record.version, begun.version);
    assert_eq!(node.operation(&vault, "web").await.unwrap().status, OperationStatus::Completed);
    assert_eq!(node.sign(&vault, "web").await.unwrap().len(), 64);
    let request = node.admit(&vault, merge("web", merged.chain));
    let twice = node.ops.merge_certificate(request, &mut node.call()).await;
    assert!(matches!(twice, Err(OpError::PendingNotFound { .. })));
    let request = node.admit(&vault, merge("none", vec![]));
    let none = node.ops.merge_certificate(request, &mut node.call()).await;
    assert!(matches!(none, Err(OpError::PendingNotFound { .. })));
}

#[tokio::test]
async fn an_operation_is_given_up_and_forgotten() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    node.create_certificate(&vault, "web", Some(policy("Unknown"))).await.unwrap();
    let cancel = || UpdateCertificateOperation { name: name("web"), cancellation_requested: true };
    let request = node.admit(&vault, cancel());
    let view = node.ops.update_certificate_operation(request, &mut node.call()).await.unwrap();
    assert!(view.operation.cancellation_requested);
    let now = node.operation(&vault, "web").await.unwrap();
    assert_eq!(now.status, OperationStatus::Cancelled);
    let request = node.admit(&vault, cancel());
    let twice = node.ops.update_certificate_operation(request, &mut node.call()).await;
    assert!(matches!(twice, Err(OpError::PendingEnded)));
    let request = node.admit(&vault, DeleteCertificateOperation { name: name("web") });
    node.ops.delete_certificate_operation(request, &mut node.call()).await.unwrap();
    assert!(matches!(node.operation(&vault, "web").await, Err(OpError::PendingNotFound { .. })));
    assert!(!node.certificate(&vault, "web").await.has_operation);
    // Its name is free for another try.
    let begun = node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    assert_eq!(node.certificate(&vault, "web").await.record.version, begun.version);
}

#[tokio::test]
async fn what_others_have_is_not_taken() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    set_secret(&node, &vault, "secret").await.unwrap();
    let (key_type, spec) = (
        strongroom_model::KeyType::Ec,
        strongroom_model::KeySpec::Ec(strongroom_model::Curve::P256),
    );
    let request = CreateKey { name: name("key"), key_type, spec, new: NewKey::default() };
    node.ops.create_key(node.admit(&vault, request), &mut node.call()).await.unwrap();
    let before = node.rows().await;
    for (taken, by) in [("secret", Kind::Secret), ("key", Kind::Key)] {
        let refused = node.create_certificate(&vault, taken, Some(policy("Self"))).await;
        assert!(matches!(refused, Err(OpError::NameInUse { kind, .. }) if kind == by));
    }
    let unknown = node.create_certificate(&vault, "web", Some(policy("nobody"))).await;
    assert!(matches!(unknown, Err(OpError::IssuerNotFound(_))));
    assert_eq!(node.rows().await, before);
    // And the other way round.
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    let managed = set_secret(&node, &vault, "web").await;
    assert!(matches!(managed, Err(OpError::Managed(Kind::Secret))));
}

#[tokio::test]
async fn a_pfx_of_openssl_is_taken_in() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let openssl = OpenSsl::new();
    let root = authority(&openssl);
    openssl.run(
        "req -new -newkey rsa:2048 -noenc -keyout leaf.key -subj /CN=leaf -outform DER -out csr",
    );
    let csr = std::fs::read(openssl.put("copy", b"").with_file_name("csr")).unwrap();
    let leaf = certify(&openssl, &csr, "20301201000000Z");
    openssl.put("leaf", &leaf);
    openssl.run("x509 -inform DER -in leaf -out leaf.pem");
    let pfx = openssl
        .run("pkcs12 -export -inkey leaf.key -in leaf.pem -certfile ca.pem -passout pass:geheim");
    let before = node.rows().await;
    for (value, password) in [(&pfx, "falsch"), (&pfx[..100].to_vec(), "geheim")] {
        let request = node.admit(&vault, import("web", value, password));
        let refused = node.ops.import_certificate(request, &mut node.call()).await;
        assert!(matches!(refused, Err(OpError::Invalid(_))), "{:?}", refused.err());
    }
    assert_eq!(node.rows().await, before);
    let request = node.admit(&vault, import("web", &pfx, "geheim"));
    let view = node.ops.import_certificate(request, &mut node.call()).await.unwrap();
    assert_eq!(view.chain, [leaf, root]);
    assert!(!view.has_operation);
    assert_eq!(view.policy.issuer.name, "Unknown");
    assert_eq!(node.certificate(&vault, "web").await.policy, view.policy);
    let modulus = openssl.run("rsa -in leaf.key -noout -modulus");
    let PublicKey::Rsa { n, .. } = node.key(&vault, "web").await.unwrap().record.listing.public
    else {
        panic!("not RSA")
    };
    let modulus = String::from_utf8(modulus).unwrap().to_lowercase();
    assert_eq!(modulus.trim(), format!("modulus={}", crate::openssl::hex(&n)));
}

#[tokio::test]
async fn pem_is_taken_in_and_bad_pem_is_not() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let openssl = OpenSsl::new();
    openssl.run(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj /CN=mine -days 4000 \
         -keyout key -out certificate",
    );
    openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other");
    authority(&openssl);
    let csr = openssl.run("req -new -key key -subj /CN=old -outform DER");
    let expired = certify(&openssl, &csr, "20251202000000Z");
    openssl.put("der", &expired);
    openssl.run("x509 -inform DER -in der -out expired");
    openssl.run(
        "req -x509 -newkey rsa:1024 -noenc -subj /CN=weak -days 4000 -keyout weak.key -out weak",
    );
    let read = |file: &str| std::fs::read(openssl.put("x", b"").with_file_name(file)).unwrap();
    let of = |files: &[&str]| files.iter().flat_map(|file| read(file)).collect::<Vec<u8>>();
    let before = node.rows().await;
    for (files, says) in [
        (&["other", "certificate"][..], "does not match the public part"),
        (&["certificate"], "Private key is not specified"),
        (&["key"], ""),
        (&["key", "expired"], "already expired"),
        (&["weak.key", "weak"], ""),
    ] {
        let request = node.admit(&vault, import("web", &of(files), ""));
        let refused = node.ops.import_certificate(request, &mut node.call()).await;
        let Err(OpError::Invalid(why)) = refused else { panic!("{files:?}: {:?}", refused.err()) };
        assert!(why.contains(says), "{files:?}: {why}");
    }
    assert_eq!(node.rows().await, before);
    for (at, files) in [["key", "certificate"], ["certificate", "key"]].iter().enumerate() {
        let request = node.admit(&vault, import("web", &of(files), ""));
        let view = node.ops.import_certificate(request, &mut node.call()).await.unwrap();
        assert_eq!(view.chain.len(), 1);
        let (value, content_type) = node.secret(&vault, "web").await.unwrap();
        assert_eq!(content_type.as_deref(), Some("application/x-pem-file"));
        openssl.put("back", &value);
        let public = |from| String::from_utf8(openssl.run(from)).unwrap();
        assert_eq!(public("pkey -in back -pubout"), public("pkey -in key -pubout"), "{at}");
    }
}

#[tokio::test]
async fn what_is_said_of_a_version_is_said_of_its_key_and_secret() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let first = node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    node.create_certificate(&vault, "web", None).await.unwrap();
    let update = |version, enabled| UpdateCertificate {
        name: name("web"),
        version,
        attributes: AttributesChange { enabled: Some(enabled), ..AttributesChange::default() },
        tags: None,
        policy: None,
    };
    let request = node.admit(&vault, update(Some(first.version), false));
    let view = node.ops.update_certificate(request, &mut node.call()).await.unwrap();
    assert!(!view.record.attributes.enabled);
    assert_eq!(node.sign(&vault, "web").await.unwrap().len(), 64, "the current one is enabled");
    let request = node.admit(&vault, update(None, false));
    node.ops.update_certificate(request, &mut node.call()).await.unwrap();
    assert!(matches!(node.sign(&vault, "web").await, Err(OpError::NotUsable { .. })));
    assert!(matches!(node.secret(&vault, "web").await, Err(OpError::NotUsable { .. })));
    let request = node.admit(&vault, update(None, true));
    node.ops.update_certificate(request, &mut node.call()).await.unwrap();
    assert!(node.secret(&vault, "web").await.is_ok());
}

#[tokio::test]
async fn a_key_is_kept_if_the_policy_says_so() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let mut keeps = policy("Self");
    keeps.key.as_mut().unwrap().reuse_key = Some(true);
    node.create_certificate(&vault, "web", Some(keeps)).await.unwrap();
    let first = node.key(&vault, "web").await.unwrap().record;
    node.create_certificate(&vault, "web", None).await.unwrap();
    let second = node.key(&vault, "web").await.unwrap().record;
    assert_ne!(first.version, second.version);
    assert_eq!(first.listing.public, second.listing.public);
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    let third = node.key(&vault, "web").await.unwrap().record;
    assert_ne!(second.listing.public, third.listing.public);
}

/// The attack of whoever may change a policy and read secrets, on a key that was to stay.
#[tokio::test]
async fn a_key_that_may_not_leave_never_does() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let keeps = |exportable| {
        let mut keeps = policy("Self");
        let key = keeps.key.as_mut().unwrap();
        (key.reuse_key, key.exportable) = (Some(true), Some(exportable));
        keeps
    };
    let public = async || node.key(&vault, "web").await.unwrap().record.listing.public;
    node.create_certificate(&vault, "web", Some(keeps(false))).await.unwrap();
    let inside = public().await;
    node.create_certificate(&vault, "web", Some(keeps(false))).await.unwrap();
    assert_eq!(public().await, inside);
    node.create_certificate(&vault, "web", Some(keeps(true))).await.unwrap();
    let outside = public().await;
    assert_ne!(outside, inside, "the secret holds the private key now");
    node.create_certificate(&vault, "web", Some(keeps(true))).await.unwrap();
    assert_eq!(public().await, outside);
}
