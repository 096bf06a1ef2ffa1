//! What authorities look up in the ledgers above them, and what leaves a ledger.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_model::Kind;
use strongroom_model::certificates::{IssuerChange, ProfileChange, RevocationReason};
use strongroom_ops::{DeleteCertificateIssuer, SetCertificateIssuer};
use strongroom_store::layout::{self, Table};
use strongroom_store::{Freshness, Snapshot, Store};

use crate::authority::{Vault, allow_ca, authority, server};
use crate::certificates::policy;
use crate::certifying::import;
use crate::support::name;

const DAY: u32 = 86_400;

impl Vault {
    async fn count(&self, prefix: &[u8]) -> usize {
        let snapshot = self.node.store.snapshot(Freshness::Linearizable).await.unwrap();
        snapshot.scan(prefix, None, 10_000).await.unwrap().len()
    }

    /// What a certificate's secret holds.
    async fn pfx(&self, certificate: &str) -> Vec<u8> {
        let (value, _) = self.node.secret(&self.vault, certificate).await.unwrap();
        STANDARD.decode(value).unwrap()
    }

    async fn import(&self, certificate: &str, pfx: &[u8]) {
        let request = self.node.admit(&self.vault, import(certificate, pfx, ""));
        self.node.ops.import_certificate(request, &mut self.node.call()).await.unwrap();
    }

    /// How many entries, revocations and ends there are.
    async fn ledger(&self) -> (usize, usize, usize) {
        let table = |table| layout::table(self.vault.id, Kind::Certificate, table);
        let entries = self.count(&table(Table::Issued)).await;
        (entries, self.count(&table(Table::Revoked)).await, self.count(layout::ENDS).await)
    }
}

#[tokio::test]
async fn a_revoked_authority_issues_nothing_nor_does_one_below_it() {
    let v = Vault::new().await;
    v.create("upper", "sub", authority("CN=Upper"), "P-256").await.unwrap();
    v.issuer("upper-sub", "upper", allow_ca()).await;
    v.create("lower", "upper-sub", authority("CN=Lower"), "P-256").await.unwrap();
    v.issuer("lower-ca", "lower", ProfileChange::default()).await;
    v.create("www", "lower-ca", server("www.example.com"), "P-256").await.unwrap();
    v.revoke("upper", RevocationReason::KeyCompromise).await.unwrap();
    // That no issuer names the root any more does not hide what its ledger says.
    for issuer in ["ca", "sub"] {
        let request = DeleteCertificateIssuer { issuer: name(issuer) };
        let request = v.node.admit(&v.vault, request);
        v.node.ops.delete_certificate_issuer(request, &mut v.node.call()).await.unwrap();
    }
    for issuer in ["upper-sub", "lower-ca"] {
        let refused = v.create("late", issuer, server("www.example.com"), "P-256").await;
        let refused = refused.err().unwrap();
        assert!(refused.contains("'upper' is revoked"), "{issuer}: {refused}");
    }
}

#[tokio::test]
async fn an_authority_that_is_not_valid_yet_issues_nothing() {
    let later = Vault::with_clock(true).await;
    later.node.clock.advance(30 * DAY).await.unwrap();
    let mut leaves = policy("Self");
    leaves.key.as_mut().unwrap().exportable = Some(true);
    leaves.x509 = Some(authority("CN=Early"));
    later.node.create_certificate(&later.vault, "early", Some(leaves)).await.unwrap();
    let v = Vault::new().await;
    v.import("early", &later.pfx("early").await).await;
    v.issuer("early-ca", "early", ProfileChange::default()).await;
    let refused = v.create("www", "early-ca", server("www.example.com"), "P-256").await;
    let refused = refused.err().unwrap();
    assert!(refused.contains("'early' is not valid yet"), "{refused}");
}

/// A certificate that was taken in does not say which authority of the vault it is from.
#[tokio::test]
async fn a_certificate_is_found_among_many_issuers() {
    let v = Vault::new().await;
    v.create("www", "ca", server("www.example.com"), "P-256").await.unwrap();
    v.import("copy", &v.pfx("www").await).await;
    for at in 0..1_001 {
        let sent = IssuerChange { provider: Some("Test".into()), ..IssuerChange::default() };
        let request = SetCertificateIssuer { issuer: name(&format!("a{at}")), sent };
        let request = v.node.admit(&v.vault, request);
        v.node.ops.set_certificate_issuer(request, &mut v.node.call()).await.unwrap();
    }
    let revoked = v.revoke("copy", RevocationReason::Superseded).await.unwrap();
    assert_eq!(revoked.authority, name("root"));
    assert_eq!(v.revoke("www", RevocationReason::Superseded).await.unwrap(), revoked);
}

#[tokio::test]
async fn what_ended_leaves_the_ledger_a_day_later() {
    let v = Vault::with_clock(true).await;
    let months = |months| {
        let mut life = server("www.example.com");
        life.validity_months = Some(months);
        life
    };
    let mut last = None;
    for at in 0..50 {
        let certificate = format!("short{at}");
        last = v.create(&certificate, "ca", months(1), "P-256").await.ok();
        if at % 2 == 0 {
            v.revoke(&certificate, RevocationReason::Superseded).await.unwrap();
        }
    }
    v.create("long", "ca", months(3), "P-256").await.unwrap();
    v.create("taken-back", "ca", months(3), "P-256").await.unwrap();
    v.revoke("taken-back", RevocationReason::KeyCompromise).await.unwrap();
    assert_eq!(v.ledger().await, (52, 26, 52));
    let end = last.unwrap().record.attributes.expires.unwrap();
    let left = u32::try_from(end.seconds_since(v.node.clock.now())).unwrap();
    v.node.clock.advance(left + DAY).await.unwrap();
    v.node.ops.sweep_promptly().await.unwrap();
    assert_eq!(v.ledger().await, (52, 26, 52), "the list still has it");
    v.node.clock.advance(1).await.unwrap();
    v.node.ops.sweep_promptly().await.unwrap();
    assert_eq!(v.ledger().await, (2, 1, 2));
    v.put("crl", &v.list("root", None).await.unwrap());
    let text = v.openssl("crl -inform DER -in crl -noout -text");
    assert!(text.contains("Key Compromise") && !text.contains("Superseded"), "{text}");
    v.node.ops.sweep_promptly().await.unwrap();
    assert_eq!(v.ledger().await, (2, 1, 2));
}
