//! The way back into a vault whose firewall shuts out everybody.

use std::sync::Arc;

use strongroom_model::{NetworkAcls, VaultProperties, VaultResource};
use strongroom_store::Store;

use super::editor::VAULT_WRITE;
use super::{VaultAddress, VaultEditor};
use crate::{Call, OpError, Ops};

impl<S: Store> Ops<S> {
    /// Opens a vault's firewall to every address: `defaultAction` `Allow`, public network access
    /// enabled. The rules are kept, for when it is shut again.
    ///
    /// # Errors
    /// [`OpError::Vault`] when the vault is not there, or that the service cannot.
    pub async fn unlock_vault(
        &self,
        address: &VaultAddress,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        self.decide_vault(address, by, call, |vault| {
            let kept = &vault.resource;
            by.demand(VAULT_WRITE, &vault.scope)?;
            let network = kept.properties.network.clone();
            let properties = VaultProperties {
                network: network.map(|acls| NetworkAcls { default_deny: false, ..acls }),
                public_network_access: true,
                ..kept.properties.clone()
            };
            Ok(VaultResource { properties, ..VaultResource::clone(kept) })
        })
        .await
    }
}
