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

use super::{RoleError, claim, demand, digest, limits};
use crate::audited::NO_VAULT;
use crate::resources::MAX_DECISIONS;
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
    if let Some(kind) = assignment.principal_type {
        call.set_property("principalType", kind.name().to_owned());
    }
    if let Some(condition) = &assignment.condition {
        call.set_property("condition", condition.as_str().to_owned());
    }
}

impl<S: Store> Ops<S> {
    /// Gives a principal a role at a scope, or changes what is said about it; whether it is new.
    ///
    /// # Errors
    /// [`RoleError::AssignmentExists`] under another id, [`RoleError::AssignmentFixed`],
    /// [`RoleError::NoRole`], [`RoleError::NotAssignable`], [`RoleError::Limit`],
    /// [`RoleError::TooManyAssignments`], [`OpError::Vault`] when the scope is not there, or that
    /// the service cannot.
    pub async fn assign(
        &self,
        granted: &GrantedAction,
        new: NewAssignment,
        call: &mut Call,
    ) -> Result<(Arc<RoleAssignment>, bool), RoleError> {
        demand(granted, WRITE_ASSIGNMENT, &new.scope)?;
        limits::check_scope(&new.scope)?;
        limits::check_description(new.description.as_deref().unwrap_or_default())?;
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
        for _ in 0..MAX_DECISIONS {
            let directory = self.directory.current();
            let role = directory.access().role(assignment.role).ok_or(RoleError::NoRole)?;
            if !directory.access().is_assignable(role, &assignment.scope) {
                return Err(RoleError::NotAssignable);
            }
            let known = directory.assignment(id);
            // Whoever names none makes one: what is said about another stays as it is.
            if let Some(known) = known.filter(|_| !is_named) {
                return Err(RoleError::AssignmentExists(known.id));
            }
            let (assignment, is_new) = (assignment.clone(), known.is_none());
            let made = match known {
                Some(_) => self.reassign(assignment, call).await?,
                None => self.make_assignment(&directory, role, assignment, call).await?,
            };
            if let Some(made) = made {
                return Ok((made, is_new));
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended.into())
    }

    /// `None` when something that it rests on has changed just now.
    async fn make_assignment(
        &self,
        directory: &Directory,
        role: &RoleDefinition,
        assignment: RoleAssignment,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleAssignment>>, RoleError> {
        if let Some(known) = same(directory, &assignment) {
            return Err(RoleError::AssignmentExists(known));
        }
        limits::check_assignments(directory, &assignment.scope)?;
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
        let txn = self.at_scope(txn, &assignment.scope).await?;
        let done = self.commit_directory(call, NO_VAULT, 201, txn).await?;
        Ok(matches!(done, Outcome::Committed(_)).then(|| Arc::new(assignment)))
    }

    /// What is said about an assignment changes; who holds what where does not. `None` when it is
    /// that no more.
    async fn reassign(
        &self,
        mut assignment: RoleAssignment,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleAssignment>>, RoleError> {
        let key = row_key::<RoleAssignment>(assignment.id.as_bytes());
        let Some(now) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let id = assignment.id;
        let known: RoleAssignment = open_row(self.ring.system(), id.as_bytes(), &now.value)?;
        let same = known.principal == assignment.principal
            && known.role == assignment.role
            && known.scope == assignment.scope;
        if !same {
            return Err(RoleError::AssignmentFixed);
        }
        let by = assignment.stamps.created_by;
        assignment.stamps = known.stamps.changed(call.now(), by);
        let (key, row) = self.directory.row(&assignment)?;
        let txn =
            Txn::new().require(key.clone(), Condition::AtRevision(now.revision)).put(key, row);
        let txn = self.at_scope(txn, &assignment.scope).await?;
        let done = self.commit_directory(call, NO_VAULT, 200, txn).await?;
        Ok(matches!(done, Outcome::Committed(_)).then(|| Arc::new(assignment)))
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
        call: &mut Call,
    ) -> Result<Txn, OpError> {
        name(assignment, call);
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
        let key = row_key::<RoleAssignment>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let known: RoleAssignment = open_row(self.ring.system(), id.as_bytes(), &row.value)?;
        demand(granted, DELETE_ASSIGNMENT, &known.scope)?;
        name(&known, call);
        let txn = Txn::new().require(key, Condition::AtRevision(row.revision));
        self.commit_rows(call, drop_assignment(txn, &known)).await?;
        Ok(Some(Arc::new(known)))
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
