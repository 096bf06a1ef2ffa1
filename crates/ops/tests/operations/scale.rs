//! What one vault costs the store among many: as much as among few.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::Stream;
use strongroom_model::{Scope, VaultName};
use strongroom_ops::vaults::{VaultAddress, VaultEditor, VaultSettings};
use strongroom_seal::Purpose;
use strongroom_store::memory::MemoryStore;
use strongroom_store::{
    Change, Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn, Versioned,
};

use crate::support::Node;

/// A store in memory that notes the key of every row that is read or written.
#[derive(Clone)]
struct NotingStore {
    store: MemoryStore,
    keys: Arc<Mutex<Vec<Bytes>>>,
}

#[derive(Clone)]
struct NotingSnapshot {
    snapshot: <MemoryStore as Store>::Snapshot,
    keys: Arc<Mutex<Vec<Bytes>>>,
}

impl NotingStore {
    fn new() -> Self {
        Self { store: MemoryStore::new(), keys: Arc::default() }
    }

    /// The keys since the last call, but for the audit's, which comes and goes by itself.
    fn take(&self) -> Vec<Bytes> {
        let mut keys = std::mem::take(&mut *self.keys.lock().unwrap());
        keys.retain(|key| !key.starts_with(b"o/") && !key.starts_with(b"a/"));
        keys
    }
}

impl Store for NotingStore {
    type Snapshot = NotingSnapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<NotingSnapshot, StoreError> {
        let (snapshot, keys) = (self.store.snapshot(freshness).await?, Arc::clone(&self.keys));
        Ok(NotingSnapshot { snapshot, keys })
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let written = txn.writes.iter().map(|write| write.key.clone());
        self.keys.lock().unwrap().extend(written);
        self.store.commit(txn).await
    }

    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        self.store.watch(prefix, after)
    }
}

impl Snapshot for NotingSnapshot {
    fn revision(&self) -> Revision {
        self.snapshot.revision()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        self.keys.lock().unwrap().push(Bytes::copy_from_slice(key));
        self.snapshot.get(key).await
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Versioned)>, StoreError> {
        let rows = self.snapshot.scan(prefix, after, limit).await?;
        self.keys.lock().unwrap().extend(rows.iter().map(|(key, _)| key.clone()));
        Ok(rows)
    }
}

/// Makes a vault, changes, deletes, recovers, deletes and purges it; answers how many rows were
/// read and written for each.
async fn a_life(node: &Node<NotingStore>, name: &str) -> Vec<usize> {
    let by = VaultEditor::on_this_host();
    let subscription = node.owner.subscription;
    let name = VaultName::parse(name).unwrap();
    let mut costs = Vec::new();
    let mut cost = || costs.push(node.store.take().len());
    node.store.take();
    let vault = node.vault(name.as_str(), "rg").await.unwrap();
    cost();
    let address = VaultAddress::from(vault.as_ref());
    let settings = VaultSettings { enabled_for_deployment: Some(true), ..Default::default() };
    node.ops.update_vault(&address, &settings, &by, &mut node.call()).await.unwrap();
    cost();
    node.ops.delete_vault(&address, &by, &mut node.call()).await.unwrap().unwrap();
    cost();
    node.ops.recover_vault(subscription, &name, None, &by, &mut node.call()).await.unwrap();
    cost();
    node.ops.delete_vault(&address, &by, &mut node.call()).await.unwrap().unwrap();
    purge(node, &name).await;
    cost();
    node.ops.sweep().await.unwrap();
    cost();
    costs
}

async fn delete(node: &Node<NotingStore>, name: &str) {
    let vault = node.directory.current().vault(name).unwrap().resource.clone();
    let (address, by) = (VaultAddress::from(vault.as_ref()), VaultEditor::on_this_host());
    node.ops.delete_vault(&address, &by, &mut node.call()).await.unwrap().unwrap();
}

async fn purge(node: &Node<NotingStore>, name: &VaultName) {
    let (by, subscription) = (VaultEditor::on_this_host(), node.owner.subscription);
    let (ops, mut call) = (&node.ops, node.call());
    ops.purge_deleted_vault(subscription, name, None, &by, &mut call).await.unwrap();
}

#[tokio::test]
async fn a_vault_costs_as_much_among_many_as_among_few() {
    let node = Node::new(NotingStore::new(), true).await;
    let few = Box::pin(a_life(&node, "first")).await;
    assert!(few.iter().all(|rows| (1..20).contains(rows)), "{few:?}");
    for n in 0..400 {
        node.vault(&format!("vault{n}"), "rg").await.unwrap();
        if n % 2 == 0 {
            delete(&node, &format!("vault{n}")).await;
        }
    }
    assert_eq!(Box::pin(a_life(&node, "second")).await, few);
}

#[tokio::test]
async fn a_start_opens_no_vaults_key_and_a_vault_opens_its_own() {
    let node = Node::new(NotingStore::new(), true).await;
    for n in 0..50 {
        node.vault(&format!("vault{n}"), "rg").await.unwrap();
    }
    node.store.take();
    let node = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
    let read = node.store.take();
    let directory = node.directory.current();
    assert_eq!(directory.vaults().count(), 50);
    let is_key = |read: &[Bytes]| {
        let vaults = directory.vaults().map(|vault| vault.resource.id);
        let keys: Vec<_> = vaults.map(|id| node.ring.rows_of(Purpose::Vault(id))).collect();
        read.iter().filter(|row| keys.iter().any(|key| row.starts_with(key))).count()
    };
    assert!(read.len() >= 50, "every vault's row was read");
    assert_eq!(is_key(&read), 0);
    let one = directory.vault("vault7").unwrap().resource.id;
    node.ring.vault(one).await.unwrap();
    assert_eq!(is_key(&node.store.take()), 1);
    node.ring.vault(one).await.unwrap();
    assert_eq!(is_key(&node.store.take()), 0, "it is kept");
}

/// What is granted in a vault is found without a look at what is granted elsewhere, and goes.
#[tokio::test]
async fn a_purge_takes_away_what_was_granted_in_the_vault_alone() {
    let node = Node::new(NotingStore::new(), true).await;
    let role = strongroom_authz::roles::by_name("Key Vault Secrets User").unwrap().id;
    let somebody = strongroom_model::PrincipalId(uuid::Uuid::from_u128(77));
    let grant = async |scope: Scope| {
        let ops = &node.ops;
        ops.create_role_assignment(somebody, role, scope, &mut node.call()).await.unwrap()
    };
    let mut kept = Vec::new();
    for n in 0..20 {
        let vault = node.vault(&format!("vault{n}"), "rg").await.unwrap();
        kept.push(grant(vault.scope()).await.id);
    }
    let vault = node.vault("vault", "rg").await.unwrap();
    let secret = vault.scope().object(strongroom_model::Kind::Secret, "s");
    let gone = [grant(vault.scope()).await.id, grant(secret).await.id];
    delete(&node, "vault").await;
    purge(&node, &vault.name).await;
    let directory = node.directory.current();
    assert!(gone.iter().all(|id| directory.assignment(*id).is_none()));
    assert!(kept.iter().all(|id| directory.assignment(*id).is_some()));
    assert_eq!(directory.access().of(somebody).count(), 20);
}
