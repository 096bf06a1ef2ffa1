//! The tags of a vault, by those who may tag but not change it.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_model::{Author, VaultProperties, VaultResource};
use strongroom_store::Store;

use super::{VAULT_WRITE, VaultAddress, VaultEditor};
use crate::resources::{ResourceRefusal, TAGS_DELETE, TAGS_WRITE, demand};
use crate::{Call, Ops};

impl<S: Store> Ops<S> {
    /// Changes the tags of a vault; answers it.
    ///
    /// # Errors
    /// What `change` refuses, [`ResourceRefusal::Op`] when the vault is not there or the service
    /// cannot.
    pub async fn change_vault_tags(
        &self,
        granted: &GrantedAction,
        address: &VaultAddress,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), ResourceRefusal>,
        author: Author,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, ResourceRefusal> {
        let by = VaultEditor::new(Some(author), []);
        self.decide_vault(address, &by, call, |vault| {
            demand(granted, &[TAGS_WRITE, TAGS_DELETE, VAULT_WRITE], &vault.scope)?;
            let kept = &vault.resource;
            let mut tags = kept.properties.tags.clone();
            change(&mut tags)?;
            let properties = VaultProperties { tags, ..kept.properties.clone() };
            Ok(VaultResource { properties, ..VaultResource::clone(kept) })
        })
        .await
    }
}
