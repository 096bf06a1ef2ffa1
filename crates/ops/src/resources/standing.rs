//! What is said at a scope is written only while the scope is there: else a later group or vault
//! of its name would begin with it.

use strongroom_directory::row::{open_row, row_key};
use strongroom_model::{ResourceGroupName, Scope, VaultName, VaultResource};
use strongroom_store::{Condition, Snapshot, Store, Txn};

use crate::vaults::VaultRefusal;
use crate::{OpError, Ops};

impl<S: Store> Ops<S> {
    /// A transaction that holds only while the group and the vault that a scope is, or lies in,
    /// stand as the store has them now. Above groups, nothing is asked.
    ///
    /// # Errors
    /// [`VaultRefusal::GroupNotFound`], [`VaultRefusal::GroupDeleting`],
    /// [`VaultRefusal::NotFound`], or that the service cannot.
    pub(crate) async fn at_scope(&self, txn: Txn, scope: &Scope) -> Result<Txn, OpError> {
        let Some(subscription) = scope.subscription_id() else { return Ok(txn) };
        let mut segments = scope.as_str().split('/').skip(4);
        let Some(shown) = segments.next() else { return Ok(txn) };
        let no_group = || VaultRefusal::GroupNotFound(shown.to_owned());
        let group = ResourceGroupName::parse(shown).map_err(|_| no_group())?;
        let txn = self.in_group(txn, subscription, &group).await?;
        let mut rest = segments.skip(3);
        match rest.next() {
            Some(vault) => self.beside_vault(txn, scope, vault, shown).await,
            None => Ok(txn),
        }
    }

    /// The same, while the vault of a name stands and holds the scope.
    async fn beside_vault(
        &self,
        txn: Txn,
        scope: &Scope,
        vault: &str,
        group: &str,
    ) -> Result<Txn, OpError> {
        let missing = || VaultRefusal::NotFound { name: vault.to_owned(), group: group.to_owned() };
        let id = VaultName::parse(vault).map_err(|_| missing())?.folded();
        let key = row_key::<VaultResource>(id.as_bytes());
        let row = self.snapshot().await?.get(&key).await?.ok_or_else(missing)?;
        let known: VaultResource = open_row(self.ring.system(), id.as_bytes(), &row.value)?;
        if !known.scope().contains(scope) {
            return Err(missing().into());
        }
        Ok(txn.require(key, Condition::AtRevision(row.revision)))
    }
}
