//! `Microsoft.Authorization`: role definitions, role assignments, deny assignments, permissions.
//! Locks are in [`crate::locks`].

mod assignments;
mod definitions;
mod denials;
mod elevate;
mod filter;
pub(crate) mod operations;
mod permissions;

use strongroom_model::{RolePermissions, Scope, Stamps, SubscriptionId};
use strongroom_ops::roles::RoleError;
use strongroom_store::Store;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply};

/// Answers a request for `Microsoft.Authorization`; the scope is [`crate::Target::scope`], what is
/// asked for there is in [`crate::Target::route`], such as `["roleassignments", "<guid>"]`.
///
/// # Errors
/// A [`Problem`].
pub async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let kind = request.target.segment(0).to_ascii_lowercase();
    match (kind.as_str(), request.target.len()) {
        ("roleassignments", 1 | 2) => assignments::answer(request).await,
        ("roledefinitions", 1 | 2) => definitions::answer(request).await,
        ("denyassignments", 1 | 2) => denials::answer(request).await,
        ("permissions", 1) => permissions::answer(request),
        ("provideroperations", 1 | 2) => operations::answer(request),
        ("elevateaccess", 1) => elevate::answer(request).await,
        (kind, _) => Err(Problem::no_type(kind, "Microsoft.Authorization", &request.api_version)),
    }
}

/// The scope of the path. Its subscription is there and of the caller's tenant; a management group
/// is the tenant's root group. Whether the rest is there is for [`check_exists`] to say, after the
/// caller's rights are known.
fn scope<S: Store>(request: &ArmRequest<'_, S>) -> Result<Scope, Problem> {
    let scope = request.target.scope()?;
    check_tenant(request, &scope)?;
    Ok(scope)
}

/// A scope is in the caller's tenant: `/`, the root management group, or a subscription of it.
fn check_tenant<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> Result<(), Problem> {
    if let Some(id) = scope.subscription_id() {
        let tenant = request.directory.access().tenant_of(id);
        return if tenant == Some(request.caller.tenant) {
            Ok(())
        } else {
            Err(Problem::no_subscription(&id.to_string()))
        };
    }
    let root = Scope::management_group(&request.caller.tenant.to_string());
    if *scope == Scope::root() || root.contains(scope) {
        return Ok(());
    }
    let name = shown(scope.as_str().rsplit('/').next().unwrap_or_default());
    Err(Problem::not_found(
        "ManagementGroupNotFound",
        format!("The management group '{name}' cannot be found. A tenant has its root group only."),
    ))
}

/// A resource group is there, and a resource is a vault that is there, or an object of one;
/// whether the object is there does not matter.
fn check_exists<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> Result<(), Problem> {
    let Some(group) = request.target.group_text() else {
        let below = scope.subscription_id().is_some() && scope.as_str().matches('/').count() > 2;
        return if below { Err(no_resource(scope)) } else { Ok(()) };
    };
    request.group()?;
    let mut segments = scope.folded().split('/').skip(5);
    let path: [Option<&str>; 6] = std::array::from_fn(|_| segments.next());
    let (vault, below) = match path {
        [None, ..] => return Ok(()),
        [
            Some("providers"),
            Some("microsoft.keyvault"),
            Some("vaults"),
            Some(vault),
            kind,
            name,
        ] => (vault, kind.zip(name)),
        _ => return Err(no_resource(scope)),
    };
    let is_object = matches!(below, None | Some(("secrets" | "keys" | "certificates", _)));
    let known = request.directory.vault(vault).filter(|known| known.scope.contains(scope));
    if known.is_some() && is_object && segments.next().is_none() {
        return Ok(());
    }
    Err(Problem::no_resource(&format!("Microsoft.KeyVault/vaults/{vault}"), group))
}

fn no_resource(scope: &Scope) -> Problem {
    Problem::no_resource(scope.as_str(), "")
}

/// An id of something that is assigned or defined at a scope.
fn id_at(scope: &str, kind: &str, guid: &Uuid) -> String {
    let scope = if scope == "/" { "" } else { scope };
    format!("{scope}/providers/Microsoft.Authorization/{kind}/{guid}")
}

/// The id of a role, as seen from a subscription or from the tenant.
fn role_id(subscription: Option<SubscriptionId>, role: &Uuid) -> String {
    let scope = subscription.map_or_else(String::new, |id| format!("/subscriptions/{id}"));
    id_at(&scope, "roleDefinitions", role)
}

/// The GUID that a path names something with.
fn guid<S: Store>(
    request: &ArmRequest<'_, S>,
    code: &'static str,
    noun: &str,
) -> Result<Uuid, Problem> {
    let text = request.target.segment(1);
    Uuid::parse_str(text).map_err(|_| {
        let text = shown(text);
        Problem::bad(
            code,
            format!("The {noun} ID '{text}' is not valid. The {noun} ID must be a GUID."),
        )
    })
}

fn show_permissions(permissions: &RolePermissions) -> Map<String, Value> {
    [
        ("actions", &permissions.actions),
        ("notActions", &permissions.not_actions),
        ("dataActions", &permissions.data_actions),
        ("notDataActions", &permissions.not_data_actions),
    ]
    .into_iter()
    .map(|(name, patterns)| (name.to_owned(), json!(patterns)))
    .collect()
}

fn put_stamps(properties: &mut Map<String, Value>, stamps: &Stamps) {
    let by = |id: Option<strongroom_model::PrincipalId>| id.map(|id| id.to_string());
    properties.insert("createdOn".into(), json!(stamps.created.rfc3339()));
    properties.insert("updatedOn".into(), json!(stamps.updated.rfc3339()));
    properties.insert("createdBy".into(), json!(by(stamps.created_by)));
    properties.insert("updatedBy".into(), json!(by(stamps.updated_by)));
}

impl From<RoleError> for Problem {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::AssignmentExists(id) => Self::conflict(
                "RoleAssignmentExists",
                format!(
                    "The role assignment already exists. The ID of the existing role assignment \
                     is {}.",
                    id.0.simple()
                ),
            ),
            RoleError::AssignmentFixed => Self::bad(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ),
            RoleError::NoRole => Self::bad(
                "RoleDefinitionDoesNotExist",
                "The specified role definition does not exist.",
            ),
            RoleError::NotAssignable => Self::bad(
                "RoleDefinitionNotAssignableAtScope",
                "The role definition is not assignable at the scope of the role assignment.",
            ),
            RoleError::BuiltIn => Self::bad(
                "InvalidRoleDefinitionRequest",
                "A built-in role definition cannot be changed or deleted.",
            ),
            RoleError::NameTaken => Self::conflict(
                "RoleDefinitionWithSameNameExists",
                "A custom role with the same name already exists in this directory. Use a \
                 different name.",
            ),
            RoleError::Assigned(_) => Self::bad(
                "RoleDefinitionHasAssignments",
                "There are existing role assignments referencing role.",
            ),
            RoleError::TooManyRoles => Self::bad(
                "RoleDefinitionLimitExceeded",
                "Role definition limit exceeded. No more role definitions can be created.",
            ),
            RoleError::DenialElsewhere => Self::bad(
                "DenyAssignmentUpdateNotPermitted",
                "The scope of a deny assignment is not allowed to be updated.",
            ),
            RoleError::Op(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
