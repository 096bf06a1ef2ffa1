//! Opened heads of secrets that are read often, so that a read opens one record instead of two.
//!
//! A head is looked up in the store all the same, and the opened one is used only if it is of
//! the revision found there: the cache is never older than the snapshot. Heads hold no value.

use std::sync::Arc;

use quick_cache::sync::Cache;
use strongroom_model::{Head, SecretListing};
use strongroom_seal::Part;
use strongroom_store::{Revision, Snapshot, layout};

use crate::OpError;
use crate::objects::{ObjectKind, Objects, Secrets};

/// Heads kept opened: about half a kilobyte each.
const HEADS: usize = 16_384;

type Opened = (Revision, Arc<Head<SecretListing>>);

/// Opened heads, by the key of their row.
pub(crate) struct Heads(Cache<Vec<u8>, Opened>);

impl Heads {
    pub(crate) fn new() -> Self {
        Self(Cache::new(HEADS))
    }

    /// The head of the active secret of a folded name.
    pub(crate) async fn active(
        &self,
        objects: &Objects<Secrets>,
        snapshot: &impl Snapshot,
        folded: &str,
    ) -> Result<Option<Arc<Head<SecretListing>>>, OpError> {
        let key = layout::head(objects.vault, Secrets::KIND, folded);
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        if let Some((revision, head)) = self.0.get(&key)
            && revision == row.revision
        {
            return Ok(Some(head));
        }
        let head = Arc::new(objects.open_head(folded, Part::Head, &row.value)?);
        self.0.insert(key, (row.revision, Arc::clone(&head)));
        Ok(Some(head))
    }
}
