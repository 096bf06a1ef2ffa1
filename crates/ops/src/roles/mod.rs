//! Who may do what: roles of a tenant's own, role assignments, deny assignments. Every change
//! takes the proof that its author may make it, and holds on the next request.

mod assignments;
mod definitions;
mod denials;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::Claim;
use strongroom_directory::{Directory, DirectoryError};
use strongroom_model::{PrincipalId, PrincipalType, RoleAssignmentId, Scope, TenantId};
use strongroom_store::StoreError;
use uuid::Uuid;

use crate::OpError;

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

/// Refuses to go on with the proof for something else: a mistake of the server.
fn demand(granted: &GrantedAction, action: &str, scope: &Scope) -> Result<(), OpError> {
    if granted.covers(action, scope) {
        return Ok(());
    }
    let (have, there) = (granted.action(), granted.scope());
    Err(OpError::Internal(format!("{action} at {scope} is not granted, only {have} at {there}")))
}

/// A claim on something that these parts say.
fn claim(parts: &[&[u8]], by: Uuid) -> Claim {
    Claim { on: digest(parts).into_bytes(), by: by.into_bytes() }
}

fn digest(parts: &[&[u8]]) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, &parts.concat())
}
