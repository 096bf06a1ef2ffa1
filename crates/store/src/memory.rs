//! An engine that forgets: for tests, and as the reference that other engines are held against.

use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use imbl::OrdMap;

use crate::feed::Feed;
use crate::{
    Change, Condition, Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn, Versioned,
};

/// How much the feed of watchers remembers, in bytes.
const FEED_BYTES: usize = 8 * 1024 * 1024;

/// A store in memory. Clones are the same store.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<MemorySnapshot>>,
    feed: Arc<Feed>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { state: Arc::default(), feed: Arc::new(Feed::new(Revision(0), FEED_BYTES)) }
    }

    fn lock(&self) -> MutexGuard<'_, MemorySnapshot> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, txn: Txn) -> Outcome {
        let mut state = self.lock();
        let holds = txn.requires.iter().all(|r| match r.condition {
            Condition::Absent => !state.rows.contains_key(&r.key),
            Condition::AtRevision(at) => state.rows.get(&r.key).is_some_and(|v| v.revision == at),
        });
        if !holds {
            return Outcome::Conflict;
        }
        let revision = Revision(state.revision.0 + 1);
        state.revision = revision;
        for write in &txn.writes {
            match &write.value {
                Some(value) => {
                    let versioned = Versioned { revision, value: value.clone() };
                    state.rows.insert(write.key.clone(), versioned);
                }
                None => drop(state.rows.remove(&write.key)),
            }
        }
        self.feed.publish([txn.writes]);
        Outcome::Committed(revision)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    type Snapshot = MemorySnapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<MemorySnapshot, StoreError> {
        let snapshot = self.lock().clone();
        freshness.check(snapshot.revision)?;
        Ok(snapshot)
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        txn.check_size()?;
        Ok(self.apply(txn))
    }

    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        self.feed.watch(prefix, after)
    }
}

/// A [`MemoryStore`] at one revision.
#[derive(Clone, Debug, Default)]
pub struct MemorySnapshot {
    revision: Revision,
    rows: OrdMap<Bytes, Versioned>,
}

impl Snapshot for MemorySnapshot {
    fn revision(&self) -> Revision {
        self.revision
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        Ok(self.rows.get(key).cloned())
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Versioned)>, StoreError> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rows = self.rows.range::<_, [u8]>((from, Bound::Unbounded));
        let inside = rows.take_while(|(key, _)| key.starts_with(prefix));
        Ok(inside.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn conforms() {
        crate::conformance::run(async || MemoryStore::new()).await;
    }
}
