//! What is left of purged vaults: collected by the sweeper, each vault's key last.

use std::collections::HashMap;

use bytes::Bytes;
use strongroom_model::{Scope, VaultId, VaultName};
use strongroom_seal::Purpose;
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Snapshot, Store, Txn};

use crate::{OpError, Ops};

/// Rows deleted in one transaction.
const ROWS_PER_TXN: usize = 60;

/// Rows looked at in one scan.
const ROWS_PER_SCAN: usize = 1_000;

/// The key of a mark, and where the vault was.
type Mark = (Bytes, Option<(VaultName, Scope)>);

fn place(scope: &str) -> Option<(VaultName, Scope)> {
    let name = VaultName::parse(scope.rsplit('/').next()?).ok()?;
    Some((name, Scope::parse(scope).ok()?))
}

impl<S: Store> Ops<S> {
    /// Deletes what is left of every purged vault; answers how many were collected. Whatever stops
    /// it half-way, the mark is there until everything else is gone.
    pub(crate) async fn collect_vaults(&self) -> Result<usize, OpError> {
        let marks = self.purged_vaults().await?;
        if marks.is_empty() {
            return Ok(0);
        }
        self.collect_timers(&marks).await?;
        for (vault, (mark, scope)) in &marks {
            if let Some((name, scope)) = scope {
                self.clear(name, scope).await?;
            }
            self.collect_rows(&layout::vault(*vault)).await?;
            self.collect_rows(&layout::garbage_of(*vault)).await?;
            self.collect_rows(&self.ring.rows_of(Purpose::Vault(*vault))).await?;
            self.ring.forget(Purpose::Vault(*vault));
            self.store.commit(Txn::new().delete(mark.clone())).await?;
            tracing::info!(%vault, "collected a purged vault");
        }
        Ok(marks.len())
    }

    /// The vaults that are marked, with their marks.
    async fn purged_vaults(&self) -> Result<HashMap<VaultId, Mark>, OpError> {
        let snapshot = self.snapshot().await?;
        let rows = snapshot.scan(layout::VAULT_GARBAGE, None, ROWS_PER_SCAN).await?;
        let vault = |key: &Bytes| {
            let id = key.strip_prefix(layout::VAULT_GARBAGE)?.try_into().ok()?;
            Some(VaultId::from_bytes(id))
        };
        let marks = rows.into_iter().filter_map(|(key, row)| {
            // A mark of an earlier release has a time for its value.
            let scope = std::str::from_utf8(&row.value).ok().and_then(place);
            Some((vault(&key)?, (key, scope)))
        });
        Ok(marks.collect())
    }

    /// Deletes the timers of purged vaults, in one pass over all timers.
    async fn collect_timers(&self, vaults: &HashMap<VaultId, Mark>) -> Result<(), OpError> {
        let mut after: Option<Bytes> = None;
        loop {
            let snapshot = self.snapshot().await?;
            let rows = snapshot.scan(layout::DUE, after.as_deref(), ROWS_PER_SCAN).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let is_theirs = |key: &Bytes| {
                Subject::read(key).is_some_and(|subject| vaults.contains_key(&subject.vault))
            };
            let theirs: Vec<Bytes> =
                rows.into_iter().map(|(key, _)| key).filter(is_theirs).collect();
            for keys in theirs.chunks(ROWS_PER_TXN) {
                self.store.commit(keys.iter().cloned().fold(Txn::new(), Txn::delete)).await?;
            }
        }
    }

    async fn collect_rows(&self, prefix: &[u8]) -> Result<(), OpError> {
        loop {
            let snapshot = self.snapshot().await?;
            let rows = snapshot.scan(prefix, None, ROWS_PER_TXN).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let txn = rows.into_iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key));
            self.store.commit(txn).await?;
        }
    }
}
