//! The routes of the administration socket that explain who may do what, and why. What they are
//! asked is recorded like a change.

use std::net::IpAddr;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_arm::vaults::explain::{show, show_ground, show_named, show_subject};
use strongroom_audit::{AuditError, History, Record};
use strongroom_model::{ClientId, RequestId, VaultName};
use strongroom_ops::explain::{
    Able, Placed, Privilege, Question, Subject, Used, Wanted, explain, find_request,
    least_privilege, question_of, used, who_can,
};
use strongroom_ops::{Call, OpError};
use tokio::task::spawn_blocking;

use super::routes::{Admin, Answer, Refused, bad, failed, refused};

/// How far back the journal is read, in days, where nothing else is said.
const DAYS: u32 = 30;

const DAY_MS: i64 = 86_400_000;

/// The routes, to be merged with the others.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/access/explain", post(explain_access))
        .route("/access/whoCan", post(list_able))
        .route("/access/leastPrivilege", post(show_least_privilege))
}

/// Who wants to do what; or a request that was made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct Asked {
    principal: Option<String>,
    application_id: Option<String>,
    operation: Option<String>,
    vault: Option<String>,
    object: Option<String>,
    client_ip: Option<String>,
    request_id: Option<String>,
    days: Option<u32>,
}

async fn explain_access(State(admin): State<Admin>, Json(asked): Json<Asked>) -> Answer {
    let directory = admin.node.directory.current();
    let mut call = admin.call("AccessExplain")?;
    let past = match &asked.request_id {
        Some(id) => Some(request(&admin, id, asked.days).await?),
        None => None,
    };
    let question = match &past {
        Some(record) => question_of(&directory, record).map_err(|error| refused(&error))?,
        None => asked.question(&directory)?,
    };
    call.set_property("principalId", question.subject.named.id.to_string());
    call.set_property("action", question.wanted.action().to_owned());
    let outcome = explain(&directory, admin.node.ops.trusted_services(), question);
    let explanation = admin.finish(call, outcome).await?;
    let mut shown = show(&directory, &explanation);
    if let (Value::Object(members), Some(record)) = (&mut shown, &past) {
        members.insert("request".into(), show_request(record));
    }
    Ok(Json(shown))
}

impl Asked {
    fn question(&self, directory: &strongroom_directory::Directory) -> Result<Question, Refused> {
        let needed = |given: &Option<String>, name: &str| {
            given.clone().ok_or_else(|| bad(format!("give {name}, or a requestId")))
        };
        let through = self.application_id.as_deref().map(str::parse::<ClientId>).transpose();
        let principal = needed(&self.principal, "a principal")?;
        let subject = Subject::find(directory, &principal, through.map_err(bad)?)
            .map_err(|error| refused(&error))?;
        let (operation, vault) =
            (needed(&self.operation, "an operation")?, needed(&self.vault, "a vault")?);
        let wanted = Wanted::parse(directory, &operation, &vault, self.object.as_deref())
            .map_err(|error| refused(&error))?;
        let address = self.client_ip.as_deref().map(str::parse::<IpAddr>).transpose();
        let address = address.map_err(|_| bad("clientIp is no address"))?;
        Ok(Question { subject, wanted, address })
    }
}

/// The record of a request, from the journal.
async fn request(admin: &Admin, id: &str, days: Option<u32>) -> Result<Record, Refused> {
    let wanted: RequestId = id.parse().map_err(|_| bad("a request id is a GUID"))?;
    let since = since(admin, days);
    let found = from_journal(admin, move |history| find_request(history, wanted, since)).await?;
    found.ok_or_else(|| {
        refused(&OpError::NoSuch(format!(
            "the journal of the last {} days has no request '{id}'",
            days.unwrap_or(DAYS)
        )))
    })
}

fn since(admin: &Admin, days: Option<u32>) -> i64 {
    admin.node.clock.now_ms().saturating_sub(i64::from(days.unwrap_or(DAYS)) * DAY_MS)
}

/// Reads the journal on a thread that may block.
async fn from_journal<T: Send + 'static>(
    admin: &Admin,
    read: impl FnOnce(&History) -> Result<T, AuditError> + Send + 'static,
) -> Result<T, Refused> {
    let history = admin.node.audit.history();
    spawn_blocking(move || read(&history)).await.map_err(failed)?.map_err(failed)
}

/// What was answered then.
fn show_request(record: &Record) -> Value {
    json!({
        "id": record.id.to_string(),
        "time": strongroom_model::Timestamp(record.time_ms.div_euclid(1_000)).rfc3339(),
        "operation": record.operation,
        "status": record.http_status,
        "description": record.description,
        "clientIp": record.caller_ip.map(|address| address.to_string()),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedWho {
    operation: String,
    vault: String,
    object: Option<String>,
}

async fn list_able(State(admin): State<Admin>, Json(asked): Json<AskedWho>) -> Answer {
    let directory = admin.node.directory.current();
    let AskedWho { operation, vault, object } = &asked;
    let wanted = Wanted::parse(&directory, operation, vault, object.as_deref())
        .map_err(|error| refused(&error))?;
    let mut call = admin.call("AccessWhoCan")?;
    call.set_property("action", wanted.action().to_owned());
    call.set_property("vault", vault.clone());
    // Everybody is asked about: that is no work for a thread that serves.
    let of = std::sync::Arc::clone(&directory);
    let outcome = spawn_blocking(move || who_can(&of, &wanted)).await.map_err(failed)?;
    let found = admin.finish(call, outcome).await?;
    Ok(Json(found.iter().map(show_able).collect()))
}

fn show_able(able: &Able) -> Value {
    let mut shown = show_named(&able.who);
    if let Value::Object(members) = &mut shown {
        members.insert("by".into(), show_ground(&able.ground));
        members.insert("members".into(), able.members.iter().map(show_named).collect());
    }
    shown
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedLeast {
    principal: String,
    vault: String,
    /// What it shall be able to do; nothing: what it did by the journal.
    #[serde(default)]
    operations: Vec<AskedOperation>,
    days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AskedOperation {
    operation: String,
    object: Option<String>,
}

async fn show_least_privilege(State(admin): State<Admin>, Json(asked): Json<AskedLeast>) -> Answer {
    let directory = admin.node.directory.current();
    let subject = Subject::find(&directory, &asked.principal, None).map_err(|e| refused(&e))?;
    let name = VaultName::parse(&asked.vault).map_err(bad)?;
    let no_vault = || refused(&OpError::NoSuch(format!("there is no vault '{name}'")));
    let vault = directory.vault(&name.folded()).cloned().ok_or_else(no_vault)?;
    let mut call: Call = admin.call("AccessLeastPrivilege")?;
    call.set_property("principalId", subject.named.id.to_string());
    call.set_property("vault", name.to_string());
    let given = |asked: &AskedOperation| {
        Wanted::parse(&directory, &asked.operation, name.as_str(), asked.object.as_deref())
            .map_err(|error| refused(&error))
    };
    let done = if asked.operations.is_empty() {
        let (from, to) = (since(&admin, asked.days), admin.node.clock.now_ms());
        let (of, who) = (std::sync::Arc::clone(&vault), subject.named.id);
        from_journal(&admin, move |history| used(history, &of, who, from, to)).await?
    } else {
        let wanted: Result<Vec<_>, _> = asked.operations.iter().map(given).collect();
        Used { accesses: wanted?.into_iter().map(|wanted| (wanted, 0)).collect(), is_cut: false }
    };
    let wanted: Vec<Wanted> = done.accesses.iter().map(|(wanted, _)| wanted.clone()).collect();
    let privilege = least_privilege(&directory, &subject, &vault, &wanted);
    admin.finish(call, Ok(())).await?;
    let mut shown = show_privilege(&privilege);
    if let Value::Object(members) = &mut shown {
        members.insert("principal".into(), show_subject(&directory, &subject));
        members.insert("vault".into(), json!(vault.scope.as_str()));
        members.insert("rbac".into(), json!(vault.resource.properties.rbac));
        members.insert("fromJournal".into(), json!(asked.operations.is_empty()));
        members.insert("days".into(), json!(asked.days.unwrap_or(DAYS)));
        members.insert("isCut".into(), json!(done.is_cut));
        members.insert("used".into(), done.accesses.iter().map(show_use).collect());
    }
    Ok(Json(shown))
}

fn show_use((wanted, count): &(Wanted, u64)) -> Value {
    let (operation, object) = match wanted {
        Wanted::Operation { operation, object, .. } => {
            (operation.audit_name(), object.as_ref().map(ToString::to_string))
        }
        Wanted::Action { action, .. } => (action.as_str(), None),
    };
    json!({ "operation": operation, "object": object, "count": count })
}

fn show_privilege(privilege: &Privilege) -> Value {
    let needed = privilege.needed.iter();
    let beyond = privilege.beyond.iter();
    let pairs = |pairs: &std::collections::BTreeSet<(&str, &str)>| -> Value {
        pairs.iter().map(|(collection, name)| json!([collection, name])).collect()
    };
    json!({
        "needed": needed
            .map(|(scope, action)| json!({ "scope": scope.as_str(), "action": action }))
            .collect::<Vec<_>>(),
        "roles": privilege.roles.iter().map(show_placed).collect::<Vec<_>>(),
        "unmet": privilege.unmet,
        "permissions": pairs(&privilege.permissions),
        "beyond": beyond
            .map(|(scope, actions)| json!({
                "scope": scope.as_str(),
                "dataActions": actions.iter().map(|one| one.name()).collect::<Vec<_>>(),
            }))
            .collect::<Vec<_>>(),
        "permissionsBeyond": pairs(&privilege.permissions_beyond),
        "superfluous": privilege
            .superfluous
            .iter()
            .map(|held| show_ground(&strongroom_ops::explain::Ground::Role(held.clone())))
            .collect::<Vec<_>>(),
    })
}

fn show_placed(placed: &Placed) -> Value {
    let roles =
        placed.roles.iter().map(|role| json!({ "id": role.id.to_string(), "name": role.name }));
    json!({
        "scope": placed.scope.as_str(),
        "roles": roles.collect::<Vec<_>>(),
        "excess": placed.excess.iter().map(|one| one.name()).collect::<Vec<_>>(),
    })
}
