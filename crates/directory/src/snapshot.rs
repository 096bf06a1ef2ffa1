//! The directory as of one revision.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_model::{
    Assignments, ClientId, DeletedVault, DenyAssignment, DenyAssignmentId, PrincipalId,
    ResourceGroupName, RoleAssignment, RoleAssignmentId, RoleDefinition, RoleDefinitionId, Scope,
    SubscriptionId, TenantId, Timestamp, VaultId, VaultResource,
};
use strongroom_seal::DataKeys;
use strongroom_store::{Revision, layout};

use crate::row::{DirectoryRow, TokenKeyRow, open_row};
use crate::vaults::{Deleted, DeletedVaults, Vault, Vaults};
use crate::{
    Application, DirectoryError, Group, Installation, Lock, Locks, ResourceGroup, Subscription,
    Tenant, TokenKey, TrustedIssuer, User,
};

/// How deep groups may lie in groups.
const MAX_GROUP_DEPTH: usize = 8;

/// An immutable view of the whole directory. Cheap to clone: the maps share their structure.
#[derive(Clone)]
pub struct Directory {
    revision: Revision,
    installation: Option<Arc<Installation>>,
    tenants: HashMap<TenantId, Arc<Tenant>>,
    subscriptions: HashMap<SubscriptionId, Arc<Subscription>>,
    /// By subscription, then by name in lower case.
    resource_groups: OrdMap<Vec<u8>, Arc<ResourceGroup>>,
    locks: Locks,
    vaults: Vaults,
    deleted_vaults: DeletedVaults,
    applications: HashMap<ClientId, Arc<Application>>,
    applications_by_object: HashMap<PrincipalId, ClientId>,
    users: HashMap<PrincipalId, Arc<User>>,
    groups: HashMap<PrincipalId, Arc<Group>>,
    memberships: HashMap<PrincipalId, Vec<PrincipalId>>,
    access: Assignments,
    built_in: Arc<[RoleDefinition]>,
    token_keys: Vec<TokenKey>,
    issuers: Vec<Arc<TrustedIssuer>>,
}

impl Directory {
    pub(crate) fn empty(built_in: Arc<[RoleDefinition]>) -> Self {
        let mut access = Assignments::default();
        for role in built_in.iter() {
            access.put_role(Arc::new(role.clone()));
        }
        Self {
            revision: Revision(0),
            installation: None,
            tenants: HashMap::new(),
            subscriptions: HashMap::new(),
            resource_groups: OrdMap::new(),
            locks: Locks::default(),
            vaults: Vaults::default(),
            deleted_vaults: DeletedVaults::default(),
            applications: HashMap::new(),
            applications_by_object: HashMap::new(),
            users: HashMap::new(),
            groups: HashMap::new(),
            memberships: HashMap::new(),
            access,
            built_in,
            token_keys: Vec::new(),
            issuers: Vec::new(),
        }
    }

    /// The newest directory change that this view contains.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The installation; `None` only before its set-up.
    pub fn installation(&self) -> Option<&Arc<Installation>> {
        self.installation.as_ref()
    }

    /// A tenant.
    pub fn tenant(&self, id: TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(&id)
    }

    /// A subscription.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(&id)
    }

    /// All subscriptions, in no order.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.subscriptions.values()
    }

    /// A resource group, its name in any case.
    pub fn resource_group(
        &self,
        subscription: SubscriptionId,
        name: &ResourceGroupName,
    ) -> Option<&Arc<ResourceGroup>> {
        self.resource_groups.get(&group_key(subscription, name.as_str()))
    }

    /// All resource groups, in no order.
    pub fn resource_groups(&self) -> impl Iterator<Item = &Arc<ResourceGroup>> {
        self.resource_groups.values()
    }

    /// The resource groups of a subscription in the order of their names; those after `after`
    /// only: a name in lower case, of a group that may be gone by now. A page costs what it shows.
    pub fn resource_groups_in(
        &self,
        subscription: SubscriptionId,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<ResourceGroup>> {
        // No name is empty.
        let after = group_key(subscription, after.unwrap_or_default());
        self.resource_groups
            .range((Bound::Excluded(after), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(subscription.as_bytes()))
            .map(|(_, group)| group)
    }

    /// All locks.
    pub fn locks(&self) -> &Locks {
        &self.locks
    }

    /// A vault by its folded name.
    pub fn vault(&self, folded: &str) -> Option<&Arc<Vault>> {
        self.vaults.named(folded)
    }

    /// A vault by its id.
    pub fn vault_by_id(&self, id: VaultId) -> Option<&Arc<Vault>> {
        self.vaults.by_id(id)
    }

    /// All vaults, in no order.
    pub fn vaults(&self) -> impl Iterator<Item = &Arc<Vault>> {
        self.vaults.all()
    }

    /// The vaults of a subscription, or of one of its groups, in the order of their groups and
    /// then of their names; those after `after` only: a group and a name in lower case, of a vault
    /// that may be gone by now. A page costs what it shows.
    pub fn vaults_in(
        &self,
        subscription: SubscriptionId,
        group: Option<&ResourceGroupName>,
        after: Option<(&str, &str)>,
    ) -> impl Iterator<Item = &Arc<Vault>> {
        self.vaults.within(subscription, group, after)
    }

    /// A deleted vault by its folded name.
    pub fn deleted_vault(&self, folded: &str) -> Option<&Arc<Deleted>> {
        self.deleted_vaults.named(folded)
    }

    /// The deleted vault that a scope is, or lies in.
    pub fn deleted_vault_around(&self, scope: &Scope) -> Option<&Arc<Deleted>> {
        let found = self.deleted_vault(scope.folded().split('/').nth(8)?)?;
        found.vault.resource.scope().contains(scope).then_some(found)
    }

    /// A deleted vault by its id.
    pub fn deleted_vault_by_id(&self, id: VaultId) -> Option<&Arc<Deleted>> {
        self.deleted_vaults.by_id(id)
    }

    /// All deleted vaults, in the order of their names.
    pub fn deleted_vaults(&self) -> impl Iterator<Item = &Arc<Deleted>> {
        self.deleted_vaults.all()
    }

    /// The deleted vaults of a subscription in the order of their names; those after `after` only:
    /// a name in lower case, of a vault that may be gone by now. A page costs what it shows.
    pub fn deleted_vaults_in(
        &self,
        subscription: SubscriptionId,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<Deleted>> {
        self.deleted_vaults.within(subscription, after)
    }

    /// The deleted vaults whose retention has ended, the longest ended first. Those that wait cost
    /// nothing.
    pub fn deleted_vaults_due(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Deleted>> {
        self.deleted_vaults.due(now)
    }

    /// An application by its client id.
    pub fn application(&self, client_id: ClientId) -> Option<&Arc<Application>> {
        self.applications.get(&client_id)
    }

    /// An application by its service principal's object id.
    pub fn application_by_object(&self, object_id: PrincipalId) -> Option<&Arc<Application>> {
        self.applications.get(self.applications_by_object.get(&object_id)?)
    }

    /// All applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<Application>> {
        self.applications.values()
    }

    /// A group.
    pub fn group(&self, id: PrincipalId) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// All groups, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    /// A person.
    pub fn user(&self, id: PrincipalId) -> Option<&Arc<User>> {
        self.users.get(&id)
    }

    /// All people, in no order.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// The groups that a principal is itself a member of.
    pub fn direct_groups_of(&self, principal: PrincipalId) -> &[PrincipalId] {
        self.memberships.get(&principal).map_or(&[], Vec::as_slice)
    }

    /// The groups that a principal belongs to, directly or through groups.
    pub fn groups_of(&self, principal: PrincipalId) -> Vec<PrincipalId> {
        let mut found: Vec<PrincipalId> = Vec::new();
        let mut frontier = vec![principal];
        for _ in 0..MAX_GROUP_DEPTH {
            let next: Vec<PrincipalId> = frontier
                .iter()
                .filter_map(|member| self.memberships.get(member))
                .flatten()
                .copied()
                .filter(|group| !found.contains(group))
                .collect();
            found.extend(&next);
            frontier = next;
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Roles, role assignments and deny assignments, as decisions look them up.
    pub fn access(&self) -> &Assignments {
        &self.access
    }

    /// A role assignment.
    pub fn assignment(&self, id: RoleAssignmentId) -> Option<&Arc<RoleAssignment>> {
        self.access.assignment(id)
    }

    /// All role assignments, in no order.
    pub fn assignments(&self) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        self.access.assignments()
    }

    /// The token-signing keys, oldest first.
    pub fn token_keys(&self) -> &[TokenKey] {
        &self.token_keys
    }

    /// The external issuers whose tokens are accepted.
    pub fn trusted_issuers(&self) -> &[Arc<TrustedIssuer>] {
        &self.issuers
    }

    pub(crate) fn built_in(&self) -> Arc<[RoleDefinition]> {
        Arc::clone(&self.built_in)
    }

    pub(crate) fn reach(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
    }

    /// The view after one change.
    pub(crate) fn apply(
        &mut self,
        keys: &DataKeys,
        revision: Revision,
        key: &[u8],
        sealed: Option<&[u8]>,
    ) -> Result<(), DirectoryError> {
        self.revision = self.revision.max(revision);
        let rest = key.strip_prefix(layout::DIRECTORY).unwrap_or(key);
        let Some(slash) = rest.iter().position(|b| *b == b'/') else { return Ok(()) };
        let (row_type, id) = (&rest[..slash], &rest[slash + 1..]);
        let row = Row { keys, id, sealed };
        match std::str::from_utf8(row_type).unwrap_or_default() {
            Installation::TYPE => self.installation = row.open()?.map(Arc::new),
            Tenant::TYPE => keep(&mut self.tenants, row.uuid().map(TenantId), row.open()?),
            Subscription::TYPE => {
                self.apply_subscription(row.uuid().map(SubscriptionId), row.open()?);
            }
            ResourceGroup::TYPE => {
                match row.open()? {
                    Some(group) => self.resource_groups.insert(id.to_vec(), Arc::new(group)),
                    None => self.resource_groups.remove(id),
                };
            }
            VaultResource::TYPE => self.vaults.apply(id, revision, row.open()?),
            DeletedVault::TYPE => self.deleted_vaults.apply(id, revision, row.open()?),
            Lock::TYPE => self.locks.apply(id, row.open()?),
            Application::TYPE => self.apply_application(row.uuid().map(ClientId), row.open()?),
            Group::TYPE => self.apply_group(row.uuid().map(PrincipalId), row.open()?),
            User::TYPE => keep(&mut self.users, row.uuid().map(PrincipalId), row.open()?),
            RoleAssignment::TYPE => {
                self.apply_assignment(row.uuid().map(RoleAssignmentId), row.open()?);
            }
            RoleDefinition::TYPE => {
                self.apply_role(row.uuid().map(RoleDefinitionId), row.open()?);
            }
            DenyAssignment::TYPE => {
                self.apply_denial(row.uuid().map(DenyAssignmentId), row.open()?);
            }
            TokenKeyRow::TYPE => self.apply_token_key(id, row.open()?)?,
            TrustedIssuer::TYPE => self.apply_issuer(id, row.open()?),
            _ => {}
        }
        Ok(())
    }

    fn apply_application(&mut self, id: Option<ClientId>, row: Option<Application>) {
        let Some(id) = id else { return };
        if let Some(old) = self.applications.remove(&id) {
            self.applications_by_object.remove(&old.object_id);
        }
        if let Some(application) = row {
            self.applications_by_object.insert(application.object_id, id);
            self.applications.insert(id, Arc::new(application));
        }
    }

    fn apply_group(&mut self, id: Option<PrincipalId>, row: Option<Group>) {
        let Some(id) = id else { return };
        if let Some(old) = self.groups.remove(&id) {
            for member in &old.members {
                if let Some(groups) = self.memberships.get_mut(member) {
                    groups.retain(|group| *group != id);
                }
            }
        }
        if let Some(group) = row {
            for member in &group.members {
                self.memberships.entry(*member).or_default().push(id);
            }
            self.groups.insert(id, Arc::new(group));
        }
    }

    fn apply_subscription(&mut self, id: Option<SubscriptionId>, row: Option<Subscription>) {
        if let Some(id) = id {
            self.access.set_tenant(id, row.as_ref().map(|subscription| subscription.tenant));
        }
        keep(&mut self.subscriptions, id, row);
    }

    fn apply_assignment(&mut self, id: Option<RoleAssignmentId>, row: Option<RoleAssignment>) {
        match (id, row) {
            (_, Some(assignment)) => self.access.put_assignment(Arc::new(assignment)),
            (Some(id), None) => self.access.remove_assignment(id),
            (None, None) => {}
        }
    }

    /// A built-in role is not replaced, whatever a row says.
    fn apply_role(&mut self, id: Option<RoleDefinitionId>, row: Option<RoleDefinition>) {
        let Some(id) = id.filter(|id| self.built_in.iter().all(|role| role.id != *id)) else {
            return;
        };
        match row {
            Some(role) => self.access.put_role(Arc::new(role.read_back())),
            None => self.access.remove_role(id),
        }
    }

    fn apply_denial(&mut self, id: Option<DenyAssignmentId>, row: Option<DenyAssignment>) {
        match (id, row) {
            (_, Some(denial)) => self.access.put_denial(Arc::new(denial.read_back())),
            (Some(id), None) => self.access.remove_denial(id),
            (None, None) => {}
        }
    }

    fn apply_token_key(
        &mut self,
        id: &[u8],
        row: Option<TokenKeyRow>,
    ) -> Result<(), DirectoryError> {
        self.token_keys.retain(|key| key.kid.as_bytes() != id);
        if let Some(row) = row {
            let key = RsaSigningKey::from_pkcs8(&row.pkcs8)
                .map_err(|_| DirectoryError::Malformed(TokenKeyRow::TYPE.into()))?;
            self.token_keys.push(TokenKey {
                kid: row.kid,
                key: Arc::new(key),
                created: row.created,
                signs_from: row.signs_from,
                expires: row.expires,
            });
            self.token_keys.sort_by_key(|key| key.signs_from);
        }
        Ok(())
    }

    fn apply_issuer(&mut self, id: &[u8], row: Option<TrustedIssuer>) {
        self.issuers.retain(|issuer| issuer.issuer.as_bytes() != id);
        self.issuers.extend(row.map(Arc::new));
    }
}

impl AsRef<Assignments> for Directory {
    fn as_ref(&self) -> &Assignments {
        &self.access
    }
}

/// A row as it comes from the store: sealed, or deleted.
struct Row<'a> {
    keys: &'a DataKeys,
    id: &'a [u8],
    sealed: Option<&'a [u8]>,
}

impl Row<'_> {
    fn open<R: DirectoryRow>(&self) -> Result<Option<R>, DirectoryError> {
        self.sealed.map(|sealed| open_row(self.keys, self.id, sealed)).transpose()
    }

    fn uuid(&self) -> Option<uuid::Uuid> {
        uuid::Uuid::from_slice(self.id).ok()
    }
}

/// Where a resource group stands among all.
fn group_key(subscription: SubscriptionId, name: &str) -> Vec<u8> {
    [subscription.as_bytes(), name.to_ascii_lowercase().as_bytes()].concat()
}

fn keep<K, V>(map: &mut HashMap<K, Arc<V>>, id: Option<K>, row: Option<V>)
where
    K: Clone + Eq + std::hash::Hash,
{
    match (id, row) {
        (Some(id), Some(row)) => {
            map.insert(id, Arc::new(row));
        }
        (Some(id), None) => {
            map.remove(&id);
        }
        (None, _) => {}
    }
}
