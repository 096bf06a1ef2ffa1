//! Opened heads of objects that are used often, so that a read opens one record instead of two,
//! and derives no key.
//!
//! A head is looked up in the store all the same, and the opened one is used only if it is of
//! the revision found there: the cache is never older than the snapshot. It holds
//! no value, but the key of the current version's body: no more than the vault's own key, which is
//! in memory anyway.

use std::sync::{Arc, OnceLock};

use quick_cache::sync::Cache;
use strongroom_model::{Head, VaultId};
use strongroom_seal::{Part, RecordKey};
use strongroom_store::{Revision, Snapshot, layout};

use crate::OpError;
use crate::objects::{ObjectKind, Objects};

/// Heads of one kind kept opened: about a kilobyte each.
const HEADS: usize = 16_384;

/// A head, opened.
pub(crate) struct OpenedHead<L> {
    revision: Revision,
    /// The head.
    pub(crate) head: Head<L>,
    /// The key of the current version's body, once it has been read.
    pub(crate) body_key: OnceLock<RecordKey>,
}

/// Opened heads of one kind, by the key of their row.
pub(crate) struct Heads<K: ObjectKind>(Cache<Vec<u8>, Arc<OpenedHead<K::Listing>>>);

impl<K: ObjectKind> Heads<K> {
    pub(crate) fn new() -> Self {
        Self(Cache::new(HEADS))
    }

    /// Drops what is known of an object that is no longer active.
    pub(crate) fn forget(&self, vault: VaultId, folded: &str) {
        self.0.remove(layout::head(vault, K::KIND, folded).as_slice());
    }

    /// The head of the active object of a folded name.
    pub(crate) async fn active(
        &self,
        objects: &Objects<K>,
        snapshot: &impl Snapshot,
        folded: &str,
    ) -> Result<Option<Arc<OpenedHead<K::Listing>>>, OpError> {
        let key = layout::head(objects.vault, K::KIND, folded);
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        if let Some(opened) = self.0.get(&key)
            && opened.revision == row.revision
        {
            return Ok(Some(opened));
        }
        let head = objects.open_head(folded, Part::Head, &row.value)?;
        let opened = OpenedHead { revision: row.revision, head, body_key: OnceLock::new() };
        let opened = Arc::new(opened);
        self.0.insert(key, Arc::clone(&opened));
        Ok(Some(opened))
    }
}
