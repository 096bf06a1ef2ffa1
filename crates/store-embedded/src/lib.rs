//! The embedded engine: a group-committed log in front of redb.
//!
//! - A commit goes to one *committer* thread, which takes all that wait, decides each against
//!   the newest state, appends them to the *log* as one frame, syncs once, publishes the new
//!   state and answers.
//! - A state is an *active* memtable over a *frozen* one over the *base*. A snapshot is one
//!   reference to a state; reading takes no lock and asks no thread.
//! - An active memtable that has grown enough is frozen, and the *checkpointer* thread writes it
//!   to the base, a redb file, in one transaction; then its part of the log is used again.
//! - Opening reads the base's revision and replays the log after it.
//!
//! Files in the store's directory: `format`, `base.redb`, `log/<first revision>`,
//! `log/spare-<n>`. All of them go through a [`Disk`].

mod base;
mod checkpointer;
mod committer;
mod engine;
mod format;
mod frame;
mod log;
mod memtable;
mod recovery;
mod shared;
mod snapshot;
mod spares;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use strongroom_store::disk::Disk;
use strongroom_store::{Change, Freshness, Outcome, Revision, Store, StoreError, Txn};

pub use crate::shared::Stats;
pub use crate::snapshot::EmbeddedSnapshot;

use crate::engine::Engine;

/// How the engine uses disk and memory. The defaults suit a million secrets.
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's directory on its disk.
    pub directory: String,
    /// The size at which rows are moved from memory to the base, in bytes. The engine may hold
    /// three times as much in memory while a checkpoint lags.
    pub memtable_bytes: usize,
    /// The length of a log segment, in bytes.
    pub segment_bytes: u64,
    /// How much of the base is kept in memory, in bytes.
    pub base_cache_bytes: usize,
    /// How much may wait to be committed, in bytes; beyond it, callers wait.
    pub queue_bytes: usize,
    /// How far back a watch may begin or fall, in bytes of keys and values.
    pub feed_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            directory: "store".to_owned(),
            memtable_bytes: 24 * MIB,
            segment_bytes: 16 * MIB as u64,
            base_cache_bytes: 96 * MIB,
            queue_bytes: 16 * MIB,
            feed_bytes: 8 * MIB,
        }
    }
}

/// A store in one directory of one disk. Clones are the same store.
///
/// When the last one is dropped, the store closes; that waits for its threads, so asynchronous
/// code should [`close`](EmbeddedStore::close) it first. A snapshot that is kept keeps every page
/// of the base that it may read: take one, read, drop it.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    engine: Arc<Engine>,
}

impl EmbeddedStore {
    /// Opens the store, creating it if it is absent. Blocks while it reads the log.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the files are not what an engine left behind, whatever crash it
    /// met; [`StoreError::NewerFormat`]; [`StoreError::Unavailable`] for errors of the disk.
    pub fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, StoreError> {
        Ok(Self { engine: Arc::new(Engine::open(disk, options)?) })
    }

    /// Answers what was sent before, and ends the engine's threads. Later commits are refused;
    /// watches end. Nothing depends on it: what was acknowledged is durable already.
    pub async fn close(&self) {
        let engine = self.engine.clone();
        // A panic in there has been reported by the thread that met it.
        let _ = tokio::task::spawn_blocking(move || engine.close()).await;
    }

    /// What the engine has done since it was opened, and what it holds.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
}

impl Store for EmbeddedStore {
    type Snapshot = EmbeddedSnapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<EmbeddedSnapshot, StoreError> {
        // The one node that writes: whatever it has acknowledged, it has published before.
        let state = self.engine.state();
        freshness.check(state.revision)?;
        Ok(EmbeddedSnapshot(state))
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        txn.check_size()?;
        self.engine.commit(txn).await
    }

    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        self.engine.watch(prefix, after)
    }
}

fn failed(path: &str, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{path}: {error}"))
}
