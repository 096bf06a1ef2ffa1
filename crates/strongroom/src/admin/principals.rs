//! The routes of the administration socket for people and groups, in the shapes of Graph.

use axum::extract::{Path, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_directory::{Group, User};
use strongroom_model::{PrincipalId, TenantId};
use strongroom_ops::identities::find_principal;
use strongroom_ops::principals::{MemberChange, NewUser, find_group, find_user};

use super::routes::{Admin, Answer, Refused, bad, failed, refused};

/// The routes, to be merged with the others.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/groups", get(list_groups).post(create_group))
        .route("/groups/{group}", get(show_group).delete(delete_group))
        .route("/groups/{group}/members/{member}", put(add_member).delete(remove_member))
        .route("/users", get(list_users).post(create_user))
        .route("/users/{user}", get(show_user).delete(delete_user))
}

fn tenant(admin: &Admin) -> Result<TenantId, Refused> {
    let directory = admin.node.directory.current();
    let installation = directory.installation();
    installation
        .map(|installation| installation.default_tenant)
        .ok_or_else(|| failed("the installation has no tenant"))
}

fn show(group: &Group) -> Value {
    let members: Vec<String> = group.members.iter().map(ToString::to_string).collect();
    json!({
        "id": group.object_id.to_string(),
        "displayName": group.display_name,
        "members": members,
    })
}

fn shown(user: &User) -> Value {
    json!({
        "id": user.object_id.to_string(),
        "displayName": user.display_name,
        "userPrincipalName": user.user_principal_name,
        "mail": user.mail,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentGroup {
    display_name: String,
}

async fn create_group(State(admin): State<Admin>, Json(sent): Json<SentGroup>) -> Answer {
    let tenant = tenant(&admin)?;
    let mut call = admin.call("GroupCreate")?;
    let outcome = admin.node.ops.create_group(sent.display_name, tenant, &mut call).await;
    Ok(Json(show(&admin.finish(call, outcome).await?)))
}

async fn list_groups(State(admin): State<Admin>) -> Answer {
    let directory = admin.node.directory.current();
    let mut groups: Vec<_> = directory.groups().collect();
    groups.sort_by_key(|group| group.display_name.to_lowercase());
    Ok(Json(groups.into_iter().map(|group| show(group)).collect()))
}

async fn show_group(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let directory = admin.node.directory.current();
    Ok(Json(show(&*find_group(&directory, &name).map_err(|error| refused(&error))?)))
}

async fn delete_group(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let directory = admin.node.directory.current();
    let group = find_group(&directory, &name).map_err(|error| refused(&error))?;
    let mut call = admin.call("GroupDelete")?;
    let outcome = admin.node.ops.delete_group(&group, &mut call).await;
    admin.finish(call, outcome).await?;
    Ok(Json(Value::Null))
}

/// A member by any of its names, or by an object id that need not be known here: a person of a
/// trusted issuer.
fn member(admin: &Admin, name: &str) -> Result<PrincipalId, Refused> {
    let directory = admin.node.directory.current();
    match find_principal(&directory, name) {
        Ok(principal) => Ok(principal),
        Err(error) => name.parse().map_err(|_| refused(&error)),
    }
}

async fn add_member(
    State(admin): State<Admin>,
    Path((group, name)): Path<(String, String)>,
) -> Answer {
    let change = MemberChange::Add(member(&admin, &name)?);
    change_members(&admin, "GroupMemberAdd", &group, change).await
}

async fn remove_member(
    State(admin): State<Admin>,
    Path((group, name)): Path<(String, String)>,
) -> Answer {
    let change = MemberChange::Remove(member(&admin, &name)?);
    change_members(&admin, "GroupMemberRemove", &group, change).await
}

async fn change_members(
    admin: &Admin,
    operation: &'static str,
    group: &str,
    change: MemberChange,
) -> Answer {
    let directory = admin.node.directory.current();
    let group = find_group(&directory, group).map_err(|error| refused(&error))?;
    let mut call = admin.call(operation)?;
    let outcome = admin.node.ops.change_members(group.object_id, change, &mut call).await;
    Ok(Json(show(&admin.finish(call, outcome).await?)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentUser {
    display_name: String,
    user_principal_name: String,
    mail: Option<String>,
    id: Option<String>,
}

async fn create_user(State(admin): State<Admin>, Json(sent): Json<SentUser>) -> Answer {
    let new = NewUser {
        object_id: sent.id.map(|id| id.parse()).transpose().map_err(bad)?,
        tenant: tenant(&admin)?,
        display_name: sent.display_name,
        user_principal_name: sent.user_principal_name,
        mail: sent.mail,
    };
    let mut call = admin.call("UserCreate")?;
    let outcome = admin.node.ops.create_user(new, &mut call).await;
    Ok(Json(shown(&admin.finish(call, outcome).await?)))
}

async fn list_users(State(admin): State<Admin>) -> Answer {
    let directory = admin.node.directory.current();
    let mut users: Vec<_> = directory.users().collect();
    users.sort_by_key(|user| user.user_principal_name.to_lowercase());
    Ok(Json(users.into_iter().map(|user| shown(user)).collect()))
}

async fn show_user(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let directory = admin.node.directory.current();
    Ok(Json(shown(&*find_user(&directory, &name).map_err(|error| refused(&error))?)))
}

async fn delete_user(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let directory = admin.node.directory.current();
    let user = find_user(&directory, &name).map_err(|error| refused(&error))?;
    let mut call = admin.call("UserDelete")?;
    let outcome = admin.node.ops.delete_user(&user, &mut call).await;
    admin.finish(call, outcome).await?;
    Ok(Json(Value::Null))
}
