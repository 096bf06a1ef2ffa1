//! The control plane: whether a caller may do an action at a scope, and the proof of it.
//!
//! ```text
//! Caller × action × scope ── permitted ──► GrantedAction, which `ops` demands; or DeniedAction
//! ```
//! The proof cannot be built by hand:
//!
//! ```compile_fail,E0451
//! use strongroom_authz::GrantedAction;
//! use strongroom_model::Scope;
//! fn forge(scope: Scope) -> GrantedAction {
//!     GrantedAction { by: None, action: String::new(), scope, assignment: None }
//! }
//! ```

use strongroom_model::{
    Assignments, Caller, DenyAssignment, PrincipalId, RoleAssignmentId, RoleDefinition, Scope,
};

use crate::condition::{AssignmentFacts, Attributes, Facts};
use crate::rbac::{Decision, Wanted, decide};

/// The proof that someone may do an action at a scope.
#[derive(Clone, Debug)]
pub struct GrantedAction {
    by: Option<PrincipalId>,
    action: String,
    scope: Scope,
    assignment: Option<RoleAssignmentId>,
}

impl GrantedAction {
    /// The proof for whoever administers the machine itself, which no role is needed for: the
    /// administration socket is open to nobody else.
    pub fn on_this_host(action: &str, scope: Scope) -> Self {
        Self { by: None, action: action.to_owned(), scope, assignment: None }
    }

    /// Who does it; `None` for the machine's administrator.
    pub fn by(&self) -> Option<PrincipalId> {
        self.by
    }

    /// The action.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Where it may be done.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The role assignment that allows it.
    pub fn assignment(&self) -> Option<RoleAssignmentId> {
        self.assignment
    }

    /// Whether this is the proof for an action at a scope, or at one that contains it.
    pub fn covers(&self, action: &str, scope: &Scope) -> bool {
        self.action.eq_ignore_ascii_case(action) && self.scope.contains(scope)
    }
}

/// A refusal; its text is what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct DeniedAction {
    /// The caller's name: a person's user principal name, an application's client id.
    pub client: String,
    /// The caller's object id.
    pub object_id: PrincipalId,
    /// What was asked for.
    pub action: String,
    /// Where.
    pub scope: Scope,
    /// The deny assignment that refuses it, if one does.
    pub denied_by: Option<Box<DenyAssignment>>,
}

impl DeniedAction {
    /// The error's code on the wire.
    pub fn code(&self) -> &'static str {
        match self.denied_by {
            None => "AuthorizationFailed",
            Some(_) => "DenyAssignmentAuthorizationFailed",
        }
    }

    fn message(&self) -> String {
        let Self { client, object_id, action, scope, denied_by } = self;
        match denied_by {
            None => format!(
                "The client '{client}' with object id '{object_id}' does not have authorization \
                 to perform action '{action}' over scope '{scope}' or the scope is invalid. If \
                 access was recently granted, please refresh your credentials."
            ),
            Some(denial) => format!(
                "The client '{client}' with object id '{object_id}' has permission to perform \
                 action '{action}' on scope '{scope}'; however, the access is denied because of \
                 the deny assignment with name '{}' and Id '{}' at scope '{}'.",
                denial.name,
                denial.id.0.simple(),
                denial.scope
            ),
        }
    }
}

/// Decides an action; the proof, or the refusal.
///
/// # Errors
/// [`DeniedAction`] unless a role assignment allows it and no deny assignment refuses it.
pub fn permitted(
    caller: &Caller,
    action: &str,
    scope: &Scope,
    assignments: &impl AsRef<Assignments>,
) -> Result<GrantedAction, DeniedAction> {
    decided(caller, Facts::of_action(action), scope, assignments.as_ref())
}

/// Decides the writing of a role assignment, which conditions may ask about.
///
/// # Errors
/// [`DeniedAction`], as [`permitted`].
pub fn permitted_to_assign(
    caller: &Caller,
    written: AssignmentFacts,
    scope: &Scope,
    assignments: &impl AsRef<Assignments>,
) -> Result<GrantedAction, DeniedAction> {
    let request = Attributes { assignment: Some(written), ..Attributes::default() };
    let facts = Facts { request, ..Facts::of_action(WRITE_ASSIGNMENT) };
    decided(caller, facts, scope, assignments.as_ref())
}

/// Decides the deletion of a role assignment, which conditions may ask about.
///
/// # Errors
/// [`DeniedAction`], as [`permitted`].
pub fn permitted_to_unassign(
    caller: &Caller,
    deleted: AssignmentFacts,
    scope: &Scope,
    assignments: &impl AsRef<Assignments>,
) -> Result<GrantedAction, DeniedAction> {
    let resource = Attributes { assignment: Some(deleted), ..Attributes::default() };
    let facts = Facts { resource, ..Facts::of_action(DELETE_ASSIGNMENT) };
    decided(caller, facts, scope, assignments.as_ref())
}

/// Decides whether a caller may take access to everything of the tenant: one of the owners that
/// the operator has named, whatever roles they hold. It is the proof for one role assignment.
///
/// # Errors
/// [`DeniedAction`] for everybody else.
pub fn permitted_to_elevate(
    caller: &Caller,
    owners: &[PrincipalId],
) -> Result<GrantedAction, DeniedAction> {
    let scope = Scope::root();
    if owners.contains(&caller.object_id) {
        let (by, action) = (Some(caller.object_id), WRITE_ASSIGNMENT.to_owned());
        return Ok(GrantedAction { by, action, scope, assignment: None });
    }
    Err(DeniedAction {
        client: client_of(caller),
        object_id: caller.object_id,
        action: "Microsoft.Authorization/elevateAccess/action".to_owned(),
        scope,
        denied_by: None,
    })
}

/// The action that writes role assignments.
pub const WRITE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments/write";

/// The action that deletes role assignments.
pub const DELETE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments/delete";

struct Control<'a>(Facts<'a>);

impl Wanted for Control<'_> {
    fn governs_denials(&self) -> bool {
        let (namespace, action) = ("Microsoft.Authorization/denyAssignments/", self.0.action);
        action.get(..namespace.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(namespace))
    }

    fn is_allowed_by(&self, role: &RoleDefinition) -> bool {
        role.allows_action(self.0.action)
    }

    fn is_refused_by(&self, denial: &DenyAssignment) -> bool {
        denial.refuses_action(self.0.action)
    }

    fn facts(&self) -> &Facts<'_> {
        &self.0
    }
}

fn decided(
    caller: &Caller,
    facts: Facts<'_>,
    scope: &Scope,
    assignments: &Assignments,
) -> Result<GrantedAction, DeniedAction> {
    let action = facts.action.to_owned();
    let decision = if is_foreign(caller, scope, assignments) {
        Decision::Denied
    } else {
        decide(caller, &Control(facts), scope.folded(), assignments)
    };
    let denied_by = match decision {
        Decision::Allowed(id) => {
            let by = Some(caller.object_id);
            return Ok(GrantedAction { by, action, scope: scope.clone(), assignment: Some(id) });
        }
        Decision::Refused(id) => assignments.denial(id).map(|d| Box::new(DenyAssignment::clone(d))),
        Decision::Denied => None,
    };
    Err(DeniedAction {
        client: client_of(caller),
        object_id: caller.object_id,
        action,
        scope: scope.clone(),
        denied_by,
    })
}

/// Whether a scope is in a subscription of another tenant: what is assigned at `/` or at a root
/// management group is for one's own.
fn is_foreign(caller: &Caller, scope: &Scope, assignments: &Assignments) -> bool {
    let tenant = scope.subscription_id().and_then(|id| assignments.tenant_of(id));
    tenant.is_some_and(|tenant| tenant != caller.tenant)
}

fn client_of(caller: &Caller) -> String {
    let name = caller.upn.as_ref().or(caller.app_id.as_ref());
    name.cloned().unwrap_or_else(|| caller.object_id.to_string())
}
