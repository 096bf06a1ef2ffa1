//! Roles of a tenant's own.

use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::{Claim, open_row, row_key};
use strongroom_directory::{Directory, DirectoryRow};
use strongroom_model::{
    RoleAssignment, RoleDefinition, RoleDefinitionId, RolePermissions, Scope, Stamps, TenantId,
};
use strongroom_store::{Condition, Revision, Snapshot, Store, Txn};

use super::{RoleError, claim, demand, limits, said};
use crate::{Call, OpError, Ops};

/// How many roles of its own a tenant may have, as in Azure.
pub const MAX_CUSTOM_ROLES: usize = 5_000;

/// The action that writes roles.
const WRITE: &str = "Microsoft.Authorization/roleDefinitions/write";

/// The action that deletes roles.
const DELETE: &str = "Microsoft.Authorization/roleDefinitions/delete";

/// A role to be made, or to be what it says from now on.
pub struct NewRole {
    /// Its id.
    pub id: RoleDefinitionId,
    /// The tenant it is made in.
    pub tenant: TenantId,
    /// Its name, which no other role of the tenant has.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it allows.
    pub permissions: RolePermissions,
    /// Where it may be assigned.
    pub assignable_scopes: Vec<Scope>,
}

fn claim_of(tenant: TenantId, name: &str, id: RoleDefinitionId) -> Claim {
    claim(&[b"role", tenant.as_bytes(), name.to_lowercase().as_bytes()], id.0)
}

impl<S: Store> Ops<S> {
    /// Makes a role or changes it; whether it is new. `granted` has a proof for every scope that
    /// it may be assigned at, before and after.
    ///
    /// # Errors
    /// [`RoleError::BuiltIn`], [`RoleError::NameTaken`], [`RoleError::TooManyRoles`],
    /// [`RoleError::Limit`], [`RoleError::Assigned`] where it would be for no more, or that the
    /// service cannot.
    pub async fn put_role(
        &self,
        granted: &[GrantedAction],
        new: NewRole,
        call: &mut Call,
    ) -> Result<(Arc<RoleDefinition>, bool), RoleError> {
        demand_each(granted, WRITE, &new.assignable_scopes)?;
        limits::check_role(&new)?;
        let stored = self.stored_role(new.id, new.tenant).await?;
        let known = stored.as_ref().map(|(_, known)| known);
        if let Some(known) = known {
            demand_each(granted, WRITE, &known.assignable_scopes)?;
        }
        let directory = self.directory.current();
        check_name(&directory, &new)?;
        let by = granted.first().and_then(GrantedAction::by);
        let stamps = known.map_or_else(
            || Stamps::made(call.now(), by),
            |known| known.stamps.changed(call.now(), by),
        );
        let mut role = RoleDefinition::custom(new.id, new.tenant, new.name).with(new.permissions);
        role.description = new.description;
        role.assignable_scopes = new.assignable_scopes;
        role.stamps = stamps;
        name(&role, call);
        // Else whoever may write it where it is for then would say what it gives above.
        let gives = |held: &RoleAssignment| directory.access().is_assignable(&role, &held.scope);
        let held = directory.assignments().filter(|held| held.role == role.id);
        let stranded = held.filter(|held| !gives(held)).count();
        if stranded > 0 {
            return Err(RoleError::Assigned(stranded));
        }
        let txn = self.role_rows(stored.as_ref(), &role)?;
        match self.commit_rows(call, txn).await {
            Err(OpError::Contended) if name_is_taken(&self.directory.current(), &role) => {
                Err(RoleError::NameTaken)
            }
            Err(other) => Err(other.into()),
            Ok(()) => Ok((Arc::new(role), stored.is_none())),
        }
    }

    /// A tenant's own role as the store has it, and at which revision. A built-in one and another
    /// tenant's are not to be changed.
    async fn stored_role(
        &self,
        id: RoleDefinitionId,
        tenant: TenantId,
    ) -> Result<Option<(Revision, RoleDefinition)>, RoleError> {
        if self.directory.current().access().role(id).is_some_and(|role| role.is_built_in()) {
            return Err(RoleError::BuiltIn);
        }
        let key = row_key::<RoleDefinition>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let role: RoleDefinition = open_row(self.ring.system(), id.as_bytes(), &row.value)?;
        if role.tenant != Some(tenant) {
            return Err(RoleError::BuiltIn);
        }
        Ok(Some((row.revision, role.read_back())))
    }

    fn role_rows(
        &self,
        stored: Option<&(Revision, RoleDefinition)>,
        role: &RoleDefinition,
    ) -> Result<Txn, RoleError> {
        let tenant = role.tenant.ok_or(RoleError::BuiltIn)?;
        let (key, row) = self.directory.row(role)?;
        let (claimed, claim) = self.directory.row(&claim_of(tenant, &role.name, role.id))?;
        let Some((revision, known)) = stored else {
            return Ok(Txn::new()
                .require(key.clone(), Condition::Absent)
                .require(claimed.clone(), Condition::Absent)
                .put(key, row)
                .put(claimed, claim));
        };
        let txn = Txn::new().require(key.clone(), Condition::AtRevision(*revision)).put(key, row);
        if known.name.to_lowercase() == role.name.to_lowercase() {
            return Ok(txn);
        }
        let old = row_key::<Claim>(&claim_of(tenant, &known.name, role.id).id());
        Ok(txn.require(claimed.clone(), Condition::Absent).put(claimed, claim).delete(old))
    }

    /// Deletes a role; answers what it was, or `None` if there was none.
    ///
    /// # Errors
    /// [`RoleError::BuiltIn`], [`RoleError::Assigned`], or that the service cannot.
    pub async fn delete_role(
        &self,
        granted: &[GrantedAction],
        id: RoleDefinitionId,
        tenant: TenantId,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleDefinition>>, RoleError> {
        let stored = self.stored_role(id, tenant).await?;
        let Some((revision, role)) = stored else { return Ok(None) };
        let directory = self.directory.current();
        demand_each(granted, DELETE, &role.assignable_scopes)?;
        let assigned = directory.assignments().filter(|found| found.role == id).count();
        if assigned > 0 {
            return Err(RoleError::Assigned(assigned));
        }
        name(&role, call);
        let key = row_key::<RoleDefinition>(id.as_bytes());
        let claimed = row_key::<Claim>(&claim_of(tenant, &role.name, id).id());
        let txn = Txn::new()
            .require(key.clone(), Condition::AtRevision(revision))
            .delete(key)
            .delete(claimed);
        self.commit_rows(call, txn).await?;
        Ok(Some(Arc::new(role)))
    }
}

/// Says in the record what a role gives, and where.
fn name(role: &RoleDefinition, call: &mut Call) {
    call.set_property("roleDefinitionId", role.id.to_string());
    call.set_property("roleName", role.name.clone());
    said(&role.permissions, call);
    let scopes: Vec<&str> = role.assignable_scopes.iter().map(Scope::as_str).collect();
    call.set_property("assignableScopes", scopes.join(", "));
}

fn check_name(directory: &Directory, new: &NewRole) -> Result<(), RoleError> {
    let own = |role: &&Arc<RoleDefinition>| role.tenant == Some(new.tenant) && role.id != new.id;
    if directory.access().roles().filter(own).count() >= MAX_CUSTOM_ROLES {
        return Err(RoleError::TooManyRoles);
    }
    let role = RoleDefinition::custom(new.id, new.tenant, new.name.clone());
    if name_is_taken(directory, &role) { Err(RoleError::NameTaken) } else { Ok(()) }
}

fn name_is_taken(directory: &Directory, role: &RoleDefinition) -> bool {
    let name = role.name.to_lowercase();
    directory.access().roles().any(|other| {
        other.id != role.id
            && (other.is_built_in() || other.tenant == role.tenant)
            && other.name.to_lowercase() == name
    })
}

fn demand_each(granted: &[GrantedAction], action: &str, scopes: &[Scope]) -> Result<(), OpError> {
    scopes.iter().try_for_each(|scope| {
        let proof = granted.iter().find(|proof| proof.covers(action, scope));
        match proof.or(granted.first()) {
            Some(proof) => demand(proof, action, scope),
            None => Err(OpError::Internal(format!("{action} at {scope} is not granted"))),
        }
    })
}
