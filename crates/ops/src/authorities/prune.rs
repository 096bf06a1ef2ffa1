//! What has ended goes from the ledgers: a busy authority's does not grow for ever.

use strongroom_model::Timestamp;
use strongroom_store::{Snapshot, Store, Txn, layout};

use crate::{OpError, Ops};

/// Entries pruned in one transaction: three rows each.
const PER_TXN: usize = 20;

/// Entries pruned in one round; what is left goes at the next.
const PER_ROUND: usize = 2_000;

impl<S: Store> Ops<S> {
    /// Deletes the entries, and their revocations, of what ended more than a day ago. No key is
    /// needed for that, and of a vault or an authority that is gone there is nothing to delete.
    pub(crate) async fn prune_ledgers(&self, now: Timestamp) -> Result<(), OpError> {
        for _ in 0..PER_ROUND / PER_TXN {
            let rows = self.snapshot().await?.scan(layout::ENDS, None, PER_TXN).await?;
            let mut txn = Txn::new();
            let mut ended = 0;
            for (key, _) in &rows {
                let Some((at, authority, serial)) = layout::read_end(key) else { continue };
                if at >= now {
                    break;
                }
                ended += 1;
                txn = txn
                    .delete(layout::issued(authority.vault, authority.incarnation, &serial))
                    .delete(layout::revoked(authority.vault, authority.incarnation, &serial))
                    .delete(key.clone());
            }
            if ended > 0 {
                self.store.commit(txn).await?;
            }
            if ended < PER_TXN {
                break;
            }
        }
        Ok(())
    }
}
