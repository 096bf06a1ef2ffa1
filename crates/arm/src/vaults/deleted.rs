//! Deleted vaults: listed, shown, purged.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use strongroom_authz::permitted;
use strongroom_directory::Deleted;
use strongroom_model::{Scope, VaultId, VaultName, VaultResource};
use strongroom_ops::OpError;
use strongroom_ops::vaults::{VaultRefusal, same_region};
use strongroom_store::Store;

use super::refusal::{of_vault, refused};
use super::{only, shown};
use crate::locks::{self, Change};
use crate::page::Window;
use crate::{ArmRequest, Problem, Reply};

const LIST: &str = "Microsoft.KeyVault/deletedVaults/read";
const READ: &str = "Microsoft.KeyVault/locations/deletedVaults/read";
const PURGE: &str = "Microsoft.KeyVault/locations/deletedVaults/purge/action";
const READ_RESULT: &str = "Microsoft.KeyVault/locations/operationResults/read";

/// `GET /subscriptions/{id}/providers/Microsoft.KeyVault/deletedVaults`
pub(super) fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let subscription = request.subscription()?.id;
    request.permit(LIST, &Scope::subscription(subscription))?;
    let window = Window::of(request)?;
    let directory = Arc::clone(&request.directory);
    let found = directory
        .deleted_vaults_in(subscription, window.after.as_deref())
        .map(|found| (found.vault.resource.name.folded(), shown::deleted(&found.vault)));
    window.reply(request, found)
}

/// `GET …/locations/{location}/deletedVaults/{name}`
pub(super) fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let subscription = request.subscription()?.id;
    request.permit(READ, &Scope::subscription(subscription))?;
    let found = find(request)?;
    Reply::ok(&shown::deleted(&found.vault))
}

/// The deleted vault of the path.
fn find<S: Store>(request: &ArmRequest<'_, S>) -> Result<Arc<Deleted>, Problem> {
    let (location, name) = (request.target.segment(1), request.target.segment(3));
    let subscription = request.subscription()?.id;
    let found = request.directory.deleted_vault(&name.to_ascii_lowercase()).filter(|found| {
        let vault = &found.vault.resource;
        vault.subscription == subscription && same_region(location, &vault.location)
    });
    found.cloned().ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Problem {
    of_vault(&VaultRefusal::DeletedNotFound(crate::problem::shown(name)))
}

/// `POST …/locations/{location}/deletedVaults/{name}/purge`: done at once, and answered as the
/// real service does: the client asks at `Location` whether it is.
pub(super) async fn purge<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::POST)?;
    let subscription = request.subscription()?.id;
    let scope = Scope::subscription(subscription);
    request.permit(PURGE, &scope)?;
    let text = request.target.segment(3).to_owned();
    let name = VaultName::parse(&text).map_err(|_| not_found(&text))?;
    // What is deleted is the vault, wherever the request goes.
    let found = find(request)?;
    let vault = found.vault.resource.scope();
    let there = permitted(&request.caller, PURGE, &vault, request.directory.as_ref());
    if there.as_ref().is_err_and(|denied| denied.denied_by.is_some()) {
        request.decided(PURGE, &vault, there)?;
    }
    locks::check(&request.directory, &vault, Change::Delete)?;
    let location = request.target.segment(1).to_owned();
    let ops = &request.service.ops;
    let by = super::editor::editor(request, &scope);
    let purged =
        ops.purge_deleted_vault(subscription, &name, Some(&location), &by, &mut request.call).await;
    purged.map_err(|error: OpError| refused(request, &scope, error))?;
    let location = &found.vault.resource.location;
    let token = token(&found.vault.resource);
    let path = format!(
        "{scope}/providers/Microsoft.KeyVault/locations/{location}/operationResults/{token}"
    );
    Ok(Reply::accepted(&request.url(&path)))
}

/// `GET …/locations/{location}/operationResults/{token}`: 202 while the vault is still there.
pub(super) fn purged<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let subscription = request.subscription()?.id;
    let scope = Scope::subscription(subscription);
    // Whoever may purge may hear that it is done.
    let action = if request.may(PURGE, &scope) { PURGE } else { READ_RESULT };
    request.permit(action, &scope)?;
    request.name(READ_RESULT);
    let (name, id) = read_token(request.target.segment(3))
        .ok_or_else(|| Problem::no_path(&request.target.path()))?;
    // Another vault of the name may have been made and deleted meanwhile.
    let still_there = request.directory.deleted_vault(&name.folded()).is_some_and(|found| {
        let vault = &found.vault.resource;
        vault.subscription == subscription && vault.id == id
    });
    if still_there {
        let path = request.target.path();
        return Ok(Reply::accepted(&request.url(&path)));
    }
    Ok(Reply::empty(StatusCode::OK))
}

/// What names the purge of a vault in its URL.
fn token(vault: &VaultResource) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", vault.name.folded(), vault.id))
}

fn read_token(token: &str) -> Option<(VaultName, VaultId)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (name, id) = text.split_once(':')?;
    Some((VaultName::parse(name).ok()?, id.parse().ok()?))
}
