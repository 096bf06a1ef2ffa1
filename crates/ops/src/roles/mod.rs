//! Who may do what: roles of a tenant's own, role assignments, deny assignments. Every change
//! takes the proof that its author may make it, and holds on the next request.

mod assignments;
mod definitions;
mod denials;
mod limits;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::Claim;
use strongroom_directory::{Directory, DirectoryError};
use strongroom_model::{
    PrincipalId, PrincipalType, RoleAssignmentId, RolePermissions, Scope, TenantId,
};
use strongroom_store::StoreError;
use uuid::Uuid;

use crate::{Call, OpError};

pub use assignments::NewAssignment;
pub(crate) use assignments::{assignment_id, rows_of};
pub use definitions::{MAX_CUSTOM_ROLES, NewRole};
pub use denials::NewDenial;

/// Why a change of roles or assignments did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// The principal holds the role at the scope already.
    #[error("the principal holds the role there already: {0}")]
    AssignmentExists(RoleAssignmentId),
    /// Another principal, role or scope for an assignment that exists.
    #[error("the principal, the role and the scope of an assignment do not change")]
    AssignmentFixed,
    /// No such role.
    #[error("the role does not exist")]
    NoRole,
    /// The role may not be assigned at the scope.
    #[error("the role may not be assigned at this scope")]
    NotAssignable,
    /// A built-in role does not change.
    #[error("a built-in role does not change")]
    BuiltIn,
    /// Another role has the name.
    #[error("another role has this name")]
    NameTaken,
    /// The role is assigned.
    #[error("the role is assigned, {0} times")]
    Assigned(usize),
    /// The tenant has as many roles of its own as it may.
    #[error("the tenant has {MAX_CUSTOM_ROLES} roles of its own, as many as it may")]
    TooManyRoles,
    /// More than a role, an assignment or a deny assignment may have.
    #[error("{0}")]
    Limit(String),
    /// There are as many role assignments in a subscription or at a scope above as there may be.
    #[error("no more role assignments can be created: there are {0} already")]
    TooManyAssignments(usize),
    /// A scope that is none of anything.
    #[error("{0} is not a scope: a resource has a type and a name after its provider")]
    NoScope(String),
    /// A deny assignment that says too little.
    #[error("{0}")]
    DenialIncomplete(&'static str),
    /// A deny assignment of the id is at another scope.
    #[error("the deny assignment is at another scope")]
    DenialElsewhere,
    /// Anything else.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl From<StoreError> for RoleError {
    fn from(error: StoreError) -> Self {
        Self::Op(error.into())
    }
}

impl From<DirectoryError> for RoleError {
    fn from(error: DirectoryError) -> Self {
        Self::Op(error.into())
    }
}

/// What a principal is, as far as the directory knows it: principals of external issuers may be
/// unknown.
pub fn principal_type(
    directory: &Directory,
    tenant: TenantId,
    id: PrincipalId,
) -> Option<PrincipalType> {
    if directory.application_by_object(id).is_some_and(|found| found.tenant == tenant) {
        return Some(PrincipalType::ServicePrincipal);
    }
    if directory.group(id).is_some_and(|found| found.tenant == tenant) {
        return Some(PrincipalType::Group);
    }
    directory.user(id).filter(|found| found.tenant == tenant).map(|_| PrincipalType::User)
}

/// The tenant of a principal that the directory knows.
pub fn tenant_of(directory: &Directory, id: PrincipalId) -> Option<TenantId> {
    let application = directory.application_by_object(id).map(|found| found.tenant);
    let group = || directory.group(id).map(|found| found.tenant);
    application.or_else(group).or_else(|| directory.user(id).map(|found| found.tenant))
}

/// Refuses to go on with the proof for something else: a mistake of the server.
fn demand(granted: &GrantedAction, action: &str, scope: &Scope) -> Result<(), OpError> {
    if granted.covers(action, scope) {
        return Ok(());
    }
    let (have, there) = (granted.action(), granted.scope());
    Err(OpError::Internal(format!("{action} at {scope} is not granted, only {have} at {there}")))
}

/// Says in the record what a role or a deny assignment is about.
fn said(permissions: &RolePermissions, call: &mut Call) {
    let RolePermissions { actions, not_actions, data_actions, not_data_actions } = permissions;
    for (name, patterns) in [
        ("actions", actions),
        ("notActions", not_actions),
        ("dataActions", data_actions),
        ("notDataActions", not_data_actions),
    ] {
        if !patterns.is_empty() {
            call.set_property(name, patterns.join(", "));
        }
    }
}

/// A claim on something that these parts say.
fn claim(parts: &[&[u8]], by: Uuid) -> Claim {
    Claim { on: digest(parts).into_bytes(), by: by.into_bytes() }
}

fn digest(parts: &[&[u8]]) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &parts.concat())
}
