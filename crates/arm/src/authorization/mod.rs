//! `Microsoft.Authorization`: role definitions, role assignments, deny assignments, permissions.
//! Locks are in [`crate::locks`].

mod assignments;
mod definitions;
mod denials;
mod elevate;
mod filter;
pub(crate) mod operations;
mod permissions;

use strongroom_model::{PrincipalId, RolePermissions, Scope, Stamps, SubscriptionId, TenantId};
use strongroom_ops::roles::{RoleError, tenant_of};
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

/// Whether what is assigned at a scope is the caller's tenant's. All tenants meet at `/`: there it
/// is the tenant's of a principal that it is about, or else of whoever made it; what was made on
/// the host for strangers is the default tenant's.
fn is_own<S: Store>(
    request: &ArmRequest<'_, S>,
    scope: &Scope,
    about: impl IntoIterator<Item = PrincipalId>,
    stamps: &Stamps,
) -> bool {
    if *scope != Scope::root() {
        return check_tenant(request, scope).is_ok();
    }
    let directory = &request.directory;
    let known = about.into_iter().chain(stamps.created_by).find_map(|id| tenant_of(directory, id));
    let default = || directory.installation().map(|installation| installation.default_tenant);
    known.or_else(default) == Some(request.caller.tenant)
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

/// 400: the tenant's directory does not have a principal.
fn no_principal(id: PrincipalId, tenant: TenantId) -> Problem {
    let principal = id.0.simple();
    Problem::bad(
        "PrincipalNotFound",
        format!(
            "Principal {principal} does not exist in the directory {tenant}. Check that you have \
             the correct principal ID. If you are creating this principal and then immediately \
             assigning a role, this error might be related to a replication delay. In this case, \
             set the role assignment principalType property to a value, such as ServicePrincipal, \
             User, or Group.  See https://aka.ms/docs-principaltype"
        ),
    )
}

/// An id of something that is assigned or defined at a scope.
fn id_at(scope: &str, kind: &str, guid: &Uuid) -> String {
    let scope = if scope == "/" { "" } else { scope };
    format!("{scope}/providers/Microsoft.Authorization/{kind}/{guid}")
}

/// What is assigned at a scope as a resource, which locks at and above the scope protect.
fn place(scope: &Scope, kind: &str, guid: &Uuid) -> Result<Scope, Problem> {
    if scope.subscription_id().is_none() {
        return Ok(scope.clone());
    }
    Scope::parse(&id_at(scope.as_str(), kind, guid))
        .map_err(|error| Problem::bad("InvalidScope", error.to_string()))
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

/// How many clauses a `$filter` has, for `fuzz/`.
#[cfg(any(fuzzing, test))]
pub(crate) fn clauses(text: &str) -> Result<usize, Problem> {
    filter::parse(Some(text)).map(|clauses| clauses.len())
}

/// Refuses patterns for Key Vault, or for what else there is, that name nothing: they would grant
/// or deny nothing.
///
/// # Errors
/// `InvalidActionOrNotAction`.
pub fn check_permissions(permissions: &RolePermissions) -> Result<(), Problem> {
    let RolePermissions { actions, not_actions, data_actions, not_data_actions } = permissions;
    let control = actions.iter().chain(not_actions);
    let control = control.map(|pattern| (pattern, operations::is_control_pattern(pattern)));
    let data = data_actions.iter().chain(not_data_actions);
    let data = data.map(|pattern| (pattern, operations::is_data_pattern(pattern)));
    match control.chain(data).find(|(_, is_known)| !is_known) {
        None => Ok(()),
        Some((pattern, _)) => Err(Problem::bad(
            "InvalidActionOrNotAction",
            format!(
                "'{}' does not match any of the actions supported by the providers.",
                shown(pattern)
            ),
        )),
    }
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
    let by = |id: Option<PrincipalId>| id.map(|id| id.to_string());
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
            RoleError::TooManyAssignments(_) => {
                Self::bad("RoleAssignmentLimitExceeded", "No more role assignments can be created.")
            }
            RoleError::Limit(text) => Self::bad("BadRequestFormat", text),
            RoleError::NoScope(_) => Self::bad("InvalidScope", error.to_string()),
            RoleError::DenialIncomplete(text) => Self::bad("InvalidDenyAssignmentRequest", text),
            RoleError::DenialElsewhere => Self::bad(
                "DenyAssignmentUpdateNotPermitted",
                "The scope of a deny assignment is not allowed to be updated.",
            ),
            RoleError::Op(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}
