//! Vaults deleted, recovered and purged.

use std::sync::Arc;

use strongroom_directory::row::row_key;
use strongroom_directory::{Deleted, Directory, Vault};
use strongroom_model::{DeletedVault, Scope, SubscriptionId, Timestamp, VaultName, VaultResource};
use strongroom_store::{Condition, Outcome, Store, Txn, layout};

use super::editor::{VAULT_DELETE, VAULT_PURGE, VAULT_WRITE};
use super::{MAX_DECISIONS, VaultAddress, VaultEditor, VaultRefusal, existing_group, same_region};
use crate::access::in_vault;
use crate::audited::NO_VAULT;
use crate::resources::keys_within;
use crate::{Call, OpError, Ops};

/// Rows of roles, deny assignments and locks taken away in one transaction.
const GRANTS_PER_TXN: usize = 48;

impl<S: Store> Ops<S> {
    /// Deletes a vault. From the next request on there is no such vault; it keeps everything in it,
    /// and its name, until it is recovered or purged. Nothing happens, and `None` is answered, if
    /// it is not there.
    ///
    /// # Errors
    /// [`OpError`] that the service cannot.
    pub async fn delete_vault(
        &self,
        address: &VaultAddress,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Option<DeletedVault>, OpError> {
        let scope = Scope::vault(address.subscription, &address.resource_group, &address.name);
        by.demand(VAULT_DELETE, &scope)?;
        self.delete_vault_with_group(address, call).await
    }

    /// As [`Ops::delete_vault`], for whoever may delete its whole group.
    pub(crate) async fn delete_vault_with_group(
        &self,
        address: &VaultAddress,
        call: &mut Call,
    ) -> Result<Option<DeletedVault>, OpError> {
        let _turn = self.vault_turn(&address.name).await;
        for _ in 0..MAX_DECISIONS {
            let directory = self.directory.current();
            let Ok(vault) = address.find(&directory) else { return Ok(None) };
            if let Some(deleted) = self.mark_vault_deleted(vault, call).await? {
                return Ok(Some(deleted));
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended)
    }

    async fn mark_vault_deleted(
        &self,
        vault: &Vault,
        call: &mut Call,
    ) -> Result<Option<DeletedVault>, OpError> {
        let resource = VaultResource::clone(&vault.resource);
        let days = resource.soft_delete.retention_days();
        let scheduled_purge = call.now().plus_days(days);
        let deleted = DeletedVault { resource, deleted: call.now(), scheduled_purge };
        vault.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        let (key, row) = self.directory.row(&deleted)?;
        let txn = in_vault(vault)
            .require(key.clone(), Condition::Absent)
            .delete(row_key::<VaultResource>(deleted.resource.name.folded().as_bytes()))
            .put(key, row);
        let done = self.commit_directory(call, deleted.resource.id, 200, txn).await?;
        Ok(matches!(done, Outcome::Committed(_)).then_some(deleted))
    }

    /// Recovers a deleted vault as it was, into the group it was in; `location` is its region, if
    /// the client says one.
    ///
    /// # Errors
    /// [`VaultRefusal::DeletedNotFound`], [`VaultRefusal::GroupNotFound`] when its group is gone,
    /// or that the service cannot.
    pub async fn recover_vault(
        &self,
        subscription: SubscriptionId,
        name: &VaultName,
        location: Option<&str>,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        let _turn = self.vault_turn(name).await;
        for _ in 0..MAX_DECISIONS {
            let directory = self.directory.current();
            let found = find_deleted(&directory, subscription, name, location)?;
            let mut resource = found.vault.resource.clone();
            let group = existing_group(&directory, subscription, &resource.resource_group)?;
            resource.resource_group = group.name.clone();
            let scope = resource.scope();
            by.demand(VAULT_WRITE, &scope)?;
            scope.as_str().clone_into(&mut call.record_mut().resource_id);
            let (key, row) = self.directory.row(&resource)?;
            let txn = gone(found).require(key.clone(), Condition::Absent).put(key, row);
            let txn = self.in_group(txn, subscription, &resource.resource_group).await?;
            let done = self.commit_directory(call, resource.id, 200, txn).await?;
            if matches!(done, Outcome::Committed(_)) {
                return Ok(Arc::new(resource));
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended)
    }

    /// Purges a deleted vault: its name is free at once; what was in it is collected by the
    /// sweeper, its key last.
    ///
    /// # Errors
    /// [`VaultRefusal::DeletedNotFound`], [`VaultRefusal::PurgeProtected`], or that the service
    /// cannot.
    pub async fn purge_deleted_vault(
        &self,
        subscription: SubscriptionId,
        name: &VaultName,
        location: Option<&str>,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<(), OpError> {
        by.demand(VAULT_PURGE, &Scope::subscription(subscription))?;
        let _turn = self.vault_turn(name).await;
        let directory = self.directory.current();
        let found = find_deleted(&directory, subscription, name, location)?;
        if found.vault.resource.soft_delete.purge_protection() {
            return Err(VaultRefusal::PurgeProtected.into());
        }
        if self.purge_vault(found, 202, call).await? {
            return Ok(());
        }
        Err(OpError::Contended)
    }

    /// One transaction removes the vault, with what was granted, denied and locked in it as far as
    /// it has room, and marks the rest for collection; [`Ops::clear`] sees to it that a later vault
    /// of the name starts with nothing and nobody.
    /// False when the vault is that no more.
    async fn purge_vault(
        &self,
        found: &Deleted,
        http_status: u16,
        call: &mut Call,
    ) -> Result<bool, OpError> {
        let vault = &found.vault.resource;
        let scope = vault.scope();
        scope.as_str().clone_into(&mut call.record_mut().resource_id);
        let mark = layout::vault_garbage(vault.id);
        let txn = gone(found).put(mark, scope.as_str().as_bytes().to_vec());
        let mut granted = keys_within(&self.directory.current(), &scope, |_| false);
        granted.truncate(GRANTS_PER_TXN);
        let txn = granted.into_iter().fold(txn, Txn::delete);
        let done = self.commit_directory(call, vault.id, http_status, txn).await?;
        let purged = matches!(done, Outcome::Committed(_));
        if purged && let Err(error) = self.clear(&vault.name, &scope).await {
            tracing::warn!(%error, %scope, "what was granted in a purged vault is left for later");
        }
        Ok(purged)
    }

    /// Takes away what was granted, denied and locked in a vault that is purged and that its one
    /// transaction had no room for: before that transaction, the vault may still be recovered, and
    /// before another vault of the name is made, it must be gone. With a vault of the name there,
    /// nothing happens.
    pub(super) async fn clear(&self, name: &VaultName, scope: &Scope) -> Result<(), OpError> {
        let keys = keys_within(&self.directory.current(), scope, |_| false);
        let folded = name.folded();
        for keys in keys.chunks(GRANTS_PER_TXN) {
            let mut call = self.own_call("VaultPurge", "what was granted in a purged vault")?;
            scope.as_str().clone_into(&mut call.record_mut().resource_id);
            let none = Txn::new()
                .require(row_key::<VaultResource>(folded.as_bytes()), Condition::Absent)
                .require(row_key::<DeletedVault>(folded.as_bytes()), Condition::Absent);
            let txn = keys.iter().cloned().fold(none, Txn::delete);
            let done = self.commit_directory(&mut call, NO_VAULT, 200, txn).await?;
            if !matches!(done, Outcome::Committed(_)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Purges the deleted vaults whose retention has ended; answers how many.
    pub(crate) async fn purge_due_vaults(&self, now: Timestamp) -> Result<usize, OpError> {
        let directory = self.directory.current();
        let mut purged = 0;
        for found in directory.deleted_vaults_due(now) {
            let mut call = self.own_call("VaultPurge", "strongroom sweeper")?;
            call.set_property("trigger", "scheduledPurge".into());
            purged += usize::from(self.purge_vault(found, 200, &mut call).await?);
        }
        Ok(purged)
    }
}

fn key_of(found: &Deleted) -> Vec<u8> {
    row_key::<DeletedVault>(found.vault.resource.name.folded().as_bytes())
}

/// A transaction that holds only while a deleted vault is as it was found, and removes its row.
fn gone(found: &Deleted) -> Txn {
    let as_found = Txn::new().require(key_of(found), Condition::AtRevision(found.revision));
    as_found.delete(key_of(found))
}

fn find_deleted<'a>(
    directory: &'a Directory,
    subscription: SubscriptionId,
    name: &VaultName,
    location: Option<&str>,
) -> Result<&'a Arc<Deleted>, VaultRefusal> {
    directory
        .deleted_vault(&name.folded())
        .filter(|found| found.vault.resource.subscription == subscription)
        .filter(|found| location.is_none_or(|at| same_region(at, &found.vault.resource.location)))
        .ok_or_else(|| VaultRefusal::DeletedNotFound(name.to_string()))
}
