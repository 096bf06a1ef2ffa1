//! Role definitions: the built-in ones, and a tenant's own.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_authz::GrantedAction;
use strongroom_model::{
    Assignments, RoleDefinition, RoleDefinitionId, RolePermissions, Scope, SubscriptionId,
};
use strongroom_ops::roles::NewRole;
use strongroom_store::Store;

use super::filter::{self, Clause};
use super::{check_permissions, check_tenant, guid, put_stamps, role_id, scope, show_permissions};
use crate::page::Window;
use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply};

const READ: &str = "Microsoft.Authorization/roleDefinitions/read";
const WRITE: &str = "Microsoft.Authorization/roleDefinitions/write";
const DELETE: &str = "Microsoft.Authorization/roleDefinitions/delete";

/// The longest name of a role, in characters.
const LONGEST_NAME: usize = 512;

pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match (&request.method, request.target.len()) {
        (&Method::GET, 1) => list(request),
        (&Method::GET, _) => show(request),
        (&Method::PUT, 2) => put(request).await,
        (&Method::DELETE, 2) => delete(request).await,
        (method, _) => Err(Problem::method(method)),
    }
}

fn id<S: Store>(request: &ArmRequest<'_, S>) -> Result<RoleDefinitionId, Problem> {
    guid(request, "InvalidRoleDefinitionId", "role definition").map(RoleDefinitionId)
}

fn is_visible<S: Store>(request: &ArmRequest<'_, S>, role: &RoleDefinition) -> bool {
    role.tenant.is_none_or(|tenant| tenant == request.caller.tenant)
}

/// At the tenant, built-in roles are shown to whoever has signed in, and a role of the tenant's
/// own to whoever may read roles where it may be assigned.
fn permit_read<S: Store>(request: &mut ArmRequest<'_, S>, scope: &Scope) -> Result<(), Problem> {
    if *scope == Scope::root() {
        request.name(READ);
        return Ok(());
    }
    request.permit(READ, scope).map(|_| ())
}

fn is_shown<S: Store>(request: &ArmRequest<'_, S>, role: &RoleDefinition, scope: &Scope) -> bool {
    let may_read = || role.assignable_scopes.iter().any(|at| request.may(READ, at));
    is_visible(request, role) && (role.is_built_in() || *scope != Scope::root() || may_read())
}

fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    permit_read(request, &scope)?;
    let id = id(request)?;
    let role = request.directory.access().role(id);
    let role = role.filter(|role| is_shown(request, role, &scope));
    let role = role.ok_or_else(|| {
        let id = id.0.simple();
        Problem::not_found(
            "RoleDefinitionDoesNotExist",
            format!("The specified role definition with ID '{id}' does not exist."),
        )
    })?;
    Reply::ok(&body(role, scope.subscription_id()))
}

fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    permit_read(request, &scope)?;
    let asked = Asked::of(request.query.get("$filter"))?;
    let window = Window::of(request)?;
    let access = request.directory.access();
    let mut found: Vec<&Arc<RoleDefinition>> = access
        .roles()
        .filter(|role| asked.is_met(role, &scope, access) && is_shown(request, role, &scope))
        .collect();
    found.sort_unstable_by_key(|role| role.id);
    let subscription = scope.subscription_id();
    let entries = found.into_iter().map(|role| (role.id.to_string(), role));
    let rest = entries.filter(|(id, _)| window.after.as_ref().is_none_or(|after| id > after));
    window.reply(request, rest.map(|(id, role)| (id, body(role, subscription))))
}

/// What a list is asked for.
#[derive(Default)]
struct Asked {
    /// With roles that are assignable only below the scope.
    below: bool,
    name: Option<String>,
    is_built_in: Option<bool>,
}

impl Asked {
    fn of(text: Option<&str>) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for clause in filter::parse(text)? {
            match clause {
                Clause::Call(name, None) if name == "atscopeandbelow" => asked.below = true,
                Clause::Call(name, None) if name == "atscope" => {}
                Clause::Equals(name, value) if name == "rolename" => asked.name = Some(value),
                Clause::Equals(name, value) if name == "type" => {
                    asked.is_built_in = Some(value.eq_ignore_ascii_case("BuiltInRole"));
                }
                _ => return Err(filter::refused(text.unwrap_or_default())),
            }
        }
        Ok(asked)
    }

    fn is_met(&self, role: &RoleDefinition, scope: &Scope, access: &Assignments) -> bool {
        let below = || role.assignable_scopes.iter().any(|inner| scope.contains(inner));
        (access.is_assignable(role, scope) || self.below && below())
            && self.name.as_ref().is_none_or(|name| role.name.eq_ignore_ascii_case(name))
            && self.is_built_in.is_none_or(|is| is == role.is_built_in())
    }
}

#[derive(Deserialize)]
struct Sent {
    properties: SentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentProperties {
    role_name: String,
    description: Option<String>,
    #[serde(default)]
    permissions: Vec<SentPermissions>,
    #[serde(default)]
    assignable_scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SentPermissions {
    actions: Option<Vec<String>>,
    not_actions: Option<Vec<String>>,
    data_actions: Option<Vec<String>>,
    not_data_actions: Option<Vec<String>>,
}

impl SentPermissions {
    /// The permissions; patterns for Key Vault name something that there is.
    pub(super) fn read(self) -> Result<RolePermissions, Problem> {
        let [actions, not_actions, data_actions, not_data_actions] =
            [self.actions, self.not_actions, self.data_actions, self.not_data_actions]
                .map(Option::unwrap_or_default);
        let permissions = RolePermissions { actions, not_actions, data_actions, not_data_actions };
        check_permissions(&permissions)?;
        Ok(permissions)
    }
}

async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let id = id(request)?;
    let sent: Sent = request.body()?;
    let new = read(request, id, sent.properties)?;
    let known = request.directory.access().role(id).filter(|role| is_visible(request, role));
    let before = known.filter(|role| !role.is_built_in());
    let before = before.map(|role| role.assignable_scopes.clone()).unwrap_or_default();
    let granted = permit_each(request, WRITE, new.assignable_scopes.iter().chain(&before))?;
    let (role, _) = request.service.ops.put_role(&granted, new, &mut request.call).await?;
    Reply::json(StatusCode::CREATED, &body(&role, scope.subscription_id()))
}

async fn delete<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let id = id(request)?;
    let known = request.directory.access().role(id).filter(|role| is_visible(request, role));
    let Some(role) = known.cloned() else {
        request.permit(DELETE, &scope)?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    };
    let scopes =
        if role.is_built_in() { vec![scope.clone()] } else { role.assignable_scopes.clone() };
    let granted = permit_each(request, DELETE, scopes.iter())?;
    let tenant = request.caller.tenant;
    let ops = &request.service.ops;
    match ops.delete_role(&granted, id, tenant, &mut request.call).await? {
        Some(gone) => Reply::ok(&body(&gone, scope.subscription_id())),
        None => Ok(Reply::empty(StatusCode::NO_CONTENT)),
    }
}

/// A role is the concern of every scope that it may be assigned at.
fn permit_each<'a, S: Store>(
    request: &mut ArmRequest<'_, S>,
    action: &str,
    scopes: impl Iterator<Item = &'a Scope>,
) -> Result<Vec<GrantedAction>, Problem> {
    scopes.map(|scope| request.permit(action, scope)).collect()
}

fn read<S: Store>(
    request: &ArmRequest<'_, S>,
    id: RoleDefinitionId,
    sent: SentProperties,
) -> Result<NewRole, Problem> {
    let invalid = |text: &str| Problem::bad("InvalidRoleDefinitionRequest", text);
    let name = sent.role_name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(invalid("The role name has between 1 and 512 characters."));
    }
    let mut permissions = sent.permissions.into_iter();
    let (Some(only), None) = (permissions.next(), permissions.next()) else {
        return Err(invalid("A custom role has exactly one entry in 'permissions'."));
    };
    if sent.assignable_scopes.is_empty() {
        return Err(invalid("A custom role has at least one assignable scope."));
    }
    let assignable = sent.assignable_scopes.iter().map(|text| assignable(request, text));
    Ok(NewRole {
        id,
        tenant: request.caller.tenant,
        name: name.to_owned(),
        description: sent.description.unwrap_or_default(),
        permissions: only.read()?,
        assignable_scopes: assignable.collect::<Result<_, _>>()?,
    })
}

/// A scope that a custom role may be assigned at: the root management group, a subscription, or a
/// resource group.
fn assignable<S: Store>(request: &ArmRequest<'_, S>, text: &str) -> Result<Scope, Problem> {
    let refused = || {
        let text = shown(text);
        Problem::bad(
            "InvalidAssignableScope",
            format!(
                "'{text}' is not a scope that a custom role can have: a management group, a \
                 subscription or a resource group."
            ),
        )
    };
    let scope = Scope::parse(text).map_err(|_| refused())?;
    if scope == Scope::root() || scope.as_str().matches('/').count() > 4 {
        return Err(refused());
    }
    check_tenant(request, &scope)?;
    Ok(scope)
}

fn body(role: &RoleDefinition, subscription: Option<SubscriptionId>) -> Value {
    let mut permissions = show_permissions(&role.permissions);
    if let Some(condition) = &role.condition {
        permissions.insert("condition".into(), json!(condition.as_str()));
        permissions.insert("conditionVersion".into(), json!(strongroom_model::condition::VERSION));
    }
    let scopes: Vec<&str> = role.assignable_scopes.iter().map(Scope::as_str).collect();
    let mut properties = Map::new();
    let kind = if role.is_built_in() { "BuiltInRole" } else { "CustomRole" };
    for (name, value) in [
        ("roleName", json!(role.name)),
        ("type", json!(kind)),
        ("description", json!(role.description)),
        ("assignableScopes", json!(scopes)),
        ("permissions", json!([permissions])),
    ] {
        properties.insert(name.to_owned(), value);
    }
    put_stamps(&mut properties, &role.stamps);
    json!({
        "properties": properties,
        "id": role_id(subscription, &role.id.0),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": role.id.to_string(),
    })
}
