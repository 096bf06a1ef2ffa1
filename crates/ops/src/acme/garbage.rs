//! What is left of a deleted issuer: its accounts with their orders, its bindings, and this
//! server's own accounts at its authority. The issuer's end marks it; the sweeper collects it.

use std::sync::Arc;

use strongroom_model::{ObjectName, Timestamp, VaultId};
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn, layout};

use super::account::{AccountOfKey, AcmeAccount, key_id};
use super::binding::BindingRow;
use super::order::{FinishedOrder, OpenOrder};
use super::rows::{AcmeRow, FoundRow, Rows};
use crate::issuers;
use crate::objects::{Certificates, Objects};
use crate::orders::AccountRow;
use crate::{OpError, Ops};

/// Rows deleted in one transaction, and looked at in one scan.
const ROWS_PER_TXN: usize = 60;

/// Transactions for one issuer in one sweep; what is left is collected in the next.
const TXNS_PER_SWEEP: usize = 64;

/// Marks looked at in one scan.
const MARKS_PER_SCAN: usize = 256;

/// A row that belongs to an issuer.
pub(crate) trait OfIssuer: AcmeRow {
    /// The issuer's name as it is compared; `None` if it is not known.
    fn issuer(&self) -> Option<&str>;

    /// When the row was made.
    fn made(&self) -> Timestamp;
}

/// An issuer that was deleted, and may have been set again since.
struct Deleted<'a> {
    issuer: &'a str,
    set_again: Option<Timestamp>,
}

impl Deleted<'_> {
    fn had<R: OfIssuer>(&self, found: &FoundRow<R>) -> bool {
        let is_old = self.set_again.is_none_or(|since| found.row.made() < since);
        is_old && found.row.issuer() == Some(self.issuer)
    }
}

impl<S: Store> Ops<S> {
    /// Deletes what is left of deleted issuers.
    ///
    /// # Errors
    /// [`OpError`] when the store does not answer; what is left is collected in the next sweep.
    pub(crate) async fn collect_issuers(&self) -> Result<(), OpError> {
        let snapshot = self.snapshot().await?;
        let mut after = None;
        loop {
            let marks =
                snapshot.scan(layout::ISSUER_GARBAGE, after.as_deref(), MARKS_PER_SCAN).await?;
            let Some((last, _)) = marks.last() else { return Ok(()) };
            after = Some(last.clone());
            for (mark, row) in &marks {
                let Some((vault, issuer)) = layout::read_issuer_garbage(mark) else { continue };
                let collected = match self.collect_issuer(vault, issuer).await {
                    Ok(collected) => collected,
                    Err(error) => {
                        // One damaged row must not keep all others for ever.
                        tracing::error!(%error, %vault, issuer, "a deleted issuer's rows remain");
                        false
                    }
                };
                if collected {
                    let as_found = Condition::AtRevision(row.revision);
                    let txn = Txn::new().require(mark.to_vec(), as_found).delete(mark.to_vec());
                    self.store.commit(txn).await?;
                }
            }
        }
    }

    /// Deletes what an issuer had; answers whether that is all.
    async fn collect_issuer(&self, vault: VaultId, issuer: &str) -> Result<bool, OpError> {
        let directory = self.directory.current();
        if directory.vault_by_id(vault).is_none() {
            // A deleted vault may be recovered; a purged one's rows go with it.
            return Ok(directory.deleted_vault_by_id(vault).is_none());
        }
        let keys = self.ring.vault(vault).await?;
        let objects = Objects::<Certificates>::new(vault, Arc::clone(&keys));
        let rows = Rows::new(vault, keys);
        let snapshot = self.snapshot().await?;
        let now = issuers::find(&objects, &snapshot, &ObjectName::parse(issuer)?).await?;
        let set_again = now.map(|found| found.row.issuer.created);
        let deleted = Deleted { issuer, set_again };
        Ok(self.collect_accounts(&rows, &snapshot, &deleted).await?
            && self.collect_all::<BindingRow>(&rows, &snapshot, &deleted).await?
            && self.collect_all::<AccountRow>(&rows, &snapshot, &deleted).await?)
    }

    async fn collect_all<R: OfIssuer>(
        &self,
        rows: &Rows,
        snapshot: &S::Snapshot,
        deleted: &Deleted<'_>,
    ) -> Result<bool, OpError> {
        let mut after = None;
        let mut left = TXNS_PER_SWEEP;
        loop {
            let page = rows.all::<R>(snapshot, after, ROWS_PER_TXN).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = Some(last.id);
            let theirs = page.iter().filter(|found| deleted.had(found));
            let txn = theirs.fold(Txn::new(), |txn, found| {
                rows.delete::<R>(rows.require(txn, found), found.id)
            });
            if txn != Txn::new() && !self.collected(txn, &mut left).await? {
                return Ok(false);
            }
        }
    }

    async fn collect_accounts(
        &self,
        rows: &Rows,
        snapshot: &S::Snapshot,
        deleted: &Deleted<'_>,
    ) -> Result<bool, OpError> {
        let mut after = None;
        let mut left = TXNS_PER_SWEEP;
        loop {
            let page = rows.all::<AcmeAccount>(snapshot, after, ROWS_PER_TXN).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = Some(last.id);
            for account in page.iter().filter(|found| deleted.had(found)) {
                let goes = self.collect_orders::<OpenOrder>(rows, account, &mut left).await?
                    && self.collect_orders::<FinishedOrder>(rows, account, &mut left).await?;
                // As it was found: every order that comes between changes it.
                let txn = rows.delete::<AcmeAccount>(rows.require(Txn::new(), account), account.id);
                let of_key = key_id(&account.row.issuer, &account.row.key)?;
                let txn = rows.delete::<AccountOfKey>(txn, of_key);
                if !goes || !self.collected(txn, &mut left).await? {
                    return Ok(false);
                }
            }
        }
    }

    /// Deletes the orders of an account; answers whether these are all.
    async fn collect_orders<R: AcmeRow>(
        &self,
        rows: &Rows,
        account: &FoundRow<AcmeAccount>,
        left: &mut usize,
    ) -> Result<bool, OpError> {
        loop {
            let (family, snapshot) = (account.id.family(), self.snapshot().await?);
            let keys = rows.keys::<R>(&snapshot, family, ROWS_PER_TXN).await?;
            if keys.is_empty() {
                return Ok(true);
            }
            let txn = keys.into_iter().fold(Txn::new(), |txn, key| txn.delete(key));
            if !self.collected(txn, left).await? {
                return Ok(false);
            }
        }
    }

    /// Commits a transaction of those that are left for this sweep; answers whether it was done.
    async fn collected(&self, txn: Txn, left: &mut usize) -> Result<bool, OpError> {
        let Some(fewer) = left.checked_sub(1) else { return Ok(false) };
        *left = fewer;
        Ok(matches!(self.store.commit(txn).await?, Outcome::Committed(_)))
    }
}
