//! Name constraints, against an authority that would break them.

use strongroom_model::Curve;
use strongroom_model::certificates::{NameConstraints, X509Properties};
use strongroom_pki::{PkiError, check_properties, facts};

use crate::support::{
    Ca, Openssl, assert_says, authority, ec, owned, permitted, properties, server, terms,
};

fn constrained(subject: &str, constraints: Option<NameConstraints>) -> X509Properties {
    X509Properties { name_constraints: constraints, ..authority(subject, None) }
}

/// Whether `ca` certifies a leaf of some properties.
fn allows(ca: &Ca, x509: &X509Properties) -> bool {
    match ca.certify(x509, ec(Curve::P256).public(), &terms(1)) {
        Ok(_) => true,
        Err(PkiError::OutsideConstraint(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

fn with_ip(address: &str) -> X509Properties {
    let mut x509 = properties("CN=server");
    x509.sans.ip_addresses = owned(&[address]);
    x509
}

#[test]
fn names_outside_are_refused_by_us_and_by_openssl() {
    let openssl = Openssl::new();
    let constraints = NameConstraints {
        permitted_dns: owned(&["example.com"]),
        excluded_dns: owned(&["secret.example.com"]),
        permitted_ip: owned(&["10.0.0.0/8", "2001:db8::/32"]),
        excluded_ip: owned(&["10.1.0.0/16"]),
    };
    let root = Ca::root(&constrained("CN=Root", Some(constraints.clone())));
    let between = root.below(&authority("CN=Between", Some(0)));
    // An authority of the same name and key that is bound by nothing: its leaves are forged.
    let unbound = Ca::root_with(&authority("CN=Between", None), between.key.clone());

    let cases = [
        (server(&["example.com"]), true),
        (server(&["a.b.EXAMPLE.com"]), true),
        (server(&["*.example.com"]), false), // stands for secret.example.com as well
        (server(&["*.a.example.com"]), true),
        (server(&["evilexample.com"]), false),
        (server(&["example.com.evil.org"]), false),
        (server(&["a.example.com", "example.org"]), false),
        (server(&["secret.example.com"]), false),
        (server(&["x.Secret.example.com"]), false),
        (with_ip("10.2.3.4"), true),
        (with_ip("10.1.3.4"), false),
        (with_ip("192.0.2.1"), false),
        (with_ip("2001:db8::7"), true),
        (with_ip("2001:db9::7"), false),
        (properties("CN=www.example.com"), true),
        (properties("CN=www.example.org"), false),
        (properties("CN=Example Org."), true),
    ];
    for (leaf, inside) in cases {
        let what = format!("{} {:?}", leaf.subject, leaf.sans);
        assert_eq!(allows(&between, &leaf), inside, "{what}");
        let forged = unbound.certify(&leaf, ec(Curve::P256).public(), &terms(1)).unwrap();
        let verdict = openssl.verify(&root.certificate, &[&between.certificate], &forged);
        let is_wildcard = leaf.sans.dns_names == ["*.example.com"];
        if inside || is_wildcard {
            assert_eq!(verdict, "leaf.pem: OK\n", "{what}");
        } else {
            assert!(verdict.contains("subtree violation"), "{what}: {verdict}");
        }
    }
    openssl.pem("root.pem", &[&root.certificate]);
    assert_says(
        &openssl.does("x509 -in root.pem -noout -ext nameConstraints"),
        &["X509v3 Name Constraints: critical Permitted: DNS:example.com IP:10.0.0.0/255.0.0.0 \
           IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:0:0:0:0:0:0 Excluded: DNS:secret.example.com \
           IP:10.1.0.0/255.255.0.0"],
    );
    assert_eq!(facts(&root.certificate).unwrap().x509.name_constraints, Some(constraints));
}

/// Whoever asks a constrained authority for one below it gets no more than it has.
#[test]
fn authorities_below_inherit_what_they_do_not_narrow() {
    let upper = NameConstraints {
        permitted_dns: owned(&["example.com"]),
        excluded_ip: owned(&["0.0.0.0/0"]),
        ..NameConstraints::default()
    };
    let root = Ca::root(&constrained("CN=Root", Some(upper.clone())));
    let of = |ca: &Ca| facts(&ca.certificate).unwrap().x509.name_constraints;
    assert_eq!(of(&root.below(&authority("CN=Plain", None))), Some(upper));

    let narrow = NameConstraints {
        permitted_dns: owned(&["a.example.com"]),
        permitted_ip: owned(&["2001:db8::/32"]),
        excluded_dns: owned(&["b.a.example.com"]),
        ..NameConstraints::default()
    };
    let narrowed = root.below(&constrained("CN=Narrow", Some(narrow.clone())));
    let excluded_ip = owned(&["0.0.0.0/0"]);
    assert_eq!(of(&narrowed), Some(NameConstraints { excluded_ip, ..narrow }));
    assert!(allows(&narrowed, &server(&["x.a.example.com"])));
    assert!(!allows(&narrowed, &server(&["x.example.com"])));
    assert!(!allows(&narrowed, &with_ip("10.0.0.1")));

    let wide = constrained("CN=Wide", permitted(&["example.org"], &[]));
    assert!(!allows(&root, &wide));
    let wider = constrained("CN=Wide", permitted(&["com"], &[]));
    assert!(!allows(&root, &wider));
    let ten = Ca::root(&constrained("CN=Ten", permitted(&[], &["10.0.0.0/8"])));
    assert!(allows(&ten, &constrained("CN=a", permitted(&[], &["10.128.0.0/9"]))));
    assert!(!allows(&ten, &constrained("CN=a", permitted(&[], &["0.0.0.0/0"]))));
    assert!(!allows(&ten, &constrained("CN=a", permitted(&[], &["2001:db8::/32"]))));
}

/// Constraints that an imported authority has, of kinds that our policies can not ask for.
#[test]
fn constraints_of_every_kind_bind() {
    let openssl = Openssl::new();
    let root = |constraints: &str| {
        openssl.does("ecparam -name P-256 -genkey -noout -out key.pem");
        openssl.does(&format!(
            "req -x509 -key key.pem -subj /O=Contoso/CN=Root -days 10000 -outform DER -out c.der \
             -addext nameConstraints=critical,{constraints}"
        ));
        openssl.does("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der");
        let keys = strongroom_crypto::software::provider().keys;
        let pkcs8 = strongroom_crypto::SecretBytes::new(openssl.read("key.der"));
        let key = strongroom_crypto::provider::ImportedKey::Pkcs8(pkcs8);
        let material = keys.import(&key).unwrap();
        let key = keys.open(&material.public, &material.private).unwrap();
        Ca { certificate: openssl.read("c.der"), key }
    };
    let certify = |ca: &Ca, edit: &dyn Fn(&mut X509Properties)| {
        let mut x509 = properties("CN=leaf, O=Contoso");
        edit(&mut x509);
        allows_now(ca, &x509)
    };
    let mail = root("permitted;email:example.com,permitted;email:.example.org");
    for (address, inside) in [
        ("a@example.com", true),
        ("a@EXAMPLE.com", true),
        ("a@b.example.com", false),
        ("a@b.example.org", true),
        ("a@example.org", false),
        ("a@evil.org", false),
    ] {
        let leaf = |x509: &mut X509Properties| x509.sans.emails = owned(&[address]);
        assert_eq!(certify(&mail, &leaf), inside, "{address}");
        let leaf = |x509: &mut X509Properties| x509.subject = format!("CN=a, E={address}");
        assert_eq!(certify(&mail, &leaf), inside, "E={address}");
    }
    let uri = root("permitted;URI:.example.com,excluded;URI:bad.example.com");
    for (text, inside) in [
        ("https://a.example.com/x", true),
        ("https://u:p@a.example.com:8443/x?y#z", true),
        ("https://example.com/", false),
        ("https://bad.example.com/", false),
        ("https://evil.org/a.example.com", false),
        ("urn:uuid:1", false),
        ("https://10.0.0.1/", false),
    ] {
        let leaf = |x509: &mut X509Properties| x509.sans.uris = owned(&[text]);
        assert_eq!(certify(&uri, &leaf), inside, "{text}");
    }
    openssl.write("dir.cnf", b"");
    let upn = root("excluded;otherName:1.3.6.1.4.1.311.20.2.3;UTF8:example.org");
    let leaf = |x509: &mut X509Properties| x509.sans.upns = owned(&["a@example.com"]);
    assert!(!certify(&upn, &leaf), "what is not understood is not allowed");
    assert!(certify(&upn, &|_| {}));
}

/// As [`allows`], for an authority that began when the test did.
fn allows_now(ca: &Ca, x509: &X509Properties) -> bool {
    let begin = facts(&ca.certificate).unwrap().not_before;
    let validity = strongroom_pki::Validity { not_before: begin, not_after: begin.plus_days(1) };
    let terms = strongroom_pki::Terms { validity, ..terms(1) };
    match ca.certify(x509, ec(Curve::P256).public(), &terms) {
        Ok(_) => true,
        Err(PkiError::OutsideConstraint(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn constraints_that_bind_nobody_are_refused() {
    let check = |ca: bool, constraints: NameConstraints| {
        let mut x509 = constrained("CN=a", Some(constraints));
        x509.basic_constraints.ca = ca;
        check_properties(&x509)
    };
    let dns = |name: &str| permitted(&[name], &[]).unwrap();
    let ip = |range: &str| permitted(&[], &[range]).unwrap();
    check(true, dns("example.com")).unwrap();
    check(false, NameConstraints::default()).unwrap();
    assert!(matches!(check(false, dns("example.com")), Err(PkiError::NameConstraint(_))));
    for bad in [dns(""), dns("*.example.com"), dns(".example.com"), dns("a b")] {
        assert!(matches!(check(true, bad), Err(PkiError::NameConstraint(_))));
    }
    for bad in [ip(""), ip("10.0.0.0"), ip("10.0.0.0/33"), ip("example.com/8"), ip("::/129")] {
        assert!(matches!(check(true, bad), Err(PkiError::NameConstraint(_))));
    }
    let many = NameConstraints { permitted_dns: vec!["a".to_owned(); 101], ..Default::default() };
    assert!(matches!(check(true, many), Err(PkiError::TooMany { .. })));
}
