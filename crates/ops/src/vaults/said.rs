//! What the record of a change of a vault says: each property that changed, and its new value; the
//! access policies that were added and that were taken away. Members are named as on the wire.

use std::fmt::Write as _;

use strongroom_model::{AccessPolicy, NetworkAcls, VaultProperties, VaultResource};

use crate::Call;

/// Says what a vault is from now on, where it was otherwise or was not there.
pub(super) fn said(before: Option<&VaultResource>, after: &VaultResource, call: &mut Call) {
    let was = before.map(|vault| &vault.properties);
    let now = &after.properties;
    let differs = |same: fn(&VaultProperties, &VaultProperties) -> bool| {
        was.is_none_or(|was| !same(was, now))
    };
    if differs(|a, b| a.rbac == b.rbac) {
        call.set_property("enableRbacAuthorization", now.rbac.to_string());
    }
    let old = was.map_or(&[][..], |was| was.access_policies.as_slice());
    let new = now.access_policies.as_slice();
    let beyond = |list: &[AccessPolicy], other: &[AccessPolicy]| -> Vec<String> {
        list.iter().filter(|known| !other.contains(known)).map(policy).collect()
    };
    for (name, policies) in
        [("addedAccessPolicy", beyond(new, old)), ("removedAccessPolicy", beyond(old, new))]
    {
        if !policies.is_empty() {
            call.set_property(name, policies.join("; "));
        }
    }
    if differs(|a, b| a.public_network_access == b.public_network_access) {
        let state = if now.public_network_access { "Enabled" } else { "Disabled" };
        call.set_property("publicNetworkAccess", state.to_owned());
    }
    if differs(|a, b| a.network == b.network) {
        call.set_property(
            "networkAcls",
            now.network.as_ref().map_or_else(|| "none".to_owned(), network),
        );
    }
    let protection = |vault: &VaultResource| vault.soft_delete.purge_protection();
    if protection(after) && !before.is_some_and(protection) {
        call.set_property("enablePurgeProtection", true.to_string());
    }
    if differs(|a, b| a.sku == b.sku) {
        call.set_property("sku", now.sku.as_str().to_owned());
    }
    if was.map_or(!now.tags.is_empty(), |was| was.tags != now.tags) {
        let tags: Vec<String> = now.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        call.set_property("tags", tags.join(", "));
    }
}

fn network(acls: &NetworkAcls) -> String {
    let action = if acls.default_deny { "Deny" } else { "Allow" };
    let bypass = if acls.bypass_azure_services { "AzureServices" } else { "None" };
    let networks: Vec<&str> = acls.virtual_network_rules.iter().map(|r| r.id.as_str()).collect();
    let (addresses, networks) = (acls.ip_rules.join(","), networks.join(","));
    format!(
        "defaultAction={action} bypass={bypass} ipRules={addresses} virtualNetworkRules={networks}"
    )
}

fn policy(policy: &AccessPolicy) -> String {
    let mut text = policy.object_id.to_string();
    if let Some(application) = policy.application_id {
        let _ = write!(text, "/{application}");
    }
    let of = &policy.permissions;
    for (kind, permissions) in [
        ("keys", &of.keys),
        ("secrets", &of.secrets),
        ("certificates", &of.certificates),
        ("storage", &of.storage),
    ] {
        if !permissions.is_empty() {
            let _ = write!(text, " {kind}={}", permissions.join(","));
        }
    }
    text
}
