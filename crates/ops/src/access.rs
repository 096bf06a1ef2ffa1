//! The vault of an admitted request, as a mutation must find it.

use std::sync::Arc;

use strongroom_authz::Authorized;
use strongroom_directory::Vault;
use strongroom_model::VaultResource;
use strongroom_store::{Condition, Freshness, Store, Txn, layout};

use crate::objects::{ObjectKind, Objects};
use crate::{OpError, Ops};

impl<S: Store> Ops<S> {
    /// The objects of one kind in the vault of an authorised request, which is charged for it.
    pub(crate) async fn objects<K: ObjectKind>(
        &self,
        authorized: &Authorized,
    ) -> Result<Objects<K>, OpError> {
        self.charge_operation(authorized)?;
        let vault = authorized.vault().id;
        Ok(Objects::new(vault, self.ring.vault(vault).await?))
    }

    /// The vault as the directory has it now; refused when its name has another life.
    pub(crate) fn vault_now(&self, resource: &VaultResource) -> Result<Arc<Vault>, OpError> {
        let directory = self.directory.current();
        directory
            .vault(&resource.name.folded())
            .filter(|vault| vault.resource.id == resource.id)
            .cloned()
            .ok_or(OpError::VaultGone)
    }

    /// A snapshot that contains every acknowledged write.
    pub(crate) async fn snapshot(&self) -> Result<S::Snapshot, OpError> {
        Ok(self.store.snapshot(Freshness::Linearizable).await?)
    }
}

/// A transaction that holds only while the vault is as this node knows it.
pub(crate) fn in_vault(vault: &Vault) -> Txn {
    let key = layout::directory_row("vault", vault.resource.name.folded().as_bytes());
    Txn::new().require(key, Condition::AtRevision(vault.revision))
}
