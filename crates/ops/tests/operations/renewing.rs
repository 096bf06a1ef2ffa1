//! Renewal by policy, and what is told of certificates.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use strongroom_model::certificates::{Contact, IssuerChange, OperationStatus, PolicyChange};
use strongroom_model::{AttributesChange, VaultResource};
use strongroom_ops::{
    DeleteCertificate, GetCertificateVersions, Notice, NoticeKind, Notifier, PageRequest,
    SetCertificateContacts, SetCertificateIssuer, Swept, UpdateCertificate,
    UpdateCertificatePolicy,
};
use strongroom_store::Store;
use strongroom_store::memory::MemoryStore;

use crate::certificates::{action, policy};
use crate::certifying::{authority, certify, merge};
use crate::openssl::OpenSsl;
use crate::support::{Node, name};
use crate::unsure::{Failure, UnsureStore};

const DAY: u32 = 86_400;
const NOTHING: Swept =
    Swept { purged: 0, rotated: 0, renewed: 0, noticed: 0, collected: 0, failed: 0 };

async fn versions<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, of: &str) -> usize {
    let page = PageRequest { max_results: 25, skip_token: None };
    let request = node.admit(vault, GetCertificateVersions { name: name(of), page });
    node.ops.get_certificate_versions(request).await.unwrap().values.len()
}

/// Renews 30 days before the end.
fn renews(issuer: &str) -> PolicyChange {
    PolicyChange { lifetime_actions: Some(vec![action("AutoRenew", 30)]), ..policy(issuer) }
}

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<Notice>>);

impl Notifier for Kept {
    fn notify(&self, notice: Notice) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().push(notice);
        Box::pin(std::future::ready(()))
    }
}

impl Kept {
    fn take(&self) -> Vec<NoticeKind> {
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().map(|one| one.kind).collect()
    }
}

/// A node that tells a contact of its vault.
async fn telling() -> (Node<MemoryStore>, Arc<VaultResource>, Arc<Kept>) {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let email = Some("owner@example.com".into());
    let contacts = vec![Contact { email, ..Contact::default() }];
    let request = node.admit(&vault, SetCertificateContacts { contacts });
    node.ops.set_certificate_contacts(request, &mut node.call()).await.unwrap();
    let kept = Arc::new(Kept::default());
    let ops = node.ops.with_notifier(Arc::clone(&kept) as Arc<dyn Notifier>);
    (Node { ops, ..node }, vault, kept)
}

#[tokio::test]
async fn two_nodes_renew_once_and_again_when_it_is_due_again() {
    let (node, vault, kept) = telling().await;
    node.create_certificate(&vault, "web", Some(renews("Self"))).await.unwrap();
    let first = node.certificate(&vault, "web").await;
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    let due = first.record.attributes.expires.unwrap().plus_seconds(-30 * i64::from(DAY));
    let wait = u32::try_from(due.seconds_since(node.clock.now())).unwrap();
    node.clock.advance(wait - 1).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(1).await.unwrap();
    let other = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
    let (here, there) = tokio::join!(node.ops.sweep(), other.ops.sweep());
    assert_eq!(here.unwrap().renewed + there.unwrap().renewed, 1);
    assert_eq!(versions(&node, &vault, "web").await, 2);
    let second = node.certificate(&vault, "web").await;
    assert_ne!(first.chain, second.chain);
    let key = node.key(&vault, "web").await.unwrap().record;
    assert_eq!(key.version, second.record.version);
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    assert!(kept.take().len() <= 1, "only the node that renewed tells, if it tells at all");
    for expected in 3..6 {
        node.clock.advance(366 * DAY).await.unwrap();
        assert_eq!(node.ops.sweep().await.unwrap().renewed, 1);
        assert_eq!(node.ops.sweep().await.unwrap().renewed, 0);
        assert_eq!(versions(&node, &vault, "web").await, expected);
        assert_eq!(kept.take(), [NoticeKind::Renewed]);
    }
}

#[tokio::test]
async fn many_are_renewed_each_once() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let names: Vec<String> = (0..600).map(|at| format!("web-{at}")).collect();
    for certificate in &names {
        node.create_certificate(&vault, certificate, Some(renews("Self"))).await.unwrap();
    }
    node.clock.advance(340 * DAY).await.unwrap();
    let other = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
    let mut renewed = 0;
    // Where both meet at a certificate, one of them gives way.
    for _ in 0..3 {
        let (here, there) = tokio::join!(node.ops.sweep(), other.ops.sweep());
        let (here, there) = (here.unwrap(), there.unwrap());
        assert_eq!(here.failed + there.failed, 0);
        renewed += here.renewed + there.renewed;
    }
    assert_eq!(renewed, 600);
    for certificate in names.iter().step_by(37) {
        assert_eq!(versions(&node, &vault, certificate).await, 2, "{certificate}");
    }
}

#[tokio::test]
async fn a_renewal_that_fails_says_why_and_is_tried_ever_later() {
    let (node, vault, kept) = telling().await;
    node.create_certificate(&vault, "web", Some(renews("Self"))).await.unwrap();
    let nobody = PolicyChange { issuer: policy("nobody").issuer, ..PolicyChange::default() };
    let request = UpdateCertificatePolicy { name: name("web"), change: nobody };
    let request = node.admit(&vault, request);
    node.ops.update_certificate_policy(request, &mut node.call()).await.unwrap();
    node.clock.advance(340 * DAY).await.unwrap();
    let before = node.certificate(&vault, "web").await.record;
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { failed: 1, ..NOTHING });
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { noticed: 1, ..NOTHING }, "near its end");
    for wait in [60, 120, 240, 480] {
        node.clock.advance(wait - 1).await.unwrap();
        assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
        node.clock.advance(1).await.unwrap();
        assert_eq!(node.ops.sweep().await.unwrap(), Swept { failed: 1, ..NOTHING });
        let operation = node.operation(&vault, "web").await.unwrap();
        assert_eq!(operation.status, OperationStatus::Failed);
        assert!(operation.error.unwrap().message.contains("nobody"));
    }
    let told = kept.take();
    assert!(matches!(told.as_slice(), [NoticeKind::RenewalFailed(_)]), "once: {told:?}");
    assert_eq!(node.certificate(&vault, "web").await.record, before);
    // A day is the longest.
    for _ in 0..20 {
        node.clock.advance(DAY).await.unwrap();
        let swept = node.ops.sweep().await.unwrap();
        assert_eq!(swept.failed, 1);
    }
    // A policy that is right again is followed at once.
    let change = PolicyChange { issuer: policy("Self").issuer, ..PolicyChange::default() };
    let request = node.admit(&vault, UpdateCertificatePolicy { name: name("web"), change });
    node.ops.update_certificate_policy(request, &mut node.call()).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap().renewed, 1);
    let done = node.operation(&vault, "web").await.unwrap();
    assert_eq!((done.status, done.error), (OperationStatus::Completed, None));
}

/// Its request may lie with an authority outside, whose answer is of no use without the key.
#[tokio::test]
async fn a_renewal_that_fails_leaves_an_operation_that_can_be_merged() {
    let (node, vault, _) = telling().await;
    let sent = IssuerChange { provider: Some("DigiCert".into()), ..IssuerChange::default() };
    let request = node.admit(&vault, SetCertificateIssuer { issuer: name("company"), sent });
    node.ops.set_certificate_issuer(request, &mut node.call()).await.unwrap();
    node.create_certificate(&vault, "web", Some(renews("Self"))).await.unwrap();
    node.create_certificate(&vault, "web", Some(renews("company"))).await.unwrap();
    let refused = node.operation(&vault, "web").await.unwrap();
    assert_eq!(refused.status, OperationStatus::Failed);
    node.clock.advance(340 * DAY).await.unwrap();
    for _ in 0..2 {
        assert_eq!(node.ops.renew_due_certificates().await.unwrap().failed, 1);
        node.clock.advance(DAY).await.unwrap();
    }
    let after = node.operation(&vault, "web").await.unwrap();
    assert_eq!((after.request_id, &after.csr), (refused.request_id, &refused.csr));
    assert_eq!(after.error.unwrap().code, refused.error.unwrap().code);
    let openssl = OpenSsl::new();
    let above = authority(&openssl);
    let leaf = certify(&openssl, &refused.csr, "20361201000000Z");
    let request = node.admit(&vault, merge("web", vec![leaf.clone(), above]));
    let merged = node.ops.merge_certificate(request, &mut node.call()).await.unwrap();
    assert_eq!((&merged.chain[0], merged.record.version), (&leaf, refused.version));
}

#[tokio::test]
async fn contacts_are_told_once_and_the_end_is_recorded() {
    let (node, vault, kept) = telling().await;
    let tells = PolicyChange {
        lifetime_actions: Some(vec![action("EmailContacts", 60)]),
        ..policy("Self")
    };
    node.create_certificate(&vault, "web", Some(tells)).await.unwrap();
    node.clock.advance(290 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(16 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { noticed: 1, ..NOTHING });
    assert_eq!(kept.take(), [NoticeKind::NearExpiry]);
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(30 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { noticed: 1, ..NOTHING });
    assert_eq!(kept.take(), [], "an event, and no mail");
    node.clock.advance(30 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { noticed: 1, ..NOTHING });
    assert_eq!(kept.take(), [NoticeKind::Expired]);
    node.clock.advance(366 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    assert_eq!(versions(&node, &vault, "web").await, 1);
}

#[tokio::test]
async fn what_is_deleted_disabled_or_waits_for_a_merge_is_not_renewed() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    for certificate in ["deleted", "stopped", "waits"] {
        node.create_certificate(&vault, certificate, Some(renews("Self"))).await.unwrap();
    }
    let request = node.admit(&vault, DeleteCertificate { name: name("deleted") });
    node.ops.delete_certificate(request, &mut node.call()).await.unwrap();
    let update = UpdateCertificate {
        name: name("stopped"),
        version: None,
        attributes: AttributesChange::default(),
        tags: None,
        policy: Some(PolicyChange { enabled: Some(false), ..PolicyChange::default() }),
    };
    node.ops.update_certificate(node.admit(&vault, update), &mut node.call()).await.unwrap();
    node.create_certificate(&vault, "waits", Some(policy("Unknown"))).await.unwrap();
    node.clock.advance(340 * DAY).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!((swept.renewed, swept.failed, swept.purged), (0, 0, 1));
    assert_eq!(versions(&node, &vault, "stopped").await, 1);
    assert_eq!(versions(&node, &vault, "waits").await, 1);
}

#[tokio::test]
async fn a_policy_that_is_always_due_does_not_renew_for_ever() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let mut eager = renews("Self");
    eager.x509.as_mut().unwrap().validity_months = Some(2);
    eager.lifetime_actions = Some(vec![action("AutoRenew", 54)]);
    node.create_certificate(&vault, "web", Some(eager)).await.unwrap();
    node.clock.advance(8 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap().renewed, 1);
    for _ in 0..3 {
        assert_eq!(node.ops.sweep().await.unwrap().renewed, 0);
    }
}

/// A node that dies at a renewal's commit, before it or after it: the next one finds a certificate
/// of one version, or of two, and all of either.
#[tokio::test]
async fn a_renewal_that_is_cut_short_is_whole_or_not_there() {
    for (how, found) in [(Failure::Before, 1), (Failure::After, 2)] {
        let store = UnsureStore::new();
        let node = Node::new(store.clone(), true).await;
        let vault = node.vault("dev", "rg").await.unwrap();
        node.create_certificate(&vault, "web", Some(renews("Self"))).await.unwrap();
        node.clock.advance(340 * DAY).await.unwrap();
        store.fail(how);
        let swept = node.ops.renew_due_certificates().await.unwrap();
        assert!(!store.is_armed(), "the renewal's was the commit that failed");
        assert_eq!((swept.renewed, swept.failed), (0, 1), "{how:?}");
        let next = Node::open(store.clone(), Arc::clone(&node.owner), true).await;
        assert_eq!(versions(&next, &vault, "web").await, found, "{how:?}");
        next.ops.sweep().await.unwrap();
        next.ops.sweep().await.unwrap();
        assert_eq!(versions(&next, &vault, "web").await, 2, "{how:?}");
        let version = next.certificate(&vault, "web").await.record.version;
        assert_eq!(next.key(&vault, "web").await.unwrap().record.version, version);
        assert_eq!(next.sign(&vault, "web").await.unwrap().len(), 64);
        let operation = next.operation(&vault, "web").await.unwrap();
        assert_eq!((operation.status, operation.version), (OperationStatus::Completed, version));
    }
}
