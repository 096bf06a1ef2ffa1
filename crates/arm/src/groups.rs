//! Resource groups.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_authz::{DeniedAction, permitted};
use strongroom_directory::{Directory, ResourceGroup};
use strongroom_model::{DenyAssignment, ResourceGroupName, Scope, ScopeAssignments};
use strongroom_ops::resources::{Asked, GROUP_DELETE, GROUP_WRITE, ResourceRefusal};
use strongroom_ops::vaults::VAULT_DELETE;
use strongroom_store::Store;

use crate::filter::{Facts, Filter};
use crate::locks::{self, Change};
use crate::problem::shown;
use crate::tags::{self, Tags};
use crate::{ArmRequest, Operation, Problem, Reply, Window, locations};

const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const TYPE: &str = "Microsoft.Resources/resourceGroups";
const UNDENY: &str = "Microsoft.Authorization/denyAssignments/delete";

/// The most characters of `managedBy`: the longest id of a resource has fewer.
const MAX_MANAGER: usize = 1_024;

/// A group as a client sends it. What only the service sets is taken and passed over: clients send
/// back what they got.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    location: Option<String>,
    tags: Option<Tags>,
    managed_by: Option<String>,
    #[serde(rename = "id")]
    _id: Option<Value>,
    name: Option<String>,
    #[serde(rename = "type")]
    _type: Option<Value>,
    #[serde(rename = "properties")]
    _properties: Option<Value>,
}

/// `/subscriptions/{id}/resourcegroups/{name}`
pub(crate) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match request.method {
        Method::GET => read(request),
        Method::PUT => put(request).await,
        Method::PATCH => patch(request).await,
        Method::DELETE => delete(request).await,
        _ => Err(Problem::method(&request.method)),
    }
}

/// Who may not read a group is told so, whether or not it is there.
fn read<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    request.permit(READ, &scope)?;
    Reply::ok(&show(request.group()?.as_ref()))
}

fn scope<S: Store>(request: &ArmRequest<'_, S>) -> Result<Scope, Problem> {
    let subscription = request.subscription()?.id;
    let text = request.target.group_text().unwrap_or_default();
    let name = ResourceGroupName::parse(text).map_err(|_| invalid_name(text))?;
    Ok(Scope::group(subscription, &name))
}

async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let granted = request.permit(GROUP_WRITE, &scope)?;
    locks::check(&request.directory, &scope, Change::Write)?;
    let sent: Sent = request.body()?;
    let location = sent.location.ok_or_else(|| {
        Problem::bad("LocationRequired", "The location property is required for this definition.")
    })?;
    if sent.managed_by.as_ref().is_some_and(|id| id.chars().count() > MAX_MANAGER) {
        let text = format!("'managedBy' has at most {MAX_MANAGER} characters.");
        return Err(Problem::bad("InvalidResourceGroup", text));
    }
    let group = ResourceGroup {
        tags: tags::checked(sent.tags.unwrap_or_default())?,
        managed_by: sent.managed_by,
        ..ResourceGroup::new(
            request.subscription()?.id,
            request.target.group()?,
            locations::parse(&location)?,
        )
    };
    let ops = &request.service.ops;
    let (group, made) = ops.put_group(&granted, &group, &mut request.call).await?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Reply::json(status, &show(&group))
}

async fn patch<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let granted = request.permit(GROUP_WRITE, &scope)?;
    let group = request.group()?;
    locks::check(&request.directory, &scope, Change::Write)?;
    let sent: Sent = request.body()?;
    if sent.name.is_some_and(|name| !name.eq_ignore_ascii_case(group.name.as_str())) {
        return Err(Problem::bad("InvalidResourceGroup", "The name of a group cannot be changed."));
    }
    let sent_tags = sent.tags.map(tags::checked).transpose()?;
    let ops = &request.service.ops;
    let change = |tags: &mut _| {
        if let Some(sent) = &sent_tags {
            *tags = sent.clone();
        }
        Ok(())
    };
    let group = ops.change_group_tags(&granted, &group, change, &mut request.call).await?;
    Reply::ok(&show(&group))
}

/// What the group contains goes with it, so a lock on any of it refuses, and so does whoever denies
/// the caller to delete any of it. The rest is done after the answer; its URL tells when.
async fn delete<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = scope(request)?;
    let granted = request.permit(GROUP_DELETE, &scope)?;
    let group = request.group()?;
    check_denials(request, &group)?;
    locks::check(&request.directory, &scope, Change::Delete)?;
    let ops = &request.service.ops;
    ops.begin_group_deletion(&granted, &group, &mut request.call).await?;
    let asked = Asked::by(request.call.record_mut());
    let (ops, deleted) = (Arc::clone(ops), Arc::clone(&group));
    tokio::spawn(async move {
        let finished = ops.finish_group_deletion(deleted.subscription, &deleted.name, Some(&asked));
        if let Err(error) = Box::pin(finished).await {
            let name = deleted.name.as_str();
            tracing::error!(%error, group = name, "a resource group is not wholly deleted yet");
        }
    });
    let operation = Operation::DeleteGroup(group.subscription, group.name.clone());
    Ok(Reply::accepted(&request.url(&operation.path())))
}

/// Whoever may delete a group needs no role for what is in it, but a deny assignment there holds,
/// and goes with it only for those who may take it away. What is denied in a vault stays with it.
fn check_denials<S: Store>(
    request: &mut ArmRequest<'_, S>,
    group: &ResourceGroup,
) -> Result<(), Problem> {
    let directory = Arc::clone(&request.directory);
    if !directory.access().has_denials() {
        return Ok(());
    }
    for vault in directory.vaults_in(group.subscription, Some(&group.name), None) {
        let decision = permitted(&request.caller, VAULT_DELETE, &vault.scope, directory.as_ref());
        if decision.as_ref().is_err_and(|denied| denied.denied_by.is_some()) {
            request.decided(VAULT_DELETE, &vault.scope, decision)?;
        }
    }
    let here = group.scope();
    let denials = directory.access().within(&here).flat_map(ScopeAssignments::denials);
    for denial in denials.filter(|denial| !stays_with_a_vault(&directory, denial)) {
        if let Err(denied) = permitted(&request.caller, UNDENY, &denial.scope, directory.as_ref()) {
            let denied_by = Some(Box::new(DenyAssignment::clone(denial)));
            let (action, scope) = (GROUP_DELETE.to_owned(), here.clone());
            let denied = DeniedAction { denied_by, action, scope, ..denied };
            request.decided(GROUP_DELETE, &here, Err(denied))?;
        }
    }
    Ok(())
}

fn stays_with_a_vault(directory: &Directory, denial: &DenyAssignment) -> bool {
    let name = denial.scope.folded().split('/').nth(8).unwrap_or_default();
    let vault = directory.vault(name).filter(|vault| vault.scope.contains(&denial.scope));
    vault.is_some() || directory.deleted_vault_around(&denial.scope).is_some()
}

/// `GET /subscriptions/{id}/resourcegroups`: the groups that the caller may read.
pub(crate) fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    request.name(READ);
    let subscription = request.subscription()?.id;
    let window = Window::of(request)?;
    let filter = Filter::parse(request.query.get("$filter"), true)?;
    let groups = request.directory.resource_groups_in(subscription, window.after.as_deref());
    let found = groups.map(|group| {
        let is_asked = filter.admits(&facts(group)) && request.may(READ, &group.scope());
        (group, is_asked.then(|| show(group)))
    });
    window.choose(request, found, |group| group.name.as_str().to_ascii_lowercase())
}

fn facts(group: &ResourceGroup) -> Facts<'_> {
    let name = group.name.as_str();
    Facts { name, resource_type: TYPE, location: &group.location, group: name, tags: &group.tags }
}

/// A group as the wire has it.
pub(crate) fn show(group: &ResourceGroup) -> Value {
    let mut shown = Map::new();
    shown.insert("id".into(), group.scope().as_str().into());
    shown.insert("name".into(), group.name.as_str().into());
    shown.insert("type".into(), TYPE.into());
    shown.insert("location".into(), group.location.as_str().into());
    if !group.tags.is_empty() {
        shown.insert("tags".into(), json!(group.tags));
    }
    if let Some(manager) = &group.managed_by {
        shown.insert("managedBy".into(), manager.as_str().into());
    }
    let state = if group.deleting { "Deleting" } else { "Succeeded" };
    shown.insert("properties".into(), json!({ "provisioningState": state }));
    Value::Object(shown)
}

fn invalid_name(text: &str) -> Problem {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-.()_".contains(*c);
    let strange: String = text.chars().filter(|c| !is_plain(c)).collect();
    let (text, strange) = (shown(text), shown(&strange));
    let message = if strange.is_empty() {
        format!(
            "The provided resource group name '{text}' has 1 to 90 characters and does not end \
             with a period."
        )
    } else {
        format!(
            "The provided resource group name '{text}' has these invalid characters: '{strange}'. \
             The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
        )
    };
    Problem::bad("InvalidResourceGroup", message)
}

impl From<ResourceRefusal> for Problem {
    fn from(refusal: ResourceRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            ResourceRefusal::GroupNotFound(_) => Self::not_found("ResourceGroupNotFound", text),
            ResourceRefusal::GroupDeleting(_) => Self::conflict("ResourceGroupBeingDeleted", text),
            ResourceRefusal::OtherLocation { .. } => {
                Self::conflict("InvalidResourceGroupLocation", text)
            }
            ResourceRefusal::SubscriptionNotFound => Self::not_found("SubscriptionNotFound", text),
            ResourceRefusal::NotGranted(_) => Self::internal(&text),
            ResourceRefusal::Op(error) => error.into(),
        }
    }
}
