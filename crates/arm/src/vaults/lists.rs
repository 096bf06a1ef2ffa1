//! Vaults, page by page.

use std::sync::Arc;

use http::Method;
use strongroom_directory::Vault;
use strongroom_model::{DenyAssignment, ResourceGroupName, Scope, SubscriptionId};
use strongroom_store::Store;

use super::{group_scope, only, shown};
use crate::page::Window;
use crate::{ArmRequest, Problem, Reply, subscriptions};

const READ: &str = "Microsoft.KeyVault/vaults/read";

/// `GET /subscriptions/{id}/providers/Microsoft.KeyVault/vaults`
pub(super) fn of_subscription<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let subscription = request.subscription()?.id;
    page(request, &Scope::subscription(subscription), subscription, None)
}

/// `GET …/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults`
pub(super) fn of_group<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let subscription = request.subscription()?.id;
    let name = request.target.group()?;
    let scope = group_scope(request, &name)?;
    if request.may(READ, &scope) {
        request.group()?;
    }
    page(request, &scope, subscription, Some(&name))
}

/// A page of the vaults that the caller may see; a refusal if nothing here is the caller's.
fn page<S: Store>(
    request: &mut ArmRequest<'_, S>,
    scope: &Scope,
    subscription: SubscriptionId,
    group: Option<&ResourceGroupName>,
) -> Result<Reply, Problem> {
    let may_read = request.may(READ, scope);
    let denies = |denial: &Arc<DenyAssignment>| scope.contains(&denial.scope);
    let sees_all = may_read && !request.directory.access().denials().any(denies);
    if may_read || !subscriptions::is_visible(request, scope) {
        request.permit(READ, scope)?;
    } else {
        request.name(READ);
    }
    let window = Window::of(request)?;
    let directory = Arc::clone(&request.directory);
    let after = window.after.as_deref().and_then(|key| key.split_once('/'));
    let endpoints = &request.service.endpoints;
    let vaults = directory.vaults_in(subscription, group, after).map(|vault| {
        let is_seen = sees_all || request.may(READ, &vault.scope);
        (vault, is_seen.then(|| shown::vault(&vault.resource, endpoints)))
    });
    window.choose(request, vaults, |vault| key(vault))
}

/// Where a vault stands in the list.
fn key(vault: &Vault) -> String {
    let group = vault.resource.resource_group.as_str().to_ascii_lowercase();
    format!("{group}/{}", vault.resource.name.folded())
}
