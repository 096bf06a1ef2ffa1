//! What a client says of a vault, read and checked as far as no vault is needed for it.

use std::collections::BTreeMap;

use strongroom_model::{
    AccessPolicy, ModelError, NetworkAcls, PolicyPermissions, Sku, VirtualNetworkRule,
};
use strongroom_ops::vaults::VaultSettings;
use strongroom_wire::arm_vaults as wire;

use crate::Problem;
use crate::problem::shown;

/// The most tags of a resource, and the longest name and value of one, in characters.
const MOST_TAGS: usize = 50;
const LONGEST_TAG_NAME: usize = 512;
const LONGEST_TAG_VALUE: usize = 256;

/// The longest name of a region, in characters.
const LONGEST_LOCATION: usize = 64;

/// What is said of a vault. Of a firewall's rules, what is left out stays as it was: leaving out
/// never opens a vault.
pub(super) fn settings(
    sent: wire::VaultParameters,
    kept: Option<&NetworkAcls>,
) -> Result<VaultSettings, Problem> {
    let tags = sent.tags.map(tags).transpose()?;
    let properties = sent.properties.unwrap_or_default();
    let retention = properties.soft_delete_retention_in_days;
    Ok(VaultSettings {
        tenant: properties.tenant_id.as_deref().map(|text| id("tenantId", text)).transpose()?,
        sku: properties.sku.as_ref().map(sku).transpose()?,
        access_policies: properties.access_policies.as_deref().map(policies).transpose()?,
        rbac: properties.enable_rbac_authorization,
        enabled_for_deployment: properties.enabled_for_deployment,
        enabled_for_disk_encryption: properties.enabled_for_disk_encryption,
        enabled_for_template_deployment: properties.enabled_for_template_deployment,
        soft_delete: properties.enable_soft_delete,
        retention_days: retention.map(days).transpose()?,
        purge_protection: properties.enable_purge_protection,
        network: properties.network_acls.map(|acls| network(acls, kept)).transpose()?,
        public_network_access: public_access(properties.public_network_access.as_deref())?,
        tags,
    })
}

/// What `PUT` must say, and `PATCH` need not.
pub(super) fn check_complete(sent: &wire::VaultParameters) -> Result<(), Problem> {
    if sent.location.as_deref().is_none_or(|text| text.trim().is_empty()) {
        let text = "The location property is required for this definition.";
        return Err(Problem::bad("LocationRequired", text));
    }
    let properties = sent.properties.as_ref().ok_or_else(|| missing("properties"))?;
    if properties.tenant_id.is_none() {
        return Err(missing("tenantId"));
    }
    if properties.sku.is_none() {
        return Err(missing("sku"));
    }
    Ok(())
}

/// The real service's words for what is not there.
pub(super) fn missing(name: &str) -> Problem {
    Problem::bad("BadRequest", format!("The parameter {name} is not specified."))
}

fn invalid(name: &str) -> Problem {
    Problem::bad("BadRequest", format!("An invalid value was provided for '{name}'."))
}

/// A region's name as it is kept: `West Europe` is `westeurope`.
pub(super) fn location(text: &str) -> Result<String, Problem> {
    let name: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect();
    let sound = (1..=LONGEST_LOCATION).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if sound {
        return Ok(name);
    }
    Err(Problem::bad(
        "LocationNotAvailableForResourceType",
        format!(
            "The provided location '{}' is not available for resource type \
             'Microsoft.KeyVault/vaults'. A location is a name of at most {LONGEST_LOCATION} \
             letters, digits and hyphens.",
            shown(text)
        ),
    ))
}

fn tags(sent: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    if sent.len() > MOST_TAGS {
        return Err(Problem::bad(
            "InvalidTags",
            format!("The number of tags, {}, is above {MOST_TAGS}.", sent.len()),
        ));
    }
    let too_long = |name: &str, value: &str| {
        name.chars().count() > LONGEST_TAG_NAME || value.chars().count() > LONGEST_TAG_VALUE
    };
    match sent.iter().find(|(name, value)| name.is_empty() || too_long(name, value)) {
        None => Ok(sent),
        Some((name, _)) => Err(Problem::bad(
            "InvalidTagNameOrValue",
            format!(
                "The tag '{}' is not valid: a name has 1 to {LONGEST_TAG_NAME} characters, a value \
                 at most {LONGEST_TAG_VALUE}.",
                shown(name)
            ),
        )),
    }
}

fn id<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| invalid(name))
}

fn sku(sent: &wire::SkuParameters) -> Result<Sku, Problem> {
    let family = sent.family.as_deref().ok_or_else(|| missing("sku.family"))?;
    let name = sent.name.as_deref().ok_or_else(|| missing("sku.name"))?;
    let known = Sku::parse(name).filter(|_| family.eq_ignore_ascii_case("A"));
    known.ok_or_else(|| invalid("sku"))
}

/// Outside any range, a number of days is out of range.
fn days(sent: i64) -> Result<u32, Problem> {
    u32::try_from(sent).map_err(|_| {
        let refusal = ModelError::Retention(if sent < 0 { 0 } else { u32::MAX });
        Problem::bad("BadRequest", refusal.to_string())
    })
}

/// Access policies, with the ids checked; what they allow is checked with the vault.
pub(super) fn policies(
    sent: &[wire::AccessPolicyParameters],
) -> Result<Vec<AccessPolicy>, Problem> {
    sent.iter().enumerate().map(|(index, policy)| one_policy(index, policy)).collect()
}

fn one_policy(index: usize, sent: &wire::AccessPolicyParameters) -> Result<AccessPolicy, Problem> {
    let application = sent.application_id.as_deref().filter(|text| !text.is_empty());
    let permissions = sent.permissions.clone().ok_or_else(|| invalid("accessPolicies"))?;
    Ok(AccessPolicy {
        tenant: policy_id(index, "TenantId", sent.tenant_id.as_deref())?,
        object_id: policy_id(index, "ObjectId", sent.object_id.as_deref())?,
        application_id: application
            .map(|text| policy_id(index, "ApplicationId", Some(text)))
            .transpose()?,
        permissions: PolicyPermissions {
            keys: permissions.keys.unwrap_or_default(),
            secrets: permissions.secrets.unwrap_or_default(),
            certificates: permissions.certificates.unwrap_or_default(),
            storage: permissions.storage.unwrap_or_default(),
        },
    })
}

fn policy_id<T: std::str::FromStr>(
    index: usize,
    name: &str,
    text: Option<&str>,
) -> Result<T, Problem> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|_| {
        let text = shown(text);
        Problem::bad(
            "BadRequest",
            format!("Invalid value found at accessPolicies[{index}].{name}: {text}"),
        )
    })
}

fn network(
    sent: wire::NetworkRuleSetParameters,
    kept: Option<&NetworkAcls>,
) -> Result<NetworkAcls, Problem> {
    let kept = kept.cloned().unwrap_or_default();
    let bypass = one_of("networkAcls.bypass", sent.bypass.as_deref(), "AzureServices", "None")?;
    let action =
        one_of("networkAcls.defaultAction", sent.default_action.as_deref(), "Deny", "Allow")?;
    let virtual_network_rules = match sent.virtual_network_rules {
        Some(rules) => rules
            .into_iter()
            .enumerate()
            .map(|(index, rule)| subnet(index, rule))
            .collect::<Result<Vec<_>, _>>()?,
        None => kept.virtual_network_rules,
    };
    Ok(NetworkAcls {
        bypass_azure_services: bypass.unwrap_or(kept.bypass_azure_services),
        default_deny: action.unwrap_or(kept.default_deny),
        ip_rules: match sent.ip_rules {
            Some(rules) => rules.into_iter().map(|rule| rule.value.unwrap_or_default()).collect(),
            None => kept.ip_rules,
        },
        virtual_network_rules,
    })
}

/// The real service answers subnets in lower case, however they were sent.
fn subnet(
    index: usize,
    sent: wire::VirtualNetworkRuleParameters,
) -> Result<VirtualNetworkRule, Problem> {
    let sent_id = sent.id.unwrap_or_default();
    let id = sent_id.to_ascii_lowercase();
    let parts: Vec<&str> = id.split('/').collect();
    let sound = matches!(
        parts.as_slice(),
        [
            "",
            "subscriptions",
            _,
            "resourcegroups",
            _,
            "providers",
            "microsoft.network",
            "virtualnetworks",
            _,
            "subnets",
            _
        ]
    );
    if !sound || id.len() > 1_024 {
        let text = shown(&sent_id);
        return Err(Problem::bad(
            "BadRequest",
            format!(
                "Invalid value found at properties.networkAcls.virtualNetworkRules[{index}].id: \
                 {text}"
            ),
        ));
    }
    let ignore_missing = sent.ignore_missing_vnet_service_endpoint.unwrap_or(false);
    Ok(VirtualNetworkRule { id, ignore_missing })
}

fn public_access(sent: Option<&str>) -> Result<Option<bool>, Problem> {
    let sent = sent.filter(|text| !text.is_empty());
    one_of("publicNetworkAccess", sent, "Enabled", "Disabled")
}

/// Whether one of two words was sent, or the other; in any case.
fn one_of(name: &str, sent: Option<&str>, yes: &str, no: &str) -> Result<Option<bool>, Problem> {
    match sent {
        None => Ok(None),
        Some(text) if text.eq_ignore_ascii_case(yes) => Ok(Some(true)),
        Some(text) if text.eq_ignore_ascii_case(no) => Ok(Some(false)),
        Some(_) => Err(invalid(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> Result<VaultSettings, Problem> {
        settings(serde_json::from_value(body).unwrap(), None)
    }

    #[allow(clippy::needless_pass_by_value)]
    fn refusal(properties: Value) -> String {
        read(json!({ "properties": properties })).unwrap_err().message
    }

    #[test]
    fn regions_are_normalised() {
        assert_eq!(location("West Europe").unwrap(), "westeurope");
        assert_eq!(location("local").unwrap(), "local");
        for bad in ["", "   ", "a/b", "é", &"x".repeat(65)] {
            assert_eq!(location(bad).unwrap_err().code, "LocationNotAvailableForResourceType");
        }
    }

    #[test]
    fn what_only_the_service_sets_is_ignored() {
        let sent = json!({ "properties": {
            "vaultUri": "https://other.example/", "provisioningState": "RegisteringDns",
            "hsmPoolResourceId": "x", "privateEndpointConnections": [{ "id": "x" }],
            "networkAcls": null, "accessPolicies": null,
        }});
        assert_eq!(read(sent).unwrap(), VaultSettings::default());
    }

    #[test]
    fn what_is_no_value_is_named() {
        assert_eq!(
            refusal(json!({ "sku": { "family": "A", "name": "gold" } })),
            "An invalid value was provided for 'sku'."
        );
        assert_eq!(
            refusal(json!({ "sku": { "family": "B", "name": "standard" } })),
            "An invalid value was provided for 'sku'."
        );
        assert_eq!(
            refusal(json!({ "sku": { "name": "standard" } })),
            "The parameter sku.family is not specified."
        );
        assert_eq!(
            refusal(json!({ "publicNetworkAccess": "maybe" })),
            "An invalid value was provided for 'publicNetworkAccess'."
        );
        assert_eq!(
            refusal(json!({ "accessPolicies": [
                { "tenantId": "72f98888-8666-4144-9199-2d7cd0111111", "objectId": "me",
                  "permissions": {} },
            ]})),
            "Invalid value found at accessPolicies[0].ObjectId: me"
        );
        assert!(refusal(json!({ "softDeleteRetentionInDays": -1 })).contains("7 and 90"));
        assert!(
            refusal(json!({ "networkAcls": { "virtualNetworkRules": [{ "id": "x" }] } }))
                .ends_with("virtualNetworkRules[0].id: x")
        );
    }

    #[test]
    fn rules_that_are_left_out_stay() {
        let kept = NetworkAcls {
            bypass_azure_services: false,
            default_deny: true,
            ip_rules: vec!["192.0.2.0/24".into()],
            virtual_network_rules: Vec::new(),
        };
        let sent = json!({ "properties": { "networkAcls": { "ipRules": [] } } });
        let sent = serde_json::from_value(sent).unwrap();
        let found = settings(sent, Some(&kept)).unwrap().network.unwrap();
        assert!(found.default_deny && !found.bypass_azure_services);
        assert!(found.ip_rules.is_empty());
    }
}
