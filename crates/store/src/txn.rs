//! A transaction: what must hold, and what is then written.

use bytes::Bytes;

use crate::{Revision, StoreError};

/// The most requires and writes one transaction may hold.
pub const MAX_TXN_ENTRIES: usize = 64;

/// The most bytes one transaction's keys and values may take.
pub const MAX_TXN_BYTES: usize = 1024 * 1024;

/// What must be true of a key for the transaction to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key has no value.
    Absent,
    /// The key's value was written by exactly this commit.
    AtRevision(Revision),
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Require {
    /// The key.
    pub key: Bytes,
    /// What must hold of it.
    pub condition: Condition,
}

/// A write to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The key.
    pub key: Bytes,
    /// The new value, or `None` to delete the key (deleting an absent key is no error).
    pub value: Option<Bytes>,
}

/// Requires and writes that are applied together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub requires: Vec<Require>,
    /// What is written if it does. Keys are distinct.
    pub writes: Vec<Write>,
}

impl Txn {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands `condition` of `key`.
    #[must_use]
    pub fn require(mut self, key: impl Into<Bytes>, condition: Condition) -> Self {
        self.requires.push(Require { key: key.into(), condition });
        self
    }

    /// Writes `value` at `key`.
    #[must_use]
    pub fn put(mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        self.writes.push(Write { key: key.into(), value: Some(value.into()) });
        self
    }

    /// Deletes `key`.
    #[must_use]
    pub fn delete(mut self, key: impl Into<Bytes>) -> Self {
        self.writes.push(Write { key: key.into(), value: None });
        self
    }

    /// Refuses a transaction over the store's limits.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond [`MAX_TXN_ENTRIES`] or [`MAX_TXN_BYTES`].
    pub fn check_size(&self) -> Result<(), StoreError> {
        let entries = self.requires.len() + self.writes.len();
        let required: usize = self.requires.iter().map(|r| r.key.len()).sum();
        let written: usize =
            self.writes.iter().map(|w| w.key.len() + w.value.as_ref().map_or(0, Bytes::len)).sum();
        let bytes = required + written;
        if entries > MAX_TXN_ENTRIES || bytes > MAX_TXN_BYTES {
            return Err(StoreError::TooLarge { entries, bytes });
        }
        Ok(())
    }
}
