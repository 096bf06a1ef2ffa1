//! `elevateAccess`: an owner that the operator has named takes User Access Administrator at `/`.

use http::{Method, StatusCode};
use strongroom_authz::{permitted_to_elevate, roles};
use strongroom_model::{PrincipalType, Scope};
use strongroom_ops::roles::{NewAssignment, RoleError, principal_type};
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::POST {
        return Err(Problem::method(&request.method));
    }
    let decision = permitted_to_elevate(&request.caller, &request.service.owners);
    let root = Scope::root();
    let granted =
        request.decided("Microsoft.Authorization/elevateAccess/action", &root, decision)?;
    let role = roles::by_name("User Access Administrator")
        .ok_or_else(|| Problem::internal(&"a built-in role is missing"))?;
    let principal = request.caller.object_id;
    let known = principal_type(&request.directory, request.caller.tenant, principal);
    let new = NewAssignment {
        id: None,
        principal,
        principal_type: known.or(Some(PrincipalType::User)),
        role: role.id,
        scope: root,
        description: None,
        condition: None,
    };
    match request.service.ops.assign(&granted, new, &mut request.call).await {
        Ok(_) | Err(RoleError::AssignmentExists(_)) => Ok(Reply::empty(StatusCode::OK)),
        Err(error) => Err(error.into()),
    }
}
