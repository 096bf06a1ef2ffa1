//! The routes of the administration socket for vaults, in the shapes of the control plane.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_model::{
    AccessPolicy, DeletedVault, NetworkAcls, PolicyPermissions, ResourceGroupName, Sku,
    SubscriptionId, TenantId, VaultName, VaultResource, VirtualNetworkRule,
};
use strongroom_ops::vaults::{
    PolicyChange, PutVault, VaultAddress, VaultEditor, VaultRefusal, VaultSettings,
};

use super::routes::{Admin, Answer, Refused, bad, failed, refused};

/// The routes, to be merged with the others.
pub(super) fn router() -> Router<Admin> {
    Router::new()
        .route("/vaults", post(create).get(list))
        .route("/vaults/{name}", get(show).patch(update).delete(delete))
        .route("/vaults/{name}/unlock", post(unlock))
        .route("/vaults/{name}/accessPolicies/{kind}", put(set_policies))
        .route("/deletedVaults", get(list_deleted))
        .route("/deletedVaults/{name}", get(show_deleted).delete(purge))
        .route("/deletedVaults/{name}/recover", post(recover))
}

/// A vault to be made, or what is to change of one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Sent {
    name: Option<String>,
    resource_group: Option<String>,
    location: Option<String>,
    retention_days: Option<u32>,
    enable_purge_protection: Option<bool>,
    sku: Option<String>,
    enable_rbac_authorization: Option<bool>,
    public_network_access: Option<String>,
    network_acls: Option<SentAcls>,
}

/// What is to change of a firewall.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SentAcls {
    bypass: Option<String>,
    default_action: Option<String>,
    ip_rules: Option<Vec<String>>,
}

impl Sent {
    /// The settings; the firewall's are merged with those that are kept.
    pub(super) fn settings(&self, kept: Option<&NetworkAcls>) -> Result<VaultSettings, Refused> {
        let sku = self.sku.as_deref();
        let sku = sku.map(|name| Sku::parse(name).ok_or_else(|| unknown("sku", name)));
        let network = self.network_acls.as_ref().map(|sent| sent.merged(kept));
        Ok(VaultSettings {
            sku: sku.transpose()?,
            rbac: self.enable_rbac_authorization,
            retention_days: self.retention_days,
            // Not asked for is not the same as turned off, which nobody may.
            purge_protection: self.enable_purge_protection,
            network: network.transpose()?,
            public_network_access: one_of(
                "publicNetworkAccess",
                self.public_network_access.as_deref(),
                ["Enabled", "Disabled"],
            )?,
            ..VaultSettings::default()
        })
    }
}

impl SentAcls {
    fn merged(&self, kept: Option<&NetworkAcls>) -> Result<NetworkAcls, Refused> {
        let mut acls = kept.cloned().unwrap_or_default();
        let bypass = one_of("bypass", self.bypass.as_deref(), ["AzureServices", "None"])?;
        let deny = one_of("defaultAction", self.default_action.as_deref(), ["Deny", "Allow"])?;
        acls.bypass_azure_services = bypass.unwrap_or(acls.bypass_azure_services);
        acls.default_deny = deny.unwrap_or(acls.default_deny);
        if let Some(rules) = &self.ip_rules {
            acls.ip_rules.clone_from(rules);
        }
        Ok(acls)
    }
}

/// Whether a value is the first of the two it can be.
fn one_of(
    property: &str,
    sent: Option<&str>,
    [yes, no]: [&str; 2],
) -> Result<Option<bool>, Refused> {
    match sent {
        None => Ok(None),
        Some(sent) if sent.eq_ignore_ascii_case(yes) => Ok(Some(true)),
        Some(sent) if sent.eq_ignore_ascii_case(no) => Ok(Some(false)),
        Some(sent) => Err(unknown(property, sent)),
    }
}

fn unknown(property: &str, value: &str) -> Refused {
    bad(format!("'{value}' is no value of {property}"))
}

impl Admin {
    /// Where the vault of a name is; nothing is found there if there is no such vault.
    fn address(&self, name: &str) -> Result<VaultAddress, Refused> {
        let name = VaultName::parse(name).map_err(bad)?;
        let directory = self.node.directory.current();
        directory.vault(&name.folded()).map(|vault| vault.resource.as_ref().into()).ok_or_else(
            || {
                let text = format!("The vault '{name}' was not found.");
                Refused::new(StatusCode::NOT_FOUND, "ResourceNotFound", text)
            },
        )
    }

    fn group(&self, name: Option<&str>) -> Result<ResourceGroupName, Refused> {
        if let Some(name) = name {
            return ResourceGroupName::parse(name).map_err(bad);
        }
        let directory = self.node.directory.current();
        directory
            .resource_groups()
            .map(|group| group.name.clone())
            .min_by_key(|name| name.as_str().to_owned())
            .ok_or_else(|| failed("the installation has no resource group"))
    }
}

async fn create(State(admin): State<Admin>, Json(sent): Json<Sent>) -> Answer {
    let request = PutVault {
        name: VaultName::parse(sent.name.as_deref().unwrap_or_default()).map_err(bad)?,
        subscription: admin.subscription()?,
        resource_group: admin.group(sent.resource_group.as_deref())?,
        location: sent.location.clone(),
        default_rbac: true,
        settings: sent.settings(None)?,
    };
    let mut call = admin.call("VaultPut")?;
    let ops = &admin.node.ops;
    let outcome = ops.put_new_vault(&request, &VaultEditor::on_this_host(), &mut call).await;
    let vault = admin.finish(call, outcome).await?;
    Ok(Json(shown(&admin, &vault)))
}

async fn list(State(admin): State<Admin>) -> Answer {
    let directory = admin.node.directory.current();
    let mut vaults: Vec<&VaultResource> =
        directory.vaults().map(|vault| vault.resource.as_ref()).collect();
    vaults.sort_by_key(|vault| vault.name.folded());
    Ok(Json(vaults.into_iter().map(|vault| shown(&admin, vault)).collect()))
}

async fn show(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let directory = admin.node.directory.current();
    let address = admin.address(&name)?;
    let vault = address.find(&directory).map_err(|refusal| refused(&refusal.into()))?;
    Ok(Json(shown(&admin, &vault.resource)))
}

async fn update(
    State(admin): State<Admin>,
    Path(name): Path<String>,
    Json(sent): Json<Sent>,
) -> Answer {
    if sent.name.is_some() || sent.resource_group.is_some() || sent.location.is_some() {
        return Err(bad("a vault's name, group and location do not change"));
    }
    let directory = admin.node.directory.current();
    let address = admin.address(&name)?;
    let vault = address.find(&directory).map_err(|refusal| refused(&refusal.into()))?;
    let settings = sent.settings(vault.resource.properties.network.as_ref())?;
    let mut call = admin.call("VaultPatch")?;
    let editor = VaultEditor::on_this_host();
    let outcome = admin.node.ops.update_vault(&address, &settings, &editor, &mut call).await;
    let vault = admin.finish(call, outcome).await?;
    Ok(Json(shown(&admin, &vault)))
}

async fn delete(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let address = admin.address(&name)?;
    let mut call = admin.call("VaultDelete")?;
    let outcome =
        admin.node.ops.delete_vault(&address, &VaultEditor::on_this_host(), &mut call).await;
    let deleted = admin.finish(call, outcome).await?;
    Ok(Json(deleted.map_or(Value::Null, |deleted| shown_deleted(&deleted))))
}

async fn unlock(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let address = admin.address(&name)?;
    let mut call = admin.call("VaultUnlock")?;
    let outcome =
        admin.node.ops.unlock_vault(&address, &VaultEditor::on_this_host(), &mut call).await;
    let vault = admin.finish(call, outcome).await?;
    Ok(Json(shown(&admin, &vault)))
}

/// An access policy, in the shape of the control plane.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentPolicy {
    tenant_id: Option<String>,
    object_id: String,
    application_id: Option<String>,
    #[serde(default)]
    permissions: SentPermissions,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SentPermissions {
    keys: Vec<String>,
    secrets: Vec<String>,
    certificates: Vec<String>,
    storage: Vec<String>,
}

impl SentPolicy {
    fn read(self, tenant: TenantId) -> Result<AccessPolicy, Refused> {
        let SentPermissions { keys, secrets, certificates, storage } = self.permissions;
        let application = self.application_id.as_deref().map(str::parse);
        Ok(AccessPolicy {
            tenant: self.tenant_id.map_or(Ok(tenant), |id| id.parse()).map_err(bad)?,
            object_id: self.object_id.parse().map_err(bad)?,
            application_id: application.transpose().map_err(bad)?,
            permissions: PolicyPermissions { keys, secrets, certificates, storage },
        })
    }
}

async fn set_policies(
    State(admin): State<Admin>,
    Path((name, kind)): Path<(String, String)>,
    Json(sent): Json<Vec<SentPolicy>>,
) -> Answer {
    let change = PolicyChange::parse(&kind).ok_or_else(|| unknown("operationKind", &kind))?;
    let address = admin.address(&name)?;
    let directory = admin.node.directory.current();
    let vault = address.find(&directory).map_err(|refusal| refused(&refusal.into()))?;
    let tenant = vault.resource.tenant;
    let policies: Result<Vec<AccessPolicy>, Refused> =
        sent.into_iter().map(|policy| policy.read(tenant)).collect();
    let policies = policies?;
    let mut call = admin.call("VaultAccessPolicyWrite")?;
    let (ops, editor) = (&admin.node.ops, VaultEditor::on_this_host());
    let outcome = ops.set_access_policies(&address, change, &policies, &editor, &mut call).await;
    let vault = admin.finish(call, outcome).await?;
    Ok(Json(shown(&admin, &vault)))
}

async fn list_deleted(State(admin): State<Admin>) -> Answer {
    let directory = admin.node.directory.current();
    Ok(Json(directory.deleted_vaults().map(|deleted| shown_deleted(&deleted.vault)).collect()))
}

async fn show_deleted(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let name = VaultName::parse(&name).map_err(bad)?;
    let directory = admin.node.directory.current();
    let found = directory.deleted_vault(&name.folded());
    let missing = || refused(&VaultRefusal::DeletedNotFound(name.to_string()).into());
    Ok(Json(shown_deleted(&found.ok_or_else(missing)?.vault)))
}

/// The name of a deleted vault, and the subscription it is in: that of the installation if there
/// is no such vault.
fn deleted(admin: &Admin, name: &str) -> Result<(SubscriptionId, VaultName), Refused> {
    let name = VaultName::parse(name).map_err(bad)?;
    let directory = admin.node.directory.current();
    let found = directory.deleted_vault(&name.folded());
    let subscription = match found {
        Some(found) => found.vault.resource.subscription,
        None => admin.subscription()?,
    };
    Ok((subscription, name))
}

async fn recover(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let (subscription, name) = deleted(&admin, &name)?;
    let mut call = admin.call("VaultRecover")?;
    let (ops, editor) = (&admin.node.ops, VaultEditor::on_this_host());
    let outcome = ops.recover_vault(subscription, &name, None, &editor, &mut call).await;
    let vault = admin.finish(call, outcome).await?;
    Ok(Json(shown(&admin, &vault)))
}

async fn purge(State(admin): State<Admin>, Path(name): Path<String>) -> Answer {
    let (subscription, name) = deleted(&admin, &name)?;
    let mut call = admin.call("VaultPurge")?;
    let (ops, editor) = (&admin.node.ops, VaultEditor::on_this_host());
    let outcome = ops.purge_deleted_vault(subscription, &name, None, &editor, &mut call).await;
    admin.finish(call, outcome).await?;
    Ok(Json(Value::Null))
}

/// A vault in the shape of the control plane.
fn shown(admin: &Admin, vault: &VaultResource) -> Value {
    let (rules, properties) = (vault.soft_delete, &vault.properties);
    let access = if properties.public_network_access { "Enabled" } else { "Disabled" };
    json!({
        "id": vault.scope().as_str(),
        "name": vault.name.as_str(),
        "type": "Microsoft.KeyVault/vaults",
        "location": vault.location,
        "resourceGroup": vault.resource_group.as_str(),
        "properties": {
            "tenantId": vault.tenant.to_string(),
            "sku": { "family": "A", "name": properties.sku.as_str() },
            "vaultUri": format!("{}/", admin.node.endpoints.vault(vault.name.as_str())),
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": rules.retention_days(),
            "enablePurgeProtection": rules.purge_protection().then_some(true),
            "enableRbacAuthorization": properties.rbac,
            "accessPolicies":
                properties.access_policies.iter().map(shown_policy).collect::<Vec<_>>(),
            "networkAcls": properties.network.as_ref().map(shown_acls),
            "publicNetworkAccess": access,
            "provisioningState": "Succeeded",
        },
    })
}

fn shown_policy(policy: &AccessPolicy) -> Value {
    let PolicyPermissions { keys, secrets, certificates, storage } = &policy.permissions;
    let mut shown = json!({
        "tenantId": policy.tenant.to_string(),
        "objectId": policy.object_id.to_string(),
        "permissions": {
            "keys": keys, "secrets": secrets, "certificates": certificates, "storage": storage,
        },
    });
    if let (Some(application), Some(shown)) = (policy.application_id, shown.as_object_mut()) {
        shown.insert("applicationId".into(), application.to_string().into());
    }
    shown
}

fn shown_acls(acls: &NetworkAcls) -> Value {
    json!({
        "bypass": if acls.bypass_azure_services { "AzureServices" } else { "None" },
        "defaultAction": if acls.default_deny { "Deny" } else { "Allow" },
        "ipRules":
            acls.ip_rules.iter().map(|rule| json!({ "value": rule })).collect::<Vec<_>>(),
        "virtualNetworkRules":
            acls.virtual_network_rules.iter().map(shown_subnet).collect::<Vec<_>>(),
    })
}

fn shown_subnet(rule: &VirtualNetworkRule) -> Value {
    json!({ "id": rule.id, "ignoreMissingVnetServiceEndpoint": rule.ignore_missing })
}

/// A deleted vault in the shape of the control plane.
fn shown_deleted(deleted: &DeletedVault) -> Value {
    let vault = &deleted.resource;
    let name = vault.name.as_str();
    let home = format!("/subscriptions/{}/providers/Microsoft.KeyVault", vault.subscription);
    json!({
        "id": format!("{home}/locations/{}/deletedVaults/{name}", vault.location),
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": vault.scope().as_str(),
            "location": vault.location,
            "deletionDate": deleted.deleted.rfc3339(),
            "scheduledPurgeDate": deleted.scheduled_purge.rfc3339(),
            "tags": vault.properties.tags,
            "purgeProtectionEnabled": vault.soft_delete.purge_protection().then_some(true),
        },
    })
}
