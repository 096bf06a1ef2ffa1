//! Vaults as answers show them.

use serde::Serialize;
use serde_json::Value;
use strongroom_model::{
    AccessPolicy, Author, DeletedVault, Endpoints, NetworkAcls, Scope, VaultResource,
};
use strongroom_wire::arm_vaults as wire;

/// All that can fail is a map whose keys are not text, and there is none in these.
pub(super) fn value(shown: &impl Serialize) -> Value {
    serde_json::to_value(shown).unwrap_or_default()
}

/// A vault as `GET` shows it.
pub(super) fn vault(vault: &VaultResource, endpoints: &Endpoints) -> Value {
    let shown = wire::Resource {
        id: vault.scope().as_str().to_owned().into(),
        name: Some(vault.name.as_str().into()),
        resource_type: "Microsoft.KeyVault/vaults",
        location: Some(&vault.location),
        tags: Some(&vault.properties.tags),
        system_data: Some(system_data(vault)),
        properties: properties(vault, endpoints),
    };
    value(&shown)
}

fn properties<'a>(vault: &'a VaultResource, endpoints: &Endpoints) -> wire::VaultProperties<'a> {
    let properties = &vault.properties;
    wire::VaultProperties {
        sku: wire::Sku { family: "A", name: properties.sku.as_str() },
        tenant_id: vault.tenant.to_string(),
        // The real service leaves out rules that say no more than none.
        network_acls: properties
            .network
            .as_ref()
            .filter(|acls| **acls != NetworkAcls::default())
            .map(network),
        access_policies: properties.access_policies.iter().map(policy).collect(),
        enabled_for_deployment: properties.enabled_for_deployment.unwrap_or(false),
        enabled_for_disk_encryption: properties.enabled_for_disk_encryption,
        enabled_for_template_deployment: properties.enabled_for_template_deployment,
        enable_soft_delete: true,
        soft_delete_retention_in_days: vault.soft_delete.retention_days(),
        enable_rbac_authorization: properties.rbac,
        enable_purge_protection: vault.soft_delete.purge_protection().then_some(true),
        vault_uri: endpoints.vault(vault.name.as_str()) + "/",
        provisioning_state: "Succeeded",
        public_network_access: enabled(properties.public_network_access),
    }
}

fn enabled(is: bool) -> &'static str {
    if is { "Enabled" } else { "Disabled" }
}

fn network(acls: &NetworkAcls) -> wire::NetworkRuleSet<'_> {
    wire::NetworkRuleSet {
        bypass: if acls.bypass_azure_services { "AzureServices" } else { "None" },
        default_action: if acls.default_deny { "Deny" } else { "Allow" },
        ip_rules: acls.ip_rules.iter().map(|value| wire::IpRule { value }).collect(),
        virtual_network_rules: acls
            .virtual_network_rules
            .iter()
            .map(|rule| wire::VirtualNetworkRule {
                id: &rule.id,
                ignore_missing_vnet_service_endpoint: rule.ignore_missing,
            })
            .collect(),
    }
}

fn policy(policy: &AccessPolicy) -> wire::AccessPolicyEntry<'_> {
    let permissions = &policy.permissions;
    wire::AccessPolicyEntry {
        tenant_id: policy.tenant.to_string(),
        object_id: policy.object_id.to_string(),
        application_id: policy.application_id.map(|id| id.to_string()),
        permissions: wire::Permissions {
            keys: &permissions.keys,
            secrets: &permissions.secrets,
            certificates: &permissions.certificates,
            storage: &permissions.storage,
        },
    }
}

fn system_data(vault: &VaultResource) -> wire::SystemData<'_> {
    let properties = &vault.properties;
    let by = |author: Option<&'_ Author>| {
        author.map(|author| if author.is_application { "Application" } else { "User" })
    };
    let created = properties.created_by.as_ref();
    let modified = match properties.modified {
        Some(_) => properties.modified_by.as_ref(),
        None => created,
    };
    wire::SystemData {
        created_by: created.map(|author| author.name.as_str()),
        created_by_type: by(created),
        created_at: vault.created.rfc3339(),
        last_modified_by: modified.map(|author| author.name.as_str()),
        last_modified_by_type: by(modified),
        last_modified_at: properties.modified.unwrap_or(vault.created).rfc3339(),
    }
}

/// What a change of a vault's access policies is answered with: all of them.
pub(super) fn policies(vault: &VaultResource) -> Value {
    let access_policies = vault.properties.access_policies.iter().map(policy).collect();
    let shown = wire::Resource {
        id: format!("{}/accessPolicies/", vault.scope()).into(),
        name: None,
        resource_type: "Microsoft.KeyVault/vaults/accessPolicies",
        location: None,
        tags: None,
        system_data: None,
        properties: wire::VaultAccessPolicyProperties { access_policies },
    };
    value(&shown)
}

/// A deleted vault.
pub(super) fn deleted(deleted: &DeletedVault) -> Value {
    let vault = &deleted.resource;
    let subscription = Scope::subscription(vault.subscription);
    let shown = wire::Resource {
        id: format!(
            "{subscription}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{}",
            vault.location, vault.name
        )
        .into(),
        name: Some(vault.name.as_str().into()),
        resource_type: "Microsoft.KeyVault/deletedVaults",
        location: None,
        tags: None,
        system_data: None,
        properties: wire::DeletedVaultProperties {
            vault_id: vault.scope().as_str().to_owned(),
            location: &vault.location,
            tags: &vault.properties.tags,
            deletion_date: deleted.deleted.rfc3339(),
            scheduled_purge_date: deleted.scheduled_purge.rfc3339(),
            purge_protection_enabled: vault.soft_delete.purge_protection().then_some(true),
        },
    };
    value(&shown)
}
