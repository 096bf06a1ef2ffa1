//! A vault as a resource: where it is and what its rules are.

use minicbor::{Decode, Encode};

use crate::{
    ResourceGroupName, Scope, SoftDelete, SubscriptionId, TenantId, Timestamp, VaultId, VaultName,
};

/// A vault as the control plane knows it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultResource {
    /// This life of the name.
    #[n(0)]
    pub id: VaultId,
    /// The name, as it was spelt.
    #[n(1)]
    pub name: VaultName,
    /// The tenant whose tokens it accepts.
    #[n(2)]
    pub tenant: TenantId,
    /// The subscription it belongs to.
    #[n(3)]
    pub subscription: SubscriptionId,
    /// The resource group it belongs to.
    #[n(4)]
    pub resource_group: ResourceGroupName,
    /// The region it answers to.
    #[n(5)]
    pub location: String,
    /// What happens to deleted objects.
    #[n(6)]
    pub soft_delete: SoftDelete,
    /// When it was made.
    #[n(7)]
    pub created: Timestamp,
}

impl VaultResource {
    /// The vault's ARM resource id.
    pub fn scope(&self) -> Scope {
        Scope::vault(self.subscription, &self.resource_group, &self.name)
    }
}
