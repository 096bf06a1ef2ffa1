//! What the service does by itself, and when it must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use minicbor::Encode;
use strongroom_crypto::SecretBytes;
use strongroom_model::{AttributesChange, Kind, VaultResource};
use strongroom_ops::{
    BackupSecret, DeleteSecret, GetSecret, OpError, PurgeDeletedSecret, RestoreSecret, SetSecret,
    Swept,
};
use strongroom_seal::Place;
use strongroom_store::layout::{self, Table};
use strongroom_store::memory::{MemorySnapshot, MemoryStore};
use strongroom_store::{Change, Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn};

use crate::support::{Node, name};

const DAY: u32 = 86_400;
const NOTHING: Swept =
    Swept { purged: 0, rotated: 0, renewed: 0, noticed: 0, collected: 0, failed: 0 };

async fn set<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, text: &str) {
    let request = SetSecret {
        name: name(text),
        value: SecretBytes::from("value".to_owned()),
        content_type: None,
        attributes: AttributesChange::default(),
        tags: None,
    };
    node.ops.set_secret(node.admit(vault, request), &mut node.call()).await.unwrap();
}

async fn delete<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, text: &str) {
    let request = node.admit(vault, DeleteSecret { name: name(text) });
    node.ops.delete_secret(request, &mut node.call()).await.unwrap();
}

async fn rows<S: Store>(node: &Node<S>, prefix: &[u8]) -> usize {
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    snapshot.scan(prefix, None, 10_000).await.unwrap().len()
}

async fn bodies<S: Store>(node: &Node<S>, vault: &VaultResource) -> usize {
    rows(node, &layout::table(vault.id, Kind::Secret, Table::Bodies)).await
}

#[tokio::test]
async fn a_sweep_does_all_that_is_due_and_no_more() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    // More than one scan takes.
    for n in 0..300 {
        set(&node, &vault, &format!("early{n}")).await;
        delete(&node, &vault, &format!("early{n}")).await;
    }
    node.clock.advance(DAY).await.unwrap();
    for n in 0..10 {
        set(&node, &vault, &format!("late{n}")).await;
        delete(&node, &vault, &format!("late{n}")).await;
    }
    set(&node, &vault, "kept").await;
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(6 * DAY).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!(swept, Swept { purged: 300, collected: 300, ..NOTHING });
    assert_eq!(bodies(&node, &vault).await, 11);
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING, "once");
    node.clock.advance(DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { purged: 10, collected: 10, ..NOTHING });
    assert_eq!(bodies(&node, &vault).await, 1);
    assert_eq!(rows(&node, layout::DUE).await + rows(&node, layout::GARBAGE).await, 0);
}

/// Two nodes, or two tasks, sweep at once: each object goes once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeps_at_once_do_nothing_twice() {
    let node = Arc::new(Node::new(MemoryStore::new(), true).await);
    let vault = node.vault("dev", "rg").await.unwrap();
    for n in 0..100 {
        set(&node, &vault, &format!("n{n}")).await;
        delete(&node, &vault, &format!("n{n}")).await;
    }
    node.clock.advance(7 * DAY).await.unwrap();
    let sweeps: Vec<_> = (0..4)
        .map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move { node.ops.sweep().await.unwrap().purged })
        })
        .collect();
    let mut purged = 0;
    for sweep in sweeps {
        purged += sweep.await.unwrap();
    }
    assert_eq!(purged, 100);
    assert_eq!(rows(&node, layout::DUE).await, 0);
}

/// The clock's row, as its format lays it out.
#[derive(Encode)]
struct ClockRow {
    #[n(0)]
    high_water_ms: i64,
    #[n(1)]
    paused: bool,
}

/// A clock that jumped purges nothing until an operator accepts it.
#[tokio::test]
async fn a_clock_that_is_not_trusted_purges_nothing() {
    let store = MemoryStore::new();
    let node = Node::new(store.clone(), false).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    set(&node, &vault, "a").await;
    delete(&node, &vault, "a").await;
    let row =
        ClockRow { high_water_ms: node.clock.now_ms() + 8 * i64::from(DAY) * 1_000, paused: true };
    let place = Place::Row("clock", b"");
    let sealed = node.ring.system().seal(&place, &minicbor::to_vec(row).unwrap()).unwrap();
    store.commit(Txn::new().put(layout::CLOCK, sealed)).await.unwrap();
    let Node { owner, .. } = node;
    let node = Node::open(store, owner, false).await;
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.accept().await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { purged: 1, collected: 1, ..NOTHING });
}

/// One damaged record must not keep every later timer from being run, for ever.
#[tokio::test]
async fn a_damaged_head_keeps_nothing_else_from_being_purged() {
    let store = MemoryStore::new();
    let node = Node::new(store.clone(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    for text in ["first", "second"] {
        set(&node, &vault, text).await;
        delete(&node, &vault, text).await;
        node.clock.advance(60).await.unwrap();
    }
    let damaged = layout::deleted_head(vault.id, Kind::Secret, "first");
    store.commit(Txn::new().put(damaged, b"damaged".to_vec())).await.unwrap();
    node.clock.advance(7 * DAY).await.unwrap();
    for purged in [1, 0] {
        let swept = Swept { purged, collected: purged, failed: 1, ..NOTHING };
        assert_eq!(node.ops.sweep().await.unwrap(), swept);
    }
}

/// A store whose commits stop after a while.
#[derive(Clone)]
struct Stopping {
    inner: MemoryStore,
    commits_left: Arc<AtomicU32>,
}

impl Stopping {
    fn new() -> Self {
        Self { inner: MemoryStore::new(), commits_left: Arc::new(AtomicU32::new(u32::MAX)) }
    }

    fn after(&self, commits: u32) {
        self.commits_left.store(commits, Ordering::SeqCst);
    }
}

impl Store for Stopping {
    type Snapshot = MemorySnapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<MemorySnapshot, StoreError> {
        self.inner.snapshot(freshness).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let fewer = |left: u32| left.checked_sub(1);
        match self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer) {
            Ok(_) => self.inner.commit(txn).await,
            Err(_) => Err(StoreError::Unavailable("stopped".into())),
        }
    }

    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        self.inner.watch(prefix, after)
    }
}

/// A restore that dies half-way shows nothing, blocks nothing, and is collected an hour later.
#[tokio::test]
async fn an_interrupted_restore_leaves_nothing_behind() {
    let store = Stopping::new();
    let node = Node::new(store.clone(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    for _ in 0..20 {
        set(&node, &vault, "a").await;
    }
    let backup = node.admit(&vault, BackupSecret { name: name("a") });
    let blob = node.ops.backup_secret(backup).await.unwrap();
    delete(&node, &vault, "a").await;
    let purge = node.admit(&vault, PurgeDeletedSecret { name: name("a") });
    node.ops.purge_deleted_secret(purge, &mut node.call()).await.unwrap();
    node.ops.sweep().await.unwrap();
    assert_eq!(bodies(&node, &vault).await, 0);
    let restore = async || {
        let request = node.admit(&vault, RestoreSecret { blob: blob.clone() });
        node.ops.restore_secret(request, &mut node.call()).await.map(drop)
    };
    // The mark, some bodies, all bodies; the head never comes.
    for commits in [0, 1, 2, 3, 4] {
        store.after(commits);
        let failed = restore().await.unwrap_err();
        assert!(matches!(failed, OpError::Unavailable(_)), "{commits}: {failed}");
        store.after(u32::MAX);
        let get = node.admit(&vault, GetSecret { name: name("a"), version: None });
        let absent = node.ops.get_secret(get).await.err().unwrap();
        assert!(matches!(absent, OpError::NotFound { .. }), "{absent}");
    }
    assert!(bodies(&node, &vault).await > 0, "the test interrupts too early");
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING, "they might still be at it");
    restore().await.unwrap();
    node.clock.advance(3_601).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap().collected, 4);
    assert_eq!(bodies(&node, &vault).await, 20, "the finished one's");
    assert_eq!(rows(&node, layout::GARBAGE).await, 0);
}

/// A timer of a vault that is gone, or of an object that was purged by hand.
#[tokio::test]
async fn timers_without_an_object_are_dropped() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    set(&node, &vault, "a").await;
    delete(&node, &vault, "a").await;
    let gone = Txn::new().delete(layout::directory_row("vault", b"dev"));
    node.directory.commit(gone).await.unwrap();
    node.clock.advance(7 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    assert_eq!(rows(&node, layout::DUE).await, 0);
}
