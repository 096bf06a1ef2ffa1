//! What keeps an issuer's users, and the authorities below it, where they belong.

use strongroom_model::certificates::{
    BasicConstraints, NameConstraints, ProfileChange, SubjectAlternativeNames, X509Change,
};

use crate::authority::{Vault, allow_ca, authority, server};

/// What holds an issuer's users within its profile, tried by one of them.
#[tokio::test]
async fn a_profile_keeps_its_users_within_it() {
    let v = Vault::new().await;
    let allowed = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
    let profile = ProfileChange {
        allowed_dns: allowed(&["corp.example"]),
        allowed_ekus: allowed(&["1.3.6.1.5.5.7.3.1"]),
        ..ProfileChange::default()
    };
    v.issuer("narrow", "root", profile).await;
    let tls = |x509: X509Change| X509Change { ekus: allowed(&["1.3.6.1.5.5.7.3.1"]), ..x509 };
    let with = |sans: SubjectAlternativeNames| {
        tls(X509Change { sans: Some(sans), ..server("corp.example") })
    };
    let list = |text: &str| vec![text.to_owned()];
    let uri = |text| SubjectAlternativeNames { uris: list(text), ..Default::default() };
    for good in ["corp.example", "WWW.Corp.Example", "*.corp.example", "a.b.corp.example"] {
        let made = v.create("good", "narrow", tls(server(good)), "P-256").await;
        assert!(made.is_ok(), "{good}: {:?}", made.err());
    }
    for bad in ["evilcorp.example", "corp.example.evil.com", "*.example", "example", "corp"] {
        let made = v.create("bad", "narrow", tls(server(bad)), "P-256").await;
        assert!(made.err().unwrap().contains("does not certify"), "{bad}");
    }
    for (what, sans) in [
        (
            "an address",
            SubjectAlternativeNames { ip_addresses: list("10.0.0.1"), ..Default::default() },
        ),
        ("a mailbox", SubjectAlternativeNames { emails: list("a@evil.com"), ..Default::default() }),
        ("a user", SubjectAlternativeNames { upns: list("admin@evil.com"), ..Default::default() }),
        (
            "a user without a domain",
            SubjectAlternativeNames { upns: list("admin"), ..Default::default() },
        ),
        ("a URI", uri("https://evil.com/corp.example")),
        ("a URI's user", uri("https://corp.example@evil.com/")),
        ("a URI that is read in two ways", uri("https://corp.example\\@evil.com/")),
        ("a URI without a host", uri("urn:x:corp.example")),
    ] {
        let made = v.create("bad", "narrow", with(sans), "P-256").await;
        assert!(made.err().unwrap().contains("does not certify"), "{what}");
    }
    for ekus in [&["1.3.6.1.5.5.7.3.2"][..], &["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"], &[]] {
        let x509 = X509Change { ekus: allowed(ekus), ..server("corp.example") };
        let made = v.create("bad", "narrow", x509, "P-256").await;
        assert!(made.is_err(), "{ekus:?}");
    }
    let signer = X509Change {
        key_usage: allowed(&["keyCertSign", "digitalSignature"]),
        ..tls(server("corp.example"))
    };
    assert!(v.create("bad", "narrow", signer, "P-256").await.is_err());
}

/// Software takes hosts and mailboxes from subjects too, however they are spelt.
#[tokio::test]
async fn a_subject_names_nobody_outside_the_profile() {
    let v = Vault::new().await;
    let allowed_dns = Some(vec!["corp.example".to_owned()]);
    v.issuer("narrow", "root", ProfileChange { allowed_dns, ..ProfileChange::default() }).await;
    for subject in [
        "CN=www.evil.com",
        "O=X, CN=www.evil.com",
        "CN=10.0.0.1",
        "CN=\"www.evil.com\"",
        "CN=www\\2Eevil\\2Ecom",
        "commonName=www.evil.com",
        "OID.2.5.4.3=www.evil.com",
        "CN=corp.example, CN=www.evil.com",
        "CN=ceo@evil.com",
        "E=ceo@evil.com",
        "CN=corp.example, emailAddress=ceo@evil.com",
        "UID=ceo@evil.com",
    ] {
        let x509 = X509Change { subject: Some(subject.into()), ..server("corp.example") };
        let made = v.create("bad", "narrow", x509, "P-256").await;
        assert!(made.err().unwrap().contains("does not certify"), "{subject}");
    }
    let subject = Some("CN=corp.example, O=Anybody, E=it@corp.example".into());
    let x509 = X509Change { subject, ..server("corp.example") };
    v.create("good", "narrow", x509, "P-256").await.unwrap();
}

/// Whoever had such a certificate could say of a revoked one that it is good.
#[tokio::test]
async fn nobody_speaks_for_an_authority_unless_its_issuer_says_so() {
    let v = Vault::new().await;
    let list = |usages: &[&str]| Some(usages.iter().map(ToString::to_string).collect());
    let responder = |usages| X509Change { ekus: list(usages), ..server("corp.example") };
    let speaks = &["1.3.6.1.5.5.7.3.9"][..];
    for usages in [speaks, &["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.9"]] {
        let refused = v.create("bad", "ca", responder(usages), "P-256").await.err().unwrap();
        assert!(refused.contains("OCSP signing"), "{refused}");
    }
    let profile = ProfileChange { allowed_ekus: list(speaks), ..ProfileChange::default() };
    v.issuer("responders", "root", profile).await;
    v.create("responder", "responders", responder(speaks), "P-256").await.unwrap();
}

#[tokio::test]
async fn an_authority_below_stays_within_its_issuer() {
    let v = Vault::new().await;
    let allowed = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let refused = v.create("inter", "ca", authority("CN=I"), "P-256").await;
    assert!(refused.err().unwrap().contains("allow_ca"));
    let profile = ProfileChange { allowed_dns: Some(allowed(&["corp.example"])), ..allow_ca() };
    v.issuer("narrow", "root", profile).await;
    let constrained = |permitted: &[&str], excluded: &[&str]| X509Change {
        name_constraints: Some(NameConstraints {
            permitted_dns: allowed(permitted),
            excluded_ip: allowed(excluded),
            ..NameConstraints::default()
        }),
        ..authority("CN=I")
    };
    let nowhere = &["0.0.0.0/0", "::/0"][..];
    for (what, x509) in [
        ("anything", authority("CN=I")),
        ("another domain", constrained(&["evil.com"], nowhere)),
        ("the domain above", constrained(&["example"], nowhere)),
        ("one too many", constrained(&["corp.example", "evil.com"], nowhere)),
        ("addresses", constrained(&["corp.example"], &[])),
        ("addresses of IPv6", constrained(&["corp.example"], &["0.0.0.0/0"])),
    ] {
        assert!(v.create("inter", "narrow", x509, "P-256").await.is_err(), "{what}");
    }
    let x509 = constrained(&["a.corp.example"], nowhere);
    v.create("inter", "narrow", x509, "P-256").await.unwrap();
    v.issuer("inter-ca", "inter", allow_ca()).await;
    // The certificate itself binds its issuer, whose profile says nothing.
    for bad in ["b.corp.example", "www.evil.com", "corp.example"] {
        let refused = v.create("bad", "inter-ca", server(bad), "P-256").await.err().unwrap();
        assert!(refused.contains("outside the name constraints"), "{bad}: {refused}");
    }
    let leaf = v.create("good", "inter-ca", server("x.a.corp.example"), "P-256").await.unwrap();
    let root = v.get("root").await.chain.remove(0);
    let lists = [v.list("root", None).await.unwrap(), v.list("inter", None).await.unwrap()];
    let verdict = v.verify(&root, &leaf.chain, &[&lists[0], &lists[1]]);
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    // Nor does an authority reach its own certificate through an issuer.
    let itself = v.create("inter", "inter-ca", constrained(&["a.corp.example"], nowhere), "P-256");
    assert!(itself.await.err().unwrap().contains("its own certificate"));
}

#[tokio::test]
async fn a_path_is_as_long_as_its_authority_says() {
    let v = Vault::new().await;
    let ends = |subject| X509Change {
        basic_constraints: Some(BasicConstraints { ca: true, path_len: Some(0) }),
        ..authority(subject)
    };
    v.create("inter", "sub", ends("CN=I"), "P-256").await.unwrap();
    v.issuer("inter-ca", "inter", allow_ca()).await;
    let deep = X509Change { validity_months: Some(6), ..authority("CN=D") };
    let refused = v.create("deep", "inter-ca", deep, "P-256").await.err().unwrap();
    assert!(refused.contains("path length"), "{refused}");
    v.create("www", "inter-ca", server("www.example.com"), "P-256").await.unwrap();
}
