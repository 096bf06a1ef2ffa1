//! How a change is decided: on a snapshot, in one transaction that holds only while nothing that
//! was read has changed; and anew when something has.
//!
//! ```text
//! let mut deciding = ops.deciding(&authorized, &name).await;
//! loop {
//!     let moment = deciding.moment().await?;
//!     let txn = …what is to be done, decided on the moment…;
//!     if deciding.commit(call, txn).await? {
//!         return Ok(…);
//!     }
//! }
//! ```

use std::sync::Arc;

use strongroom_authz::Authorized;
use strongroom_directory::Vault;
use strongroom_model::{ObjectName, SoftDelete};
use strongroom_store::{Outcome, Store, Txn};
use tokio::sync::MutexGuard;

use crate::access::in_vault;
use crate::{Call, OpError, Ops};

/// How often a change is decided again when another one came between.
const MAX_DECISIONS: usize = 5;

/// A change of an object, in its turn.
pub(crate) struct Deciding<'a, S: Store> {
    ops: &'a Ops<S>,
    authorized: &'a Authorized,
    left: usize,
    _turn: Option<MutexGuard<'a, ()>>,
}

/// What a change is decided on.
pub(crate) struct Moment<Snapshot> {
    vault: Arc<Vault>,
    /// Everything that was acknowledged before.
    pub(crate) snapshot: Snapshot,
}

impl<Snapshot> Moment<Snapshot> {
    /// A transaction that holds only while the vault is as this node knows it.
    pub(crate) fn txn(&self) -> Txn {
        in_vault(&self.vault)
    }

    /// The vault's rules for deleted objects.
    pub(crate) fn soft_delete(&self) -> SoftDelete {
        self.vault.resource.soft_delete
    }
}

impl<S: Store> Ops<S> {
    /// Waits for the turn to change an object.
    pub(crate) async fn deciding<'a>(
        &'a self,
        authorized: &'a Authorized,
        name: &ObjectName,
    ) -> Deciding<'a, S> {
        let turn = self.turns.of(authorized.vault().id, name).await;
        Deciding { ops: self, authorized, left: MAX_DECISIONS, _turn: turn }
    }
}

impl<S: Store> Deciding<'_, S> {
    /// What there is to decide on, now.
    ///
    /// # Errors
    /// [`OpError::Contended`] after five decisions that did not hold, or that the service cannot.
    pub(crate) async fn moment(&mut self) -> Result<Moment<S::Snapshot>, OpError> {
        self.left = self.left.checked_sub(1).ok_or(OpError::Contended)?;
        let vault = self.ops.vault_now(self.authorized.vault())?;
        Ok(Moment { vault, snapshot: self.ops.snapshot().await? })
    }

    /// Commits the decision with its audit record; false if it no longer holds.
    ///
    /// # Errors
    /// That the service cannot.
    pub(crate) async fn commit(&self, call: &mut Call, txn: Txn) -> Result<bool, OpError> {
        self.commit_as(call, self.authorized.operation().success_status(), txn).await
    }

    /// As [`Deciding::commit`], where the answer has another status than the operation's.
    ///
    /// # Errors
    /// That the service cannot.
    pub(crate) async fn commit_as(
        &self,
        call: &mut Call,
        status: u16,
        txn: Txn,
    ) -> Result<bool, OpError> {
        let vault = self.authorized.vault().id;
        let outcome = self.ops.commit_recorded(call, vault, status, txn).await?;
        Ok(matches!(outcome, Outcome::Committed(_)))
    }
}
