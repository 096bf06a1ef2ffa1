//! The routes of the administration socket for deny assignments.

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_arm::authorization::check_permissions;
use strongroom_directory::Directory;
use strongroom_model::{
    Assignments, DenyAssignment, DenyAssignmentId, DenyPrincipal, RolePermissions, Scope,
};
use strongroom_ops::OpError;
use strongroom_ops::identities::{find_principal, new_guid};
use strongroom_ops::roles::{NewDenial, principal_type, tenant_of};

use super::routes::{Admin, Answer, Refused, bad, failed};

/// The routes, to be merged with the others.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/denyAssignments", get(list).post(create))
        .route("/denyAssignments/{id}", delete(remove))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sent {
    name: String,
    description: Option<String>,
    scope: String,
    #[serde(default)]
    only_here: bool,
    /// For everyone, in place of `principals`.
    #[serde(default)]
    everyone: bool,
    #[serde(default)]
    principals: Vec<String>,
    #[serde(default)]
    exclude_principals: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
    #[serde(default)]
    data_actions: Vec<String>,
    #[serde(default)]
    not_data_actions: Vec<String>,
}

impl Sent {
    /// The deny assignment to be made.
    pub(super) fn read(self, directory: &Directory) -> Result<NewDenial, Refused> {
        let permissions = RolePermissions {
            actions: self.actions,
            not_actions: self.not_actions,
            data_actions: self.data_actions,
            not_data_actions: self.not_data_actions,
        };
        check_permissions(&permissions).map_err(bad)?;
        if permissions.actions.is_empty() && permissions.data_actions.is_empty() {
            return Err(bad("a deny assignment denies something: give actions or dataActions"));
        }
        let everyone = DenyPrincipal { id: DenyPrincipal::EVERYONE, kind: None };
        let mut named = principals(directory, &self.principals)?;
        named.extend(self.everyone.then_some(everyone));
        Ok(NewDenial {
            id: DenyAssignmentId(new_guid().map_err(failed)?),
            name: self.name,
            description: self.description.unwrap_or_default(),
            permissions,
            scope: Scope::parse(&self.scope).map_err(bad)?,
            only_here: self.only_here,
            principals: named,
            excluded: principals(directory, &self.exclude_principals)?,
            condition: None,
        })
    }
}

async fn create(State(admin): State<Admin>, Json(sent): Json<Sent>) -> Answer {
    let new = sent.read(&admin.node.directory.current())?;
    let mut call = admin.call("DenyAssignmentWrite")?;
    let outcome = admin.node.ops.create_deny_assignment(new, &mut call).await;
    Ok(Json(show(admin.finish(call, outcome).await?.as_ref())))
}

/// Those that the directory knows, or any object id: also that of a principal of an external
/// issuer.
fn principals(directory: &Directory, named: &[String]) -> Result<Vec<DenyPrincipal>, Refused> {
    let principal = |text: &String| {
        let id = match find_principal(directory, text) {
            Ok(id) => id,
            Err(unknown) => text.parse().map_err(|_| bad(unknown))?,
        };
        let tenant = tenant_of(directory, id);
        let kind = tenant.and_then(|tenant| principal_type(directory, tenant, id));
        Ok(DenyPrincipal { id, kind })
    };
    named.iter().map(principal).collect()
}

#[derive(Deserialize)]
struct Filter {
    scope: Option<String>,
}

async fn list(State(admin): State<Admin>, Query(filter): Query<Filter>) -> Answer {
    let scope = filter.scope.as_deref().map(Scope::parse).transpose().map_err(bad)?;
    let directory = admin.node.directory.current();
    let assignments: &Assignments = (*directory).as_ref();
    let mut found: Vec<_> = assignments
        .denials()
        .filter(|denial| scope.as_ref().is_none_or(|scope| denial.scope == *scope))
        .collect();
    found.sort_by_key(|denial| denial.id);
    Ok(Json(found.into_iter().map(|denial| show(denial)).collect()))
}

async fn remove(State(admin): State<Admin>, Path(id): Path<String>) -> Answer {
    let id: DenyAssignmentId = id.parse().map_err(bad)?;
    let mut call = admin.call("DenyAssignmentDelete")?;
    let outcome = admin.node.ops.delete_deny_assignment(id, &mut call).await.and_then(|found| {
        found.ok_or_else(|| OpError::NoSuch(format!("The deny assignment '{id}' is not found.")))
    });
    Ok(Json(show(admin.finish(call, outcome).await?.as_ref())))
}

/// A deny assignment as it is listed: flat, as az prints role assignments.
fn show(denial: &DenyAssignment) -> Value {
    let ids = |list: &[DenyPrincipal]| -> Vec<String> {
        list.iter().map(|principal| principal.id.to_string()).collect()
    };
    let scope = denial.scope.as_str();
    let base = if scope == "/" { "" } else { scope };
    let permissions = &denial.permissions;
    json!({
        "id": format!("{base}/providers/Microsoft.Authorization/denyAssignments/{}", denial.id),
        "name": denial.id.to_string(),
        "denyAssignmentName": denial.name,
        "description": denial.description,
        "scope": scope,
        "doNotApplyToChildScopes": denial.only_here,
        "principals": ids(&denial.principals),
        "excludePrincipals": ids(&denial.excluded),
        "actions": permissions.actions,
        "notActions": permissions.not_actions,
        "dataActions": permissions.data_actions,
        "notDataActions": permissions.not_data_actions,
        "type": "Microsoft.Authorization/denyAssignments",
    })
}
