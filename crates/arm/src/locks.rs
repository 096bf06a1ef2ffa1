//! Locks: `CanNotDelete` and `ReadOnly`, on a scope and all that lies below it.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_directory::{Directory, Lock, LockLevel};
use strongroom_model::{Scope, VaultName, scope};
use strongroom_ops::resources::{LOCK_DELETE, LOCK_WRITE};
use strongroom_store::Store;

use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply, Window};

const READ: &str = "Microsoft.Authorization/locks/read";

/// The longest name, and the longest notes, in characters, as the real service has them.
const MAX_NAME: usize = 260;
const MAX_NOTES: usize = 512;

/// The most owners that are kept.
const MAX_OWNERS: usize = 100;

/// What a lock may forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Making, changing, and actions by POST: forbidden by `ReadOnly`.
    Write,
    /// Deleting: forbidden by either.
    Delete,
}

/// Refuses a change that a lock on the scope or above it forbids; a deletion also for a lock below
/// it. Call it after [`ArmRequest::permit`], before the change. Locks themselves are never locked.
///
/// # Errors
/// `ScopeLocked`, 409.
pub fn check(directory: &Directory, at: &Scope, change: Change) -> Result<(), Problem> {
    let locks = directory.locks().against(at, change == Change::Delete);
    let mut scopes: Vec<&str> = locks.iter().map(|lock| lock.scope.as_str()).collect();
    scopes.dedup();
    if scopes.is_empty() {
        return Ok(());
    }
    let verb = match change {
        Change::Write => "write",
        Change::Delete => "delete",
    };
    let locked: Vec<String> = scopes.iter().take(10).map(|scope| format!("'{scope}'")).collect();
    Err(Problem::conflict(
        "ScopeLocked",
        format!(
            "The scope '{at}' cannot perform {verb} operation because following scope(s) are \
             locked: {}. Please remove the lock and try again.",
            locked.join(",")
        ),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    properties: SentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentProperties {
    level: String,
    notes: Option<String>,
    owners: Option<Vec<SentOwner>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentOwner {
    application_id: Option<String>,
}

/// `{scope}/providers/Microsoft.Authorization/locks` and what is below it.
pub(crate) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = request.target.scope()?;
    if request.target.subscription_text().is_none() {
        return Err(Problem::bad("InvalidScope", "A lock is on a subscription or below it."));
    }
    request.subscription()?;
    match (&request.method, request.target.len()) {
        (&Method::GET, 1) => list(request, &scope),
        (&Method::GET, 2) => read(request, &scope),
        (&Method::PUT, 2) => put(request, scope).await,
        (&Method::DELETE, 2) => delete(request, &scope).await,
        (method, 1 | 2) => Err(Problem::method(method)),
        _ => Err(Problem::no_path(&request.target.path())),
    }
}

fn read<S: Store>(request: &mut ArmRequest<'_, S>, scope: &Scope) -> Result<Reply, Problem> {
    request.permit(READ, scope)?;
    let name = request.target.segment(1);
    let lock = request.directory.locks().get(scope, name).ok_or_else(|| not_found(name))?;
    Reply::ok(&show(lock))
}

async fn put<S: Store>(request: &mut ArmRequest<'_, S>, scope: Scope) -> Result<Reply, Problem> {
    let granted = request.permit(LOCK_WRITE, &scope)?;
    check_exists(request, &scope)?;
    let sent: Sent = request.body()?;
    let Sent { properties: SentProperties { level, notes, owners } } = sent;
    let level = LockLevel::parse(&level).ok_or_else(|| {
        let level = shown(&level);
        Problem::bad(
            "InvalidLockLevel",
            format!("The lock level '{level}' is not one of 'CanNotDelete' and 'ReadOnly'."),
        )
    })?;
    let name = checked_name(request.target.segment(1))?;
    if notes.as_ref().is_some_and(|notes| notes.chars().count() > MAX_NOTES) {
        return Err(Problem::bad(
            "InvalidLockNotes",
            format!("The notes of a lock have at most {MAX_NOTES} characters."),
        ));
    }
    let owners = owners.unwrap_or_default().into_iter().filter_map(|owner| owner.application_id);
    let owners = owners.map(|owner| shown(&owner)).take(MAX_OWNERS).collect();
    let lock = Lock { scope, name, level, notes, owners };
    let made = request.service.ops.put_lock(&granted, &lock, &mut request.call).await?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Reply::json(status, &show(&lock))
}

/// What is not there cannot be locked.
fn check_exists<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> Result<(), Problem> {
    let Some(kind) = request.target.scope_type() else {
        if request.target.group_text().is_some() {
            request.group()?;
        }
        return Ok(());
    };
    let group = request.group()?;
    let name = scope.as_str().rsplit('/').next().unwrap_or_default();
    let missing = || Problem::no_resource(&format!("{kind}/{name}"), group.name.as_str());
    // A lock on a secret or a key is a lock within its vault. A group may be named `vaults`.
    let vault = scope.as_str().split('/').nth(8).and_then(|name| VaultName::parse(name).ok());
    let found = vault.as_ref().and_then(|name| request.directory.vault(&name.folded()));
    match found {
        Some(vault) if vault.scope.contains(scope) => Ok(()),
        _ => Err(missing()),
    }
}

async fn delete<S: Store>(
    request: &mut ArmRequest<'_, S>,
    scope: &Scope,
) -> Result<Reply, Problem> {
    let granted = request.permit(LOCK_DELETE, scope)?;
    let name = request.target.segment(1).to_owned();
    let ops = &request.service.ops;
    let found = ops.delete_lock(&granted, scope, &name, &mut request.call).await?;
    Ok(Reply::empty(if found { StatusCode::OK } else { StatusCode::NO_CONTENT }))
}

/// The locks on the scope, and those that reach it from above or lie below it, as in Azure;
/// `$filter=atScope()` leaves out those below.
fn list<S: Store>(request: &mut ArmRequest<'_, S>, scope: &Scope) -> Result<Reply, Problem> {
    request.permit(READ, scope)?;
    let at_scope = match request.query.get("$filter").map(str::trim) {
        None | Some("") => false,
        Some(filter) if filter.eq_ignore_ascii_case("atScope()") => true,
        Some(filter) => {
            let filter = shown(filter);
            return Err(Problem::bad(
                "InvalidFilterInQueryString",
                format!("Invalid $filter '{filter}' specified in the query string."),
            ));
        }
    };
    let window = Window::of(request)?;
    let locks = request.directory.locks();
    let here: Vec<_> = scope::ancestors(scope.folded()).flat_map(|scope| locks.at(scope)).collect();
    let below = locks.below(scope.folded()).filter(|_| !at_scope);
    let mut found: Vec<(String, Value)> = here
        .into_iter()
        .chain(below)
        .map(|lock| (id(lock).to_ascii_lowercase(), show(lock)))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let after = window.after.clone().unwrap_or_default();
    window.reply(request, found.into_iter().filter(|(key, _)| *key > after))
}

fn checked_name(name: &str) -> Result<String, Problem> {
    let reserved = |c: char| c.is_control() || "<>%&:\\?/".contains(c);
    let sound = !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && !name.contains(reserved)
        && !name.ends_with(['.', ' ']);
    if sound {
        return Ok(name.to_owned());
    }
    let name = shown(name);
    Err(Problem::bad(
        "InvalidLockName",
        format!(
            "The lock name '{name}' has 1 to {MAX_NAME} characters, none of <>%&:\\?/ and no \
             control characters."
        ),
    ))
}

fn not_found(name: &str) -> Problem {
    let name = shown(name);
    Problem::not_found("LockNotFound", format!("The lock '{name}' could not be found."))
}

fn id(lock: &Lock) -> String {
    format!("{}/providers/Microsoft.Authorization/locks/{}", lock.scope, lock.name)
}

fn show(lock: &Lock) -> Value {
    let mut properties = Map::new();
    properties.insert("level".into(), lock.level.as_str().into());
    if let Some(notes) = &lock.notes {
        properties.insert("notes".into(), notes.as_str().into());
    }
    if !lock.owners.is_empty() {
        let owners = lock.owners.iter().map(|id| json!({ "applicationId": id })).collect();
        properties.insert("owners".into(), Value::Array(owners));
    }
    json!({
        "id": id(lock),
        "name": lock.name,
        "type": "Microsoft.Authorization/locks",
        "properties": properties,
    })
}
