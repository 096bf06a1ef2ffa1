//! One vault: made, shown, changed, deleted, recovered.

use std::sync::Arc;

use http::{Method, StatusCode};
use strongroom_model::{VaultName, VaultResource};
use strongroom_ops::vaults::PutVault;
use strongroom_store::Store;
use strongroom_wire::arm_vaults::VaultParameters;

use super::editor::editor;
use super::refusal::{of_vault, refused};
use super::{Place, group_scope, parameters, parse, shown};
use crate::locks::{self, Change};
use crate::{ArmRequest, Problem, Reply};

/// The `api-version` since which roles decide in a new vault that says nothing.
const ROLES_BY_DEFAULT: &str = "2026-02-01";

const READ: &str = "Microsoft.KeyVault/vaults/read";
const WRITE: &str = "Microsoft.KeyVault/vaults/write";
const DELETE: &str = "Microsoft.KeyVault/vaults/delete";

pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match request.method {
        Method::GET => show(request),
        Method::PUT => put(request).await,
        Method::PATCH => patch(request).await,
        Method::DELETE => delete(request).await,
        _ => Err(Problem::method(&request.method)),
    }
}

fn reply<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &Arc<VaultResource>,
) -> Result<Reply, Problem> {
    Reply::ok(&shown::vault(vault, &request.service.endpoints))
}

fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    request.permit(READ, &place.scope)?;
    let vault = place.vault(request)?;
    reply(request, &vault)
}

/// Makes a vault, changes it if it is there, or recovers it. The real service answers 200 to all.
async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    check_name(request)?;
    let place = Place::of(request)?;
    request.permit(WRITE, &place.scope)?;
    let group = request.group()?;
    locks::check(&request.directory, &place.scope, Change::Write)?;
    let sent: VaultParameters = parse(request)?;
    parameters::check_complete(&sent)?;
    let location = parameters::location(sent.location.as_deref().unwrap_or_default())?;
    if recovers(&sent)? {
        return recover(request, &place, &location).await;
    }
    let existing = place.address.find(&request.directory).ok().map(|v| Arc::clone(&v.resource));
    let kept = existing.as_ref().and_then(|vault| vault.properties.network.as_ref());
    let default_rbac = request.api_version.as_str() >= ROLES_BY_DEFAULT;
    let settings = parameters::settings(sent, kept)?;
    let rbac = settings.rbac.or(existing.as_ref().map(|vault| vault.properties.rbac));
    if !rbac.unwrap_or(default_rbac) && settings.access_policies.is_none() {
        return Err(parameters::missing("accessPolicies"));
    }
    let wanted = PutVault {
        name: place.address.name.clone(),
        subscription: group.subscription,
        resource_group: group.name.clone(),
        location: Some(location),
        default_rbac,
        settings,
    };
    let by = editor(request, &place.scope);
    let made = request.service.ops.put_vault(&wanted, &by, &mut request.call).await;
    let vault = made.map_err(|error| refused(request, &place.scope, error))?;
    reply(request, &vault)
}

/// A name that no vault can have is refused to whoever may make one in the group.
fn check_name<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<(), Problem> {
    let Err(error) = VaultName::parse(request.target.segment(1)) else { return Ok(()) };
    request.subscription()?;
    let group = request.target.group()?;
    request.permit(WRITE, &group_scope(request, &group)?)?;
    request.group()?;
    Err(of_vault(&error.into()))
}

fn recovers(sent: &VaultParameters) -> Result<bool, Problem> {
    let mode = sent.properties.as_ref().and_then(|properties| properties.create_mode.as_deref());
    match mode {
        None => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("default") => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("recover") => Ok(true),
        Some(_) => {
            let text = "An invalid value was provided for 'createMode'.";
            Err(Problem::bad("BadRequest", text))
        }
    }
}

/// Recovers a vault as it was: nothing else of the request is looked at. It comes back into the
/// group it was in, so that is the group that must be named.
async fn recover<S: Store>(
    request: &mut ArmRequest<'_, S>,
    place: &Place,
    location: &str,
) -> Result<Reply, Problem> {
    if let Ok(vault) = place.address.find(&request.directory) {
        return reply(request, &Arc::clone(&vault.resource));
    }
    let (subscription, name) = (place.address.subscription, &place.address.name);
    let group = place.address.resource_group.as_str();
    let was_elsewhere = request.directory.deleted_vault(&name.folded()).is_some_and(|found| {
        !found.vault.resource.resource_group.as_str().eq_ignore_ascii_case(group)
    });
    if was_elsewhere {
        return Err(Problem::conflict(
            "ConflictError",
            format!(
                "The deleted vault '{name}' was in another resource group than '{group}'. It can \
                 only be recovered into the group that it was in."
            ),
        ));
    }
    let ops = &request.service.ops;
    let by = editor(request, &place.scope);
    let recovered =
        ops.recover_vault(subscription, name, Some(location), &by, &mut request.call).await;
    let vault = recovered.map_err(|error| refused(request, &place.scope, error))?;
    reply(request, &vault)
}

async fn patch<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    request.permit(WRITE, &place.scope)?;
    let vault = place.vault(request)?;
    locks::check(&request.directory, &place.scope, Change::Write)?;
    let sent: VaultParameters = parse(request)?;
    let settings = parameters::settings(sent, vault.properties.network.as_ref())?;
    let by = editor(request, &place.scope);
    let ops = &request.service.ops;
    let changed = ops.update_vault(&place.address, &settings, &by, &mut request.call).await;
    let vault = changed.map_err(|error| refused(request, &place.scope, error))?;
    reply(request, &vault)
}

/// 200, or 204 when there is no such vault.
async fn delete<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    request.permit(DELETE, &place.scope)?;
    request.group()?;
    locks::check(&request.directory, &place.scope, Change::Delete)?;
    let ops = &request.service.ops;
    let by = editor(request, &place.scope);
    let deleted = ops.delete_vault(&place.address, &by, &mut request.call).await;
    let deleted = deleted.map_err(|error| refused(request, &place.scope, error))?;
    Ok(Reply::empty(if deleted.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT }))
}
