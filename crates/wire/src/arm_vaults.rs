//! The bodies of `Microsoft.KeyVault`: vaults, deleted vaults, access policies, and keys and
//! secrets as resources.
//!
//! What the specification requires is optional here, so that a member that is missing can be named
//! to the client. Members that only the service may set are ignored: `az` sends back the whole of
//! a vault that it has read. Sources: the Key Vault resource provider's specification
//! (`keyvault.json`, `keys.json`, `secrets.json`), and recorded answers of the real service.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::keys::{KeyAttributesParameters, KeyReleasePolicy, KeyReleasePolicyParameters};
use crate::rotation::{KeyRotationPolicyAttributes, KeyRotationPolicyParameters, LifetimeActions};
use crate::{AttributesParameters, ObjectAttributes, SecretValue};

/// `PUT` and `PATCH …/vaults/{name}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VaultParameters {
    /// The region; required by `PUT`.
    pub location: Option<String>,
    /// The resource's tags, in place of all old ones.
    pub tags: Option<BTreeMap<String, String>>,
    /// What is said of the vault; required by `PUT`.
    pub properties: Option<VaultPropertiesParameters>,
}

/// What a client says of a vault.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VaultPropertiesParameters {
    /// The tenant.
    pub tenant_id: Option<String>,
    /// What is paid for.
    pub sku: Option<SkuParameters>,
    /// All access policies.
    pub access_policies: Option<Vec<AccessPolicyParameters>>,
    /// Whether virtual machines may fetch certificates.
    pub enabled_for_deployment: Option<bool>,
    /// Whether disk encryption may fetch secrets and unwrap keys.
    pub enabled_for_disk_encryption: Option<bool>,
    /// Whether the control plane may fetch secrets for templates.
    pub enabled_for_template_deployment: Option<bool>,
    /// Whether deleted objects are kept.
    pub enable_soft_delete: Option<bool>,
    /// For how many days.
    pub soft_delete_retention_in_days: Option<i64>,
    /// Whether roles decide on the data plane.
    pub enable_rbac_authorization: Option<bool>,
    /// `default` or `recover`.
    pub create_mode: Option<String>,
    /// Whether what is deleted stays until its time.
    pub enable_purge_protection: Option<bool>,
    /// The firewall's rules.
    pub network_acls: Option<NetworkRuleSetParameters>,
    /// `Enabled` or `Disabled`.
    pub public_network_access: Option<String>,
}

/// A pricing tier as a client names it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SkuParameters {
    /// `A`.
    pub family: Option<String>,
    /// `standard` or `premium`.
    pub name: Option<String>,
}

/// An access policy as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AccessPolicyParameters {
    /// The tenant; required.
    pub tenant_id: Option<String>,
    /// The principal; required.
    pub object_id: Option<String>,
    /// The application through which the principal calls.
    pub application_id: Option<String>,
    /// What is allowed; required.
    pub permissions: Option<PermissionsParameters>,
}

/// Permissions as a client sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PermissionsParameters {
    /// On keys.
    pub keys: Option<Vec<String>>,
    /// On secrets.
    pub secrets: Option<Vec<String>>,
    /// On certificates.
    pub certificates: Option<Vec<String>>,
    /// On managed storage accounts.
    pub storage: Option<Vec<String>>,
}

/// A firewall's rules as a client sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NetworkRuleSetParameters {
    /// `AzureServices` or `None`.
    pub bypass: Option<String>,
    /// `Allow` or `Deny`.
    pub default_action: Option<String>,
    /// Addresses and networks.
    pub ip_rules: Option<Vec<IpRuleParameters>>,
    /// Subnets.
    pub virtual_network_rules: Option<Vec<VirtualNetworkRuleParameters>>,
}

/// An address rule as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IpRuleParameters {
    /// An address, or a network in CIDR form; required.
    pub value: Option<String>,
}

/// A subnet rule as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualNetworkRuleParameters {
    /// The subnet's resource id; required.
    pub id: Option<String>,
    /// Whether the subnet needs no service endpoint.
    pub ignore_missing_vnet_service_endpoint: Option<bool>,
}

/// `PUT …/vaults/{name}/accessPolicies/{operationKind}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VaultAccessPolicyParameters {
    /// The policies; required.
    pub properties: Option<VaultAccessPolicyPropertiesParameters>,
}

/// The policies that a client adds, removes or replaces all others by.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VaultAccessPolicyPropertiesParameters {
    /// The policies; required.
    pub access_policies: Option<Vec<AccessPolicyParameters>>,
}

/// `POST …/checkNameAvailability`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CheckNameAvailabilityParameters {
    /// The name; required.
    pub name: Option<String>,
    /// `Microsoft.KeyVault/vaults`; required.
    #[serde(rename = "type")]
    pub resource_type: Option<String>,
}

/// `PUT …/vaults/{vault}/keys/{name}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyParameters {
    /// Tags of the key.
    pub tags: Option<BTreeMap<String, String>>,
    /// The key; required.
    pub properties: Option<KeyPropertiesParameters>,
}

/// A key to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KeyPropertiesParameters {
    /// Its attributes.
    pub attributes: Option<KeyAttributesParameters>,
    /// Its type; required.
    pub kty: Option<String>,
    /// What it may be used for.
    pub key_ops: Option<Vec<String>>,
    /// Its size, in bits.
    pub key_size: Option<u32>,
    /// Its curve.
    pub curve_name: Option<String>,
    /// When it is rotated.
    pub rotation_policy: Option<KeyRotationPolicyParameters>,
    /// When it may be released.
    #[serde(rename = "release_policy")]
    pub release_policy: Option<KeyReleasePolicyParameters>,
}

/// `PUT` and `PATCH …/vaults/{vault}/secrets/{name}`
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SecretParameters {
    /// Tags of the secret.
    pub tags: Option<BTreeMap<String, String>>,
    /// The secret; required.
    pub properties: Option<SecretPropertiesParameters>,
}

/// A secret to be set or changed.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SecretPropertiesParameters {
    /// The value; required by `PUT`.
    pub value: Option<SecretValue>,
    /// What the value is, in the client's words.
    pub content_type: Option<String>,
    /// Its attributes.
    pub attributes: Option<AttributesParameters>,
}

/// A resource: what every one has, and its own properties.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource<'a, P> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// Its type.
    #[serde(rename = "type")]
    pub resource_type: &'static str,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<&'a str>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// Who made it and changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_data: Option<SystemData<'a>>,
    /// What is special to its type.
    pub properties: P,
}

/// Who made a resource, who changed it last, and when.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemData<'a> {
    /// Who made it: a user principal name, or an application's client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<&'a str>,
    /// `User` or `Application`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by_type: Option<&'static str>,
    /// When, in RFC 3339.
    pub created_at: String,
    /// Who changed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_by: Option<&'a str>,
    /// `User` or `Application`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_by_type: Option<&'static str>,
    /// When, in RFC 3339.
    pub last_modified_at: String,
}

/// The properties of a vault.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultProperties<'a> {
    /// What is paid for.
    pub sku: Sku,
    /// The tenant.
    pub tenant_id: String,
    /// The firewall's rules; left out when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_acls: Option<NetworkRuleSet<'a>>,
    /// The access policies.
    pub access_policies: Vec<AccessPolicyEntry<'a>>,
    /// `enabledForDeployment`
    pub enabled_for_deployment: bool,
    /// `enabledForDiskEncryption`, if it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_for_disk_encryption: Option<bool>,
    /// `enabledForTemplateDeployment`, if it was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_for_template_deployment: Option<bool>,
    /// Always true.
    pub enable_soft_delete: bool,
    /// How long what is deleted is kept, in days.
    pub soft_delete_retention_in_days: u32,
    /// Whether roles decide on the data plane.
    pub enable_rbac_authorization: bool,
    /// Left out unless true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_purge_protection: Option<bool>,
    /// The vault's URL, with a slash at its end.
    pub vault_uri: String,
    /// `Succeeded`
    pub provisioning_state: &'static str,
    /// `Enabled` or `Disabled`
    pub public_network_access: &'static str,
}

/// A pricing tier.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sku {
    /// `A`
    pub family: &'static str,
    /// `standard` or `premium`
    pub name: &'static str,
}

/// A firewall's rules.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkRuleSet<'a> {
    /// `AzureServices` or `None`
    pub bypass: &'static str,
    /// `Allow` or `Deny`
    pub default_action: &'static str,
    /// Addresses and networks.
    pub ip_rules: Vec<IpRule<'a>>,
    /// Subnets.
    pub virtual_network_rules: Vec<VirtualNetworkRule<'a>>,
}

/// An address rule.
#[derive(Clone, Debug, Serialize)]
pub struct IpRule<'a> {
    /// A network in CIDR form.
    pub value: &'a str,
}

/// A subnet rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkRule<'a> {
    /// The subnet's resource id.
    pub id: &'a str,
    /// Whether the subnet needs no service endpoint.
    pub ignore_missing_vnet_service_endpoint: bool,
}

/// An access policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicyEntry<'a> {
    /// The tenant.
    pub tenant_id: String,
    /// The principal.
    pub object_id: String,
    /// The application through which the principal calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_id: Option<String>,
    /// What is allowed.
    pub permissions: Permissions<'a>,
}

/// What an access policy allows, as it was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Permissions<'a> {
    /// On keys.
    pub keys: &'a [String],
    /// On secrets.
    pub secrets: &'a [String],
    /// On certificates.
    pub certificates: &'a [String],
    /// On managed storage accounts; left out when there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub storage: &'a [String],
}

/// The answer of `PUT …/accessPolicies/{operationKind}`: all of the vault's policies.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultAccessPolicyProperties<'a> {
    /// The access policies.
    pub access_policies: Vec<AccessPolicyEntry<'a>>,
}

/// The properties of a deleted vault.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedVaultProperties<'a> {
    /// The id that the vault had.
    pub vault_id: String,
    /// Its region.
    pub location: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// When it was deleted, without a fraction.
    pub deletion_date: String,
    /// When it goes for good, without a fraction.
    pub scheduled_purge_date: String,
    /// Left out unless true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge_protection_enabled: Option<bool>,
}

/// The answer of `POST …/checkNameAvailability`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckNameAvailabilityResult<'a> {
    /// Whether a vault may have the name.
    pub name_available: bool,
    /// `AccountNameInvalid` or `AlreadyExists`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
}

/// The properties of a key as a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyProperties<'a> {
    /// Its attributes.
    pub attributes: KeyAttributes<'a>,
    /// Its type; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kty: Option<&'static str>,
    /// What it may be used for; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<&'static str>>,
    /// The size of an RSA key, in bits; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_size: Option<u32>,
    /// The curve of an EC key; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve_name: Option<&'static str>,
    /// The key's URL.
    pub key_uri: String,
    /// The version's URL; left out in the list of a vault's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_uri_with_version: Option<String>,
    /// When it is rotated; left out in lists, and without a policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_policy: Option<RotationPolicy<'a>>,
    /// When it may be released; left out in lists, and without a policy.
    #[serde(rename = "release_policy", skip_serializing_if = "Option::is_none")]
    pub release_policy: Option<KeyReleasePolicy<'a>>,
}

/// The rotation policy of a key as a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationPolicy<'a> {
    /// How long a rotated version lives, and when this was said.
    pub attributes: KeyRotationPolicyAttributes,
    /// What happens over the life of a version; `rotate` and `notify` in lower case, unlike on the
    /// data plane.
    pub lifetime_actions: Vec<LifetimeActions<'a>>,
}

/// The attributes of a key as a resource.
#[derive(Clone, Debug, Serialize)]
pub struct KeyAttributes<'a> {
    /// What every object has.
    #[serde(flatten)]
    pub common: ObjectAttributes<'a>,
    /// Whether it may be released.
    pub exportable: bool,
}

/// The properties of a secret as a resource: never its value.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretProperties<'a> {
    /// What the value is, in the client's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// Its attributes.
    pub attributes: ObjectAttributes<'a>,
    /// The secret's URL.
    pub secret_uri: String,
    /// The current version's URL.
    pub secret_uri_with_version: String,
}
