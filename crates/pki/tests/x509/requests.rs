//! Certificate signing requests: ours read by OpenSSL, OpenSSL's read by us.

use strongroom_model::certificates::{BasicConstraints, KeyUsage, X509Properties};
use strongroom_model::{Curve, PublicKey};
use strongroom_pki::{PkiError, certificate_request, parse_request};

use crate::support::{Openssl, assert_says, authority, ec, every_key, owned, permitted, server};

#[test]
fn openssl_verifies_the_requests_of_every_key() {
    let openssl = Openssl::new();
    for (name, key) in every_key() {
        let request = certificate_request(&server(&["a.example.com"]), &*key).unwrap();
        openssl.write("request.der", &request);
        let text = openssl.does("req -inform DER -in request.der -verify -noout -text");
        assert_says(
            &text,
            &[
                "Certificate request self-signature verify OK",
                "Version: 1 (0x0)",
                "Subject: CN = server",
                "Requested Extensions:",
                "X509v3 Subject Alternative Name: DNS:a.example.com",
                "X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client \
                 Authentication",
            ],
        );
        let parsed = parse_request(&request).unwrap();
        assert_eq!(parsed.public, *key.public(), "{name}");
        assert_eq!(parsed.x509.subject, "CN=server");
    }
}

#[test]
fn a_request_says_what_was_asked() {
    let mut asked = X509Properties {
        key_usage: vec![KeyUsage::CrlSign, KeyUsage::KeyCertSign],
        name_constraints: permitted(&["example.com"], &["10.0.0.0/8", "2001:db8::/32"]),
        ..authority("CN=Lower, OU=\"Keys, and more\", O=Contoso, S=Bavaria, C=DE", Some(2))
    };
    asked.sans.emails = owned(&["ca@example.com"]);
    asked.sans.upns = owned(&["müller@example.com"]);
    asked.sans.uris = owned(&["https://example.com/ca"]);
    asked.sans.ip_addresses = owned(&["10.1.2.3", "2001:db8::1"]);
    let request = certificate_request(&asked, &*ec(Curve::P256)).unwrap();
    let read = parse_request(&request).unwrap().x509;
    assert_eq!(read, X509Properties { validity_months: 0, ..asked });
}

#[test]
fn requests_of_openssl_are_read_whatever_the_hash() {
    let openssl = Openssl::new();
    let mut read = 0;
    for (curve, known) in
        [("P-256", "P-256"), ("P-384", "P-384"), ("P-521", "P-521"), ("secp256k1", "P-256K")]
    {
        openssl.does(&format!("ecparam -name {curve} -genkey -noout -out key.pem"));
        for hash in ["sha256", "sha384", "sha512"] {
            openssl.does(&format!(
                "req -new -key key.pem -{hash} -subj /C=DE/O=Example/CN=a -outform DER -out r.der"
            ));
            let request = parse_request(&openssl.read("r.der")).unwrap();
            assert_eq!(request.x509.subject, "CN=a, O=Example, C=DE");
            let PublicKey::Ec { curve, .. } = request.public else { panic!("a point") };
            assert_eq!(curve.name(), known);
            read += 1;
        }
    }
    openssl.does("genrsa -out key.pem 2048");
    for hash in ["sha256", "sha384", "sha512"] {
        for padding in ["", "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"] {
            openssl.does(&format!(
                "req -new -key key.pem -{hash} {padding} -subj /CN=a -addext \
                 subjectAltName=DNS:a.example.com,IP:127.0.0.1 -addext \
                 basicConstraints=critical,CA:TRUE,pathlen:1 -outform DER -out r.der"
            ));
            let request = parse_request(&openssl.read("r.der")).unwrap();
            assert!(matches!(request.public, PublicKey::Rsa { .. }));
            assert_eq!(request.x509.sans.dns_names, ["a.example.com"]);
            assert_eq!(request.x509.sans.ip_addresses, ["127.0.0.1"]);
            let basic = BasicConstraints { ca: true, path_len: Some(1) };
            assert_eq!(request.x509.basic_constraints, basic);
            read += 1;
        }
    }
    assert_eq!(read, 18);
}

#[test]
fn requests_that_prove_nothing_are_refused() {
    let openssl = Openssl::new();
    let refused = |arguments: &str| {
        openssl.does(&format!("req -new -subj /CN=a -outform DER -out r.der {arguments}"));
        parse_request(&openssl.read("r.der")).unwrap_err()
    };
    openssl.does("genrsa -out key.pem 2048");
    assert!(matches!(refused("-key key.pem -sha1"), PkiError::SignatureAlgorithm(_)));
    // A salt of another length than the hash.
    let salt = "-key key.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20";
    assert!(matches!(refused(salt), PkiError::SignatureAlgorithm(_)));
    openssl.does("genrsa -out weak.pem 1024");
    assert!(matches!(refused("-key weak.pem"), PkiError::WeakKey(_)));
    openssl.does("genpkey -algorithm ed25519 -out ed.pem");
    assert!(matches!(refused("-key ed.pem"), PkiError::KeyType));

    // Somebody else's key under an honest signature.
    let [mine, theirs] = [ec(Curve::P256), ec(Curve::P256)];
    let request = certificate_request(&server(&["a.example.com"]), &*mine).unwrap();
    let PublicKey::Ec { x, .. } = mine.public() else { panic!("a point") };
    let PublicKey::Ec { x: x2, y: y2, .. } = theirs.public() else { panic!("a point") };
    let at = request.windows(32).position(|window| window == x.as_slice()).unwrap();
    let mut stolen = request.clone();
    stolen.splice(at..at + 64, [x2.as_slice(), y2].concat());
    assert!(matches!(parse_request(&stolen), Err(PkiError::RequestSignature)));
    // Another name under an honest signature.
    let at = request.windows(13).position(|window| window == b"a.example.com").unwrap();
    let mut renamed = request;
    renamed[at] = b'b';
    assert!(matches!(parse_request(&renamed), Err(PkiError::RequestSignature)));
    assert!(matches!(parse_request(&vec![0x30; 70_000]), Err(PkiError::Request)));
}
