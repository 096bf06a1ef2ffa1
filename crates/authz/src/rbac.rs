//! Role-based access control: deny by default.

use strongroom_model::{Assignments, Caller, DataAction, RoleAssignmentId, Scope};

/// What an evaluation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This assignment allows it.
    Allowed(RoleAssignmentId),
    /// No assignment allows it.
    Denied,
}

/// Whether `caller` may do `action` at `scope`.
///
/// Allowed by any assignment to the caller or to a group of the caller, at `scope` or a scope
/// that contains it, of a role that is known and grants the action. Everything else is denied.
pub fn evaluate(
    caller: &Caller,
    action: DataAction,
    scope: &Scope,
    assignments: &impl Assignments,
) -> Decision {
    caller
        .principals()
        .flat_map(|principal| assignments.of(principal))
        .filter(|assignment| assignment.scope.contains(scope))
        .find(|assignment| assignments.role(assignment.role).is_some_and(|r| r.allows(action)))
        .map_or(Decision::Denied, |assignment| Decision::Allowed(assignment.id))
}
