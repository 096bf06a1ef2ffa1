//! Subjects and alternative names, as OpenSSL reads them.

use strongroom_model::Curve;
use strongroom_model::certificates::{SubjectAlternativeNames, X509Properties};
use strongroom_pki::{
    MAX_NAMES, PkiError, Validity, check_properties, check_subject, facts, self_signed,
};

use crate::support::{NOW, Openssl, assert_says, ec, owned, properties};

fn certificate(x509: &X509Properties) -> Result<Vec<u8>, PkiError> {
    self_signed(x509, &*ec(Curve::P256), Validity::until(NOW, NOW.plus_days(1)))
}

/// The subject in the order of DER, by OpenSSL, and as we read it back.
fn subject(openssl: &Openssl, text: &str) -> (String, String) {
    let certificate = certificate(&properties(text)).unwrap();
    openssl.write("c.der", &certificate);
    let der = openssl.does(
        "x509 -inform DER -in c.der -noout -subject -nameopt sname,sep_comma_plus,utf8,esc_2253",
    );
    let der = der.trim_end_matches('\n').strip_prefix("subject=").unwrap().to_owned();
    (der, facts(&certificate).unwrap().subject)
}

#[test]
fn subjects_run_opposite_to_the_order_of_der() {
    let openssl = Openssl::new();
    for (text, der, back) in [
        ("CN=example.com", "CN=example.com", "CN=example.com"),
        (
            "CN=example.com, O=Contoso, C=US",
            "C=US,O=Contoso,CN=example.com",
            "CN=example.com, O=Contoso, C=US",
        ),
        ("cn=a;OU=1,ou = 2 ,st=WA", "ST=WA,OU=2,OU=1,CN=a", "CN=a, OU=1, OU=2, S=WA"),
        ("CN=a, S=Texas", "ST=Texas,CN=a", "CN=a, S=Texas"),
        (
            "CN=\"Contoso, Inc. \"\"West\"\"\", O=a b",
            "O=a b,CN=Contoso\\, Inc. \\\"West\\\"",
            "CN=\"Contoso, Inc. \"\"West\"\"\", O=a b",
        ),
        ("CN=Contoso\\, Inc\\2e, O=x", "O=x,CN=Contoso\\, Inc.", "CN=\"Contoso, Inc.\", O=x"),
        (
            "E=a@example.com, CN=Jörg",
            "CN=Jörg,emailAddress=a@example.com",
            "E=a@example.com, CN=Jörg",
        ),
        ("OID.1.2.3.4=x, 2.5.4.3=a", "CN=a,1.2.3.4=x", "OID.1.2.3.4=x, CN=a"),
        (
            "UID=7, DC=example, DC=com",
            "DC=com,DC=example,UID=7",
            "OID.0.9.2342.19200300.100.1.1=7, DC=example, DC=com",
        ),
        ("CN=\" a \", O=\\ b\\ ", "O=\\ b\\ ,CN=\\ a\\ ", "CN=\" a \", O=\" b \""),
    ] {
        assert_eq!(subject(&openssl, text), (der.to_owned(), back.to_owned()), "{text}");
        assert_eq!(subject(&openssl, back), (der.to_owned(), back.to_owned()), "{back}");
    }
}

#[test]
fn subjects_that_mean_nothing_are_refused() {
    check_subject("").unwrap();
    check_subject(&format!("CN={}", "a".repeat(64))).unwrap();
    for bad in [
        "example.com",
        "CN",
        "CN=",
        "=a",
        "CN=a,",
        "CN=a,,O=b",
        "CN=a, b",
        "CN=a+O=b",
        "CN=a=b",
        "CN=\"a",
        "CN=\"a\" b",
        "CN=a\\",
        "CN=a\\zz",
        "CN=a\\ff",
        "CN=a\nb",
        "CN=a\\00b",
        "XY=a",
        "OID.9.9=a",
        "C=USA",
        "C=U",
        "C=1!",
        "E=jörg@example.com",
        "SERIALNUMBER=*",
        &format!("CN={}", "a".repeat(65)),
        &format!("OID.1.2.3={}", "a".repeat(256)),
        &format!("CN=a{}", ", OU=b".repeat(400)),
    ] {
        assert!(matches!(check_subject(bad), Err(PkiError::Subject(_))), "{bad}");
    }
}

/// Names that others wrote: several attributes at one level, and every type of string.
#[test]
fn subjects_of_others_are_read() {
    let openssl = Openssl::new();
    openssl.does("ecparam -name P-256 -genkey -noout -out key.pem");
    let read = |arguments: &[&str]| {
        let common = ["req", "-x509", "-key", "key.pem", "-outform", "DER", "-out", "c.der"];
        let (success, output) = openssl.run(&[&common, arguments].concat());
        assert!(success, "{output}");
        facts(&openssl.read("c.der")).unwrap().subject
    };
    assert_eq!(read(&["-subj", "/C=DE/ST=Bayern/CN=a"]), "CN=a, S=Bayern, C=DE");
    assert_eq!(read(&["-subj", "/O=x/CN=a+UID=7", "-multivalue-rdn"]).matches(" + ").count(), 1);
    for mask in ["utf8only", "nombstr", "MASK:0x0800", "MASK:0x0004"] {
        let config = format!(
            "[req]\ndistinguished_name=dn\nstring_mask={mask}\nutf8=yes\nprompt=no\n\
             [dn]\nO=Jörg & Söhne\nCN=a\n"
        );
        openssl.write("c.cnf", config.as_bytes());
        assert_eq!(read(&["-config", "c.cnf", "-utf8"]), "CN=a, O=Jörg & Söhne", "{mask}");
    }
    // Beyond what the type may hold, yet common.
    openssl.write("c.cnf", b"[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=star.example.com\n");
    openssl.does("req -x509 -key key.pem -config c.cnf -days 1 -outform DER -out c.der");
    let mut certificate = openssl.read("c.der");
    while let Some(at) =
        certificate.windows(6).position(|w| w == b"\x0c\x10star" || w == b"\x13\x10star")
    {
        certificate[at] = 0x13;
        certificate[at + 2] = b'*';
    }
    assert_eq!(facts(&certificate).unwrap().subject, "CN=*tar.example.com");
}

#[test]
fn every_kind_of_alternative_name_is_written() {
    let openssl = Openssl::new();
    let sans = SubjectAlternativeNames {
        dns_names: owned(&["a.example.com", "*.example.com", "localhost", "a_b.local"]),
        emails: owned(&["someone@example.com"]),
        upns: owned(&["jörg@example.com"]),
        uris: owned(&[
            "spiffe://example.com/ns/x",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ]),
        ip_addresses: owned(&["192.0.2.1", "2001:db8::1"]),
    };
    let x509 = X509Properties { sans: sans.clone(), ..properties("CN=a") };
    let certificate = certificate(&x509).unwrap();
    assert_eq!(openssl.verify(&certificate, &[], &certificate), "leaf.pem: OK\n");
    assert_says(
        &openssl.does("x509 -in leaf.pem -noout -ext subjectAltName -nameopt utf8"),
        &["DNS:a.example.com, DNS:*.example.com, DNS:localhost, DNS:a_b.local, \
           email:someone@example.com, othername: UPN::jörg@example.com, \
           URI:spiffe://example.com/ns/x, URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6, \
           IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1"],
    );
    assert_eq!(facts(&certificate).unwrap().x509.sans, sans);
}

#[test]
fn alternative_names_of_another_form_are_refused() {
    let with = |kind: fn(&mut SubjectAlternativeNames) -> &mut Vec<String>, names: Vec<String>| {
        let mut x509 = properties("CN=a");
        *kind(&mut x509.sans) = names;
        check_properties(&x509)
    };
    let refused = |kind: fn(&mut SubjectAlternativeNames) -> &mut Vec<String>, name: &str| {
        let error = with(kind, owned(&[name]));
        assert!(matches!(error, Err(PkiError::AlternativeName { .. })), "{name}");
    };
    let long = format!("{}.com", "a.".repeat(130));
    for bad in
        ["", "*", "a..b", "a.*.b", "-a.b", "a b", "a\0b", "jörg.de", "10.0.0.1", "a.b.", &long]
    {
        refused(|sans| &mut sans.dns_names, bad);
    }
    for bad in ["", "a", "@b.c", "a@", "a b@c.d", "a@b@c d", "jörg@example.com", "<a>@b.c"] {
        refused(|sans| &mut sans.emails, bad);
    }
    for bad in ["", "a\0b", "a\nb"] {
        refused(|sans| &mut sans.upns, bad);
    }
    for bad in ["", "example.com/x", "http:", "1http://a", "http://a b", "http://ä.de", ":x"] {
        refused(|sans| &mut sans.uris, bad);
    }
    for bad in ["", "localhost", "10.0.0", "10.0.0.0/8", "::g"] {
        refused(|sans| &mut sans.ip_addresses, bad);
    }
    let kinds: [fn(&mut SubjectAlternativeNames) -> &mut Vec<String>; 5] = [
        |sans| &mut sans.dns_names,
        |sans| &mut sans.emails,
        |sans| &mut sans.upns,
        |sans| &mut sans.uris,
        |sans| &mut sans.ip_addresses,
    ];
    for (kind, name) in kinds.into_iter().zip(["a.b", "a@b.c", "a@b", "x:y", "::1"]) {
        assert!(with(kind, vec![name.to_owned(); MAX_NAMES]).is_ok(), "{name}");
        let many = with(kind, vec![name.to_owned(); MAX_NAMES + 1]);
        assert!(matches!(many, Err(PkiError::TooMany { max: MAX_NAMES, .. })), "{name}");
    }
}
