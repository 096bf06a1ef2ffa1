//! A store whose commits fail at will: before they happen, or after, when nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Change, Freshness, Outcome, Revision, Store, StoreError, Txn};

/// How the next commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing is written.
    Before = 1,
    /// All of it is written, and the answer is lost.
    After = 2,
}

/// A store in memory that fails when it is told to.
#[derive(Clone)]
pub(crate) struct UnsureStore {
    store: MemoryStore,
    next: Arc<AtomicU8>,
}

impl UnsureStore {
    pub(crate) fn new() -> Self {
        Self { store: MemoryStore::new(), next: Arc::default() }
    }

    /// The next commit that changes an object fails.
    pub(crate) fn fail(&self, how: Failure) {
        self.next.store(how as u8, Ordering::SeqCst);
    }

    /// Whether the failure has not come about yet.
    pub(crate) fn is_armed(&self) -> bool {
        self.next.load(Ordering::SeqCst) != 0
    }
}

impl Store for UnsureStore {
    type Snapshot = <MemoryStore as Store>::Snapshot;

    async fn snapshot(&self, freshness: Freshness) -> Result<Self::Snapshot, StoreError> {
        self.store.snapshot(freshness).await
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        if !txn.writes.iter().any(|write| write.key.starts_with(b"v/")) {
            return self.store.commit(txn).await;
        }
        match self.next.swap(0, Ordering::SeqCst) {
            1 => Err(StoreError::Unavailable("it was told to".into())),
            2 => {
                self.store.commit(txn).await?;
                Err(StoreError::Indeterminate("it was told to".into()))
            }
            _ => self.store.commit(txn).await,
        }
    }

    fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        self.store.watch(prefix, after)
    }
}
