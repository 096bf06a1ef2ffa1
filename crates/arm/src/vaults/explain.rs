//! `explainAccess`: why a request to a vault is or would be allowed or refused. Not in Azure.

use std::net::IpAddr;

use http::Method;
use serde_json::{Value, json};
use strongroom_directory::Directory;
use strongroom_model::Operation;
use strongroom_ops::explain::{
    Explanation, Ground, Named, NearMiss, Question, Refusal, Subject, Verdict, Wanted, Why, explain,
};
use strongroom_store::Store;

use super::{Place, only};
use crate::{ArmRequest, Problem, Reply};

/// What it takes to read an explanation: it tells of the vault and of who may do what in it.
const READ: &str = "Microsoft.KeyVault/vaults/read";
const READ_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments/read";
const READ_DENIALS: &str = "Microsoft.Authorization/denyAssignments/read";

/// `GET …/vaults/{name}/explainAccess?principalId=…&operation=…&object=…&clientIp=…`
pub(super) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    for action in [READ, READ_ASSIGNMENTS, READ_DENIALS] {
        request.permit(action, &place.scope)?;
    }
    request.name(READ);
    check_place(request, &place)?;
    let question = question(request, &place)?;
    request.call.set_property("explainedPrincipalId", question.subject.named.id.to_string());
    request.call.set_property("explainedAction", question.wanted.action().to_owned());
    let ops = &request.service.ops;
    let mut explanation = explain(&request.directory, ops.trusted_services(), question)?;
    withhold(request, &mut explanation);
    Reply::ok(&json!({
        "id": format!("{}/explainAccess", place.scope),
        "name": "explainAccess",
        "type": "Microsoft.KeyVault/vaults/explainAccess",
        "properties": show(&request.directory, &explanation),
    }))
}

/// A vault that was deleted is explained, too.
fn check_place<S: Store>(request: &ArmRequest<'_, S>, place: &Place) -> Result<(), Problem> {
    let deleted = request.directory.deleted_vault(&place.address.name.folded());
    if deleted.is_some_and(|found| found.vault.resource.scope() == place.scope) {
        return Ok(());
    }
    place.vault(request).map(|_| ())
}

fn question<S: Store>(request: &ArmRequest<'_, S>, place: &Place) -> Result<Question, Problem> {
    let asked = |name: &'static str| request.query.get(name).filter(|value| !value.is_empty());
    let needed = |name: &'static str| asked(name).ok_or_else(|| invalid(name));
    let id = needed("principalId")?.parse().map_err(|_| invalid("principalId"))?;
    let through = asked("applicationId").map(str::parse).transpose();
    let through = through.map_err(|_| invalid("applicationId"))?;
    let address: Option<IpAddr> =
        asked("clientIp").map(str::parse).transpose().map_err(|_| invalid("clientIp"))?;
    let subject = Subject::of(&request.directory, id, through)?;
    let vault = place.address.name.as_str();
    let wanted = Wanted::parse(&request.directory, needed("operation")?, vault, asked("object"))?;
    Ok(Question { subject, wanted, address })
}

fn invalid(parameter: &str) -> Problem {
    let text = match parameter {
        "principalId" => "Give the object id of a principal as principalId.",
        "applicationId" => {
            "Give the client id of an application as applicationId, or leave it out."
        }
        "clientIp" => "Give an address as clientIp, or leave it out.",
        _ => "Give an operation such as SecretGet, or an action, as operation.",
    };
    Problem::bad("InvalidQueryParameter", text).about(parameter)
}

/// What the caller may not read: role assignments elsewhere, and principals of other tenants.
fn withhold<S: Store>(request: &ArmRequest<'_, S>, explanation: &mut Explanation) {
    explanation.near_misses.retain(|miss| match (&miss.ground, miss.why) {
        (Ground::Role(held), Why::OtherScope) => {
            request.may(READ_ASSIGNMENTS, &held.assignment.scope)
        }
        _ => true,
    });
    let subject = &mut explanation.question.subject;
    if subject.caller.tenant != request.caller.tenant {
        subject.named = Named { kind: None, name: None, ..subject.named.clone() };
        let caller = std::sync::Arc::make_mut(&mut subject.caller);
        caller.groups.clear();
        caller.upn = None;
        explanation.near_misses.clear();
    }
}

/// An explanation in JSON.
pub fn show(directory: &Directory, explanation: &Explanation) -> Value {
    let Explanation { question, resource, verdict, steps, near_misses, advice, notes } =
        explanation;
    let (allowed, refusal, ground) = match verdict {
        Verdict::Allowed(ground) => (true, None, Some(ground)),
        Verdict::Refused(refusal) => (false, Some(refusal), None),
    };
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({
                "check": step.check.name(),
                "outcome": step.outcome.name(),
                "text": step.text,
            })
        })
        .collect();
    json!({
        "principal": show_subject(directory, &question.subject),
        "operation": operation(&question.wanted).map(Operation::audit_name),
        "action": question.wanted.action(),
        "resource": resource.as_str(),
        "clientIp": question.address.map(|address| address.to_string()),
        "verdict": if allowed { "Allowed" } else { "Refused" },
        "refusal": refusal.map(show_refusal),
        "decidedBy": ground.map(show_ground),
        "steps": steps,
        "nearMisses": near_misses.iter().map(show_near_miss).collect::<Vec<_>>(),
        "advice": advice,
        "notes": notes,
    })
}

fn operation(wanted: &Wanted) -> Option<Operation> {
    match wanted {
        Wanted::Operation { operation, .. } => Some(*operation),
        Wanted::Action { .. } => None,
    }
}

/// A subject with the groups it belongs to.
pub fn show_subject(directory: &Directory, subject: &Subject) -> Value {
    let groups = subject.caller.groups.iter();
    let groups: Vec<Value> = groups.map(|id| show_named(&Named::of(directory, *id))).collect();
    let mut shown = show_named(&subject.named);
    if let Value::Object(members) = &mut shown {
        members.insert("tenantId".into(), json!(subject.caller.tenant.to_string()));
        members.insert("groups".into(), json!(groups));
    }
    shown
}

/// A principal.
pub fn show_named(named: &Named) -> Value {
    json!({
        "id": named.id.to_string(),
        "type": named.kind.map(strongroom_model::PrincipalType::name),
        "displayName": named.name,
    })
}

fn show_refusal(refusal: &Refusal) -> Value {
    let denied_by = refusal.denied_by.as_ref().map(|denial| {
        json!({
            "id": denial.id.to_string(),
            "name": denial.name,
            "scope": denial.scope.as_str(),
        })
    });
    json!({
        "check": refusal.check.name(),
        "status": refusal.status,
        "code": refusal.code,
        "innerCode": refusal.inner_code,
        "denyAssignment": denied_by,
    })
}

/// What lets somebody do something.
pub fn show_ground(ground: &Ground) -> Value {
    match ground {
        Ground::Role(held) => json!({
            "kind": "roleAssignment",
            "id": held.assignment.id.to_string(),
            "roleDefinitionId": held.assignment.role.to_string(),
            "roleDefinitionName": held.role,
            "scope": held.assignment.scope.as_str(),
            "principal": show_named(&held.holder),
            "throughGroup": held.is_through_group,
            "condition": held.assignment.condition.as_ref().map(|condition| condition.as_str()),
            "text": ground.to_string(),
        }),
        Ground::Policy(held) => json!({
            "kind": "accessPolicy",
            "principal": show_named(&held.holder),
            "throughGroup": held.is_through_group,
            "applicationId": held.application.map(|id| id.to_string()),
            "permissions": held.permissions,
            "text": ground.to_string(),
        }),
    }
}

fn show_near_miss(miss: &NearMiss) -> Value {
    let mut shown = show_ground(&miss.ground);
    if let Value::Object(members) = &mut shown {
        members.insert("reason".into(), json!(miss.why.name()));
        members.insert("text".into(), json!(miss.text()));
    }
    shown
}
