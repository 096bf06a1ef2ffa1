//! How often a version of a symmetric key has encrypted.
//!
//! AES-GCM with random 96-bit initialization vectors is safe for 2^32 messages under one key (NIST
//! SP 800-38D, 8.3). The count in the store runs ahead: a node takes a block of uses in one
//! commit and hands them out from memory; what it had left when it stopped counts as used.

use std::sync::Arc;

use quick_cache::sync::Cache;
use strongroom_model::{Head, IncarnationId, KeyListing, Kind, Version};
use strongroom_seal::Part;
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn, layout};
use tokio::sync::Mutex;

use crate::objects::{Keys, ObjectKind, Objects};
use crate::{OpError, Ops};

/// Uses taken from the store at once.
const BLOCK: u64 = 1 << 16;

/// From then on every use is warned of.
const WARNING: u64 = 1 << 31;

/// No version is used more often.
const LIMIT: u64 = 1 << 32;

/// Counters kept in memory.
const COUNTERS: usize = 16_384;

/// Attempts at taking a block before another node's blocks make it give up.
const ATTEMPTS: usize = 5;

/// One use, and how many there were with it; at most a block more than there really were.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use(u64);

impl Use {
    /// How many uses there were.
    pub(super) fn count(self) -> u64 {
        self.0
    }

    /// Whether the key should be rotated.
    pub(super) fn is_warning(self) -> bool {
        self.0 >= WARNING
    }
}

/// Uses that were taken and not yet handed out.
#[derive(Default)]
struct Block {
    next: u64,
    end: u64,
}

/// The counters of a node.
pub(crate) struct Uses(Cache<(IncarnationId, Version), Arc<Mutex<Block>>>);

impl Uses {
    pub(crate) fn new() -> Self {
        Self(Cache::new(COUNTERS))
    }

    fn of(&self, incarnation: IncarnationId, version: Version) -> Arc<Mutex<Block>> {
        let place = (incarnation, version);
        self.0
            .get_or_insert_with(&place, || Ok::<_, std::convert::Infallible>(Arc::default()))
            .unwrap_or_else(|never| match never {})
    }
}

/// How often a version has been used; `None` for what is not counted.
pub(crate) async fn counted<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    head: &Head<K::Listing>,
    version: Version,
) -> Result<Option<u64>, OpError> {
    if K::KIND != Kind::Key {
        return Ok(None);
    }
    let key = layout::uses(objects.vault, head.incarnation, version);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    let part = Part::Uses(head.incarnation, version);
    objects.open(&head.name.folded(), part, &row.value).map(Some)
}

/// Puts how often a version has been used.
pub(crate) fn put<K: ObjectKind>(
    objects: &Objects<K>,
    txn: Txn,
    head: &Head<K::Listing>,
    version: Version,
    uses: u64,
) -> Result<Txn, OpError> {
    let key = layout::uses(objects.vault, head.incarnation, version);
    let part = Part::Uses(head.incarnation, version);
    Ok(txn.put(key, objects.seal(&head.name.folded(), part, &uses)?))
}

impl<S: Store> Ops<S> {
    /// Counts one encryption, before it is done.
    ///
    /// # Errors
    /// [`OpError::WornOut`] at the limit, or that the service cannot.
    pub(super) async fn count_use(
        &self,
        objects: &Objects<Keys>,
        head: &Head<KeyListing>,
        version: Version,
    ) -> Result<Use, OpError> {
        let counter = self.uses.of(head.incarnation, version);
        let mut block = counter.lock().await;
        if block.next == block.end {
            let start = self.take_block(objects, head, version).await?;
            *block = Block { next: start, end: start + BLOCK };
        }
        block.next += 1;
        Ok(Use(block.next))
    }

    /// Takes a block of uses; answers how many uses there were before it.
    async fn take_block(
        &self,
        objects: &Objects<Keys>,
        head: &Head<KeyListing>,
        version: Version,
    ) -> Result<u64, OpError> {
        let key = layout::uses(objects.vault, head.incarnation, version);
        let (folded, part) = (head.name.folded(), Part::Uses(head.incarnation, version));
        for _ in 0..ATTEMPTS {
            let found = self.snapshot().await?.get(&key).await?;
            let (taken, condition): (u64, _) = match &found {
                Some(row) => {
                    (objects.open(&folded, part, &row.value)?, Condition::AtRevision(row.revision))
                }
                None => (0, Condition::Absent),
            };
            if taken >= LIMIT {
                return Err(OpError::WornOut(LIMIT));
            }
            if taken >= WARNING {
                let name = head.name.as_str();
                tracing::warn!(key = name, %version, uses = taken, "rotate this symmetric key");
            }
            let txn = Txn::new().require(key.clone(), condition);
            let txn = put(objects, txn, head, version, taken + BLOCK)?;
            if matches!(self.store.commit(txn).await?, Outcome::Committed(_)) {
                return Ok(taken);
            }
        }
        Err(OpError::Contended)
    }
}
