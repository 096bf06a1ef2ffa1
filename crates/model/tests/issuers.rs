//! The rules of issuers and contacts.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use strongroom_model::certificates::{Contact, Issuer, IssuerChange, Organization, ProfileChange};
use strongroom_model::{ObjectName, Timestamp};

const NOW: Timestamp = Timestamp(1_657_745_284);

fn issuer_sent(provider: &str) -> IssuerChange {
    IssuerChange { provider: Some(provider.into()), ..Default::default() }
}

fn organization(id: &str) -> Option<Organization> {
    Some(Organization { id: Some(id.into()), ..Default::default() })
}

fn issuer(sent: &IssuerChange) -> Option<Issuer> {
    Issuer::new(ObjectName::parse("issuer01").unwrap(), sent, NOW).ok()
}

#[test]
fn issuers_have_a_known_provider() {
    for provider in ["Test", "DigiCert", "globalsign"] {
        assert!(issuer(&issuer_sent(provider)).is_some(), "{provider}");
    }
    assert!(issuer(&issuer_sent("Verisign")).is_none());
    assert!(issuer(&IssuerChange::default()).is_none());
    for reserved in ["Self", "unknown"] {
        let name = ObjectName::parse(reserved).unwrap();
        assert!(Issuer::new(name, &issuer_sent("Test"), NOW).is_err(), "{reserved}");
    }
}

#[test]
fn issuers_that_are_asked_say_whom() {
    for provider in ["Strongroom", "ACME"] {
        assert!(issuer(&issuer_sent(provider)).is_none(), "{provider}");
        let sent = IssuerChange { organization: organization("root"), ..issuer_sent(provider) };
        assert!(issuer(&sent).is_some(), "{provider}");
    }
    let slash = IssuerChange { organization: organization("a/b"), ..issuer_sent("Strongroom") };
    assert!(issuer(&slash).is_none());
}

#[test]
fn an_issuer_keeps_what_is_not_sent() {
    let sent = IssuerChange {
        account_id: Some("keyvaultuser".into()),
        organization: organization("1"),
        profile: Some(ProfileChange { acme: Some(true), ..Default::default() }),
        ..issuer_sent("Test")
    };
    let before = issuer(&sent).unwrap();
    let change = IssuerChange { enabled: Some(false), ..Default::default() };
    let after = before.changed(&change, Timestamp(NOW.0 + 1)).unwrap();
    let wanted = Issuer { enabled: false, updated: Timestamp(NOW.0 + 1), ..before };
    assert_eq!(after, wanted);
    assert!(after.organization.sent && after.profile.acme && after.profile.max_days == 398);
}

#[test]
fn profiles_are_bounded() {
    let with = |profile| IssuerChange { profile: Some(profile), ..issuer_sent("Test") };
    for (days, good) in [(0, false), (1, true), (36_525, true), (36_526, false)] {
        let profile = ProfileChange { max_days: Some(days), ..Default::default() };
        assert_eq!(issuer(&with(profile)).is_some(), good, "{days}");
    }
    let dns =
        |name: &str| ProfileChange { allowed_dns: Some(vec![name.into()]), ..Default::default() };
    assert!(issuer(&with(dns("corp.example"))).is_some());
    assert!(issuer(&with(dns("*.corp.example"))).is_none());
    let ekus = ProfileChange { allowed_ekus: Some(vec!["any".into()]), ..Default::default() };
    assert!(issuer(&with(ekus)).is_none());
}

#[test]
fn what_is_said_of_an_issuer_is_bounded_and_its_password_is_not_shown() {
    let sent = IssuerChange { account_id: Some("a".repeat(1025)), ..issuer_sent("Test") };
    assert!(issuer(&sent).is_none());
    let password = Some("hunter2".to_owned().into());
    let sent = IssuerChange { password, ..issuer_sent("Test") };
    assert!(!format!("{sent:?}").contains("hunter2"));
    assert!(!format!("{:?}", issuer(&sent).unwrap()).contains("hunter2"));
}

#[test]
fn contacts_have_an_address() {
    let contact = |email: &str, name: &str| Contact {
        email: Some(email.into()),
        name: Some(name.into()),
        phone: None,
    };
    assert!(Contact::check(&[contact("admin@contoso.com", "John Doe")]).is_ok());
    assert!(Contact::check(&[Contact::default()]).is_err());
    assert!(Contact::check(&[]).is_err());
    for bad in ["admin", "@b.com", "a@", "<a>@b.com", "a@b@c.com", "a b@c.com", "a@b.com>"] {
        assert!(Contact::check(&[contact(bad, "")]).is_err(), "{bad}");
    }
    assert!(Contact::check(&[contact("a@b.com\r\nBcc: c@d.com", "")]).is_err());
    assert!(Contact::check(&[contact("a@b.com", "x\r\nBcc: c@d.com")]).is_err());
    assert!(Contact::check(&vec![contact("a@b.com", ""); 101]).is_err());
}
