//! Tenants and subscriptions: what a caller finds after signing in.

use http::Method;
use serde_json::{Value, json};
use strongroom_directory::{Directory, Subscription, Tenant};
use strongroom_model::{Assignments, Caller, Scope};
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

/// `GET /subscriptions` and `GET /tenants`: what the caller has a part in.
pub(crate) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    match request.target.route().as_slice() {
        ["subscriptions"] => list(request),
        ["tenants"] => tenants(request),
        _ => Err(Problem::no_path(&request.target.path())),
    }
}

/// Whether the caller holds any role in a subscription, at it or below it or above it. Azure shows
/// a subscription to exactly these. Above it are its tenant and management groups alone.
pub(crate) fn is_visible<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> bool {
    has_part(&request.caller, &request.directory, scope)
}

/// Whether a caller holds any role at a scope, below it or above it.
pub(crate) fn has_part(caller: &Caller, directory: &Directory, scope: &Scope) -> bool {
    let assignments: &Assignments = directory.as_ref();
    let covers = |held: &Scope| {
        held.subscription_id().is_none() || held.contains(scope) || scope.contains(held)
    };
    caller
        .principals()
        .flat_map(|principal| assignments.of(principal))
        .any(|held| covers(&held.scope))
}

fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    request.name("Microsoft.Resources/subscriptions/read");
    let tenant = request.caller.tenant;
    let mut found: Vec<&Subscription> = request
        .directory
        .subscriptions()
        .map(AsRef::as_ref)
        .filter(|subscription| subscription.tenant == tenant)
        .filter(|subscription| is_visible(request, &Scope::subscription(subscription.id)))
        .collect();
    found.sort_by_key(|subscription| subscription.id);
    let count = json!({ "type": "Total", "value": found.len() });
    let values: Vec<Value> = found.into_iter().map(show_subscription).collect();
    Reply::ok(&json!({ "value": values, "count": count }))
}

/// `GET /subscriptions/{id}`
pub(crate) fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    let subscription = request.subscription()?;
    let scope = Scope::subscription(subscription.id);
    request.name("Microsoft.Resources/subscriptions/read");
    if !is_visible(request, &scope) {
        request.permit("Microsoft.Resources/subscriptions/read", &scope)?;
    }
    Reply::ok(&show_subscription(&subscription))
}

fn show_subscription(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id.to_string(),
        "tenantId": subscription.tenant.to_string(),
        "displayName": subscription.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

fn tenants<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    request.name("Microsoft.Resources/tenants/read");
    let tenant = request.directory.tenant(request.caller.tenant);
    let base = request.service.endpoints.base();
    Reply::list(tenant.map(|tenant| show_tenant(tenant, base)).into_iter().collect())
}

fn show_tenant(tenant: &Tenant, base: &str) -> Value {
    json!({
        "id": format!("/tenants/{}", tenant.id),
        "tenantId": tenant.id.to_string(),
        "displayName": tenant.display_name,
        "tenantCategory": "Home",
        "tenantType": "AAD",
        "defaultDomain": base,
        "domains": [base],
    })
}
