//! Deny assignments.

use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::row_key;
use strongroom_model::{
    Condition as Abac, DenyAssignment, DenyAssignmentId, DenyPrincipal, RolePermissions, Scope,
    Stamps,
};
use strongroom_store::{Condition, Snapshot, Store, Txn};

use super::{RoleError, demand};
use crate::{Call, OpError, Ops};

/// The action that writes deny assignments.
const WRITE: &str = "Microsoft.Authorization/denyAssignments/write";

/// The action that deletes deny assignments.
const DELETE: &str = "Microsoft.Authorization/denyAssignments/delete";

/// A deny assignment to be made, or to be what it says from now on.
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

impl<S: Store> Ops<S> {
    /// Makes a deny assignment or changes it; whether it is new.
    ///
    /// # Errors
    /// [`RoleError::DenialElsewhere`], or that the service cannot.
    pub async fn deny(
        &self,
        granted: &GrantedAction,
        new: NewDenial,
        call: &mut Call,
    ) -> Result<(Arc<DenyAssignment>, bool), RoleError> {
        demand(granted, WRITE, &new.scope)?;
        let known = self.directory.current().access().denial(new.id).cloned();
        if known.as_ref().is_some_and(|known| known.scope != new.scope) {
            return Err(RoleError::DenialElsewhere);
        }
        let by = granted.by();
        let stamps = known.as_ref().map_or_else(
            || Stamps::made(call.now(), by),
            |known| known.stamps.changed(call.now(), by),
        );
        let mut denial = DenyAssignment::new(new.id, new.name, new.scope).with(new.permissions);
        denial.description = new.description;
        denial.only_here = new.only_here;
        denial.principals = new.principals;
        denial.excluded = new.excluded;
        denial.condition = new.condition;
        denial.stamps = stamps;
        denial.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("denyAssignmentId", denial.id.to_string());
        let (key, row) = self.directory.row(&denial)?;
        let condition = match self.snapshot().await?.get(&key).await? {
            Some(now) => Condition::AtRevision(now.revision),
            None => Condition::Absent,
        };
        let txn = Txn::new().require(key.clone(), condition).put(key, row);
        self.commit_rows(call, txn).await?;
        Ok((Arc::new(denial), known.is_none()))
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
        let Some(denial) = self.directory.current().access().denial(id).cloned() else {
            return Ok(None);
        };
        demand(granted, DELETE, &denial.scope)?;
        denial.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("denyAssignmentId", id.to_string());
        let key = row_key::<DenyAssignment>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let txn = Txn::new().require(key.clone(), Condition::AtRevision(row.revision)).delete(key);
        self.commit_rows(call, txn).await?;
        Ok(Some(denial))
    }
}
