//! Role assignments.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_authz::rbac::climb;
use strongroom_authz::{AssignmentFacts, permitted_to_assign, permitted_to_unassign};
use strongroom_model::{
    Condition, PrincipalId, PrincipalType, RoleAssignment, RoleAssignmentId, RoleDefinitionId,
    Scope, ScopeAssignments, SubscriptionId,
};
use strongroom_ops::roles::{NewAssignment, principal_type, tenant_of};
use strongroom_store::Store;

use super::filter::{self, Clause};
use super::{check_exists, guid, id_at, no_principal, place, put_stamps, role_id, scope};
use crate::locks::{self, Change};
use crate::page::Window;
use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply};

const READ: &str = "Microsoft.Authorization/roleAssignments/read";
const KIND: &str = "roleAssignments";

pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match (&request.method, request.target.len()) {
        (&Method::GET, 1) => list(request),
        (&Method::GET, _) => show(request),
        (&Method::PUT, 2) => put(request).await,
        (&Method::DELETE, 2) => delete(request).await,
        (method, _) => Err(Problem::method(method)),
    }
}

fn id<S: Store>(request: &ArmRequest<'_, S>) -> Result<RoleAssignmentId, Problem> {
    guid(request, "InvalidRoleAssignmentId", "role assignment").map(RoleAssignmentId)
}

fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    request.permit(READ, &scope)?;
    let id = id(request)?;
    let found = find(request, &scope, id).ok_or_else(|| {
        Problem::not_found(
            "RoleAssignmentNotFound",
            format!("The role assignment '{id}' is not found."),
        )
    })?;
    Reply::ok(&body(&found, scope.subscription_id()))
}

/// The assignment of an id at a scope, if it is the caller's tenant's.
fn find<S: Store>(
    request: &ArmRequest<'_, S>,
    scope: &Scope,
    id: RoleAssignmentId,
) -> Option<Arc<RoleAssignment>> {
    let found = request.directory.assignment(id).filter(|found| found.scope == *scope);
    found.filter(|found| is_own(request, found)).cloned()
}

fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    request.permit(READ, &scope)?;
    check_exists(request, &scope)?;
    let asked = Asked::of(request)?;
    let window = Window::of(request)?;
    let access = request.directory.access();
    let mut found: Vec<&Arc<RoleAssignment>> = Vec::new();
    let above: Option<()> = climb(access, scope.folded(), request.caller.tenant, |here, _| {
        found.extend(here.assignments());
        None
    });
    debug_assert!(above.is_none(), "every scope is visited");
    if asked.below {
        let inside = access.within(&scope).flat_map(ScopeAssignments::assignments);
        found.extend(inside.filter(|held| held.scope != scope));
    }
    found.retain(|held| is_own(request, held));
    found.retain(|held| asked.holders.as_ref().is_none_or(|ids| ids.contains(&held.principal)));
    found.sort_unstable_by_key(|held| held.id);
    let subscription = scope.subscription_id();
    let entries = found.into_iter().map(|held| (held.id.to_string(), held));
    let rest = entries.filter(|(id, _)| window.after.as_ref().is_none_or(|after| id > after));
    window.reply(request, rest.map(|(id, held)| (id, body(held, subscription))))
}

/// Whether an assignment is the caller's tenant's.
fn is_own<S: Store>(request: &ArmRequest<'_, S>, held: &RoleAssignment) -> bool {
    super::is_own(request, &held.scope, [held.principal], &held.stamps)
}

/// What a list is asked for.
struct Asked {
    /// With what is below.
    below: bool,
    /// Of these principals only.
    holders: Option<Vec<PrincipalId>>,
}

impl Asked {
    fn of<S: Store>(request: &ArmRequest<'_, S>) -> Result<Self, Problem> {
        let text = request.query.get("$filter");
        let mut asked = Self { below: true, holders: None };
        for clause in filter::parse(text)? {
            match clause {
                Clause::Call(name, None) if name == "atscope" => asked.below = false,
                Clause::Call(name, Some(id)) if name == "assignedto" => {
                    let principal = filter::principal(&id)?;
                    let mut holders = request.directory.groups_of(principal);
                    holders.push(principal);
                    asked.holders = Some(holders);
                }
                Clause::Equals(name, id) if name == "principalid" => {
                    asked.holders = Some(vec![filter::principal(&id)?]);
                }
                _ => return Err(filter::refused(text.unwrap_or_default())),
            }
        }
        Ok(asked)
    }
}

#[derive(Deserialize)]
struct Sent {
    properties: SentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentProperties {
    role_definition_id: String,
    principal_id: String,
    principal_type: Option<String>,
    description: Option<String>,
    condition: Option<String>,
    condition_version: Option<String>,
}

async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let id = id(request)?;
    let sent: Sent = request.body()?;
    let (new, said) = read(request, id, scope.clone(), sent.properties)?;
    // What the caller says of a principal that nobody here knows, no condition takes for true.
    let known = principal_type(&request.directory, request.caller.tenant, new.principal);
    let facts = AssignmentFacts { role: new.role, principal: new.principal, principal_type: known };
    let decision = permitted_to_assign(&request.caller, facts, &scope, request.directory.as_ref());
    let granted =
        request.decided("Microsoft.Authorization/roleAssignments/write", &scope, decision)?;
    check_exists(request, &scope)?;
    check_role(request, new.role)?;
    check_principal(request, &new, said)?;
    locks::check(&request.directory, &place(&scope, KIND, &id.0)?, Change::Write)?;
    let (made, is_new) = request.service.ops.assign(&granted, new, &mut request.call).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Reply::json(status, &body(&made, scope.subscription_id()))
}

async fn delete<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";
    let scope = scope(request)?;
    let id = id(request)?;
    let Some(found) = find(request, &scope, id) else {
        request.permit(DELETE, &scope)?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    };
    let facts = AssignmentFacts::from(found.as_ref());
    let decision =
        permitted_to_unassign(&request.caller, facts, &scope, request.directory.as_ref());
    let granted = request.decided(DELETE, &scope, decision)?;
    locks::check(&request.directory, &place(&scope, KIND, &id.0)?, Change::Delete)?;
    match request.service.ops.unassign(&granted, id, &mut request.call).await? {
        Some(gone) => Reply::ok(&body(&gone, scope.subscription_id())),
        None => Ok(Reply::empty(StatusCode::NO_CONTENT)),
    }
}

/// What was sent, and the type that it says the principal has. It refuses nothing for what the
/// directory knows: that is for the eyes of those who may assign roles.
fn read<S: Store>(
    request: &ArmRequest<'_, S>,
    id: RoleAssignmentId,
    scope: Scope,
    sent: SentProperties,
) -> Result<(NewAssignment, Option<PrincipalType>), Problem> {
    let principal = filter::principal(&sent.principal_id)?;
    let role = sent.role_definition_id.rsplit('/').next().unwrap_or_default();
    let role: RoleDefinitionId = role.parse().map_err(|_| {
        let sent = shown(&sent.role_definition_id);
        Problem::bad(
            "InvalidRoleDefinitionId",
            format!("The role definition ID '{sent}' is not valid: it ends with a GUID."),
        )
    })?;
    let known = principal_type(&request.directory, request.caller.tenant, principal);
    let said = sent.principal_type.filter(|text| !text.is_empty()).map(|text| {
        PrincipalType::parse(&text).ok_or_else(|| {
            let text = shown(&text);
            Problem::bad("BadRequestFormat", format!("The principal type '{text}' is not known."))
        })
    });
    let said = said.transpose()?;
    let new = NewAssignment {
        id: Some(id),
        principal,
        principal_type: known.or(said),
        role,
        scope,
        description: sent.description.filter(|text| !text.is_empty()),
        condition: read_condition(sent.condition, sent.condition_version.as_deref())?,
    };
    Ok((new, said))
}

pub(super) fn read_condition(
    condition: Option<String>,
    version: Option<&str>,
) -> Result<Option<Condition>, Problem> {
    let Some(text) = condition.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    if version != Some(strongroom_model::condition::VERSION) {
        return Err(Problem::bad(
            "InvalidConditionVersion",
            "A role assignment condition needs conditionVersion '2.0'.",
        ));
    }
    let read = Condition::parse(&text);
    read.map(Some).map_err(|error| Problem::bad("InvalidCondition", error.to_string()))
}

/// The role is there: built in, or the tenant's own.
fn check_role<S: Store>(request: &ArmRequest<'_, S>, id: RoleDefinitionId) -> Result<(), Problem> {
    let role = request.directory.access().role(id);
    if role.is_some_and(|role| role.tenant.is_none_or(|of| of == request.caller.tenant)) {
        return Ok(());
    }
    Err(Problem::bad(
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{}' does not exist.", id.0.simple()),
    ))
}

/// A principal that the directory does not know is of an external issuer, or a mistake: whoever
/// means the former says of what type it is.
fn check_principal<S: Store>(
    request: &ArmRequest<'_, S>,
    new: &NewAssignment,
    said: Option<PrincipalType>,
) -> Result<(), Problem> {
    let (principal, tenant) = (new.principal.0.simple(), request.caller.tenant);
    let is_foreign = tenant_of(&request.directory, new.principal).is_some_and(|of| of != tenant);
    match (new.principal_type, said) {
        _ if is_foreign => {}
        (Some(known), Some(said)) if known != said => {
            return Err(Problem::bad(
                "UnmatchedPrincipalType",
                format!(
                    "The PrincipalId '{principal}' has type '{}' , which is different from \
                     specified PrinciaplType '{}'.",
                    known.name(),
                    said.name()
                ),
            ));
        }
        (Some(_), _) => return Ok(()),
        (None, _) => {}
    }
    Err(no_principal(new.principal, tenant))
}

fn body(assignment: &RoleAssignment, subscription: Option<SubscriptionId>) -> Value {
    let subscription = subscription.or_else(|| assignment.scope.subscription_id());
    let mut properties = Map::new();
    let condition = assignment.condition.as_ref();
    for (name, value) in [
        ("roleDefinitionId", json!(role_id(subscription, &assignment.role.0))),
        ("principalId", json!(assignment.principal.to_string())),
        ("principalType", json!(assignment.principal_type.map(PrincipalType::name))),
        ("scope", json!(assignment.scope.as_str())),
        ("condition", json!(condition.map(Condition::as_str))),
        ("conditionVersion", json!(condition.map(|_| strongroom_model::condition::VERSION))),
        ("delegatedManagedIdentityResourceId", Value::Null),
        ("description", json!(assignment.description)),
    ] {
        properties.insert(name.to_owned(), value);
    }
    put_stamps(&mut properties, &assignment.stamps);
    json!({
        "properties": properties,
        "id": id_at(assignment.scope.as_str(), KIND, &assignment.id.0),
        "type": "Microsoft.Authorization/roleAssignments",
        "name": assignment.id.to_string(),
    })
}
