//! Role assignments.

use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_authz::actions::{DELETE_ASSIGNMENT, WRITE_ASSIGNMENT};
use strongroom_directory::row::{Claim, open_row, row_key};
use strongroom_directory::{Directory, DirectoryRow};
use strongroom_model::{
    Condition as Abac, PrincipalId, PrincipalType, RoleAssignment, RoleAssignmentId,
    RoleDefinition, RoleDefinitionId, Scope, Stamps,
};
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn};

use super::{RoleError, claim, demand, digest};
use crate::audited::NO_VAULT;
use crate::{Call, OpError, Ops};

/// A role assignment to be made, or one to be described anew.
pub struct NewAssignment {
    /// Its id; `None`: it follows from what the assignment says.
    pub id: Option<RoleAssignmentId>,
    /// Who is to hold the role.
    pub principal: PrincipalId,
    /// What kind of principal that is.
    pub principal_type: Option<PrincipalType>,
    /// The role.
    pub role: RoleDefinitionId,
    /// Where.
    pub scope: Scope,
    /// What for.
    pub description: Option<String>,
    /// What must hold besides.
    pub condition: Option<Abac>,
}

/// An assignment's id when nobody names one.
pub(crate) fn assignment_id(
    principal: PrincipalId,
    role: RoleDefinitionId,
    scope: &Scope,
) -> RoleAssignmentId {
    RoleAssignmentId(digest(&[principal.as_bytes(), role.as_bytes(), scope.folded().as_bytes()]))
}

/// The claim on what may be said once only: who holds which role where.
fn claim_of(assignment: &RoleAssignment) -> Claim {
    let RoleAssignment { id, principal, role, scope, .. } = assignment;
    claim(&[principal.as_bytes(), role.as_bytes(), scope.folded().as_bytes()], id.0)
}

/// Says in the record who gets or loses which role where.
fn name(assignment: &RoleAssignment, call: &mut Call) {
    assignment.scope.as_str().clone_into(&mut call.record_mut().resource_id);
    call.set_property("roleAssignmentId", assignment.id.to_string());
    call.set_property("principalId", assignment.principal.to_string());
    call.set_property("roleDefinitionId", assignment.role.to_string());
}

impl<S: Store> Ops<S> {
    /// Gives a principal a role at a scope, or changes what is said about it; whether it is new.
    ///
    /// # Errors
    /// [`RoleError::AssignmentExists`] under another id, [`RoleError::AssignmentFixed`],
    /// [`RoleError::NoRole`], [`RoleError::NotAssignable`], or that the service cannot.
    pub async fn assign(
        &self,
        granted: &GrantedAction,
        new: NewAssignment,
        call: &mut Call,
    ) -> Result<(Arc<RoleAssignment>, bool), RoleError> {
        demand(granted, WRITE_ASSIGNMENT, &new.scope)?;
        let directory = self.directory.current();
        let role = directory.access().role(new.role).ok_or(RoleError::NoRole)?;
        if !role.is_assignable_at(&new.scope) {
            return Err(RoleError::NotAssignable);
        }
        let is_named = new.id.is_some();
        let id = new.id.unwrap_or_else(|| assignment_id(new.principal, new.role, &new.scope));
        let stamps = Stamps::made(call.now(), granted.by());
        let assignment = RoleAssignment {
            id,
            principal: new.principal,
            role: new.role,
            scope: new.scope,
            principal_type: new.principal_type,
            description: new.description,
            condition: new.condition,
            stamps,
        };
        name(&assignment, call);
        match directory.assignment(id) {
            // Whoever names none makes one: what is said about another stays as it is.
            Some(known) if !is_named => Err(RoleError::AssignmentExists(known.id)),
            Some(known) => self.reassign(known, assignment, call).await.map(|made| (made, false)),
            None => self.make_assignment(&directory, role, assignment, call).await,
        }
    }

    async fn make_assignment(
        &self,
        directory: &Directory,
        role: &RoleDefinition,
        assignment: RoleAssignment,
        call: &mut Call,
    ) -> Result<(Arc<RoleAssignment>, bool), RoleError> {
        if let Some(known) = same(directory, &assignment) {
            return Err(RoleError::AssignmentExists(known));
        }
        let claim = claim_of(&assignment);
        let (key, row) = self.directory.row(&assignment)?;
        let (claimed, claim_row) = self.directory.row(&claim)?;
        let claim_now = self.claim_now(&claim).await?;
        let txn = Txn::new()
            .require(key.clone(), Condition::Absent)
            .require(claimed.clone(), claim_now)
            .put(key, row)
            .put(claimed, claim_row);
        let txn = self.hold_role(txn, role).await?;
        match self.commit_directory(call, NO_VAULT, 201, txn).await? {
            Outcome::Committed(_) => Ok((Arc::new(assignment), true)),
            Outcome::Conflict => Err(same(&self.directory.current(), &assignment)
                .map_or(RoleError::Op(OpError::Contended), RoleError::AssignmentExists)),
        }
    }

    /// What is said about an assignment changes; who holds what where does not.
    async fn reassign(
        &self,
        known: &RoleAssignment,
        mut assignment: RoleAssignment,
        call: &mut Call,
    ) -> Result<Arc<RoleAssignment>, RoleError> {
        let same = known.principal == assignment.principal
            && known.role == assignment.role
            && known.scope == assignment.scope;
        if !same {
            return Err(RoleError::AssignmentFixed);
        }
        let by = assignment.stamps.created_by;
        assignment.stamps = known.stamps.changed(call.now(), by);
        let (key, row) = self.directory.row(&assignment)?;
        let now = self.snapshot().await?.get(&key).await?.ok_or(OpError::Contended)?;
        let txn =
            Txn::new().require(key.clone(), Condition::AtRevision(now.revision)).put(key, row);
        self.commit_rows(call, txn).await?;
        Ok(Arc::new(assignment))
    }

    /// What a claim must be for a new one to take its place: absent, or left behind by an
    /// assignment that was deleted with the scope that it was at.
    async fn claim_now(&self, claim: &Claim) -> Result<Condition, RoleError> {
        let snapshot = self.snapshot().await?;
        let Some(row) = snapshot.get(&row_key::<Claim>(&claim.on)).await? else {
            return Ok(Condition::Absent);
        };
        let known: Claim = open_row(self.ring.system(), &claim.on, &row.value)?;
        if snapshot.get(&row_key::<RoleAssignment>(&known.by)).await?.is_some() {
            return Err(RoleError::AssignmentExists(RoleAssignmentId::from_bytes(known.by)));
        }
        Ok(Condition::AtRevision(row.revision))
    }

    /// The rows of an assignment to a principal that is new itself.
    pub(crate) fn put_assignment(
        &self,
        txn: Txn,
        assignment: &RoleAssignment,
    ) -> Result<Txn, OpError> {
        let (key, row) = self.directory.row(assignment)?;
        let (claimed, claim) = self.directory.row(&claim_of(assignment))?;
        Ok(txn.put(key, row).put(claimed, claim))
    }

    /// Writes a tenant's own role anew as it lies there, so that its deletion at the same time
    /// fails.
    async fn hold_role(&self, txn: Txn, role: &RoleDefinition) -> Result<Txn, RoleError> {
        if role.is_built_in() {
            return Ok(txn);
        }
        let key = row_key::<RoleDefinition>(role.id.as_bytes());
        let now = self.snapshot().await?.get(&key).await?.ok_or(RoleError::NoRole)?;
        Ok(txn.require(key.clone(), Condition::AtRevision(now.revision)).put(key, now.value))
    }

    /// Takes a role assignment away; answers what it was, or `None` if there was none.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn unassign(
        &self,
        granted: &GrantedAction,
        id: RoleAssignmentId,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleAssignment>>, OpError> {
        let Some(assignment) = self.directory.current().assignment(id).cloned() else {
            return Ok(None);
        };
        demand(granted, DELETE_ASSIGNMENT, &assignment.scope)?;
        name(&assignment, call);
        let key = row_key::<RoleAssignment>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let txn = Txn::new().require(key, Condition::AtRevision(row.revision));
        self.commit_rows(call, drop_assignment(txn, &assignment)).await?;
        Ok(Some(assignment))
    }

    /// Gives a principal a role at a scope, on behalf of the machine's administrator.
    ///
    /// # Errors
    /// [`OpError::NameTaken`] when it holds the role there already, or that the service cannot.
    pub async fn create_role_assignment(
        &self,
        principal: PrincipalId,
        role: RoleDefinitionId,
        scope: Scope,
        call: &mut Call,
    ) -> Result<Arc<RoleAssignment>, OpError> {
        let granted = GrantedAction::on_this_host(WRITE_ASSIGNMENT, scope.clone());
        let new = NewAssignment {
            id: None,
            principal,
            principal_type: None,
            role,
            scope,
            description: None,
            condition: None,
        };
        let exists = || OpError::NameTaken("The role assignment".into());
        match self.assign(&granted, new, call).await {
            Ok((made, true)) => Ok(made),
            Ok((_, false)) | Err(RoleError::AssignmentExists(_)) => Err(exists()),
            Err(RoleError::Op(error)) => Err(error),
            Err(other) => Err(OpError::Invalid(other.to_string())),
        }
    }

    /// Takes a role assignment away, on behalf of the machine's administrator.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn delete_role_assignment(
        &self,
        id: RoleAssignmentId,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleAssignment>>, OpError> {
        let granted = GrantedAction::on_this_host(DELETE_ASSIGNMENT, Scope::root());
        self.unassign(&granted, id, call).await
    }
}

/// The assignment that says the same already.
fn same(directory: &Directory, assignment: &RoleAssignment) -> Option<RoleAssignmentId> {
    let here = directory.access().at(assignment.scope.folded())?;
    let held = here.of(assignment.principal).iter();
    held.into_iter().find(|known| known.role == assignment.role).map(|known| known.id)
}

fn drop_assignment(txn: Txn, assignment: &RoleAssignment) -> Txn {
    rows_of(assignment).into_iter().fold(txn, Txn::delete)
}

/// The keys of all rows of an assignment.
pub(crate) fn rows_of(assignment: &RoleAssignment) -> [Vec<u8>; 2] {
    let claim = claim_of(assignment).id();
    [row_key::<RoleAssignment>(assignment.id.as_bytes()), row_key::<Claim>(&claim)]
}
