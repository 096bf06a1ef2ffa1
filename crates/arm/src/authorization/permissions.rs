//! What the caller may do at a scope.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use strongroom_authz::rbac::climb;
use strongroom_model::RoleAssignment;
use strongroom_store::Store;

use super::{check_exists, scope, show_permissions};
use crate::{ArmRequest, Problem, Reply};

pub(super) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    let scope = scope(request)?;
    request.permit("Microsoft.Authorization/permissions/read", &scope)?;
    check_exists(request, &scope)?;
    let access = request.directory.access();
    let mut held: Vec<&Arc<RoleAssignment>> = Vec::new();
    let none: Option<()> = climb(access, scope.folded(), request.caller.tenant, |here, _| {
        held.extend(request.caller.principals().flat_map(|principal| here.of(principal)));
        None
    });
    debug_assert!(none.is_none(), "every scope is visited");
    let roles = held.iter().filter_map(|held| Some((access.role_of(held)?, held)));
    let permissions = roles.map(|(role, held)| {
        let mut shown = show_permissions(&role.permissions);
        if let Some(condition) = held.condition.as_ref().or(role.condition.as_ref()) {
            shown.insert("condition".into(), json!(condition.as_str()));
            shown.insert("conditionVersion".into(), json!(strongroom_model::condition::VERSION));
        }
        Value::Object(shown)
    });
    Reply::list(permissions.collect())
}
