//! Vaults: made, with their key, in one transaction.

use std::sync::Arc;

use strongroom_crypto::random;
use strongroom_model::{
    ResourceGroupName, SoftDelete, SubscriptionId, VaultId, VaultName, VaultResource,
};
use strongroom_seal::Purpose;
use strongroom_store::{Condition, Outcome, Store, Txn};

use crate::{Call, OpError, Ops};

/// A vault to be made.
pub struct CreateVault {
    /// Its name.
    pub name: VaultName,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The resource group, which must exist.
    pub resource_group: ResourceGroupName,
    /// The region it answers to; `None`: its group's.
    pub location: Option<String>,
    /// What happens to deleted objects.
    pub soft_delete: SoftDelete,
}

impl<S: Store> Ops<S> {
    /// Makes a vault.
    ///
    /// # Errors
    /// [`OpError::NameTaken`], [`OpError::NoSuch`] for an unknown group, or that the service
    /// cannot.
    pub async fn create_vault(
        &self,
        request: CreateVault,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        let directory = self.directory.current();
        let group = directory
            .resource_group(request.subscription, &request.resource_group)
            .ok_or_else(|| OpError::NoSuch(no_group(&request)))?;
        let subscription = directory
            .subscription(request.subscription)
            .ok_or_else(|| OpError::NoSuch(no_group(&request)))?;
        let vault = VaultResource {
            id: VaultId::from_bytes(random::bytes()?),
            name: request.name,
            tenant: subscription.tenant,
            subscription: request.subscription,
            resource_group: group.name.clone(),
            location: request.location.unwrap_or_else(|| group.location.clone()),
            soft_delete: request.soft_delete,
            created: call.now(),
        };
        vault.scope().as_str().clone_into(&mut call.record_mut().resource_id);
        let (key, row) = self.directory.row(&vault)?;
        let (data_key, wrapped) = self.ring.new_key(Purpose::Vault(vault.id))?;
        let txn =
            Txn::new().require(key.clone(), Condition::Absent).put(key, row).put(data_key, wrapped);
        match self.commit_directory(call, vault.id, 200, txn).await? {
            Outcome::Committed(_) => Ok(Arc::new(vault)),
            Outcome::Conflict => Err(OpError::NameTaken(format!("A vault named {}", vault.name))),
        }
    }
}

fn no_group(request: &CreateVault) -> String {
    format!(
        "Resource group '{}' could not be found in subscription '{}'.",
        request.resource_group.as_str(),
        request.subscription
    )
}
