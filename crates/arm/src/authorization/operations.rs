//! `providerOperations`: the actions that there are, for whoever writes a role.

use http::Method;
use serde_json::{Value, json};
use strongroom_model::DataAction;
use strongroom_model::action::matches;
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

const NAMESPACE: &str = "Microsoft.KeyVault";

/// Control-plane actions of Key Vault: the type, the action, and what it is.
///
/// Source: Azure's resource provider operations of Microsoft.KeyVault.
const CONTROL: &[(&str, &str, &str)] = &[
    ("", "register/action", "Register Key Vault Resource Provider"),
    ("", "unregister/action", "Unregister Key Vault Resource Provider"),
    ("checkNameAvailability", "read", "Check Name Availability"),
    ("checkMhsmNameAvailability", "read", "Check Managed HSM Name Availability"),
    ("deletedVaults", "read", "View Soft Deleted Key Vaults"),
    ("deletedManagedHsms", "read", "View Soft Deleted Managed HSMs"),
    ("locations/deletedVaults", "read", "View Soft Deleted Key Vault"),
    ("locations/deletedVaults", "purge/action", "Purge Soft Deleted Key Vault"),
    ("locations/deletedManagedHsms", "read", "View Soft Deleted Managed HSM"),
    ("locations/deletedManagedHsms", "purge/action", "Purge Soft Deleted Managed HSM"),
    ("locations/operationResults", "read", "Check Operation Result"),
    ("locations/managedHsmOperationResults", "read", "Check Managed HSM Operation Result"),
    ("locations", "deleteVirtualNetworkOrSubnets/action", "Update Networks or Subnets"),
    ("managedHSMs", "read", "View Managed HSM"),
    ("managedHSMs", "write", "Update Managed HSM"),
    ("managedHSMs", "delete", "Delete Managed HSM"),
    ("managedHSMs/keys", "read", "List Keys in Managed HSM, or Read a Key"),
    ("managedHSMs/keys", "write", "Create the First Version of a Key in Managed HSM"),
    ("managedHSMs/keys/versions", "read", "List the Versions of a Key in Managed HSM"),
    ("operations", "read", "Available Key Vault Operations"),
    ("vaults", "read", "View Key Vault"),
    ("vaults", "write", "Update Key Vault"),
    ("vaults", "delete", "Delete Key Vault"),
    ("vaults", "deploy/action", "Use Vault for Azure Deployments"),
    ("vaults", "PrivateEndpointConnectionsApproval/action", "Approve Private Endpoint Connection"),
    ("vaults/accessPolicies", "write", "Update Access Policy"),
    ("vaults/eventGridFilters", "read", "Get Event Grid Subscription"),
    ("vaults/eventGridFilters", "write", "Add Event Grid Subscription"),
    ("vaults/eventGridFilters", "delete", "Delete Event Grid Subscription"),
    ("vaults/keys", "read", "List Keys in a Vault, or Read a Key"),
    ("vaults/keys", "write", "Create the First Version of a Key"),
    ("vaults/keys/versions", "read", "List the Versions of a Key"),
    ("vaults/networkSecurityPerimeterConfigurations", "read", "View Perimeter Configuration"),
    ("vaults/privateEndpointConnectionProxies", "read", "View Connection Proxy"),
    ("vaults/privateEndpointConnectionProxies", "write", "Set Connection Proxy"),
    ("vaults/privateEndpointConnectionProxies", "delete", "Delete Connection Proxy"),
    ("vaults/privateEndpointConnectionProxies", "validate/action", "Validate Connection Proxy"),
    ("vaults/privateEndpointConnections", "read", "View Private Endpoint Connection"),
    ("vaults/privateEndpointConnections", "write", "Update Private Endpoint Connection"),
    ("vaults/privateEndpointConnections", "delete", "Delete Private Endpoint Connection"),
    ("vaults/privateLinkResources", "read", "Get Available Private Link Resources"),
    ("vaults/secrets", "read", "View Secret Properties"),
    ("vaults/secrets", "write", "Write Secret"),
];

/// Every action of Key Vault: its full name, what it is, and whether it is a data action.
pub(crate) fn actions_of_key_vault() -> impl Iterator<Item = (String, &'static str, bool)> {
    let control =
        CONTROL.iter().map(|(kind, action, what)| (full_name(kind, action), *what, false));
    control.chain(DataAction::ALL.iter().map(|a| (a.name().to_owned(), a.name(), true)))
}

/// Whether a pattern of a role names a control-plane action that there may be: what it says of Key
/// Vault must be there, of other providers nothing is known.
pub(super) fn is_control_pattern(pattern: &str) -> bool {
    is_plausible(pattern, || {
        CONTROL.iter().any(|(kind, action, _)| matches(pattern, &full_name(kind, action)))
    })
}

/// Whether a pattern of a role names a data action that there may be.
pub(super) fn is_data_pattern(pattern: &str) -> bool {
    is_plausible(pattern, || DataAction::ALL.iter().any(|action| matches(pattern, action.name())))
}

fn is_plausible(pattern: &str, is_there: impl Fn() -> bool) -> bool {
    let own = pattern.split('/').next().is_some_and(|of| of.eq_ignore_ascii_case(NAMESPACE));
    let printable = pattern.bytes().all(|b| b.is_ascii_graphic()) && pattern.len() <= 512;
    printable && if own { is_there() } else { pattern.contains(['/', '*']) }
}

fn full_name(kind: &str, action: &str) -> String {
    let parts = [NAMESPACE, kind, action];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Lists the providers' actions, to whoever has signed in.
pub(super) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    request.name("Microsoft.Authorization/providerOperations/read");
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    let expand = request.query.get("$expand");
    let expanded = expand.is_some_and(|what| what.eq_ignore_ascii_case("resourceTypes"));
    match request.target.segment(1) {
        "" => Reply::list(vec![body(expanded)]),
        name if name.eq_ignore_ascii_case(NAMESPACE) => Reply::ok(&body(expanded)),
        other => Err(Problem::no_namespace(other)),
    }
}

fn body(expanded: bool) -> Value {
    let mut kinds: Vec<String> = Vec::new();
    let mut all: Vec<(String, Value)> = Vec::new();
    for (kind, action, display) in CONTROL {
        all.push(((*kind).to_owned(), show(&full_name(kind, action), display, false)));
    }
    for action in DataAction::ALL {
        let kind = data_kind(action.name());
        all.push((kind.to_owned(), show(action.name(), action.name(), true)));
    }
    for (kind, _) in all.iter().filter(|(kind, _)| !kind.is_empty()) {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
    let of = |wanted: &str| -> Vec<&Value> {
        all.iter().filter(|(kind, _)| kind == wanted).map(|(_, shown)| shown).collect()
    };
    let types: Vec<Value> = kinds
        .iter()
        .filter(|_| expanded)
        .map(|kind| json!({ "name": kind, "displayName": kind, "operations": of(kind) }))
        .collect();
    json!({
        "displayName": "Microsoft Key Vault",
        "operations": of(""),
        "resourceTypes": types,
        "id": format!("/providers/Microsoft.Authorization/providerOperations/{NAMESPACE}"),
        "type": "Microsoft.Authorization/providerOperations",
        "name": NAMESPACE,
    })
}

fn show(name: &str, display: &str, is_data: bool) -> Value {
    json!({
        "name": name,
        "displayName": display,
        "description": display,
        "origin": "user,system",
        "properties": null,
        "isDataAction": is_data,
    })
}

/// The type of a data action: `vaults/secrets` of `Microsoft.KeyVault/vaults/secrets/delete`.
fn data_kind(name: &str) -> &str {
    let own = name.get(NAMESPACE.len() + 1..).unwrap_or_default();
    let own = own.strip_suffix("/action").unwrap_or(own);
    own.rsplit_once('/').map_or(own, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_role_says_of_key_vault_must_be_there() {
        for (pattern, control, data) in [
            ("*", true, true),
            ("*/read", true, true),
            ("Microsoft.KeyVault/*", true, true),
            ("microsoft.keyvault/vaults/READ", true, false),
            ("Microsoft.KeyVault/vaults/secrets/getSecret/action", false, true),
            ("Microsoft.KeyVault/vaults/secrets/getSecrets/action", false, false),
            ("Microsoft.Storage/storageAccounts/read", true, true),
            ("nonsense", false, false),
            ("Microsoft.Storage/a b", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_control_pattern(pattern), control, "{pattern}");
            assert_eq!(is_data_pattern(pattern), data, "{pattern}");
        }
    }

    #[test]
    fn data_actions_are_of_their_types() {
        assert_eq!(data_kind("Microsoft.KeyVault/vaults/secrets/delete"), "vaults/secrets");
        assert_eq!(data_kind("Microsoft.KeyVault/vaults/secrets/purge/action"), "vaults/secrets");
    }
}
