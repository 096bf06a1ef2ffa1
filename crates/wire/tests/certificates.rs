//! The certificate bodies against the specification's own examples, letter by letter, and against
//! recorded answers of the real service where the examples are older.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

#[macro_use]
mod common;

use std::borrow::Cow;

use common::{attributes, deletion, from, page, read};
use serde_json::{Value, json};
use strongroom_model::certificates as model;
use strongroom_model::{Curve, KeySpec, KeyType, ObjectName, Timestamp};
use strongroom_wire::certificate_issuers::*;
use strongroom_wire::certificate_policy::*;
use strongroom_wire::certificates::*;
use strongroom_wire::{Base64, Base64Url, base64url, standard_base64, to_json};

const ALL: PolicyMembers = PolicyMembers { uris: true, transparency: true };
const NOW: Timestamp = Timestamp(1_657_745_284);

fn text<'a>(of: &'a Value, member: &str) -> Cow<'a, str> {
    of[member].as_str().unwrap().into()
}

fn item<'a>(of: &'a Value, thumbprint: &'a [u8]) -> CertificateItem<'a> {
    CertificateItem {
        id: text(of, "id"),
        x5t: Some(Base64Url(thumbprint)),
        attributes: attributes(&of["attributes"]),
        tags: None,
    }
}

#[test]
fn lists_are_the_examples() {
    let thumbprint = base64url::decode("fLi3U52HunIVNXubkEnf8tP6Wbo").unwrap();
    for list in [example!("GetCertificates"), example!("GetCertificateVersions")] {
        let example = read(list);
        let ours = page(&example.body, |of| item(of, &thumbprint));
        example.has_exactly(&to_json(&ours).unwrap());
    }
    let example = read(example!("GetDeletedCertificates"));
    let ours = page(&example.body, |of| DeletedCertificateItem {
        deletion: deletion(of),
        certificate: item(of, &thumbprint),
    });
    example.has_exactly(&to_json(&ours).unwrap());
}

#[test]
fn operations_are_the_examples() {
    for text_of in [example!("GetCertificateOperation"), example!("UpdateCertificateOperation")] {
        let example = read(text_of);
        let body = &example.body;
        let csr = standard_base64::decode(text(body, "csr").as_bytes()).unwrap();
        let (status, details) = (text(body, "status"), text(body, "status_details"));
        let name = text(&body["issuer"], "name");
        let ours = CertificateOperation {
            id: text(body, "id"),
            issuer: IssuerParameters { name: &name, cty: None, cert_transparency: None },
            csr: Base64(&csr),
            cancellation_requested: body["cancellation_requested"].as_bool().unwrap(),
            status: &status,
            status_details: Some(&details),
            error: None,
            target: None,
            request_id: text(body, "request_id"),
        };
        example.has_exactly(&to_json(&ours).unwrap());
    }
}

#[test]
fn contacts_are_the_examples() {
    let example = read(example!("SetCertificateContacts"));
    let sent = serde_json::from_str::<Value>(example!("SetCertificateContacts")).unwrap();
    let sent: ContactsParameters =
        serde_json::from_value(sent["parameters"]["contacts"].clone()).unwrap();
    let kept = sent.contacts.unwrap().into_iter().map(model::Contact::from);
    let ours =
        Contacts { id: text(&example.body, "id"), contacts: kept.map(Contact::from).collect() };
    example.has_exactly(&to_json(&ours).unwrap());
}

#[test]
fn issuers_are_the_examples_and_keep_their_passwords() {
    let example = read(example!("SetCertificateIssuer"));
    let sent = serde_json::from_str::<Value>(example!("SetCertificateIssuer")).unwrap();
    let sent: CertificateIssuerParameters =
        serde_json::from_value(sent["parameters"]["parameter"].clone()).unwrap();
    let sent = model::IssuerChange::from(sent);
    assert_eq!(sent.password.as_ref().unwrap().as_str(), "password");
    let name = ObjectName::parse("issuer01").unwrap();
    let mut issuer = model::Issuer::new(name, &sent, Timestamp(1_482_188_806)).unwrap();
    issuer.updated = Timestamp(1_482_189_526);
    let id = text(&example.body, "id").into_owned();
    example.has_exactly(&to_json(&IssuerBundle::new(id, &issuer)).unwrap());

    let example = read(example!("GetCertificateIssuers"));
    let ours = page(&example.body, |of| CertificateIssuerItem {
        id: text(of, "id"),
        provider: issuer.provider.name(),
    });
    example.has_exactly(&to_json(&ours).unwrap());
}

#[test]
fn an_authority_of_the_vault_shows_what_it_issues() {
    let sent: CertificateIssuerParameters = from(
        r#"{"provider":"strongroom","org_details":{"id":"root"},
            "strongroom":{"max_days":90,"allowed_dns":["corp.example"],"acme":true}}"#,
    )
    .unwrap();
    let name = ObjectName::parse("ca").unwrap();
    let issuer = model::Issuer::new(name, &sent.into(), NOW).unwrap();
    let ours = to_json(&IssuerBundle::new("https://v/certificates/issuers/ca".into(), &issuer));
    let wanted = concat!(
        r#"{"id":"https://v/certificates/issuers/ca","provider":"Strongroom","#,
        r#""org_details":{"id":"root"},"#,
        r#""attributes":{"enabled":true,"created":1657745284,"updated":1657745284},"#,
        r#""strongroom":{"max_days":90,"allowed_dns":["corp.example"],"allowed_ekus":[],"#,
        r#""allow_ca":false,"acme":true}}"#,
    );
    assert_eq!(String::from_utf8(ours.unwrap()).unwrap(), wanted);
}

fn policy(sent: &str) -> model::CertificatePolicy {
    let sent: CertificatePolicyParameters = from(sent).unwrap();
    model::CertificatePolicy::new(&sent.into(), NOW).unwrap()
}

fn answered(policy: &model::CertificatePolicy, shown: PolicyMembers) -> String {
    let answer = CertificatePolicy::new("https://v/certificates/a/policy".into(), policy, shown);
    String::from_utf8(to_json(&answer).unwrap()).unwrap()
}

#[test]
fn a_policy_is_answered_as_the_real_service_was_seen_to() {
    // What the JavaScript SDK sends, and what was answered, but for the empty `sans`.
    let policy = policy(
        r#"{"key_props":{},"secret_props":{},"x509_props":{"subject":"cn=MyCert","sans":{}},
            "issuer":{"name":"Self"},"attributes":{}}"#,
    );
    let wanted = concat!(
        r#"{"id":"https://v/certificates/a/policy","#,
        r#""key_props":{"exportable":true,"kty":"RSA","key_size":2048,"reuse_key":false},"#,
        r#""secret_props":{"contentType":"application/x-pkcs12"},"#,
        r#""x509_props":{"subject":"cn=MyCert","#,
        r#""ekus":["1.3.6.1.5.5.7.3.1","1.3.6.1.5.5.7.3.2"],"#,
        r#""key_usage":["digitalSignature","keyEncipherment"],"validity_months":12,"#,
        r#""basic_constraints":{"ca":false}},"#,
        r#""lifetime_actions":[{"trigger":{"lifetime_percentage":80},"#,
        r#""action":{"action_type":"AutoRenew"}}],"issuer":{"name":"Self"},"#,
        r#""attributes":{"enabled":true,"created":1657745284,"updated":1657745284}}"#,
    );
    assert_eq!(answered(&policy, ALL), wanted);
}

#[test]
fn every_member_of_a_policy_comes_through() {
    let policy = policy(
        r#"{"key_props":{"kty":"EC","crv":"P-384","exportable":false,"reuse_key":true},
            "secret_props":{"contentType":"application/x-pem-file"},
            "x509_props":{"subject":"CN=ca","ekus":["2.5.29.37.0"],
                "sans":{"emails":["a@b.com"],"dns_names":["b.com"],"upns":["u@b.com"],
                    "uris":["urn:b"],"ipAddresses":["10.0.0.1"]},
                "key_usage":["keyCertSign"],"validity_months":24,
                "basic_constraints":{"ca":true,"path_len":1},
                "name_constraints":{"permitted_dns":["b.com"],"excluded_ip":["::/0"]}},
            "lifetime_actions":[
                {"trigger":{"days_before_expiry":30},"action":{"action_type":"EmailContacts"}}],
            "issuer":{"name":"root","cty":"OV-SSL","cert_transparency":true},
            "attributes":{"enabled":false,"created":1}}"#,
    );
    assert_eq!(policy.key.spec, KeySpec::Ec(Curve::P384));
    assert_eq!(policy.key.key_type, KeyType::Ec);
    let answer: Value = serde_json::from_str(&answered(&policy, ALL)).unwrap();
    let wanted = json!({
        "id": "https://v/certificates/a/policy",
        "key_props": {
            "exportable": false, "kty": "EC", "key_size": 384, "reuse_key": true, "crv": "P-384"
        },
        "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": {
            "subject": "CN=ca", "ekus": ["2.5.29.37.0"],
            "sans": {
                "emails": ["a@b.com"], "dns_names": ["b.com"], "upns": ["u@b.com"],
                "uris": ["urn:b"], "ipAddresses": ["10.0.0.1"]
            },
            "key_usage": ["keyCertSign"], "validity_months": 24,
            "basic_constraints": { "ca": true, "path_len": 1 },
            "name_constraints": { "permitted_dns": ["b.com"], "excluded_ip": ["::/0"] }
        },
        "lifetime_actions": [
            {
                "trigger": { "days_before_expiry": 30 },
                "action": { "action_type": "EmailContacts" }
            }
        ],
        "issuer": { "name": "root", "cty": "OV-SSL", "cert_transparency": true },
        "attributes": { "enabled": false, "created": 1_657_745_284, "updated": 1_657_745_284 }
    });
    assert_eq!(answer, wanted);
    let older = PolicyMembers { uris: false, transparency: false };
    let answer: Value = serde_json::from_str(&answered(&policy, older)).unwrap();
    let sans = json!({ "emails": ["a@b.com"], "dns_names": ["b.com"], "upns": ["u@b.com"] });
    assert_eq!(answer["x509_props"]["sans"], sans);
    assert_eq!(answer["issuer"], json!({ "name": "root", "cty": "OV-SSL" }));
}

#[test]
fn numbers_out_of_reach_are_out_of_range_and_no_parse_error() {
    for trigger in [
        r#"{"lifetime_percentage":-1}"#,
        r#"{"lifetime_percentage":99999999999}"#,
        r#"{"days_before_expiry":-20}"#,
        r#"{"days_before_expiry":9999999999}"#,
    ] {
        let sent: CertificatePolicyParameters = from(&format!(
            r#"{{"x509_props":{{"subject":"CN=a"}},"issuer":{{"name":"Self"}},"lifetime_actions":
                [{{"trigger":{trigger},"action":{{"action_type":"AutoRenew"}}}}]}}"#
        ))
        .unwrap();
        let refused = model::CertificatePolicy::new(&sent.into(), NOW).unwrap_err();
        assert!(refused.to_string().contains("must be between 1 and"), "{refused}");
    }
}

#[test]
fn a_bundle_is_answered_as_the_real_service_was_seen_to() {
    let policy = policy(r#"{"x509_props":{"subject":"CN=a"},"issuer":{"name":"Self"}}"#);
    let id = "https://v/certificates/a";
    let known = json!({
        "enabled": false, "nbf": 1, "exp": 3, "created": 2, "updated": 2,
        "recoveryLevel": "Recoverable+Purgeable"
    });
    let pending = CertificateBundle {
        id: format!("{id}/370db054007f4516be61596d620c1211").into(),
        kid: None,
        sid: None,
        x5t: None,
        cer: None,
        attributes: attributes(&known),
        tags: None,
        policy: CertificatePolicy::new(format!("{id}/policy"), &policy, ALL),
        pending: Some(PendingOperation { id: format!("{id}/pending").into() }),
        preserve_cert_order: None,
    };
    let answer: Value = serde_json::from_slice(&to_json(&pending).unwrap()).unwrap();
    let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["attributes", "id", "pending", "policy"], "no key and no secret yet");
    assert_eq!(answer["pending"], json!({ "id": "https://v/certificates/a/pending" }));
    let whole = CertificateBundle {
        kid: Some("k".into()),
        sid: Some("s".into()),
        x5t: Some(Base64Url(&[0xFB, 0xFF])),
        cer: Some(Base64(&[0xFB, 0xFF])),
        ..pending
    };
    let text = String::from_utf8(to_json(&whole).unwrap()).unwrap();
    // x5t is base64url, cer is base64 with padding.
    assert!(text.contains(r#""kid":"k","sid":"s","x5t":"-_8","cer":"+/8=","attributes":{"#));
}

#[test]
fn requests_ignore_what_they_do_not_know() {
    let text = r#"{"value":"MAA=","pwd":"123","novel":{},"preserveCertOrder":true,
        "policy":{"key_props":{"exportable":true},"id":"x"},"tags":{"a":"b"}}"#;
    let sent: CertificateImportParameters = from(text).unwrap();
    assert_eq!(sent.value.unwrap().expose(), "MAA=");
    assert_eq!(sent.pwd.unwrap().expose(), "123");
    assert_eq!(sent.preserve_cert_order, Some(true));
    let nothing: CertificateMergeParameters = from(r#"{"x5c":null,"attributes":null}"#).unwrap();
    assert!(nothing.x5c.is_none());
    assert!(from::<CertificateMergeParameters>(r#"{"x5c":"MAA="}"#).is_err());
}

#[test]
fn base64_is_read_with_and_without_padding() {
    for text in ["+/8=", "+/8", "+ /8\r\n="] {
        let read = standard_base64::decode(text.as_bytes());
        assert_eq!(read.unwrap().as_slice(), [0xFB, 0xFF], "{text}");
    }
    for bad in ["-_8", "+/8!", "A"] {
        assert!(standard_base64::decode(bad.as_bytes()).is_none(), "{bad}");
    }
}
