//! Deny assignments. Writing them is in the preview version of the real service.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_authz::rbac::climb;
use strongroom_model::{
    Condition, DenyAssignment, DenyAssignmentId, DenyPrincipal, PrincipalId, PrincipalType, Scope,
};
use strongroom_ops::roles::{NewDenial, RoleError, principal_type, tenant_of};
use strongroom_store::Store;

use super::definitions::SentPermissions;
use super::filter::{self, Clause};
use super::{check_exists, guid, id_at, place, put_stamps, scope, show_permissions};
use crate::locks::{self, Change};
use crate::page::Window;
use crate::{ArmRequest, Problem, Reply};

const KIND: &str = "denyAssignments";
const READ: &str = "Microsoft.Authorization/denyAssignments/read";
const WRITE: &str = "Microsoft.Authorization/denyAssignments/write";
const DELETE: &str = "Microsoft.Authorization/denyAssignments/delete";

pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match (&request.method, request.target.len()) {
        (&Method::GET, 1) => list(request),
        (&Method::GET, _) => show(request),
        (&Method::PUT, 2) => put(request).await,
        (&Method::DELETE, 2) => delete(request).await,
        (method, _) => Err(Problem::method(method)),
    }
}

fn id<S: Store>(request: &ArmRequest<'_, S>) -> Result<DenyAssignmentId, Problem> {
    guid(request, "InvalidDenyAssignmentId", "deny assignment").map(DenyAssignmentId)
}

fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    request.permit(READ, &scope)?;
    let id = id(request)?;
    let found = request.directory.access().denial(id).filter(|found| found.scope == scope);
    let found = found.filter(|found| is_own(request, found)).ok_or_else(|| {
        Problem::not_found(
            "DenyAssignmentNotFound",
            format!("The deny assignment '{id}' is not found."),
        )
    })?;
    Reply::ok(&body(found))
}

fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    request.permit(READ, &scope)?;
    check_exists(request, &scope)?;
    let asked = Asked::of(request.query.get("$filter"))?;
    let window = Window::of(request)?;
    let access = request.directory.access();
    let mut found: Vec<&Arc<DenyAssignment>> = Vec::new();
    let none: Option<()> = climb(access, scope.folded(), request.caller.tenant, |here, exactly| {
        found.extend(here.denials().iter().filter(|denial| exactly || !denial.only_here));
        None
    });
    debug_assert!(none.is_none(), "every scope is visited");
    if asked.below {
        let inside =
            |denial: &&Arc<DenyAssignment>| denial.scope != scope && scope.contains(&denial.scope);
        found.extend(access.denials().filter(inside));
    }
    found.retain(|denial| is_own(request, denial) && asked.is_met(denial));
    found.sort_unstable_by_key(|denial| denial.id);
    let entries = found.into_iter().map(|denial| (denial.id.to_string(), denial));
    let rest = entries.filter(|(id, _)| window.after.as_ref().is_none_or(|after| id > after));
    window.reply(request, rest.map(|(id, denial)| (id, body(denial))))
}

/// Whether a deny assignment is the caller's tenant's.
fn is_own<S: Store>(request: &ArmRequest<'_, S>, denial: &DenyAssignment) -> bool {
    let about = denial.principals.iter().map(|principal| principal.id);
    super::is_own(request, &denial.scope, about, &denial.stamps)
}

/// What a list is asked for.
struct Asked {
    /// With what is below.
    below: bool,
    name: Option<String>,
    principal: Option<PrincipalId>,
}

impl Asked {
    fn of(text: Option<&str>) -> Result<Self, Problem> {
        let mut asked = Self { below: true, name: None, principal: None };
        for clause in filter::parse(text)? {
            match clause {
                Clause::Call(name, None) if name == "atscope" => asked.below = false,
                Clause::Equals(name, value) if name == "denyassignmentname" => {
                    asked.name = Some(value);
                }
                Clause::Equals(name, id) if name == "principalid" => {
                    asked.principal = Some(filter::principal(&id)?);
                }
                _ => return Err(filter::refused(text.unwrap_or_default())),
            }
        }
        Ok(asked)
    }

    fn is_met(&self, denial: &DenyAssignment) -> bool {
        self.name.as_ref().is_none_or(|name| denial.name.eq_ignore_ascii_case(name))
            && self.principal.is_none_or(|id| denial.principals.iter().any(|p| p.id == id))
    }
}

#[derive(Deserialize)]
struct Sent {
    properties: SentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentProperties {
    deny_assignment_name: String,
    description: Option<String>,
    #[serde(default)]
    permissions: Vec<SentPermissions>,
    #[serde(default)]
    do_not_apply_to_child_scopes: bool,
    #[serde(default)]
    principals: Vec<SentPrincipal>,
    #[serde(default)]
    exclude_principals: Vec<SentPrincipal>,
    condition: Option<String>,
    condition_version: Option<String>,
    deny_assignment_effect: Option<String>,
}

#[derive(Deserialize)]
struct SentPrincipal {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let id = id(request)?;
    let granted = request.permit(WRITE, &scope)?;
    check_exists(request, &scope)?;
    if request.directory.access().denial(id).is_some_and(|known| !is_own(request, known)) {
        return Err(RoleError::DenialElsewhere.into());
    }
    locks::check(&request.directory, &place(&scope, KIND, &id.0)?, Change::Write)?;
    let sent: Sent = request.body()?;
    let new = read(request, id, scope, sent.properties)?;
    let (made, is_new) = request.service.ops.deny(&granted, new, &mut request.call).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Reply::json(status, &body(&made))
}

async fn delete<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let id = id(request)?;
    let granted = request.permit(DELETE, &scope)?;
    let found = request.directory.access().denial(id).filter(|found| found.scope == scope);
    if found.is_none_or(|found| !is_own(request, found)) {
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    locks::check(&request.directory, &place(&scope, KIND, &id.0)?, Change::Delete)?;
    match request.service.ops.undeny(&granted, id, &mut request.call).await? {
        Some(gone) => Reply::ok(&body(&gone)),
        None => Ok(Reply::empty(StatusCode::NO_CONTENT)),
    }
}

fn read<S: Store>(
    request: &ArmRequest<'_, S>,
    id: DenyAssignmentId,
    scope: Scope,
    sent: SentProperties,
) -> Result<NewDenial, Problem> {
    let invalid = |text: &str| Problem::bad("InvalidDenyAssignmentRequest", text);
    let mut permissions = sent.permissions.into_iter();
    let (Some(only), None) = (permissions.next(), permissions.next()) else {
        return Err(invalid("A deny assignment has exactly one entry in 'permissions'."));
    };
    let effect = sent.deny_assignment_effect.as_deref();
    if effect.is_some_and(|effect| !effect.eq_ignore_ascii_case("enforced")) {
        return Err(invalid("The deny assignment effect 'enforced' is the only one."));
    }
    let version = sent.condition_version.as_deref();
    Ok(NewDenial {
        id,
        name: sent.deny_assignment_name,
        description: sent.description.unwrap_or_default(),
        permissions: only.read()?,
        scope,
        only_here: sent.do_not_apply_to_child_scopes,
        principals: principals(request, sent.principals)?,
        excluded: principals(request, sent.exclude_principals)?,
        condition: super::assignments::read_condition(sent.condition, version)?,
    })
}

fn principals<S: Store>(
    request: &ArmRequest<'_, S>,
    sent: Vec<SentPrincipal>,
) -> Result<Vec<DenyPrincipal>, Problem> {
    let tenant = request.caller.tenant;
    sent.into_iter()
        .map(|principal| {
            let id = filter::principal(&principal.id)?;
            if tenant_of(&request.directory, id).is_some_and(|of| of != tenant) {
                return Err(super::no_principal(id, tenant));
            }
            let said = principal.kind.as_deref().and_then(PrincipalType::parse);
            Ok(DenyPrincipal { id, kind: principal_type(&request.directory, tenant, id).or(said) })
        })
        .collect()
}

fn body(denial: &DenyAssignment) -> Value {
    let principals = |list: &[DenyPrincipal]| -> Vec<Value> {
        list.iter()
            .map(|principal| {
                let kind = match principal.kind {
                    _ if principal.id == DenyPrincipal::EVERYONE => Some("SystemDefined"),
                    kind => kind.map(PrincipalType::name),
                };
                json!({ "id": principal.id.to_string(), "type": kind })
            })
            .collect()
    };
    let condition = denial.condition.as_ref();
    let mut properties = Map::new();
    for (name, value) in [
        ("denyAssignmentName", json!(denial.name)),
        ("description", json!(denial.description)),
        ("permissions", json!([show_permissions(&denial.permissions)])),
        ("scope", json!(denial.scope.as_str())),
        ("doNotApplyToChildScopes", json!(denial.only_here)),
        ("principals", json!(principals(&denial.principals))),
        ("excludePrincipals", json!(principals(&denial.excluded))),
        ("isSystemProtected", json!(false)),
        ("denyAssignmentEffect", json!("enforced")),
        ("condition", json!(condition.map(Condition::as_str))),
        ("conditionVersion", json!(condition.map(|_| strongroom_model::condition::VERSION))),
    ] {
        properties.insert(name.to_owned(), value);
    }
    put_stamps(&mut properties, &denial.stamps);
    json!({
        "properties": properties,
        "id": id_at(denial.scope.as_str(), KIND, &denial.id.0),
        "type": "Microsoft.Authorization/denyAssignments",
        "name": denial.id.to_string(),
    })
}
