//! A vault's issuers and contacts.

use std::sync::Arc;

use strongroom_model::VaultResource;
use strongroom_model::certificates::{
    Administrator, Contact, Issuer, IssuerChange, IssuerProvider, Organization,
};
use strongroom_ops::{
    DeleteCertificateContacts, DeleteCertificateIssuer, GetCertificateContacts,
    GetCertificateIssuer, GetCertificateIssuers, OpError, PageRequest, SetCertificateContacts,
    SetCertificateIssuer, UpdateCertificateIssuer,
};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store};
use zeroize::Zeroizing;

use crate::support::{Node, name};

const PASSWORD: &str = "correct horse battery staple";

struct Vault {
    node: Node<MemoryStore>,
    vault: Arc<VaultResource>,
}

impl Vault {
    async fn new() -> Self {
        let node = Node::new(MemoryStore::new(), true).await;
        let vault = node.vault("dev", "rg").await.unwrap();
        Self { node, vault }
    }

    async fn set(&self, issuer: &str, sent: IssuerChange) -> Result<Issuer, OpError> {
        let request = SetCertificateIssuer { issuer: name(issuer), sent };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.set_certificate_issuer(request, &mut self.node.call()).await
    }

    async fn update(&self, issuer: &str, sent: IssuerChange) -> Result<Issuer, OpError> {
        let request = UpdateCertificateIssuer { issuer: name(issuer), sent };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.update_certificate_issuer(request, &mut self.node.call()).await
    }

    async fn get(&self, issuer: &str) -> Result<Issuer, OpError> {
        let request = GetCertificateIssuer { issuer: name(issuer) };
        self.node.ops.get_certificate_issuer(self.node.admit(&self.vault, request)).await
    }

    async fn delete(&self, issuer: &str) -> Result<Issuer, OpError> {
        let request = DeleteCertificateIssuer { issuer: name(issuer) };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.delete_certificate_issuer(request, &mut self.node.call()).await
    }

    async fn set_contacts(&self, contacts: Vec<Contact>) -> Result<Vec<Contact>, OpError> {
        let request = self.node.admit(&self.vault, SetCertificateContacts { contacts });
        self.node.ops.set_certificate_contacts(request, &mut self.node.call()).await
    }

    async fn contacts(&self) -> Result<Vec<Contact>, OpError> {
        let request = self.node.admit(&self.vault, GetCertificateContacts);
        self.node.ops.get_certificate_contacts(request).await
    }

    /// Whether bytes stand anywhere in the store.
    async fn stores(&self, bytes: &[u8]) -> bool {
        let snapshot = self.node.store.snapshot(Freshness::Linearizable).await.unwrap();
        let rows = snapshot.scan(b"", None, 100_000).await.unwrap();
        rows.iter().any(|(_, row)| row.value.windows(bytes.len()).any(|w| w == bytes))
    }
}

fn test_issuer() -> IssuerChange {
    let john = Administrator {
        first_name: Some("John".into()),
        last_name: Some("Doe".into()),
        email: Some("admin@example.com".into()),
        phone: Some("4255555555".into()),
    };
    IssuerChange {
        provider: Some("test".into()),
        account_id: Some("keyvaultuser".into()),
        password: Some(Zeroizing::new(PASSWORD.into())),
        organization: Some(Organization { administrators: vec![john], ..Default::default() }),
        ..IssuerChange::default()
    }
}

#[tokio::test]
async fn issuers_are_set_changed_and_removed() {
    let v = Vault::new().await;
    let set = v.set("Issuer01", test_issuer()).await.unwrap();
    assert_eq!((set.provider, set.enabled), (IssuerProvider::Test, true));
    assert_eq!(v.get("iSSUER01").await.unwrap(), set, "names compare without regard to case");
    v.node.clock.advance(60).await.unwrap();
    let sent = IssuerChange { enabled: Some(false), ..IssuerChange::default() };
    let updated = v.update("issuer01", sent).await.unwrap();
    assert_eq!(updated.name, name("Issuer01"));
    assert_eq!(updated.account_id, set.account_id);
    assert_eq!(updated.updated.seconds_since(updated.created), 60);
    assert!(!v.get("issuer01").await.unwrap().enabled);
    assert_eq!(v.delete("issuer01").await.unwrap(), updated);
    for gone in [v.get("issuer01").await, v.delete("issuer01").await] {
        assert!(matches!(gone, Err(OpError::IssuerNotFound(_))));
    }
    let missing = v.update("issuer01", IssuerChange::default()).await;
    assert!(matches!(missing, Err(OpError::IssuerNotFound(_))));
}

#[tokio::test]
async fn a_password_lies_sealed_and_is_in_no_answer() {
    let v = Vault::new().await;
    let set = v.set("issuer", test_issuer()).await.unwrap();
    let sent = IssuerChange { account_id: Some("other".into()), ..IssuerChange::default() };
    let updated = v.update("issuer", sent).await.unwrap();
    for shown in [set, updated, v.get("issuer").await.unwrap()] {
        assert!(!format!("{shown:?}").contains(PASSWORD));
    }
    assert!(!v.stores(PASSWORD.as_bytes()).await);
    assert!(!v.stores(b"keyvaultuser").await);
    assert!(!format!("{:?}", test_issuer()).contains(PASSWORD));
}

#[tokio::test]
async fn issuers_are_listed_by_name_page_by_page() {
    let v = Vault::new().await;
    for at in 0..30 {
        v.set(&format!("issuer{at:02}"), test_issuer()).await.unwrap();
    }
    let mut names = Vec::new();
    let mut skip_token = None;
    loop {
        let page = PageRequest { max_results: 7, skip_token: skip_token.take() };
        let request = v.node.admit(&v.vault, GetCertificateIssuers { page });
        let page = v.node.ops.get_certificate_issuers(request).await.unwrap();
        assert!(page.values.len() <= 7);
        names.extend(page.values.into_iter().map(|issuer| issuer.name.to_string()));
        skip_token = page.skip_token;
        if skip_token.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..30).map(|at| format!("issuer{at:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_no_issuer_is_refused() {
    let v = Vault::new().await;
    let provider = |provider: &str| IssuerChange {
        provider: Some(provider.into()),
        ..IssuerChange::default()
    };
    for (issuer, sent) in [
        ("Self", test_issuer()),
        ("unknown", test_issuer()),
        ("issuer", IssuerChange::default()),
        ("issuer", provider("Nobody")),
        ("issuer", provider("Strongroom")),
        ("issuer", provider("ACME")),
    ] {
        let refused = v.set(issuer, sent).await;
        assert!(matches!(refused, Err(OpError::Invalid(_))), "{issuer}");
    }
    for known in ["DigiCert", "GlobalSign", "Test"] {
        assert!(v.set("issuer", provider(known)).await.is_ok(), "{known}");
    }
}

#[tokio::test]
async fn contacts_are_set_read_and_removed() {
    let v = Vault::new().await;
    assert!(matches!(v.contacts().await, Err(OpError::ContactsNotFound)));
    let ada = Contact {
        email: Some("ada@example.com".into()),
        name: Some("Ada".into()),
        phone: Some("1111111111".into()),
    };
    let bob = Contact { email: Some("bob@example.com".into()), ..Contact::default() };
    v.set_contacts(vec![ada.clone(), bob.clone()]).await.unwrap();
    assert_eq!(v.contacts().await.unwrap(), [ada, bob.clone()]);
    v.set_contacts(vec![bob.clone()]).await.unwrap();
    assert_eq!(v.contacts().await.unwrap(), std::slice::from_ref(&bob));
    let request = v.node.admit(&v.vault, DeleteCertificateContacts);
    let deleted = v.node.ops.delete_certificate_contacts(request, &mut v.node.call()).await;
    assert_eq!(deleted.unwrap(), [bob]);
    assert!(matches!(v.contacts().await, Err(OpError::ContactsNotFound)));
}

/// Addresses go into the commands of SMTP.
#[tokio::test]
async fn an_address_that_carries_a_command_is_refused() {
    let v = Vault::new().await;
    let long = format!("{}@example.com", "a".repeat(250));
    for bad in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "ada@example.com\r\nRCPT TO:<x@y>",
        "ada@example.com>",
        "<ada@example.com",
        "ada@a@b",
        "ada,bob@example.com",
        &long,
    ] {
        let contact = Contact { email: Some(bad.into()), ..Contact::default() };
        assert!(matches!(v.set_contacts(vec![contact]).await, Err(OpError::Invalid(_))), "{bad:?}");
    }
    assert!(matches!(v.set_contacts(Vec::new()).await, Err(OpError::Invalid(_))));
}
