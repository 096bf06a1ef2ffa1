//! What is issued, and what is refused.

use strongroom_model::certificates::{BasicConstraints, KeyUsage, X509Properties};
use strongroom_model::{Curve, PublicKey};
use strongroom_pki::{PkiError, Terms, Validity, facts, self_signed};

use crate::support::{
    Ca, NOW, Openssl, assert_says, authority, ec, every_key, owned, properties, rsa, server, terms,
};

#[test]
fn openssl_accepts_what_every_key_signs_for_itself() {
    let openssl = Openssl::new();
    for (name, key) in every_key() {
        let validity = Validity::months(NOW, 12).unwrap();
        let certificate = self_signed(&server(&["www.example.com"]), &*key, validity).unwrap();
        assert_eq!(openssl.verify(&certificate, &[], &certificate), "leaf.pem: OK\n", "{name}");
        let text = openssl.does("x509 -in leaf.pem -noout -text");
        assert_says(
            &text,
            &[
                "Version: 3 (0x2)",
                "Issuer: CN = server",
                "Not Before: Sep 21 14:03:20 2026 GMT",
                "Not After : Sep 21 14:13:20 2027 GMT",
                "Subject: CN = server",
                "X509v3 Basic Constraints: critical CA:FALSE",
                "X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client \
                 Authentication",
                "X509v3 Subject Alternative Name: DNS:www.example.com",
                "X509v3 Subject Key Identifier:",
                "X509v3 Authority Key Identifier:",
            ],
        );
        // RFC 8813, 3: a key on a curve enciphers no key.
        let usage = match name {
            "RSA" => "X509v3 Key Usage: critical Digital Signature, Key Encipherment",
            _ => "X509v3 Key Usage: critical Digital Signature X509v3",
        };
        assert_says(&text, &[usage]);
        let algorithm = match name {
            "RSA" => "Signature Algorithm: sha256WithRSAEncryption",
            "P-384" => "Signature Algorithm: ecdsa-with-SHA384",
            "P-521" => "Signature Algorithm: ecdsa-with-SHA512",
            _ => "Signature Algorithm: ecdsa-with-SHA256",
        };
        assert_says(&text, &[algorithm]);
    }
}

#[test]
fn openssl_accepts_three_levels_below_every_key() {
    let openssl = Openssl::new();
    for (name, key) in every_key() {
        let root = Ca::root_with(&authority("CN=Root, O=Contoso", None), key);
        let between = root.below(&authority("CN=Between, O=Contoso", Some(0)));
        let terms = Terms {
            crl_url: Some("http://ca.example.com/crl".to_owned()),
            ocsp_url: Some("http://ca.example.com/ocsp".to_owned()),
            issuer_url: Some("http://ca.example.com/cer".to_owned()),
            ..terms(90)
        };
        let public = rsa().public().clone();
        let leaf = between.certify(&server(&["a.example.com"]), &public, &terms).unwrap();
        let verdict = openssl.verify(&root.certificate, &[&between.certificate], &leaf);
        assert_eq!(verdict, "leaf.pem: OK\n", "{name}");
        assert_says(
            &openssl.does("x509 -in leaf.pem -noout -text"),
            &[
                "Issuer: O = Contoso, CN = Between",
                "X509v3 CRL Distribution Points: Full Name: URI:http://ca.example.com/crl",
                "Authority Information Access: OCSP - URI:http://ca.example.com/ocsp CA Issuers - \
                 URI:http://ca.example.com/cer",
            ],
        );
        assert_says(
            &openssl.does("x509 -in between.pem -noout -text"),
            &[
                "X509v3 Basic Constraints: critical CA:TRUE, pathlen:0",
                "X509v3 Key Usage: critical Certificate Sign, CRL Sign",
            ],
        );
        let read = facts(&leaf).unwrap();
        assert_eq!(read.serial, terms.serial);
        assert_eq!(read.public, public);
        assert_eq!((read.issuer.as_str(), read.is_ca), ("CN=Between, O=Contoso", false));
    }
}

#[test]
fn a_certificate_without_a_subject_has_critical_names() {
    let openssl = Openssl::new();
    let root = Ca::root(&authority("CN=Root", None));
    let nameless = X509Properties { subject: String::new(), ..server(&["a.example.com"]) };
    let leaf = root.certify(&nameless, ec(Curve::P256).public(), &terms(1)).unwrap();
    assert_eq!(openssl.verify(&root.certificate, &[], &leaf), "leaf.pem: OK\n");
    let text = openssl.does("x509 -in leaf.pem -noout -text");
    assert_says(&text, &["X509v3 Subject Alternative Name: critical DNS:a.example.com"]);

    let validity = Validity::until(NOW, NOW.plus_days(1));
    let signed = |x509: &X509Properties| self_signed(x509, &*ec(Curve::P256), validity);
    assert!(matches!(signed(&nameless), Err(PkiError::NamelessIssuer)), "an issuer has a name");
    assert!(matches!(signed(&properties("")), Err(PkiError::Nameless)));
}

#[test]
fn what_an_authority_may_not_certify_is_refused() {
    let root = Ca::root(&authority("CN=Root", Some(1)));
    let public = ec(Curve::P256).public().clone();
    let leaf = server(&["a.example.com"]);

    // Beyond its path.
    let lower = root.below(&authority("CN=Lower", None));
    assert_eq!(facts(&lower.certificate).unwrap().x509.basic_constraints.path_len, Some(0));
    let third = lower.certify(&authority("CN=Third", None), &public, &terms(1));
    assert!(matches!(third, Err(PkiError::PathLength)));
    let long = root.certify(&authority("CN=Lower", Some(1)), &public, &terms(1));
    assert!(matches!(long, Err(PkiError::PathLength)));

    // Past its end; an early begin is moved to its own.
    let past = lower.certify(&leaf, &public, &terms(1001));
    assert!(
        matches!(past, Err(PkiError::BeyondAuthority { end }) if end == "2029-06-17T14:13:20Z")
    );
    let early = Terms {
        validity: Validity { not_before: NOW.plus_days(0).plus_seconds(-9000), not_after: NOW },
        ..terms(1)
    };
    let early = facts(&lower.certify(&leaf, &public, &early).unwrap()).unwrap();
    assert_eq!(early.not_before, NOW.plus_seconds(-600));
    let backwards = Validity { not_before: NOW.plus_days(2), not_after: NOW.plus_days(1) };
    let backwards = Terms { validity: backwards, ..terms(1) };
    assert!(matches!(root.certify(&leaf, &public, &backwards), Err(PkiError::Time)));

    // By one that is no authority, or with another's key.
    let certificate = root.certify(&leaf, root.key.public(), &terms(1)).unwrap();
    let no_authority = Ca { certificate, key: root.key.clone() };
    let refused = no_authority.certify(&leaf, &public, &terms(1));
    assert!(matches!(refused, Err(PkiError::NotAuthority(subject)) if subject == "CN=server"));
    let other = Ca { certificate: root.certificate, key: ec(Curve::P256) };
    assert!(matches!(other.certify(&leaf, &public, &terms(1)), Err(PkiError::KeyMismatch)));

    // For purposes that it has not itself.
    let mut limited = authority("CN=Mail", None);
    limited.ekus = owned(&["1.3.6.1.5.5.7.3.4"]);
    let refused = Ca::root(&limited).certify(&leaf, &public, &terms(1));
    assert!(matches!(refused, Err(PkiError::OutsideUsage(eku)) if eku == "1.3.6.1.5.5.7.3.1"));
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    let root = Ca::root(&authority("CN=Root", None));
    let rsa = |bytes: usize, e: &[u8]| {
        let mut n = vec![0xff; bytes];
        n[0] = 0x80;
        PublicKey::Rsa { n, e: e.to_vec() }
    };
    let certify = |public: &PublicKey| root.certify(&server(&["a.b"]), public, &terms(1));
    assert!(certify(&rsa(256, &[1, 0, 1])).is_ok());
    for weak in [
        rsa(128, &[1, 0, 1]),
        rsa(255, &[1, 0, 1]),
        rsa(1025, &[1, 0, 1]),
        rsa(256, &[1]),
        rsa(256, &[4]),
        rsa(256, &[]),
        PublicKey::Rsa { n: [&[0x7f], [0xff; 255].as_slice()].concat(), e: vec![3] },
    ] {
        assert!(matches!(certify(&weak), Err(PkiError::WeakKey(_))), "{weak:?}");
    }
    assert!(matches!(certify(&PublicKey::Oct { bits: 256 }), Err(PkiError::KeyType)));
}

/// RFC 5280, 4.2.1.9: without the authority's flag, no signing of certificates. Key Vault's users
/// ask for it often (their tools' examples do).
#[test]
fn key_usages_fit_the_key_and_the_kind() {
    let openssl = Openssl::new();
    let all = X509Properties { key_usage: KeyUsage::ALL.to_vec(), ..server(&["a.example.com"]) };
    let usages = |key: &crate::support::Key, x509: &X509Properties| {
        let certificate =
            self_signed(x509, &**key, Validity::until(NOW, NOW.plus_days(1))).unwrap();
        assert_eq!(openssl.verify(&certificate, &[], &certificate), "leaf.pem: OK\n");
        openssl.does("x509 -in leaf.pem -noout -ext keyUsage")
    };
    let says = |text: &str, expected: &str| {
        assert_eq!(text, format!("X509v3 Key Usage: critical\n    {expected}\n"));
    };
    says(
        &usages(&rsa(), &all),
        "Digital Signature, Non Repudiation, Key Encipherment, Data Encipherment, CRL Sign",
    );
    says(
        &usages(&ec(Curve::P256), &all),
        "Digital Signature, Non Repudiation, Key Agreement, CRL Sign, Encipher Only, Decipher Only",
    );
    let ca = X509Properties {
        key_usage: vec![KeyUsage::DigitalSignature],
        basic_constraints: BasicConstraints { ca: true, path_len: None },
        ..properties("CN=Root")
    };
    says(&usages(&rsa(), &ca), "Digital Signature, Certificate Sign, CRL Sign");

    let only = X509Properties { key_usage: vec![KeyUsage::KeyEncipherment], ..properties("CN=a") };
    let refused = self_signed(&only, &*ec(Curve::P256), Validity::until(NOW, NOW.plus_days(1)));
    assert!(matches!(refused, Err(PkiError::KeyUsage)));
}

#[test]
fn extended_key_usages_are_object_identifiers() {
    let root = Ca::root(&authority("CN=Root", None));
    let certify = |ekus: Vec<String>| {
        let x509 = X509Properties { ekus, ..properties("CN=a") };
        root.certify(&x509, ec(Curve::P256).public(), &terms(1))
    };
    let twice = certify(owned(&["1.3.6.1.5.5.7.3.3", "1.2.3.4", "1.3.6.1.5.5.7.3.3"])).unwrap();
    assert_eq!(facts(&twice).unwrap().x509.ekus, owned(&["1.3.6.1.5.5.7.3.3", "1.2.3.4"]));
    for bad in ["", "serverAuth", "1", "1.2.", "9.9.9", "1.2.3.4 "] {
        let refused = certify(owned(&[bad]));
        assert!(matches!(refused, Err(PkiError::ExtendedKeyUsage(_))), "{bad}");
    }
    let many = certify((0..101).map(|i| format!("1.2.3.{i}")).collect());
    assert!(matches!(many, Err(PkiError::TooMany { max: 100, .. })));
}

#[test]
fn serial_numbers_are_positive_and_never_repeat() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let serial = strongroom_pki::serial_number().unwrap();
        assert!((0x40..0x80).contains(&serial[0]));
        assert!(seen.insert(serial));
    }
}
