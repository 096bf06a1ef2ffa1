//! How much roles, role assignments and deny assignments may say: every decision of everybody pays
//! for it. The numbers are Azure's where Azure has one; `docs/operating.md` lists them.

use strongroom_directory::Directory;
use strongroom_model::{DenyPrincipal, RolePermissions, Scope, ScopeAssignments};

use super::{NewRole, RoleError};

/// Role assignments in a subscription, as in Azure.
const IN_SUBSCRIPTION: usize = 4_000;

/// Role assignments at a management group or at `/`, as in Azure at a management group.
const ABOVE: usize = 500;

/// Deny assignments in a subscription, or above.
const DENIALS: usize = 500;

/// Principals that a deny assignment names, and as many that it excludes.
const PRINCIPALS: usize = 200;

/// Characters of a description, as of a custom role's in Azure.
const DESCRIPTION: usize = 2_048;

/// Characters of a name, as of a custom role's in Azure.
const NAME: usize = 512;

/// Patterns of actions, all four lists together.
const PATTERNS: usize = 500;

/// Characters of a pattern; the longest action of Azure has fewer than half.
const PATTERN: usize = 256;

/// Scopes that a role may be assigned at.
const SCOPES: usize = 200;

/// A provider without a resource contains nothing: what is said there would be without effect.
pub(super) fn check_scope(scope: &Scope) -> Result<(), RoleError> {
    let mut from_the_end = scope.folded().rsplit('/').skip(1);
    if from_the_end.next() == Some("providers") {
        return Err(RoleError::NoScope(scope.as_str().to_owned()));
    }
    Ok(())
}

pub(super) fn check_description(text: &str) -> Result<(), RoleError> {
    at_most(text.chars().count(), DESCRIPTION, "A description", "characters")
}

pub(super) fn check_permissions(permissions: &RolePermissions) -> Result<(), RoleError> {
    let RolePermissions { actions, not_actions, data_actions, not_data_actions } = permissions;
    let all = [actions, not_actions, data_actions, not_data_actions];
    let count = all.iter().map(|patterns| patterns.len()).sum();
    at_most(count, PATTERNS, "'permissions'", "actions")?;
    let longest = all.into_iter().flatten().map(|pattern| pattern.chars().count()).max();
    at_most(longest.unwrap_or_default(), PATTERN, "An action", "characters")
}

pub(super) fn check_role(role: &NewRole) -> Result<(), RoleError> {
    at_most(role.name.chars().count(), NAME, "The name of a role", "characters")?;
    check_description(&role.description)?;
    check_permissions(&role.permissions)?;
    at_most(role.assignable_scopes.len(), SCOPES, "'assignableScopes'", "scopes")
}

pub(super) fn check_denied(
    name: &str,
    principals: &[DenyPrincipal],
    excluded: &[DenyPrincipal],
) -> Result<(), RoleError> {
    at_most(name.chars().count(), NAME, "The name of a deny assignment", "characters")?;
    at_most(principals.len(), PRINCIPALS, "'principals'", "principals")?;
    at_most(excluded.len(), PRINCIPALS, "'excludePrincipals'", "principals")
}

/// Whether one more role assignment has room at a scope.
pub(super) fn check_assignments(directory: &Directory, scope: &Scope) -> Result<(), RoleError> {
    let held = |here: &ScopeAssignments| here.assignments().count();
    let (count, most) = match scope.subscription_id() {
        Some(id) => {
            let whole = Scope::subscription(id);
            (directory.access().within(&whole).map(held).sum(), IN_SUBSCRIPTION)
        }
        None => (directory.access().at(scope.folded()).map_or(0, held), ABOVE),
    };
    if count >= most { Err(RoleError::TooManyAssignments(count)) } else { Ok(()) }
}

/// Whether one more deny assignment has room at a scope.
pub(super) fn check_denials(directory: &Directory, scope: &Scope) -> Result<(), RoleError> {
    let subscription = scope.subscription_id();
    let beside = |other: &Scope| other.subscription_id() == subscription;
    let count = directory.access().denials().filter(|denial| beside(&denial.scope)).count();
    at_most(count + 1, DENIALS, "A subscription", "deny assignments")
}

fn at_most(count: usize, most: usize, what: &str, unit: &str) -> Result<(), RoleError> {
    if count <= most {
        return Ok(());
    }
    Err(RoleError::Limit(format!("{what} has at most {most} {unit}; {count} were given.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11/resourceGroups/rg";

    #[test]
    fn a_provider_alone_is_no_scope() {
        let scope = |rest: &str| Scope::parse(&format!("{GROUP}{rest}")).unwrap();
        assert!(check_scope(&scope("/providers/Microsoft.KeyVault")).is_err());
        assert!(check_scope(&scope("/PROVIDERS/x")).is_err());
        let vault = "/providers/Microsoft.KeyVault/vaults/v";
        for sound in ["", vault, "/providers/Microsoft.KeyVault/vaults/v/secrets/providers"] {
            assert!(check_scope(&scope(sound)).is_ok(), "{sound}");
        }
        assert!(check_scope(&Scope::root()).is_ok());
        assert!(check_scope(&Scope::management_group("x")).is_ok());
    }
}
