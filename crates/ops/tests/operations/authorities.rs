//! The vault's own authorities, as OpenSSL sees what they issue, publish and take back.

use strongroom_model::AttributesChange;
use strongroom_model::certificates::{IssuerChange, ProfileChange, RevocationReason};
use strongroom_ops::{
    DeleteCertificate, DeleteCertificateIssuer, OpError, PurgeDeletedCertificate,
    UpdateCertificate, UpdateCertificateIssuer,
};

use crate::authority::{Vault, authority, serial, server};
use crate::support::name;

#[tokio::test]
async fn a_hierarchy_verifies_and_a_revocation_is_seen_at_once() {
    let v = Vault::new().await;
    let root = v.get("root").await.chain.remove(0);
    v.create("inter", "sub", authority("CN=Intermediate"), "P-384").await.unwrap();
    v.issuer("inter-ca", "inter", ProfileChange::default()).await;
    let leaf = v.create("www", "inter-ca", server("www.example.com"), "P-256").await.unwrap();
    assert_eq!(leaf.chain.len(), 2, "the leaf and the intermediate, without the root");

    let of_root = v.list("root", None).await.unwrap();
    let of_inter = v.list("inter", None).await.unwrap();
    let verdict = v.verify(&root, &leaf.chain, &[&of_root, &of_inter]);
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    let ca = &leaf.chain[1];
    let said = v.ocsp("inter", ca, &leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: good"), "{said}");
    let again = v.list("inter", None).await.unwrap();
    assert_eq!(again, of_inter, "a list is signed once");

    v.revoke("www", RevocationReason::KeyCompromise).await.unwrap();
    let said = v.ocsp("inter", ca, &leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("leaf: revoked") && said.contains("keyCompromise"), "{said}");
    let of_inter = v.list("inter", None).await.unwrap();
    let verdict = v.verify(&root, &leaf.chain, &[&of_root, &of_inter]);
    assert!(verdict.contains("certificate revoked"), "{verdict}");
    v.put("crl", &of_inter);
    let text = v.openssl("crl -inform DER -in crl -noout -text");
    assert!(text.contains("Key Compromise"), "{text}");
    let number = |der: &[u8]| {
        v.put("crl", der);
        let text = v.openssl("crl -inform DER -in crl -noout -crlnumber");
        i128::from_str_radix(text.trim().strip_prefix("crlNumber=0x").unwrap(), 16).unwrap()
    };
    assert!(number(&of_inter) > number(&again));

    // The intermediate is what the root can revoke.
    v.revoke("inter", RevocationReason::CaCompromise).await.unwrap();
    let of_root = v.list("root", None).await.unwrap();
    let verdict = v.verify(&root, &leaf.chain, &[&of_root, &again]);
    assert!(verdict.contains("certificate revoked"), "{verdict}");
}

#[tokio::test]
async fn certificates_say_where_their_authority_publishes() {
    let v = Vault::new().await;
    let leaf = v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    assert_eq!(leaf.chain.len(), 1, "nothing but the root above");
    v.put("der", &leaf.chain[0]);
    let text = v.openssl("x509 -inform DER -in der -noout -text");
    let root = v.get("root").await.record.version;
    for last in ["crl", "ocsp", "ca"] {
        let url = format!("URI:http://pki.example:8080/dev/root/{root}/{last}");
        assert!(text.contains(&url), "{text}");
    }
    let published = v.node.ops.published_certificate(&v.vault, &name("ca"), Some(root)).await;
    assert_eq!(published.unwrap().der, v.get("root").await.chain[0]);
}

#[tokio::test]
async fn an_rsa_authority_certifies_too() {
    let v = Vault::new().await;
    v.create("rsa", "Self", authority("CN=RSA root"), "RSA").await.unwrap();
    v.issuer("rsa-ca", "rsa", ProfileChange::default()).await;
    let leaf = v.create("www", "rsa-ca", server("www.example.com"), "P-256").await.unwrap();
    let root = v.get("rsa").await.chain.remove(0);
    let list = v.list("rsa", None).await.unwrap();
    let verdict = v.verify(&root, &leaf.chain, &[&list]);
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    let said = v.ocsp("rsa", &root, &leaf.chain[0], "").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: good"), "{said}");
}

/// Old certificates name the old version of their authority, whose key signs for them for ever.
#[tokio::test]
async fn a_renewed_authority_still_answers_for_what_its_old_key_signed() {
    let v = Vault::new().await;
    let old_leaf = v.create("old", "ca", server("old.example.com"), "P-256").await.unwrap();
    let old_root = v.get("root").await;
    v.create("root", "Self", authority("CN=Root"), "P-256").await.unwrap();
    let new_leaf = v.create("new", "ca", server("new.example.com"), "P-256").await.unwrap();
    let new_root = v.get("root").await;
    assert_ne!(old_root.chain, new_root.chain);
    v.revoke("old", RevocationReason::Superseded).await.unwrap();

    let said = v.ocsp("root", &old_root.chain[0], &old_leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: revoked"), "{said}");
    let said = v.ocsp("root", &new_root.chain[0], &new_leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: good"), "{said}");
    let old_list = v.list("root", Some(old_root.record.version)).await.unwrap();
    let verdict = v.verify(&old_root.chain[0], &old_leaf.chain, &[&old_list]);
    assert!(verdict.contains("certificate revoked"), "{verdict}");
    let new_list = v.list("root", None).await.unwrap();
    let verdict = v.verify(&new_root.chain[0], &new_leaf.chain, &[&new_list]);
    assert!(verdict.contains("leaf: OK"), "{verdict}");
    // Both go by one name, so a client that has this list looks for the old certificate in it.
    let number = serial(&v, &old_leaf.chain[0]);
    let number: String = number.iter().map(|byte| format!("{byte:02X}")).collect();
    v.put("crl", &new_list);
    let text = v.openssl("crl -inform DER -in crl -noout -text");
    assert!(text.contains(&number), "{number}: {text}");
    // Asked of another issuer's key, the responder knows nothing.
    let said = v.ocsp("root", &new_root.chain[0], &old_leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("unauthorized"), "{said}");
}

#[tokio::test]
async fn ocsp_tells_strangers_nothing_and_signs_so_much_on_demand() {
    let v = Vault::new().await;
    let leaf = v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    let root = v.get("root").await.chain.remove(0);
    // A certificate that the root did not issue.
    let alien = v.create("alien", "Self", server("www.example.com"), "P-256").await.unwrap();
    for authority in ["root", "ca", "www", "nobody"] {
        let said = v.ocsp(authority, &root, &alien.chain[0], "").await;
        assert!(said.contains("unauthorized"), "{authority}: {said}");
    }
    let answer = v.node.ops.answer_ocsp(&v.vault, &name("root"), b"garbage").await;
    assert_eq!(*answer.der, [0x30, 3, 0x0a, 1, 1], "malformedRequest (RFC 6960, 4.2.1)");
    let long = v.node.ops.answer_ocsp(&v.vault, &name("root"), &[0x30; 5_000]).await;
    assert_eq!(*long.der, [0x30, 3, 0x0a, 1, 1]);

    let said = v.ocsp("root", &root, &leaf.chain[0], "").await;
    assert!(said.contains("Response verify OK") && !said.contains("another nonce"), "{said}");
    let request = std::fs::read(v.dir.path().join("request")).unwrap();
    let mut answers = std::collections::HashSet::new();
    for _ in 0..2_000 {
        answers.insert(v.node.ops.answer_ocsp(&v.vault, &name("root"), &request).await.der);
    }
    let (_, kept) = (v.put("response", &[]), answers.len());
    assert!(kept < 1_500, "{kept} signatures for 2000 requests");
}

#[tokio::test]
async fn a_serial_number_alone_is_enough_to_revoke() {
    let v = Vault::new().await;
    let leaf = v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    let number = serial(&v, &leaf.chain[0]);
    let first = v.revoke_issued("ca", &number).await.unwrap();
    assert_eq!((&first.serial, first.reason), (&number, RevocationReason::KeyCompromise));
    assert_eq!(first.of, Some((name("www"), leaf.record.version)));
    // Once revoked is for ever, and as it was first said.
    let again = v.revoke("www", RevocationReason::Superseded).await.unwrap();
    assert_eq!(again, first);
    for (issuer, number) in [("ca", vec![1, 2, 3]), ("ca", vec![1; 21]), ("ca", Vec::new())] {
        let refused = v.revoke_issued(issuer, &number).await.unwrap_err();
        assert!(matches!(refused, OpError::NotIssued(_)), "{refused}");
    }
    let refused = v.revoke_issued("nobody", &number).await.unwrap_err();
    assert!(matches!(refused, OpError::IssuerNotFound(_)), "{refused}");
    let refused = v.revoke("root", RevocationReason::Superseded).await.unwrap_err();
    assert!(matches!(refused, OpError::NotIssued(_)), "a root revokes itself nowhere: {refused}");
}

#[tokio::test]
async fn a_deleted_authority_issues_nothing_and_publishes_until_its_purge() {
    let v = Vault::new().await;
    let leaf = v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    let root = v.get("root").await.chain.remove(0);
    let request = v.node.admit(&v.vault, DeleteCertificate { name: name("root") });
    v.node.ops.delete_certificate(request, &mut v.node.call()).await.unwrap();
    let refused = v.create("late", "ca", server("late.example.com"), "P-256").await;
    assert!(refused.err().unwrap().contains("'root' is not in the vault"));
    v.revoke("www", RevocationReason::CessationOfOperation).await.unwrap();
    let said = v.ocsp("root", &root, &leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("Response verify OK") && said.contains("leaf: revoked"), "{said}");
    let list = v.list("root", None).await.unwrap();
    let verdict = v.verify(&root, &leaf.chain, &[&list]);
    assert!(verdict.contains("certificate revoked"), "{verdict}");

    let request = v.node.admit(&v.vault, PurgeDeletedCertificate { name: name("root") });
    v.node.ops.purge_deleted_certificate(request, &mut v.node.call()).await.unwrap();
    let gone = v.list("root", None).await.unwrap_err();
    assert!(matches!(gone, OpError::NotFound { .. }), "{gone}");
    let said = v.ocsp("root", &root, &leaf.chain[0], "-no_nonce").await;
    assert!(said.contains("unauthorized"), "{said}");
}

#[tokio::test]
async fn nothing_is_published_of_a_certificate_that_issued_nothing() {
    let v = Vault::new().await;
    v.create("private", "Self", authority("CN=Nobody's business"), "P-256").await.unwrap();
    for certificate in ["private", "root", "nobody"] {
        let refused = v.list(certificate, None).await.unwrap_err();
        assert!(matches!(refused, OpError::NotFound { .. }), "{certificate}: {refused}");
    }
    assert!(v.list("ca", None).await.is_ok(), "an issuer says that it is an authority");
    v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    assert!(v.list("root", None).await.is_ok(), "its certificates name it");
    let refused = v.list("www", None).await.unwrap_err();
    assert!(matches!(refused, OpError::NotFound { .. }), "no authority: {refused}");
}

#[tokio::test]
async fn an_authority_that_may_not_issue_does_not() {
    let v = Vault::new().await;
    let refused = async |what: &str| {
        let refused = v.create("www", "ca", server("www.example.com"), "P-256").await;
        let text = refused.err().unwrap_or_else(|| panic!("{what}: it was issued"));
        assert!(text.contains(what), "{what}: {text}");
    };
    let enable = async |enabled: bool| {
        let attributes = AttributesChange { enabled: Some(enabled), ..Default::default() };
        let request = UpdateCertificate {
            name: name("root"),
            version: None,
            attributes,
            tags: None,
            policy: None,
        };
        let request = v.node.admit(&v.vault, request);
        v.node.ops.update_certificate(request, &mut v.node.call()).await.unwrap();
    };
    enable(false).await;
    refused("'root' is disabled").await;
    enable(true).await;
    let sent = IssuerChange { enabled: Some(false), ..IssuerChange::default() };
    let request = v.node.admit(&v.vault, UpdateCertificateIssuer { issuer: name("ca"), sent });
    v.node.ops.update_certificate_issuer(request, &mut v.node.call()).await.unwrap();
    refused("'ca' is disabled").await;
    v.create("plain", "Self", server("www.example.com"), "P-256").await.unwrap();
    v.issuer("ca", "plain", ProfileChange::default()).await;
    refused("'plain' is no authority").await;
    v.issuer("ca", "nobody", ProfileChange::default()).await;
    refused("'nobody' is not in the vault").await;
    v.issuer("ca", "www", ProfileChange::default()).await;
    refused("").await;
    let request = v.node.admit(&v.vault, DeleteCertificateIssuer { issuer: name("ca") });
    v.node.ops.delete_certificate_issuer(request, &mut v.node.call()).await.unwrap();
    refused("ca").await;
}

#[tokio::test]
async fn an_authority_ends_before_what_it_issues() {
    let v = Vault::with_clock(true).await;
    let mut long = server("www.example.com");
    long.validity_months = Some(13);
    let refused = v.create("long", "ca", long.clone(), "P-256").await.err().unwrap();
    assert!(refused.contains("beyond its authority"), "{refused}");
    long.validity_months = Some(14);
    let refused = v.create("longer", "ca", long, "P-256").await.err().unwrap();
    assert!(refused.contains("398 days"), "{refused}");
    v.node.clock.advance(400 * 86_400).await.unwrap();
    let refused = v.create("late", "ca", server("a.example.com"), "P-256").await.err().unwrap();
    assert!(refused.contains("'root' has expired"), "{refused}");
}

/// A list is renewed in time, and what has ended leaves it, but not before a list after its end
/// had it (RFC 5280, 3.3).
#[tokio::test]
async fn what_has_ended_leaves_the_list() {
    let v = Vault::with_clock(true).await;
    let mut short = server("www.example.com");
    short.validity_months = Some(1);
    let leaf = v.create("www", "ca", short, "P-256").await.unwrap();
    let number = serial(&v, &leaf.chain[0]);
    let number: String = number.iter().map(|byte| format!("{byte:02X}")).collect();
    v.revoke("www", RevocationReason::Superseded).await.unwrap();
    let listed = async || {
        v.put("crl", &v.list("root", None).await.unwrap());
        let text = v.openssl("crl -inform DER -in crl -noout -text");
        assert!(text.contains("CRL Number"), "{text}");
        text.contains(&number)
    };
    assert!(listed().await);
    let first = v.list("root", None).await.unwrap();
    v.node.clock.advance(11 * 3_600).await.unwrap();
    assert_eq!(v.list("root", None).await.unwrap(), first);
    v.node.clock.advance(3_600).await.unwrap();
    assert_ne!(v.list("root", None).await.unwrap(), first, "half of its life is over");
    let end = leaf.record.attributes.expires.unwrap();
    let left = u32::try_from(end.seconds_since(v.node.clock.now())).unwrap();
    v.node.clock.advance(left + 3_600).await.unwrap();
    assert!(listed().await, "ended less than a day ago");
    v.node.clock.advance(86_400).await.unwrap();
    assert!(!listed().await);
}
