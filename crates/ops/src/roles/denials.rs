//! Deny assignments.

use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::{open_row, row_key};
use strongroom_model::{
    Condition as Abac, DenyAssignment, DenyAssignmentId, DenyPrincipal, RolePermissions, Scope,
    Stamps,
};
use strongroom_store::{Condition, Snapshot, Store, Txn};

use super::{RoleError, demand, limits, said};
use crate::resources::Decided;
use crate::{Call, OpError, Ops};

/// The action that writes deny assignments.
const WRITE: &str = "Microsoft.Authorization/denyAssignments/write";

/// The action that deletes deny assignments.
const DELETE: &str = "Microsoft.Authorization/denyAssignments/delete";

/// A deny assignment to be made, or to be what it says from now on.
#[derive(Clone, Debug)]
pub struct NewDenial {
    /// Its id.
    pub id: DenyAssignmentId,
    /// Its name, for people.
    pub name: String,
    /// What for.
    pub description: String,
    /// What is refused.
    pub permissions: RolePermissions,
    /// Where.
    pub scope: Scope,
    /// Whether it is for the scope alone, not for what lies below.
    pub only_here: bool,
    /// Whom it is about.
    pub principals: Vec<DenyPrincipal>,
    /// Whom it is not about.
    pub excluded: Vec<DenyPrincipal>,
    /// What must hold besides.
    pub condition: Option<Abac>,
}

impl NewDenial {
    /// The deny assignment that it says.
    pub(crate) fn made(self, stamps: Stamps) -> Result<DenyAssignment, RoleError> {
        self.check()?;
        let mut denial = DenyAssignment::new(self.id, self.name, self.scope).with(self.permissions);
        denial.description = self.description;
        denial.only_here = self.only_here;
        denial.principals = self.principals;
        denial.excluded = self.excluded;
        denial.condition = self.condition;
        denial.stamps = stamps;
        Ok(denial)
    }

    fn check(&self) -> Result<(), RoleError> {
        let everyone = self.principals.iter().any(|known| known.id == DenyPrincipal::EVERYONE);
        Err(RoleError::DenialIncomplete(if self.name.trim().is_empty() {
            "A deny assignment has a name."
        } else if self.principals.is_empty() || everyone && self.excluded.is_empty() {
            "A deny assignment has principals; one for everyone excludes at least one of them."
        } else {
            return Ok(());
        }))
    }
}

/// Says in the record what is denied to whom, where.
fn name(denial: &DenyAssignment, call: &mut Call) {
    denial.scope.as_str().clone_into(&mut call.record_mut().resource_id);
    call.set_property("denyAssignmentId", denial.id.to_string());
    call.set_property("denyAssignmentName", denial.name.clone());
    let ids = |list: &[DenyPrincipal]| list.iter().map(|p| p.id.to_string()).collect::<Vec<_>>();
    call.set_property("principals", ids(&denial.principals).join(", "));
    call.set_property("excludePrincipals", ids(&denial.excluded).join(", "));
    said(&denial.permissions, call);
    if let Some(condition) = &denial.condition {
        call.set_property("condition", condition.as_str().to_owned());
    }
    if denial.only_here {
        call.set_property("doNotApplyToChildScopes", true.to_string());
    }
}

impl<S: Store> Ops<S> {
    /// Makes a deny assignment or changes it; whether it is new.
    ///
    /// # Errors
    /// [`RoleError::DenialIncomplete`], [`RoleError::DenialElsewhere`], [`RoleError::Limit`],
    /// [`OpError::Vault`] when the scope is not there, or that the service cannot.
    pub async fn deny(
        &self,
        granted: &GrantedAction,
        new: NewDenial,
        call: &mut Call,
    ) -> Result<(Arc<DenyAssignment>, bool), RoleError> {
        demand(granted, WRITE, &new.scope)?;
        new.check()?;
        limits::check_scope(&new.scope)?;
        limits::check_description(&new.description)?;
        limits::check_permissions(&new.permissions)?;
        limits::check_denied(&new.name, &new.principals, &new.excluded)?;
        let (by, now) = (granted.by(), call.now());
        let mut denial = DenyAssignment::new(new.id, new.name, new.scope).with(new.permissions);
        denial.description = new.description;
        denial.only_here = new.only_here;
        denial.principals = new.principals;
        denial.excluded = new.excluded;
        denial.condition = new.condition;
        denial.stamps = Stamps::made(now, by);
        name(&denial, call);
        let (scope, id) = (denial.scope.clone(), denial.id);
        self.decide_row_at(&scope, id.as_bytes(), call, |found: Option<DenyAssignment>| {
            let mut denial = denial.clone();
            let is_new = found.is_none();
            if is_new {
                limits::check_denials(&self.directory.current(), &denial.scope)?;
            }
            if let Some(found) = found {
                if found.scope != denial.scope {
                    return Err(RoleError::DenialElsewhere);
                }
                denial.stamps = found.stamps.changed(now, by);
            }
            let status = if is_new { 201 } else { 200 };
            Ok(Decided::Put(Box::new(denial.clone()), status, (Arc::new(denial), is_new)))
        })
        .await
    }

    /// Takes a deny assignment away; answers what it was, or `None` if there was none.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn undeny(
        &self,
        granted: &GrantedAction,
        id: DenyAssignmentId,
        call: &mut Call,
    ) -> Result<Option<Arc<DenyAssignment>>, OpError> {
        let key = row_key::<DenyAssignment>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let known: DenyAssignment = open_row(self.ring.system(), id.as_bytes(), &row.value)?;
        demand(granted, DELETE, &known.scope)?;
        name(&known, call);
        let txn = Txn::new().require(key.clone(), Condition::AtRevision(row.revision)).delete(key);
        self.commit_rows(call, txn).await?;
        Ok(Some(Arc::new(known.read_back())))
    }

    /// Makes a deny assignment, on behalf of the machine's administrator.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for what no deny assignment may say, or that the service cannot.
    pub async fn create_deny_assignment(
        &self,
        new: NewDenial,
        call: &mut Call,
    ) -> Result<Arc<DenyAssignment>, OpError> {
        let granted = GrantedAction::on_this_host(WRITE, new.scope.clone());
        match self.deny(&granted, new, call).await {
            Ok((made, _)) => Ok(made),
            Err(RoleError::Op(error)) => Err(error),
            Err(other) => Err(OpError::Invalid(other.to_string())),
        }
    }

    /// Takes a deny assignment away, on behalf of the machine's administrator.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn delete_deny_assignment(
        &self,
        id: DenyAssignmentId,
        call: &mut Call,
    ) -> Result<Option<Arc<DenyAssignment>>, OpError> {
        self.undeny(&GrantedAction::on_this_host(DELETE, Scope::root()), id, call).await
    }
}
