//! The rules of certificates: expected values are the recorded answers of the real service, the
//! specification's text, and RFC 5280.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use proptest::prelude::*;
use strongroom_model::certificates::{
    BasicConstraints, CertificateAction, CertificatePolicy, CertificateTrigger,
    IssuerParametersChange, KeyPropertiesChange, KeyUsage, LifetimeActionSent, NameConstraints,
    PolicyChange, SecretFormat, SubjectAlternativeNames, X509Change,
};
use strongroom_model::{Attributes, Curve, KeySpec, KeyType, PublicKey, Timestamp};

const NOW: Timestamp = Timestamp(1_657_745_284);
const DAY: i64 = 86_400;

fn issued_by(name: &str) -> PolicyChange {
    let issuer = IssuerParametersChange { name: Some(name.into()), ..Default::default() };
    let x509 = X509Change { subject: Some("cn=MyCert".into()), ..Default::default() };
    PolicyChange { issuer: Some(issuer), x509: Some(x509), ..Default::default() }
}

fn with_x509(x509: X509Change) -> PolicyChange {
    PolicyChange { x509: Some(x509), ..issued_by("Self") }
}

fn with_key(key: KeyPropertiesChange) -> PolicyChange {
    PolicyChange { key: Some(key), ..issued_by("Self") }
}

fn with_actions(actions: Vec<LifetimeActionSent>) -> PolicyChange {
    PolicyChange { lifetime_actions: Some(actions), ..issued_by("Self") }
}

fn new(sent: &PolicyChange) -> Option<CertificatePolicy> {
    CertificatePolicy::new(sent, NOW).ok()
}

fn refusal(sent: &PolicyChange) -> String {
    CertificatePolicy::new(sent, NOW).unwrap_err().to_string()
}

fn percentage(percentage: u32, action: &str) -> LifetimeActionSent {
    let action = Some(action.into());
    LifetimeActionSent { lifetime_percentage: Some(percentage), days_before_expiry: None, action }
}

fn days(days: u32, action: &str) -> LifetimeActionSent {
    let action = Some(action.into());
    LifetimeActionSent { lifetime_percentage: None, days_before_expiry: Some(days), action }
}

fn dns(name: &str) -> SubjectAlternativeNames {
    SubjectAlternativeNames { dns_names: vec![name.into()], ..Default::default() }
}

/// Whoever may read secrets would be the authority.
#[test]
fn an_authoritys_key_stays_unless_it_is_said_that_it_may_leave() {
    let ca = BasicConstraints { ca: true, path_len: None };
    let x509 = X509Change {
        basic_constraints: Some(ca),
        key_usage: Some(vec!["keyCertSign".into()]),
        ..issued_by("Self").x509.unwrap()
    };
    let authority = |exportable: Option<bool>| {
        let key = KeyPropertiesChange { exportable, ..KeyPropertiesChange::default() };
        PolicyChange { x509: Some(x509.clone()), ..with_key(key) }
    };
    assert!(!new(&authority(None)).unwrap().key.exportable);
    assert!(new(&authority(Some(true))).unwrap().key.exportable);
    let server = new(&issued_by("Self")).unwrap();
    assert!(!server.changed(&authority(None), NOW).unwrap().key.exportable);
    assert!(server.changed(&authority(Some(true)), NOW).unwrap().key.exportable);
    let known = new(&authority(Some(true))).unwrap();
    assert!(known.changed(&authority(None), NOW).unwrap().key.exportable, "it was said before");
}

#[test]
fn a_policy_has_the_defaults_of_the_real_service() {
    let policy = new(&issued_by("Self")).unwrap();
    assert!(policy.key.exportable && !policy.key.reuse_key && policy.enabled);
    assert_eq!(policy.key.key_type, KeyType::Rsa);
    assert_eq!(policy.key.spec, KeySpec::Rsa { bits: 2048, exponent: 65_537 });
    assert_eq!(policy.secret.content_type(), "application/x-pkcs12");
    assert_eq!(policy.x509.subject, "cn=MyCert");
    assert_eq!(policy.x509.ekus, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    let usages: Vec<_> = policy.x509.key_usage.iter().map(|usage| usage.name()).collect();
    assert_eq!(usages, ["digitalSignature", "keyEncipherment"]);
    assert_eq!(policy.x509.validity_months, 12);
    assert_eq!(policy.x509.basic_constraints, BasicConstraints { ca: false, path_len: None });
    assert_eq!((policy.created, policy.updated), (NOW, NOW));
    let [action] = policy.lifetime_actions.as_slice() else { panic!("one action") };
    assert_eq!(action.trigger, CertificateTrigger::LifetimePercentage(80));
    assert_eq!(action.action, CertificateAction::AutoRenew);
}

#[test]
fn what_nobody_here_can_renew_is_told_of() {
    for (issuer, action) in [
        ("Unknown", CertificateAction::EmailContacts),
        ("unknown", CertificateAction::EmailContacts),
        ("my-ca", CertificateAction::AutoRenew),
    ] {
        let policy = new(&issued_by(issuer)).unwrap();
        assert_eq!(policy.lifetime_actions.first().map(|known| known.action), Some(action));
    }
}

#[test]
fn a_policy_names_its_issuer_and_somebody() {
    let nobody = PolicyChange { issuer: None, ..issued_by("Self") };
    assert!(refusal(&nobody).contains("issuer"));
    for name in ["", "a b", "a/b", &"a".repeat(128)] {
        assert!(new(&issued_by(name)).is_none(), "{name}");
    }
    assert!(refusal(&with_x509(X509Change::default())).contains("subject"));
    let named = X509Change { sans: Some(dns("example.com")), ..Default::default() };
    assert!(new(&with_x509(named)).is_some(), "an alternative name is enough");
    let long = X509Change { subject: Some("a".repeat(2049)), ..Default::default() };
    assert!(new(&with_x509(long)).is_none());
}

#[test]
fn keys_are_rsa_or_on_a_curve() {
    let key = |kty: &str, size, curve: Option<&str>| KeyPropertiesChange {
        key_type: Some(kty.into()),
        size,
        curve: curve.map(Into::into),
        ..Default::default()
    };
    for (sent, spec) in [
        (key("RSA", Some(4096), None), KeySpec::Rsa { bits: 4096, exponent: 65_537 }),
        (key("EC", None, None), KeySpec::Ec(Curve::P256)),
        (key("EC", Some(384), Some("P-384")), KeySpec::Ec(Curve::P384)),
        (key("ec", None, Some("P-256K")), KeySpec::Ec(Curve::P256K)),
    ] {
        assert_eq!(new(&with_key(sent.clone())).unwrap().key.spec, spec, "{sent:?}");
    }
    for sent in [
        key("oct", Some(256), None),
        key("AKP", None, None),
        key("DSA", None, None),
        key("RSA", Some(1024), None),
        key("RSA", Some(2047), None),
        key("RSA", Some(8192), None),
        key("EC", Some(521), Some("P-256")),
        key("EC", None, Some("P-192")),
    ] {
        assert!(new(&with_key(sent.clone())).is_none(), "{sent:?}");
    }
}

#[test]
fn keys_in_the_device_stay_there() {
    let key = |exportable| KeyPropertiesChange {
        key_type: Some("RSA-HSM".into()),
        exportable,
        ..Default::default()
    };
    assert!(!new(&with_key(key(None))).unwrap().key.exportable);
    assert!(!new(&with_key(key(Some(false)))).unwrap().key.exportable);
    assert!(refusal(&with_key(key(Some(true)))).contains("exportable"));
}

#[test]
fn keys_on_curves_do_not_encipher() {
    let key = KeyPropertiesChange { key_type: Some("EC".into()), ..Default::default() };
    let policy = new(&with_key(key)).unwrap();
    assert_eq!(policy.x509.key_usage, [KeyUsage::DigitalSignature], "RFC 8813, section 3");
}

#[test]
fn usages_come_back_once_and_in_the_order_of_the_alphabet() {
    let sent = ["keyCertSign", "digitalSignature", "cRLSign", "keyEncipherment", "keycertsign"];
    let x509 = X509Change {
        subject: Some("CN=a".into()),
        key_usage: Some(sent.map(Into::into).to_vec()),
        ..Default::default()
    };
    let usages = new(&with_x509(x509)).unwrap().x509.key_usage;
    let names: Vec<_> = usages.iter().map(|usage| usage.name()).collect();
    assert_eq!(names, ["cRLSign", "digitalSignature", "keyCertSign", "keyEncipherment"]);
}

#[test]
fn empty_lists_are_lists() {
    let x509 = X509Change {
        subject: Some("CN=a".into()),
        key_usage: Some(vec![]),
        ekus: Some(vec![]),
        ..Default::default()
    };
    let sent = PolicyChange { lifetime_actions: Some(vec![]), ..with_x509(x509) };
    let policy = new(&sent).unwrap();
    assert!(policy.x509.key_usage.is_empty() && policy.x509.ekus.is_empty());
    assert!(policy.lifetime_actions.is_empty());
}

#[test]
fn usages_are_known_and_identifiers_are_dotted() {
    let usage = |name: &str| X509Change {
        subject: Some("CN=a".into()),
        key_usage: Some(vec![name.into()]),
        ..Default::default()
    };
    assert!(new(&with_x509(usage("signEverything"))).is_none());
    let eku = |oid: &str| X509Change {
        subject: Some("CN=a".into()),
        ekus: Some(vec![oid.into()]),
        ..Default::default()
    };
    for good in ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "0.39", "2.999.3", "1.3.6.1.4.1.311.10.3.4"] {
        assert!(new(&with_x509(eku(good))).is_some(), "{good}");
    }
    let long = vec!["1"; 100].join(".");
    for bad in [
        "",
        "1",
        "1.",
        ".1",
        "serverAuth",
        "1.40",
        "0.40",
        "3.1",
        "1.3..6",
        "1.03",
        "1.3.-6",
        "1.3.99999999999",
        "1.3.6 ",
        long.as_str(),
    ] {
        assert!(new(&with_x509(eku(bad))).is_none(), "{bad}");
    }
    let many = X509Change {
        subject: Some("CN=a".into()),
        ekus: Some((0..51).map(|arc| format!("1.3.6.1.{arc}")).collect()),
        ..Default::default()
    };
    assert!(refusal(&with_x509(many)).contains("50"));
}

#[test]
fn lives_are_one_month_to_a_hundred_years() {
    let lives = |months| X509Change {
        subject: Some("CN=a".into()),
        validity_months: Some(months),
        ..Default::default()
    };
    for (months, good) in [(0, false), (1, true), (297, true), (1200, true), (1201, false)] {
        let sent = PolicyChange { lifetime_actions: Some(vec![]), ..with_x509(lives(months)) };
        assert_eq!(new(&sent).is_some(), good, "{months}");
    }
}

#[test]
fn triggers_are_percentages_or_days_within_the_life() {
    for (sent, good) in [
        (percentage(0, "AutoRenew"), false),
        (percentage(1, "AutoRenew"), true),
        (percentage(99, "emailcontacts"), true),
        (percentage(100, "AutoRenew"), false),
        (percentage(356, "AutoRenew"), false),
        (days(0, "AutoRenew"), false),
        (days(1, "AutoRenew"), true),
        (days(324, "AutoRenew"), true),
        (days(325, "AutoRenew"), false),
        (percentage(50, "Renew"), false),
        (LifetimeActionSent { action: None, ..percentage(50, "") }, false),
        (LifetimeActionSent { days_before_expiry: Some(1), ..percentage(50, "AutoRenew") }, false),
        (LifetimeActionSent { lifetime_percentage: None, ..percentage(1, "AutoRenew") }, false),
    ] {
        // 12 months times 27 days: 324.
        assert_eq!(new(&with_actions(vec![sent.clone()])).is_some(), good, "{sent:?}");
    }
    let both = vec![percentage(80, "AutoRenew"), days(10, "EmailContacts")];
    assert!(new(&with_actions(both)).is_some());
    let twice = vec![percentage(80, "AutoRenew"), days(10, "AutoRenew")];
    assert!(refusal(&with_actions(twice)).contains("more than once"));
}

#[test]
fn names_are_names() {
    let list = |sans: SubjectAlternativeNames| {
        with_x509(X509Change { sans: Some(sans), ..Default::default() })
    };
    for good in ["example.com", "*.example.com", "a", "xn--bcher-kva.example", "_sip.example.com"] {
        assert!(new(&list(dns(good))).is_some(), "{good}");
    }
    let long = "a".repeat(64);
    for bad in [
        "",
        "bücher.example",
        "a b",
        "-a.com",
        "a-.com",
        "a..b",
        "a.",
        "*.*.com",
        "a.*.com",
        "*",
        "http://a",
        "a:80",
        &long,
        "a\0b",
    ] {
        assert!(new(&list(dns(bad))).is_none(), "{bad}");
    }
    let of = |emails: &str, upns: &str, uris: &str| SubjectAlternativeNames {
        emails: vec![emails.into()],
        upns: vec![upns.into()],
        uris: vec![uris.into()],
        ..Default::default()
    };
    assert!(new(&list(of("a@b.com", "é@corp", "spiffe://b.com/x"))).is_some());
    assert!(new(&list(of("a.b.com", "a", "urn:a"))).is_none());
    assert!(new(&list(of("a@b", "", "urn:a"))).is_none());
    assert!(new(&list(of("a@b", "a", "//b.com"))).is_none());
    assert!(new(&list(of("a@b", "a", "http://a b"))).is_none());
}

#[test]
fn addresses_are_canonical() {
    let sent = |address: &str| {
        let ip_addresses = vec![address.to_owned()];
        let sans = SubjectAlternativeNames { ip_addresses, ..Default::default() };
        with_x509(X509Change { sans: Some(sans), ..Default::default() })
    };
    // RFC 5952, section 4.
    let policy = new(&sent("2001:0DB8:0:0:0:0:0:1")).unwrap();
    assert_eq!(policy.x509.sans.ip_addresses, ["2001:db8::1"]);
    for bad in ["10.0.0", "10.0.0.256", "10.0.0.1/24", "::g", "localhost"] {
        assert!(new(&sent(bad)).is_none(), "{bad}");
    }
}

#[test]
fn lists_of_names_are_bounded() {
    let names = |count| {
        let dns_names = (0..count).map(|n| format!("host{n}.example.com")).collect();
        let sans = SubjectAlternativeNames { dns_names, ..Default::default() };
        with_x509(X509Change { sans: Some(sans), ..Default::default() })
    };
    assert!(new(&names(250)).is_some());
    assert!(refusal(&names(251)).contains("250"));
    assert!(refusal(&names(20_000)).contains("250"));
}

#[test]
fn only_authorities_constrain_others() {
    let x509 = |ca, path_len, names: Option<NameConstraints>| X509Change {
        subject: Some("CN=a".into()),
        basic_constraints: Some(BasicConstraints { ca, path_len }),
        name_constraints: names,
        ..Default::default()
    };
    let policy = new(&with_x509(x509(true, Some(0), None))).unwrap();
    assert_eq!(policy.x509.key_usage, [KeyUsage::CrlSign, KeyUsage::KeyCertSign]);
    assert!(policy.x509.ekus.is_empty());
    assert!(new(&with_x509(x509(false, Some(0), None))).is_none());
    assert!(new(&with_x509(x509(false, None, Some(NameConstraints::default())))).is_none());
    let usage = Some(vec!["digitalSignature".into()]);
    let signs_nothing = X509Change { key_usage: usage, ..x509(true, None, None) };
    assert!(refusal(&with_x509(signs_nothing)).contains("keyCertSign"));
}

#[test]
fn name_constraints_are_names_and_ranges() {
    let sent = |dns: &str, ip: &str| {
        let names = NameConstraints {
            permitted_dns: vec![dns.into()],
            excluded_ip: vec![ip.into()],
            ..Default::default()
        };
        with_x509(X509Change {
            subject: Some("CN=a".into()),
            basic_constraints: Some(BasicConstraints { ca: true, path_len: None }),
            name_constraints: Some(names),
            ..Default::default()
        })
    };
    for (dns, ip) in [("example.com", "10.0.0.0/8"), (".example.com", "fd00::/8")] {
        assert!(new(&sent(dns, ip)).is_some(), "{dns} {ip}");
    }
    for (dns, ip) in [
        ("*.example.com", "10.0.0.0/8"),
        ("example.com", "10.0.0.0"),
        ("example.com", "10.0.0.0/33"),
        ("example.com", "::/129"),
        ("example.com", "10.0.0.0/+8"),
        ("", "10.0.0.0/8"),
    ] {
        assert!(new(&sent(dns, ip)).is_none(), "{dns} {ip}");
    }
}

#[test]
fn a_change_leaves_the_rest_alone() {
    let before = new(&issued_by("Self")).unwrap();
    let later = Timestamp(NOW.0 + 60);
    let months = X509Change { validity_months: Some(24), ..Default::default() };
    let change = PolicyChange { x509: Some(months), ..Default::default() };
    let mut wanted = before.clone();
    wanted.x509.validity_months = 24;
    wanted.updated = later;
    assert_eq!(before.changed(&change, later).unwrap(), wanted);
}

#[test]
fn a_new_type_of_key_forgets_the_old_size() {
    let before = new(&issued_by("Self")).unwrap();
    let key = KeyPropertiesChange { key_type: Some("EC".into()), ..Default::default() };
    let change = PolicyChange { key: Some(key), ..Default::default() };
    assert_eq!(before.changed(&change, NOW).unwrap().key.spec, KeySpec::Ec(Curve::P256));
    let key = KeyPropertiesChange { reuse_key: Some(true), ..Default::default() };
    let change = PolicyChange { key: Some(key), ..Default::default() };
    let after = before.changed(&change, NOW).unwrap();
    assert_eq!((after.key.spec, after.key.reuse_key), (before.key.spec, true));
}

#[test]
fn a_change_is_judged_with_what_stays() {
    let sent =
        PolicyChange { lifetime_actions: Some(vec![days(300, "AutoRenew")]), ..issued_by("Self") };
    let before = new(&sent).unwrap();
    let shorter = X509Change { validity_months: Some(6), ..Default::default() };
    let change = PolicyChange { x509: Some(shorter), ..Default::default() };
    assert!(before.changed(&change, NOW).is_err(), "300 days are more than 6 months have");
}

#[test]
fn an_import_says_what_the_certificate_says() {
    let found = new(&with_x509(X509Change {
        subject: Some("CN=MyCert".into()),
        validity_months: Some(13),
        ..Default::default()
    }));
    let found = found.unwrap().x509;
    let public = PublicKey::Rsa { n: vec![0xC0; 256], e: vec![1, 0, 1] };
    let sent = PolicyChange {
        key: Some(KeyPropertiesChange {
            exportable: Some(false),
            key_type: Some("RSA".into()),
            size: Some(4096),
            ..Default::default()
        }),
        x509: Some(X509Change { subject: Some("CN=other".into()), ..Default::default() }),
        ..Default::default()
    };
    let pem = SecretFormat::Pem;
    let policy = CertificatePolicy::imported(&sent, found.clone(), &public, pem, NOW).unwrap();
    assert_eq!(policy.x509, found);
    assert_eq!(policy.key.spec, KeySpec::Rsa { bits: 2048, exponent: 65_537 });
    assert!(!policy.key.exportable);
    assert_eq!((policy.secret, policy.issuer.name.as_str()), (pem, "Unknown"));
    let [action] = policy.lifetime_actions.as_slice() else { panic!("one action") };
    assert_eq!(action.trigger, CertificateTrigger::LifetimePercentage(80));
    assert_eq!(action.action, CertificateAction::EmailContacts);
    let sent = PolicyChange {
        content_type: Some("application/x-pkcs12".into()),
        issuer: Some(IssuerParametersChange { name: Some("Self".into()), ..Default::default() }),
        ..Default::default()
    };
    let policy = CertificatePolicy::imported(&sent, found, &public, pem, NOW).unwrap();
    assert_eq!((policy.secret, policy.issuer.is_self()), (SecretFormat::Pkcs12, true));
}

#[test]
fn policies_act_at_their_time() {
    let lived = |days: i64| Attributes {
        enabled: true,
        not_before: Some(Timestamp(0)),
        expires: Some(Timestamp(days * DAY)),
        created: Timestamp(600),
        updated: Timestamp(600),
    };
    let sent = with_actions(vec![percentage(80, "AutoRenew"), days(10, "EmailContacts")]);
    let policy = new(&sent).unwrap();
    assert_eq!(policy.renewal_due(&lived(100)), Some(Timestamp(80 * DAY)));
    assert_eq!(policy.notice_due(&lived(100)), Some(Timestamp(90 * DAY)));
    let endless = Attributes { expires: None, ..lived(1) };
    assert_eq!(policy.renewal_due(&endless), None);
    let disabled = CertificatePolicy { enabled: false, ..policy };
    assert_eq!(disabled.renewal_due(&lived(100)), None);
    assert_eq!(disabled.notice_due(&lived(100)), None);
    let tells = new(&issued_by("Unknown")).unwrap();
    assert_eq!(tells.renewal_due(&lived(100)), None);
}

proptest! {
    #[test]
    fn no_name_and_no_number_panics(subject: String, name: String, oid: String, n: u32, d: u32) {
        let sans = SubjectAlternativeNames {
            dns_names: vec![name.clone()],
            emails: vec![name.clone()],
            upns: vec![name.clone()],
            uris: vec![name.clone()],
            ip_addresses: vec![name],
        };
        let x509 = X509Change {
            subject: Some(subject),
            sans: Some(sans),
            ekus: Some(vec![oid]),
            validity_months: Some(n),
            ..Default::default()
        };
        let actions = vec![percentage(n, "AutoRenew"), days(d, "EmailContacts")];
        let sent = PolicyChange { lifetime_actions: Some(actions), ..with_x509(x509) };
        let _ = CertificatePolicy::new(&sent, Timestamp(i64::from(n)));
    }

    #[test]
    fn no_time_overflows(nbf: i64, exp: i64, percent in 1..=99_u32, d in 1..=324_u32) {
        let actions = vec![percentage(percent, "AutoRenew"), days(d, "EmailContacts")];
        let policy = new(&with_actions(actions)).unwrap();
        let attributes = Attributes {
            enabled: true,
            not_before: Some(Timestamp(nbf)),
            expires: Some(Timestamp(exp)),
            created: Timestamp(nbf),
            updated: Timestamp(nbf),
        };
        let due = policy.renewal_due(&attributes).unwrap();
        prop_assert!(exp < nbf || (due.0 >= nbf && due.0 <= exp));
        policy.notice_due(&attributes);
    }

    #[test]
    fn policies_survive_the_store(months in 1..=1200_u32, ca: bool, percent in 1..=99_u32) {
        let x509 = X509Change {
            subject: Some("CN=a".into()),
            validity_months: Some(months),
            basic_constraints: Some(BasicConstraints { ca, path_len: None }),
            ..Default::default()
        };
        let actions = Some(vec![percentage(percent, "AutoRenew")]);
        let policy = new(&PolicyChange { lifetime_actions: actions, ..with_x509(x509) }).unwrap();
        let bytes = minicbor::to_vec(&policy).unwrap();
        prop_assert_eq!(minicbor::decode::<CertificatePolicy>(&bytes).unwrap(), policy);
    }
}
