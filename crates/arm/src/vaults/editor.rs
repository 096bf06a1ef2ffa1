//! Who changes a vault, and what of it they may change beside what `vaults/write` covers.

use std::sync::Arc;

use strongroom_authz::actions::WRITE_ASSIGNMENT;
use strongroom_authz::permitted;
use strongroom_authz::rbac::climb;
use strongroom_model::{Author, IdentityType, RoleAssignment, RoleDefinition, Scope};
use strongroom_ops::vaults::{
    ACCESS_POLICIES_WRITE, VAULT_DELETE, VAULT_PURGE, VAULT_WRITE, VaultEditor,
};
use strongroom_store::Store;

use crate::ArmRequest;

/// What a vault's access policies are changed by.
pub(super) const WRITE_POLICIES: &str = "Microsoft.KeyVault/vaults/accessPolicies/write";

/// The caller, as the editor of the vault at a scope.
pub(super) fn editor<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> VaultEditor {
    let all = [VAULT_WRITE, VAULT_DELETE, VAULT_PURGE, ACCESS_POLICIES_WRITE, WRITE_ASSIGNMENT];
    let granted = all
        .into_iter()
        .filter(|action| *action != WRITE_ASSIGNMENT || may_assign_anything(request, scope))
        .filter_map(|action| {
            permitted(&request.caller, action, scope, request.directory.as_ref()).ok()
        });
    VaultEditor::new(Some(author(request)), granted)
}

fn author<S: Store>(request: &ArmRequest<'_, S>) -> Author {
    let caller = &request.caller;
    let name = caller.upn.clone().or_else(|| caller.app_id.clone());
    Author {
        name: name.unwrap_or_else(|| caller.object_id.to_string()),
        is_application: caller.identity_type != IdentityType::User,
    }
}

/// Whether the caller may give whatever role to whomever at a scope: a right with a condition on
/// it is not enough to change what roles mean for a vault.
fn may_assign_anything<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> bool {
    let (assignments, caller) = (request.directory.access(), &request.caller);
    let unconditional = |held: &&Arc<RoleAssignment>| {
        let allows = |role: &Arc<RoleDefinition>| {
            role.condition.is_none() && role.allows_action(WRITE_ASSIGNMENT)
        };
        held.condition.is_none() && assignments.role_of(held).is_some_and(allows)
    };
    request.may(WRITE_ASSIGNMENT, scope)
        && climb(assignments, scope.folded(), caller.tenant, |here, _| {
            caller.principals().flat_map(|principal| here.of(principal)).find(unconditional)
        })
        .is_some()
}
