//! Reading and writing the directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::StreamExt;
use strongroom_crypto::MacKey;
use strongroom_model::RoleDefinition;
use strongroom_seal::{DataKeys, KeyRing};
use strongroom_store::{Change, Freshness, Outcome, Revision, Snapshot, Store, Txn, layout};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::row::{DirectoryRow, read_row, seal_row};
use crate::{Directory, DirectoryError};

const ROWS_PER_SCAN: usize = 1_000;

/// The directory of this node: a snapshot that follows the store.
pub struct DirectoryService<S> {
    store: S,
    keys: Arc<DataKeys>,
    client_secret_key: MacKey,
    shared: Arc<Shared>,
    feed: JoinHandle<()>,
}

struct Shared {
    current: ArcSwap<Directory>,
    reached: watch::Sender<Revision>,
    broken: AtomicBool,
}

impl<S> Drop for DirectoryService<S> {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

impl<S: Store> DirectoryService<S> {
    /// Loads the directory and follows it. `roles` are the built-in role definitions.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] or [`DirectoryError::Seal`] when a row cannot be read.
    pub async fn open(
        store: S,
        ring: &KeyRing<S>,
        roles: Arc<[RoleDefinition]>,
    ) -> Result<Self, DirectoryError> {
        let keys = Arc::clone(ring.system());
        let directory = load(&store, &keys, roles).await?;
        let revision = directory.revision();
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(directory),
            reached: watch::Sender::new(revision),
            broken: AtomicBool::new(false),
        });
        let feed = tokio::spawn(follow(store.clone(), Arc::clone(&keys), Arc::clone(&shared)));
        let client_secret_key = keys.mac_key("strongroom/client-secret/v1")?;
        Ok(Self { store, keys, client_secret_key, shared, feed })
    }

    /// The directory now. No store hop.
    pub fn current(&self) -> Arc<Directory> {
        self.shared.current.load_full()
    }

    /// Whether the snapshot still follows the store; when not, this node must not serve.
    pub fn is_following(&self) -> bool {
        !self.shared.broken.load(Ordering::Acquire)
    }

    /// The keyed digest under which a client secret is kept.
    pub fn secret_digest(&self, secret: &[u8]) -> [u8; 32] {
        self.client_secret_key.tag(&[secret])
    }

    /// A row as the key and value that a transaction puts.
    ///
    /// # Errors
    /// [`DirectoryError::Seal`] when the system has no random numbers.
    pub fn row<R: DirectoryRow>(&self, row: &R) -> Result<(Vec<u8>, Vec<u8>), DirectoryError> {
        seal_row(&self.keys, row)
    }

    /// A row that the snapshot does not carry (a secret one), read from the store.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] or [`DirectoryError::Seal`] when it cannot be read.
    pub async fn read<R: DirectoryRow>(&self, id: &[u8]) -> Result<Option<R>, DirectoryError> {
        read_row(&self.store, &self.keys, id).await
    }

    /// Commits a transaction that writes directory rows, and answers when this node's snapshot
    /// contains it.
    ///
    /// # Errors
    /// [`DirectoryError::Store`], or [`DirectoryError::FeedEnded`].
    pub async fn commit(&self, txn: Txn) -> Result<Outcome, DirectoryError> {
        let outcome = self.store.commit(txn).await?;
        if let Outcome::Committed(revision) = outcome {
            let mut reached = self.shared.reached.subscribe();
            reached
                .wait_for(|r| *r >= revision || !self.is_following())
                .await
                .map_err(|_| DirectoryError::FeedEnded)?;
            if !self.is_following() {
                return Err(DirectoryError::FeedEnded);
            }
        }
        Ok(outcome)
    }
}

async fn load<S: Store>(
    store: &S,
    keys: &DataKeys,
    roles: Arc<[RoleDefinition]>,
) -> Result<Directory, DirectoryError> {
    let snapshot = store.snapshot(Freshness::Linearizable).await?;
    let mut directory = Directory::empty(roles);
    let mut after: Option<Bytes> = None;
    loop {
        let rows = snapshot.scan(layout::DIRECTORY, after.as_deref(), ROWS_PER_SCAN).await?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        for (key, row) in &rows {
            directory.apply(keys, row.revision, key, Some(&row.value))?;
        }
    }
    directory.reach(snapshot.revision());
    Ok(directory)
}

/// Applies every change in order. When the stream ends (this node fell behind) it loads anew;
/// when that fails too, the node stops serving.
async fn follow<S: Store>(store: S, keys: Arc<DataKeys>, shared: Arc<Shared>) {
    let prefix = Bytes::from_static(layout::DIRECTORY);
    loop {
        let from = shared.current.load().revision();
        let mut changes = store.watch(prefix.clone(), from);
        while let Some(change) = changes.next().await {
            if let Err(error) = apply(&keys, &shared, &change) {
                tracing::error!(%error, "a directory change could not be applied");
                return stop(&shared);
            }
        }
        let roles = shared.current.load().built_in();
        match load(&store, &keys, roles).await {
            Ok(directory) if directory.revision() > from => publish(&shared, directory),
            Ok(_) => return stop(&shared),
            Err(error) => {
                tracing::error!(%error, "the directory could not be loaded");
                return stop(&shared);
            }
        }
    }
}

fn apply(keys: &DataKeys, shared: &Shared, change: &Change) -> Result<(), DirectoryError> {
    let mut next = Directory::clone(&shared.current.load());
    for (key, value) in &change.writes {
        next.apply(keys, change.revision, key, value.as_deref())?;
    }
    publish(shared, next);
    Ok(())
}

fn publish(shared: &Shared, directory: Directory) {
    let revision = directory.revision();
    shared.current.store(Arc::new(directory));
    shared.reached.send_replace(revision);
}

fn stop(shared: &Shared) {
    shared.broken.store(true, Ordering::Release);
    shared.reached.send_modify(|_| {});
}
