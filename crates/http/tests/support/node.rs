//! The parts of a node over a store, joined as the server's binary joins them.

use std::sync::Arc;
use std::time::Instant;

use strongroom_audit::{Audit, AuditKey, AuditKeys, Options, Record, Start, Tail};
use strongroom_authz::roles;
use strongroom_crypto::{SymmetricKey, software};
use strongroom_directory::{Clock, DirectoryService};
use strongroom_model::RequestId;
use strongroom_ops::{Call, KeyRules, KeyWork, Ops};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Store;
use strongroom_store::disk::FaultDisk;
use strongroom_store_embedded::{EmbeddedStore, Options as StoreOptions};
use strongroom_work::{GeneratorsConfig, LimitsConfig, StockSizes};
use uuid::Uuid;

/// The journal's directory.
pub(crate) const AUDIT: &str = "audit";

/// The parts of a node.
pub(crate) struct Node<S: Store> {
    pub(crate) store: S,
    /// The disk of the journal.
    pub(crate) disk: FaultDisk,
    pub(crate) ring: Arc<KeyRing<S>>,
    pub(crate) directory: Arc<DirectoryService<S>>,
    pub(crate) clock: Arc<Clock<S>>,
    pub(crate) audit: Arc<Audit<S>>,
    pub(crate) ops: Arc<Ops<S>>,
}

/// The engine of the server, in segments that are quickly made.
pub(crate) fn embedded(disk: &FaultDisk) -> EmbeddedStore {
    let options = StoreOptions { segment_bytes: 256 * 1024, ..StoreOptions::default() };
    EmbeddedStore::open(Arc::new(disk.clone()), &options).unwrap()
}

/// What opens every test's installation.
pub(crate) fn protector() -> Protector {
    Protector::Key(SymmetricKey::from_slice(&[7; 32]).unwrap())
}

/// Keys in software, `-HSM` types too, and no stock.
fn key_work(symmetric: bool) -> KeyWork {
    let rules = KeyRules { software_hsm: true, symmetric };
    let generators = GeneratorsConfig { stock: StockSizes::NONE, ..GeneratorsConfig::default() };
    KeyWork::new(software::provider(), rules, generators, LimitsConfig::Off).unwrap()
}

fn audit_options() -> Options {
    Options {
        dir: AUDIT.to_owned(),
        segment_bytes: 128 * 1024,
        spare_segments: 1,
        ..Options::default()
    }
}

impl<S: Store> Node<S> {
    /// Opens the node of an installation; vaults keep no symmetric keys.
    pub(crate) async fn open(store: S, disk: FaultDisk) -> Self {
        Self::open_with(store, disk, audit_options(), false).await
    }

    /// Opens the node of an installation whose vaults may keep symmetric keys.
    pub(crate) async fn open_symmetric(store: S, disk: FaultDisk) -> Self {
        Self::open_with(store, disk, audit_options(), true).await
    }

    /// Opens the node with other options of the audit.
    pub(crate) async fn open_with(
        store: S,
        disk: FaultDisk,
        options: Options,
        symmetric: bool,
    ) -> Self {
        let ring = Arc::new(KeyRing::open(store.clone(), &protector()).await.unwrap());
        let roles = roles::builtin().into();
        let directory = DirectoryService::open(store.clone(), &ring, roles).await.unwrap();
        let directory = Arc::new(directory);
        let clock = Clock::open(store.clone(), Arc::clone(ring.system()), true).await.unwrap();
        let clock = Arc::new(clock);
        let keys = ring.audit().copies().unwrap().into_iter();
        let keys: Vec<AuditKey> =
            keys.map(|(generation, key)| AuditKey { generation, key }).collect();
        let keys = AuditKeys::new(&keys).unwrap();
        let audit =
            Audit::open(store.clone(), Arc::new(disk.clone()), keys, options).await.unwrap();
        let audit = Arc::new(audit);
        let ops = Ops::new(
            store.clone(),
            Arc::clone(&ring),
            Arc::clone(&directory),
            Arc::clone(&audit),
            Arc::clone(&clock),
            key_work(symmetric),
        );
        Self { store, disk, ring, directory, clock, audit, ops: Arc::new(ops) }
    }

    /// A call of the test itself.
    pub(crate) fn call(&self) -> Call {
        let id = RequestId(Uuid::new_v4());
        let record = Record::new(id, self.clock.now_ms(), "Test");
        Call::new(record, self.clock.now(), Instant::now())
    }
}

/// Every record of a journal but those of the test's own calls, oldest first.
pub(crate) fn audited(disk: &FaultDisk) -> Vec<Record> {
    let mut tail = Tail::new(Arc::new(disk.clone()), AUDIT, Start::Oldest).unwrap();
    std::iter::from_fn(|| tail.poll().unwrap())
        .filter(|record| record.operation != "Test")
        .collect()
}
