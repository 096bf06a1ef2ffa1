//! Role-based access control: deny by default.
//!
//! ```text
//! refused   by any deny assignment about the caller, at the scope or above
//! allowed   by any role assignment to the caller or one of the caller's groups, at the scope or
//!           above, of a role that grants the action and is for there, whose conditions hold
//! denied    otherwise
//! ```
//! Whoever may govern deny assignments by a role held above the scope of one is not kept by it from
//! doing so: nobody locks out those above.
//!
//! Assignments are found by scope and principal: one look-up for each scope above and, where
//! something is assigned, one for each principal.

use std::io::Write as _;

use strongroom_model::scope::ancestors;
use strongroom_model::{
    Assignments, Caller, Condition, DataAction, DenyAssignment, DenyAssignmentId, Kind,
    RoleAssignmentId, RoleDefinition, Scope, ScopeAssignments, TenantId,
};

use crate::condition::{Facts, holds};

/// What an evaluation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This role assignment allows it.
    Allowed(RoleAssignmentId),
    /// This deny assignment refuses it.
    Refused(DenyAssignmentId),
    /// No role assignment allows it.
    Denied,
}

/// Whether `caller` may do `action` to an object of a vault, or to the vault. Allocates nothing.
pub fn evaluate(
    caller: &Caller,
    action: DataAction,
    vault: &Scope,
    object: Option<(Kind, &str)>,
    assignments: &impl AsRef<Assignments>,
) -> Decision {
    let facts = Facts::of_data(action, vault, object);
    let wanted = Data { action, facts };
    let assignments = assignments.as_ref();
    match object {
        None => decide(caller, &wanted, vault.folded(), assignments),
        Some((kind, name)) => with_object(vault.folded(), kind, name, |scope| {
            decide(caller, &wanted, scope, assignments)
        }),
    }
}

/// What is asked for, on either plane.
pub(crate) trait Wanted {
    /// Whether deny assignments themselves are read, written or deleted.
    fn governs_denials(&self) -> bool;
    fn is_allowed_by(&self, role: &RoleDefinition) -> bool;
    fn is_refused_by(&self, denial: &DenyAssignment) -> bool;
    fn facts(&self) -> &Facts<'_>;
}

struct Data<'a> {
    action: DataAction,
    facts: Facts<'a>,
}

impl Wanted for Data<'_> {
    fn governs_denials(&self) -> bool {
        false
    }

    fn is_allowed_by(&self, role: &RoleDefinition) -> bool {
        role.allows(self.action)
    }

    fn is_refused_by(&self, denial: &DenyAssignment) -> bool {
        denial.refuses(self.action)
    }

    fn facts(&self) -> &Facts<'_> {
        &self.facts
    }
}

/// Decides at a scope that is given in ASCII lower case.
pub(crate) fn decide(
    caller: &Caller,
    wanted: &impl Wanted,
    scope: &str,
    assignments: &Assignments,
) -> Decision {
    // A condition that cannot be evaluated does not hold.
    let met = |condition: &Option<Condition>| {
        condition.as_ref().is_none_or(|c| holds(c, wanted.facts()) == Some(true))
    };
    let allowing = |here: &'_ ScopeAssignments| {
        let mut held = caller.principals().flat_map(|principal| here.of(principal));
        let allows = |role: &RoleDefinition| wanted.is_allowed_by(role) && met(&role.condition);
        let found = held.find(|assignment| {
            assignments.role_of(assignment).is_some_and(|role| allows(role))
                && met(&assignment.condition)
        });
        found.map(|assignment| assignment.id)
    };
    let from_above = |denial: &DenyAssignment| {
        let at = denial.scope.folded();
        let above = |here: &_, exactly: bool| if exactly { None } else { allowing(here) };
        wanted.governs_denials() && climb(assignments, at, caller.tenant, above).is_some()
    };
    if assignments.has_denials()
        && let Some(denial) = climb(assignments, scope, caller.tenant, |here, exactly| {
            let mut refusing = here.denials().iter();
            refusing.find(|d| is_refused(caller, wanted, d, exactly) && !from_above(d))
        })
    {
        return Decision::Refused(denial.id);
    }
    climb(assignments, scope, caller.tenant, |here, _| allowing(here))
        .map_or(Decision::Denied, Decision::Allowed)
}

/// Whether a deny assignment on the way up applies. One whose condition cannot be evaluated does.
fn is_refused(
    caller: &Caller,
    wanted: &impl Wanted,
    denial: &DenyAssignment,
    exactly: bool,
) -> bool {
    (exactly || !denial.only_here)
        && wanted.is_refused_by(denial)
        && denial.is_about(caller)
        && denial.condition.as_ref().is_none_or(|c| holds(c, wanted.facts()) != Some(false))
}

/// Goes from a scope, given in ASCII lower case, up to `/` and answers the first find: where
/// something is assigned, `visit` is asked, and told whether that is at the scope itself.
pub fn climb<'a, R>(
    assignments: &'a Assignments,
    scope: &str,
    tenant: TenantId,
    mut visit: impl FnMut(&'a ScopeAssignments, bool) -> Option<R>,
) -> Option<R> {
    let mut at = |folded: &str, exactly| visit(assignments.at(folded)?, exactly);
    if let Some(found) = ancestors(scope).find_map(|above| at(above, above.len() == scope.len())) {
        return Some(found);
    }
    if scope.starts_with("/subscriptions/")
        && let Some(found) = with_root_group(tenant, |group| at(group, false))
    {
        return Some(found);
    }
    at("/", scope == "/")
}

/// The scope of a tenant's root management group, in ASCII lower case.
fn with_root_group<R>(tenant: TenantId, then: impl FnOnce(&str) -> R) -> R {
    with_text(format_args!("/providers/microsoft.management/managementgroups/{tenant}"), then)
}

/// The scope of an object, in ASCII lower case.
fn with_object<R>(vault: &str, kind: Kind, name: &str, then: impl FnOnce(&str) -> R) -> R {
    with_text(format_args!("{vault}/{}/{name}", kind.collection()), then)
}

/// A text in ASCII lower case that lies on the stack when it is as long as scopes are.
fn with_text<R>(text: std::fmt::Arguments<'_>, then: impl FnOnce(&str) -> R) -> R {
    const LONGEST: usize = 512;
    let mut buffer = [0_u8; LONGEST];
    let mut free = &mut buffer[..];
    if write!(free, "{text}").is_ok() {
        let written = LONGEST - free.len();
        if let Some(written) = buffer.get_mut(..written) {
            written.make_ascii_lowercase();
            if let Ok(folded) = std::str::from_utf8(written) {
                return then(folded);
            }
        }
    }
    then(&text.to_string().to_ascii_lowercase())
}
