//! The `Store` trait, key layout, the `Disk` beneath every file, and the suite each engine must
//! pass.
//!
//! A store is an ordered map from byte keys to byte values with revisions and conditional
//! commits. Read a [`Snapshot`], decide purely, submit one [`Txn`]: there are no closures and no
//! locks across the network, so the same shape is natural on every engine. Values are sealed
//! before they come here; the store knows nothing of what they mean.

pub mod conformance;
pub mod disk;
pub mod feed;
pub mod key;
pub mod layout;
pub mod memory;
mod txn;

use std::future::Future;

use bytes::Bytes;
use futures_util::Stream;

pub use txn::{Condition, MAX_TXN_BYTES, MAX_TXN_ENTRIES, Require, Txn, Write};

/// The position of a commit in the store's single order of commits; the first commit is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A value and the revision of the commit that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The commit that wrote this value.
    pub revision: Revision,
    /// The value, as it was put.
    pub value: Bytes,
}

/// How fresh a snapshot must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Sees every commit acknowledged, by any node, before the call.
    Linearizable,
    /// Sees at least this revision.
    AtLeast(Revision),
    /// Whatever this node has at hand.
    Cached,
}

impl Freshness {
    /// Refuses a snapshot at `newest` that is older than asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the store has not come to that revision (it was put back to
    /// an older backup, perhaps).
    pub fn check(self, newest: Revision) -> Result<(), StoreError> {
        match self {
            Self::AtLeast(asked) if newest < asked => Err(StoreError::Unavailable(format!(
                "the store is at revision {}, {} was asked for",
                newest.0, asked.0
            ))),
            _ => Ok(()),
        }
    }
}

/// What became of a [`Txn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it is durable, at this revision.
    Committed(Revision),
    /// A `require` did not hold; nothing was written. Read again and decide again.
    Conflict,
}

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing happened; trying again is safe.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The commit may or may not have happened: settle it by reading the head again.
    #[error("the commit's outcome is unknown: {0}")]
    Indeterminate(String),
    /// What the engine read back is not what it wrote.
    #[error("the store is damaged: {0}: keep a copy of the data directory, and restore a backup")]
    Corrupt(String),
    /// The transaction breaks the store's limits; a defect of the caller.
    #[error("the transaction is too large: {entries} entries, {bytes} bytes")]
    TooLarge {
        /// Requires and writes together.
        entries: usize,
        /// Keys and values together.
        bytes: usize,
    },
    /// The data directory is used by another process.
    #[error("the data directory {0} is in use by another strongroom process; stop that one first")]
    InUse(String),
    /// The store was written by a newer release.
    #[error(
        "the store has format {found}, this release reads up to {supported}; upgrade strongroom"
    )]
    NewerFormat {
        /// The format number found.
        found: u32,
        /// The newest format number that this release reads.
        supported: u32,
    },
}

/// One commit, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The commit.
    pub revision: Revision,
    /// Its writes under the watched prefix, in key order; `None` is a delete.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
}

/// An ordered key-value map with revisions and conditional commits.
pub trait Store: Clone + Send + Sync + 'static {
    /// A consistent view of every key at one revision.
    type Snapshot: Snapshot;

    /// Takes a snapshot no older than `freshness` asks.
    fn snapshot(
        &self,
        freshness: Freshness,
    ) -> impl Future<Output = Result<Self::Snapshot, StoreError>> + Send;

    /// Commits all of `txn` or nothing of it; durable when it answers `Committed`.
    fn commit(&self, txn: Txn) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// Every later commit that writes under `prefix`, in order and without gaps, from the one
    /// after `after`. A stream that ends has fallen too far behind (or the store has closed):
    /// take a snapshot and watch again from its revision.
    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static;
}

/// A consistent view of every key at one revision.
pub trait Snapshot: Clone + Send + Sync + 'static {
    /// The newest commit this view contains.
    fn revision(&self) -> Revision;

    /// The value at `key`.
    fn get(&self, key: &[u8])
    -> impl Future<Output = Result<Option<Versioned>, StoreError>> + Send;

    /// At most `limit` keys that start with `prefix`, in key order, the first one being the
    /// smallest that is greater than `after` (`None`: from the beginning of the prefix).
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Bytes, Versioned)>, StoreError>> + Send;
}
