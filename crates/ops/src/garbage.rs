//! Bodies whose head is gone, or never came: marked, then collected by the sweeper.

use bytes::Bytes;
use strongroom_model::{Kind, Timestamp};
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn, Versioned};

use crate::{OpError, Ops};

/// Bodies deleted in one transaction.
const ROWS_PER_TXN: usize = 60;

/// Garbage rows looked at in one sweep.
const ROWS_PER_SWEEP: usize = 256;

/// Marks an incarnation's rows for collection from `from` on.
pub(crate) fn mark(txn: Txn, subject: &Subject, from: Timestamp) -> Txn {
    txn.put(layout::garbage(subject), from.0.to_be_bytes().to_vec())
}

impl<S: Store> Ops<S> {
    /// Deletes the rows of every incarnation whose mark is due; answers how many were collected.
    pub(crate) async fn collect_garbage(&self, now: Timestamp) -> Result<usize, OpError> {
        let snapshot = self.snapshot().await?;
        let mut collected = 0;
        let mut after = None;
        loop {
            let rows = snapshot.scan(layout::GARBAGE, after.as_deref(), ROWS_PER_SWEEP).await?;
            let Some((last, _)) = rows.last() else { return Ok(collected) };
            after = Some(last.clone());
            for (key, row) in &rows {
                let from = row.value.as_ref().try_into().map_or(0, i64::from_be_bytes);
                let Some(subject) = Subject::read(key) else { continue };
                if from <= now.0 && self.claim(key, row).await? {
                    self.collect(&subject, key).await?;
                    collected += 1;
                }
            }
        }
    }

    /// Writes a mark anew. A restore that is still writing under it requires the mark as it made
    /// it, and so fails before its bodies go, not after.
    async fn claim(&self, mark: &Bytes, found: &Versioned) -> Result<bool, OpError> {
        let txn = Txn::new()
            .require(mark.clone(), Condition::AtRevision(found.revision))
            .put(mark.clone(), found.value.clone());
        Ok(matches!(self.store.commit(txn).await?, Outcome::Committed(_)))
    }

    /// Deletes an incarnation's rows, and then its mark.
    async fn collect(&self, subject: &Subject, mark: &[u8]) -> Result<(), OpError> {
        let Subject { vault, kind, incarnation } = *subject;
        for table in layout::OF_INCARNATIONS {
            let prefix = layout::incarnation(vault, kind, table, incarnation);
            loop {
                let snapshot = self.snapshot().await?;
                let rows = snapshot.scan(&prefix, None, ROWS_PER_TXN).await?;
                if rows.is_empty() {
                    break;
                }
                let txn = rows.into_iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key));
                self.store.commit(txn).await?;
            }
        }
        self.store.commit(Txn::new().delete(mark.to_vec())).await?;
        tracing::debug!(%vault, kind = Kind::collection(kind), "collected a purged object");
        Ok(())
    }
}
