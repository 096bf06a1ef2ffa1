//! A store in memory whose commits can be made to fail.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::Stream;
use strongroom_store::memory::{MemorySnapshot, MemoryStore};
use strongroom_store::{Change, Freshness, Outcome, Revision, Store, StoreError, Txn};

/// What becomes of commits that change an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// They happen.
    #[default]
    Fair,
    /// Another one always comes between.
    Conflict,
    /// Nothing happens.
    Unavailable,
    /// They happen, but nobody can tell.
    Indeterminate,
}

/// The store. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct MeddledStore {
    inner: MemoryStore,
    mood: Arc<Mutex<Mood>>,
}

impl MeddledStore {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

impl Store for MeddledStore {
    type Snapshot = MemorySnapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<MemorySnapshot, StoreError> {
        self.inner.snapshot(freshness).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let mutation = txn.writes.iter().any(|write| write.key.starts_with(b"v/"));
        let mood = if mutation { *self.mood.lock().unwrap() } else { Mood::Fair };
        match mood {
            Mood::Fair => self.inner.commit(txn).await,
            Mood::Conflict => Ok(Outcome::Conflict),
            Mood::Unavailable => Err(StoreError::Unavailable("meddled with".into())),
            Mood::Indeterminate => {
                self.inner.commit(txn).await?;
                Err(StoreError::Indeterminate("meddled with".into()))
            }
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
