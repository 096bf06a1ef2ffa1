//! What the authority issues, judged by OpenSSL and by a rustls client.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use strongroom_crypto::sign::{RsaPublicComponents, RsaSigningKey};
use strongroom_model::{PublicKey, Timestamp};
use strongroom_pki::{Authority, PkiError, ServerCertificate, public_key};

const NAMES: [&str; 4] =
    ["login.localhost", "management.localhost", "*.vault.localhost", "*.managedhsm.localhost"];

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_secs()).unwrap())
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|n| (*n).to_owned()).collect()
}

fn handshake(trusted: &Authority, server: &ServerCertificate, name: &str) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate_der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server.key.expose().to_vec()));
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(server.chain.clone(), key)
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|e| e.to_string())?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|e| e.to_string())?;
        wire.clear();
    }
    Ok(())
}

#[test]
fn a_rustls_client_accepts_exactly_the_names_issued() {
    let authority = Authority::create("localhost", now()).unwrap();
    let server = authority.issue_server(&names(&NAMES), now(), 90).unwrap();
    for good in ["login.localhost", "dev.vault.localhost", "x.managedhsm.localhost"] {
        handshake(&authority, &server, good).unwrap();
    }
    for bad in ["vault.localhost", "a.b.vault.localhost", "other.localhost", "example.com"] {
        assert!(handshake(&authority, &server, bad).is_err(), "{bad}");
    }
    let other = Authority::create("localhost", now()).unwrap();
    assert!(handshake(&other, &server, "login.localhost").is_err(), "another installation's");
}

#[test]
fn openssl_accepts_the_chain_strictly_and_reads_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::create("localhost", now()).unwrap();
    let server = authority.issue_server(&names(&NAMES), now(), 90).unwrap();
    std::fs::write(dir.path().join("ca.pem"), authority.certificate_pem()).unwrap();
    std::fs::write(dir.path().join("leaf.der"), &server.chain[0]).unwrap();
    let openssl = |args: &str| {
        let output =
            Command::new("openssl").args(args.split(' ')).current_dir(&dir).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    openssl("x509 -inform DER -in leaf.der -out leaf.pem");
    for name in ["dev.vault.localhost", "login.localhost"] {
        let verify = format!(
            "verify -x509_strict -purpose sslserver -verify_hostname {name} -CAfile ca.pem \
             leaf.pem"
        );
        assert_eq!(openssl(&verify), "leaf.pem: OK\n");
    }
    let root = openssl("x509 -in ca.pem -noout -text");
    for expected in [
        "CA:TRUE, pathlen:0",
        "X509v3 Basic Constraints: critical",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n",
        "X509v3 Name Constraints: critical",
        "Permitted:\n                  DNS:localhost\n",
        "X509v3 Subject Key Identifier:",
        "ecdsa-with-SHA256",
        "NIST CURVE: P-256",
    ] {
        assert!(root.contains(expected), "{expected} is not in {root}");
    }
    let leaf = openssl("x509 -in leaf.pem -noout -text");
    for expected in [
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Server Authentication\n",
        "DNS:login.localhost, DNS:management.localhost, DNS:*.vault.localhost, \
         DNS:*.managedhsm.localhost\n",
        "CA:FALSE",
    ] {
        assert!(leaf.contains(expected), "{expected} is not in {leaf}");
    }
}

#[test]
fn certificates_live_as_long_as_they_should() {
    let now = Timestamp(1_790_000_000);
    let authority = Authority::create("kv.example.com", now).unwrap();
    let ten_years = authority.not_after().seconds_since(now) / 86_400;
    assert_eq!(ten_years, 3652);
    let days = |days| authority.issue_server(&names(&["a.vault.kv.example.com"]), now, days);
    assert_eq!(days(90).unwrap().not_after, now.plus_days(90));
    assert!(matches!(days(91), Err(PkiError::Validity { .. })));
    assert!(matches!(days(0), Err(PkiError::Validity { .. })));
    let late = authority.not_after().plus_days(0).plus_seconds(-86_400);
    let past_the_end = authority.issue_server(&names(&["login.kv.example.com"]), late, 2);
    assert!(matches!(past_the_end, Err(PkiError::Validity { .. })));
}

#[test]
fn only_names_below_the_base_are_issued() {
    let now = now();
    let authority = Authority::create("KV.Example.com", now).unwrap();
    assert_eq!(authority.base_domain(), "kv.example.com");
    let issue = |name: &str| authority.issue_server(&names(&[name]), now, 1);
    assert!(issue("Login.kv.EXAMPLE.com").is_ok());
    for outside in ["example.com", "evilkv.example.com", "kv.example.com.evil.org"] {
        assert!(matches!(issue(outside), Err(PkiError::OutsideBase { .. })), "{outside}");
    }
    for bad in ["", "*", "a b.kv.example.com", "a.*.kv.example.com", "-a.kv.example.com", "a\0b"] {
        assert!(matches!(issue(bad), Err(PkiError::Name(_))), "{bad}");
    }
    assert!(authority.issue_server(&[], now, 1).is_err());
    assert!(Authority::create("not a domain", now).is_err());
}

#[test]
fn an_authority_is_taken_up_again_from_its_parts() {
    let made = Authority::create("localhost", now()).unwrap();
    let key = made.key_pkcs8().unwrap();
    let again = Authority::from_parts(made.certificate_der(), &key).unwrap();
    assert_eq!(again.base_domain(), "localhost");
    assert_eq!(again.certificate_der(), made.certificate_der());
    let server = again.issue_server(&names(&["login.localhost"]), now(), 1).unwrap();
    handshake(&made, &server, "login.localhost").unwrap();

    let other = Authority::create("localhost", now()).unwrap();
    assert_ne!(other.certificate_der(), made.certificate_der());
    let swapped = Authority::from_parts(other.certificate_der(), &key);
    assert!(matches!(swapped, Err(PkiError::KeyMismatch)));
    let leaf = Authority::from_parts(&server.chain[0], &server.key);
    assert!(matches!(leaf, Err(PkiError::Certificate)), "a leaf is no authority");
    assert!(matches!(Authority::from_parts(b"junk", &key), Err(PkiError::Certificate)));
}

/// A client that verifies released keys takes the signer's certificate for a server's, with an RSA
/// key (confidential-sidecar-containers, `pkg/common/akv.go`).
#[test]
fn a_signer_of_released_keys_is_certified_as_a_server() {
    let authority = Authority::create("localhost", now()).unwrap();
    let key = RsaSigningKey::generate().unwrap();
    let signer =
        authority.issue_signer(&names(&["*.vault.localhost"]), &key.public(), now(), 30).unwrap();
    assert_eq!(signer.not_after, now().plus_days(30));
    let [leaf, root] = &signer.chain[..] else { panic!("the leaf and the root") };
    assert_eq!(root, authority.certificate_der());
    let RsaPublicComponents { n, e } = key.public();
    assert_eq!(public_key(leaf).unwrap(), PublicKey::Rsa { n, e });
    let dir = tempfile::tempdir().unwrap();
    for (name, der) in [("root", root), ("leaf", leaf)] {
        let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der.as_ref()));
        std::fs::write(dir.path().join(name), pem).unwrap();
    }
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver"])
        .args(["-verify_hostname", "dev.vault.localhost", "-CAfile", "root", "leaf"])
        .current_dir(&dir)
        .output()
        .unwrap();
    let verdict = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    let outside = names(&["vault.azure.net"]);
    let refused = authority.issue_signer(&outside, &key.public(), now(), 30);
    assert!(matches!(refused, Err(PkiError::OutsideBase { .. })));
}
