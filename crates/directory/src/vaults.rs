//! Vaults, as the snapshot keeps them: whatever is asked of many of them costs what it answers,
//! however many there are.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use strongroom_model::{
    AccessPolicies, DeletedVault, Firewall, ResourceGroupName, Scope, SubscriptionId, Timestamp,
    VaultId, VaultResource,
};
use strongroom_store::Revision;

/// A vault, with its scope at hand.
#[derive(Clone, Debug)]
pub struct Vault {
    /// The resource.
    pub resource: Arc<VaultResource>,
    /// Its scope.
    pub scope: Scope,
    /// Its firewall.
    pub firewall: Firewall,
    /// Its access policies; `None` where roles decide.
    pub policies: Option<AccessPolicies>,
    /// The revision of its row: what every change of one of its objects requires.
    pub revision: Revision,
}

impl Vault {
    /// A vault as requests meet it.
    pub fn new(resource: VaultResource, revision: Revision) -> Self {
        let (scope, firewall) = (resource.scope(), resource.firewall());
        let policies = resource.policies_in_force();
        Self { resource: Arc::new(resource), scope, firewall, policies, revision }
    }
}

/// A deleted vault.
#[derive(Clone, Debug)]
pub struct Deleted {
    /// The vault, and until when it is kept.
    pub vault: DeletedVault,
    /// The revision of its row.
    pub revision: Revision,
}

/// Where a vault stands in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    subscription: SubscriptionId,
    group: String,
    name: String,
}

impl GroupKey {
    fn of(vault: &VaultResource) -> Self {
        let group = vault.resource_group.as_str().to_ascii_lowercase();
        Self { subscription: vault.subscription, group, name: vault.name.folded() }
    }

    fn first_of(subscription: SubscriptionId, group: Option<&str>) -> Self {
        let group = group.unwrap_or_default().to_owned();
        Self { subscription, group, name: String::new() }
    }
}

/// All vaults. Cheap to clone: the maps share their structure.
#[derive(Clone, Default)]
pub(crate) struct Vaults {
    named: HashMap<String, Arc<Vault>>,
    names: HashMap<VaultId, String>,
    by_group: OrdMap<GroupKey, Arc<Vault>>,
}

impl Vaults {
    pub(crate) fn named(&self, folded: &str) -> Option<&Arc<Vault>> {
        self.named.get(folded)
    }

    pub(crate) fn by_id(&self, id: VaultId) -> Option<&Arc<Vault>> {
        self.named.get(self.names.get(&id)?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Vault>> {
        self.named.values()
    }

    /// As [`crate::Directory::vaults_in`] says.
    pub(crate) fn within(
        &self,
        subscription: SubscriptionId,
        group: Option<&ResourceGroupName>,
        after: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &Arc<Vault>> {
        let group = group.map(|name| name.as_str().to_ascii_lowercase());
        let first = after.map_or_else(
            || Bound::Included(GroupKey::first_of(subscription, group.as_deref())),
            |(group, name)| {
                let (group, name) = (group.to_owned(), name.to_owned());
                Bound::Excluded(GroupKey { subscription, group, name })
            },
        );
        self.by_group
            .range((first, Bound::Unbounded))
            .take_while(move |(key, _)| {
                key.subscription == subscription
                    && group.as_ref().is_none_or(|group| key.group == *group)
            })
            .map(|(_, vault)| vault)
    }

    /// Puts the vault of a row, or takes it away.
    pub(crate) fn apply(&mut self, id: &[u8], revision: Revision, row: Option<VaultResource>) {
        let folded = String::from_utf8_lossy(id).into_owned();
        if let Some(old) = self.named.remove(&folded) {
            self.names.remove(&old.resource.id);
            self.by_group.remove(&GroupKey::of(&old.resource));
        }
        if let Some(resource) = row {
            self.names.insert(resource.id, folded.clone());
            let vault = Arc::new(Vault::new(resource, revision));
            self.by_group.insert(GroupKey::of(&vault.resource), Arc::clone(&vault));
            self.named.insert(folded, vault);
        }
    }
}

/// All deleted vaults. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct DeletedVaults {
    named: OrdMap<String, Arc<Deleted>>,
    names: HashMap<VaultId, String>,
    by_subscription: OrdMap<(SubscriptionId, String), Arc<Deleted>>,
    by_purge: OrdMap<(Timestamp, String), Arc<Deleted>>,
}

impl DeletedVaults {
    pub(crate) fn named(&self, folded: &str) -> Option<&Arc<Deleted>> {
        self.named.get(folded)
    }

    pub(crate) fn by_id(&self, id: VaultId) -> Option<&Arc<Deleted>> {
        self.named.get(self.names.get(&id)?)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Deleted>> {
        self.named.values()
    }

    /// As [`crate::Directory::deleted_vaults_in`] says.
    pub(crate) fn within(
        &self,
        subscription: SubscriptionId,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Deleted>> {
        // No name is empty.
        let after = (subscription, after.unwrap_or_default().to_owned());
        self.by_subscription
            .range((Bound::Excluded(after), Bound::Unbounded))
            .take_while(move |((of, _), _)| *of == subscription)
            .map(|(_, deleted)| deleted)
    }

    /// As [`crate::Directory::deleted_vaults_due`] says.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Deleted>> {
        self.by_purge
            .iter()
            .take_while(move |((purge, _), _)| *purge <= now)
            .map(|(_, deleted)| deleted)
    }

    /// Puts the deleted vault of a row, or takes it away.
    pub(crate) fn apply(&mut self, id: &[u8], revision: Revision, row: Option<DeletedVault>) {
        let folded = String::from_utf8_lossy(id).into_owned();
        if let Some(old) = self.named.remove(&folded) {
            let DeletedVault { resource, scheduled_purge, .. } = &old.vault;
            self.names.remove(&resource.id);
            self.by_subscription.remove(&(resource.subscription, folded.clone()));
            self.by_purge.remove(&(*scheduled_purge, folded.clone()));
        }
        if let Some(vault) = row {
            let deleted = Arc::new(Deleted { vault, revision });
            let DeletedVault { resource, scheduled_purge, .. } = &deleted.vault;
            self.names.insert(resource.id, folded.clone());
            let listed = (resource.subscription, folded.clone());
            self.by_subscription.insert(listed, Arc::clone(&deleted));
            self.by_purge.insert((*scheduled_purge, folded.clone()), Arc::clone(&deleted));
            self.named.insert(folded, deleted);
        }
    }
}
