//! Vaults as resources: made, with their key, in one transaction; changed, deleted, recovered,
//! purged. Each change is in force on the next request.

mod collect;
mod deletion;
mod editor;
mod policies;
mod refusal;
mod said;
mod settings;
mod tags;
mod unlock;

use std::sync::Arc;

use strongroom_crypto::random;
use strongroom_directory::row::row_key;
use strongroom_directory::{Directory, ResourceGroup, Vault};
use strongroom_model::{
    DeletedVault, ObjectName, PrincipalId, ResourceGroupName, Scope, SoftDelete, SubscriptionId,
    VaultId, VaultName, VaultResource,
};
use strongroom_seal::Purpose;
use strongroom_store::{Condition, Outcome, Store, Txn};
use tokio::sync::MutexGuard;

use crate::access::in_vault;
use crate::audited::NO_VAULT;
use crate::{Call, OpError, Ops};

pub use editor::{ACCESS_POLICIES_WRITE, VAULT_DELETE, VAULT_PURGE, VAULT_WRITE, VaultEditor};
pub use policies::PolicyChange;
pub use refusal::VaultRefusal;
pub use settings::VaultSettings;

/// How often a change is decided again when another one came between.
const MAX_DECISIONS: usize = 5;

/// A vault to be made, that says nothing of what it could.
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

/// A vault to be made, or to be changed if it is there.
#[derive(Clone, Debug)]
pub struct PutVault {
    /// Its name.
    pub name: VaultName,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The resource group, which must exist.
    pub resource_group: ResourceGroupName,
    /// The region it answers to; `None`: its group's.
    pub location: Option<String>,
    /// Whether roles decide in a new vault, if the settings do not say.
    pub default_rbac: bool,
    /// What is said of it.
    pub settings: VaultSettings,
}

/// Where a vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultAddress {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The resource group.
    pub resource_group: ResourceGroupName,
    /// Its name.
    pub name: VaultName,
}

impl VaultAddress {
    /// Whether a vault is there; names compare without regard to ASCII case.
    fn is_of(&self, vault: &VaultResource) -> bool {
        let (asked, group) = (self.resource_group.as_str(), vault.resource_group.as_str());
        self.subscription == vault.subscription && asked.eq_ignore_ascii_case(group)
    }

    /// The vault there.
    ///
    /// # Errors
    /// [`VaultRefusal::NotFound`].
    pub fn find<'a>(&self, directory: &'a Directory) -> Result<&'a Arc<Vault>, VaultRefusal> {
        directory.vault(&self.name.folded()).filter(|vault| self.is_of(&vault.resource)).ok_or_else(
            || VaultRefusal::NotFound {
                name: self.name.as_str().to_owned(),
                group: self.resource_group.as_str().to_owned(),
            },
        )
    }
}

impl From<&VaultResource> for VaultAddress {
    fn from(vault: &VaultResource) -> Self {
        Self {
            subscription: vault.subscription,
            resource_group: vault.resource_group.clone(),
            name: vault.name.clone(),
        }
    }
}

impl<S: Store> Ops<S> {
    /// The same, where a vault's firewall takes only the rules that the real service takes: no
    /// private addresses, and no IPv6.
    #[must_use]
    pub fn with_strict_firewalls(self, azure_strict: bool) -> Self {
        Self { azure_strict, ..self }
    }

    /// The same, knowing the principals of trusted services: what explains an access asks it.
    #[must_use]
    pub fn with_trusted_services(self, principals: Vec<PrincipalId>) -> Self {
        Self { trusted_services: principals, ..self }
    }

    /// The principals of trusted services, which vaults may let past their firewalls.
    pub fn trusted_services(&self) -> &[PrincipalId] {
        &self.trusted_services
    }

    /// Makes a vault.
    ///
    /// # Errors
    /// As [`Ops::put_vault`], and [`VaultRefusal::NameTaken`] if it is there.
    pub async fn create_vault(
        &self,
        request: CreateVault,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        let CreateVault { name, subscription, resource_group, location, soft_delete } = request;
        let settings = VaultSettings {
            retention_days: Some(soft_delete.retention_days()),
            purge_protection: soft_delete.purge_protection().then_some(true),
            ..VaultSettings::default()
        };
        let put =
            PutVault { name, subscription, resource_group, location, default_rbac: true, settings };
        self.put_new_vault(&put, &VaultEditor::on_this_host(), call).await
    }

    /// Makes a vault that is not there yet.
    ///
    /// # Errors
    /// As [`Ops::put_vault`], and [`VaultRefusal::NameTaken`] if it is there.
    pub async fn put_new_vault(
        &self,
        request: &PutVault,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        let _turn = self.vault_turn(&request.name).await;
        if self.directory.current().vault(&request.name.folded()).is_some() {
            return Err(VaultRefusal::NameTaken(request.name.to_string()).into());
        }
        self.make_vault(request, by, call).await?.ok_or(OpError::Contended)
    }

    /// Makes a vault, or changes it if it is there.
    ///
    /// # Errors
    /// [`OpError::Vault`] when the rules forbid it, or that the service cannot.
    pub async fn put_vault(
        &self,
        request: &PutVault,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        let _turn = self.vault_turn(&request.name).await;
        for _ in 0..MAX_DECISIONS {
            let directory = self.directory.current();
            let done = match directory.vault(&request.name.folded()) {
                Some(vault) => {
                    check_same_place(request, &vault.resource)?;
                    self.change_vault(vault, request.settings.clone(), by, call).await?
                }
                None => self.make_vault(request, by, call).await?,
            };
            if let Some(vault) = done {
                return Ok(vault);
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended)
    }

    /// Changes a vault that is there.
    ///
    /// # Errors
    /// [`OpError::Vault`] when it is not there or the rules forbid it, or that the service cannot.
    pub async fn update_vault(
        &self,
        address: &VaultAddress,
        settings: &VaultSettings,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        self.decide_vault(address, by, call, |vault| {
            self.changed_vault(&vault.resource, settings.clone(), by)
        })
        .await
    }

    /// Changes a vault, in its turn, until the decision holds. Deciding waits for nothing.
    async fn decide_vault<E: From<OpError>>(
        &self,
        address: &VaultAddress,
        by: &VaultEditor,
        call: &mut Call,
        mut decide: impl FnMut(&Vault) -> Result<VaultResource, E>,
    ) -> Result<Arc<VaultResource>, E> {
        let _turn = self.vault_turn(&address.name).await;
        for _ in 0..MAX_DECISIONS {
            let directory = self.directory.current();
            let vault = address.find(&directory).map_err(OpError::from)?;
            let changed = decide(vault)?;
            if let Some(changed) = self.replace_vault(vault, changed, by, call).await? {
                return Ok(changed);
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended.into())
    }

    /// The turn to change what a vault's name stands for.
    async fn vault_turn(&self, name: &VaultName) -> Option<MutexGuard<'_, ()>> {
        match ObjectName::parse(name.as_str()) {
            Ok(name) => self.turns.of(NO_VAULT, &name).await,
            Err(_) => None,
        }
    }

    /// One transaction makes the vault and its key; `None` when the name was taken just now.
    async fn make_vault(
        &self,
        request: &PutVault,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Option<Arc<VaultResource>>, OpError> {
        let directory = self.directory.current();
        let vault = self.new_vault(request, &directory, by, call)?;
        said::said(None, &vault, call);
        self.clear(&vault.name, &vault.scope()).await?;
        vault.scope().as_str().clone_into(&mut call.record_mut().resource_id);
        let (key, row) = self.directory.row(&vault)?;
        let (data_key, wrapped) = self.ring.new_key(Purpose::Vault(vault.id))?;
        let deleted = row_key::<DeletedVault>(vault.name.folded().as_bytes());
        let txn = Txn::new()
            .require(key.clone(), Condition::Absent)
            .require(deleted, Condition::Absent)
            .put(key, row)
            .put(data_key, wrapped);
        let txn = self.in_group(txn, vault.subscription, &vault.resource_group).await?;
        let made = self.commit_directory(call, vault.id, 200, txn).await?;
        Ok(matches!(made, Outcome::Committed(_)).then(|| Arc::new(vault)))
    }

    fn new_vault(
        &self,
        request: &PutVault,
        directory: &Directory,
        by: &VaultEditor,
        call: &Call,
    ) -> Result<VaultResource, OpError> {
        let group = existing_group(directory, request.subscription, &request.resource_group)?;
        if directory.deleted_vault(&request.name.folded()).is_some() {
            return Err(VaultRefusal::NameDeleted.into());
        }
        let tenant = directory
            .subscription(request.subscription)
            .map(|subscription| subscription.tenant)
            .ok_or_else(|| VaultRefusal::GroupNotFound(group.name.as_str().to_owned()))?;
        check_tenant(&request.settings, tenant)?;
        let settings = request.settings.clone();
        let scope = Scope::vault(request.subscription, &group.name, &request.name);
        Ok(VaultResource {
            id: VaultId::from_bytes(random::bytes()?),
            name: request.name.clone(),
            tenant,
            subscription: request.subscription,
            resource_group: group.name.clone(),
            location: request.location.clone().unwrap_or_else(|| group.location.clone()),
            soft_delete: settings.new_soft_delete()?,
            created: call.now(),
            properties: settings.new_properties(
                request.default_rbac,
                self.azure_strict,
                by,
                &scope,
            )?,
        })
    }

    /// `None` when somebody else has changed the vault just now.
    async fn change_vault(
        &self,
        vault: &Vault,
        settings: VaultSettings,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Option<Arc<VaultResource>>, OpError> {
        let changed = self.changed_vault(&vault.resource, settings, by)?;
        self.replace_vault(vault, changed, by, call).await
    }

    /// The vault after a change that its rules allow.
    fn changed_vault(
        &self,
        kept: &VaultResource,
        settings: VaultSettings,
        by: &VaultEditor,
    ) -> Result<VaultResource, OpError> {
        check_tenant(&settings, kept.tenant)?;
        Ok(settings.applied(kept, self.azure_strict, by)?)
    }

    /// Writes a vault in the place of what it was; `None` when it is that no more.
    async fn replace_vault(
        &self,
        vault: &Vault,
        mut changed: VaultResource,
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Option<Arc<VaultResource>>, OpError> {
        said::said(Some(&vault.resource), &changed, call);
        changed.properties.modified = Some(call.now());
        changed.properties.modified_by = by.author().cloned();
        vault.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        let (key, row) = self.directory.row(&changed)?;
        let txn = in_vault(vault).put(key, row);
        let done = self.commit_directory(call, changed.id, 200, txn).await?;
        Ok(matches!(done, Outcome::Committed(_)).then(|| Arc::new(changed)))
    }
}

fn existing_group<'a>(
    directory: &'a Directory,
    subscription: SubscriptionId,
    name: &ResourceGroupName,
) -> Result<&'a Arc<ResourceGroup>, VaultRefusal> {
    directory
        .resource_group(subscription, name)
        .ok_or_else(|| VaultRefusal::GroupNotFound(name.as_str().to_owned()))
}

/// A vault accepts the tokens of its subscription's tenant, and of no other.
fn check_tenant(
    settings: &VaultSettings,
    tenant: strongroom_model::TenantId,
) -> Result<(), VaultRefusal> {
    match settings.tenant {
        Some(asked) if asked != tenant => Err(VaultRefusal::OtherTenant(asked.to_string())),
        _ => Ok(()),
    }
}

/// A name is one vault's everywhere; and a vault does not move.
fn check_same_place(request: &PutVault, vault: &VaultResource) -> Result<(), VaultRefusal> {
    let PutVault { name, subscription, resource_group, location, .. } = request;
    let (name, subscription) = (name.clone(), *subscription);
    let address = VaultAddress { subscription, resource_group: resource_group.clone(), name };
    if !address.is_of(vault) {
        return Err(VaultRefusal::NameTaken(address.name.to_string()));
    }
    match location {
        Some(asked) if !same_region(asked, &vault.location) => Err(VaultRefusal::OtherLocation {
            name: vault.name.to_string(),
            location: vault.location.clone(),
            group: vault.resource_group.as_str().to_owned(),
            asked: asked.chars().take(64).collect(),
        }),
        _ => Ok(()),
    }
}

/// Regions compare without regard to ASCII case and to spaces: `West US` is `westus`.
pub fn same_region(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        name.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}
