//! What may change of a vault, and what may not. Pure.

use std::collections::BTreeMap;

use strongroom_authz::actions::WRITE_ASSIGNMENT;
use strongroom_model::{
    AccessPolicy, NetworkAcls, Scope, Sku, SoftDelete, TenantId, VaultProperties, VaultResource,
    access_policy,
};

use super::VaultRefusal;
use super::editor::{ACCESS_POLICIES_WRITE, VAULT_WRITE, VaultEditor};

/// What a request says of a vault; what it leaves out stays as it is, so that leaving out never
/// opens a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultSettings {
    /// `tenantId`.
    pub tenant: Option<TenantId>,
    /// `sku`.
    pub sku: Option<Sku>,
    /// `accessPolicies`: all of them.
    pub access_policies: Option<Vec<AccessPolicy>>,
    /// `enableRbacAuthorization`.
    pub rbac: Option<bool>,
    /// `enabledForDeployment`.
    pub enabled_for_deployment: Option<bool>,
    /// `enabledForDiskEncryption`.
    pub enabled_for_disk_encryption: Option<bool>,
    /// `enabledForTemplateDeployment`.
    pub enabled_for_template_deployment: Option<bool>,
    /// `enableSoftDelete`.
    pub soft_delete: Option<bool>,
    /// `softDeleteRetentionInDays`.
    pub retention_days: Option<u32>,
    /// `enablePurgeProtection`.
    pub purge_protection: Option<bool>,
    /// `networkAcls`: all of them.
    pub network: Option<NetworkAcls>,
    /// `publicNetworkAccess`: whether it is `Enabled`.
    pub public_network_access: Option<bool>,
    /// The resource's tags: all of them.
    pub tags: Option<BTreeMap<String, String>>,
}

impl VaultSettings {
    /// The rules for deleted objects of a vault to be made.
    pub(super) fn new_soft_delete(&self) -> Result<SoftDelete, VaultRefusal> {
        self.check_one_way()?;
        let days = self.retention_days.unwrap_or(SoftDelete::DEFAULT_RETENTION_DAYS);
        Ok(SoftDelete::new(days, self.purge_protection == Some(true))?)
    }

    /// The properties of a vault to be made.
    pub(super) fn new_properties(
        self,
        default_rbac: bool,
        azure_strict: bool,
        by: &VaultEditor,
        scope: &Scope,
    ) -> Result<VaultProperties, VaultRefusal> {
        by.demand(VAULT_WRITE, scope)?;
        if self.access_policies.as_ref().is_some_and(|sent| !sent.is_empty()) {
            by.demand(ACCESS_POLICIES_WRITE, scope)?;
        }
        let rbac = self.rbac.unwrap_or(default_rbac);
        let none = VaultProperties { rbac, ..VaultProperties::default() };
        let made = self.merged(none, azure_strict)?;
        Ok(VaultProperties { created_by: by.author().cloned(), ..made })
    }

    /// A vault after the change.
    pub(crate) fn applied(
        self,
        vault: &VaultResource,
        azure_strict: bool,
        by: &VaultEditor,
    ) -> Result<VaultResource, VaultRefusal> {
        self.check_one_way()?;
        self.check_rights(vault, by)?;
        let soft_delete = self.kept_soft_delete(vault.soft_delete)?;
        let properties = self.merged(vault.properties.clone(), azure_strict)?;
        Ok(VaultResource { soft_delete, properties, ..vault.clone() })
    }

    fn check_one_way(&self) -> Result<(), VaultRefusal> {
        if self.soft_delete == Some(false) {
            return Err(VaultRefusal::SoftDeleteOff);
        }
        if self.purge_protection == Some(false) {
            return Err(VaultRefusal::PurgeProtectionOff);
        }
        Ok(())
    }

    /// Who may write a vault may not thereby give themselves what is in it.
    fn check_rights(&self, vault: &VaultResource, by: &VaultEditor) -> Result<(), VaultRefusal> {
        let (scope, kept) = (vault.scope(), &vault.properties);
        by.demand(VAULT_WRITE, &scope)?;
        if self.rbac.is_some_and(|rbac| rbac != kept.rbac) {
            by.demand(WRITE_ASSIGNMENT, &scope)?;
        }
        if self.access_policies.as_ref().is_some_and(|sent| *sent != kept.access_policies) {
            by.demand(ACCESS_POLICIES_WRITE, &scope)?;
        }
        Ok(())
    }

    /// The retention stays, and purge protection is only ever turned on.
    fn kept_soft_delete(&self, kept: SoftDelete) -> Result<SoftDelete, VaultRefusal> {
        if self.retention_days.is_some_and(|days| days != kept.retention_days()) {
            return Err(VaultRefusal::RetentionSet);
        }
        let protected = kept.purge_protection() || self.purge_protection == Some(true);
        Ok(SoftDelete::new(kept.retention_days(), protected)?)
    }

    fn merged(
        self,
        kept: VaultProperties,
        azure_strict: bool,
    ) -> Result<VaultProperties, VaultRefusal> {
        if let Some(policies) = &self.access_policies {
            access_policy::check(policies)?;
        }
        let network = self.network.map(|acls| acls.checked(azure_strict)).transpose()?;
        Ok(VaultProperties {
            sku: self.sku.unwrap_or(kept.sku),
            rbac: self.rbac.unwrap_or(kept.rbac),
            access_policies: self.access_policies.unwrap_or(kept.access_policies),
            enabled_for_deployment: self.enabled_for_deployment.or(kept.enabled_for_deployment),
            enabled_for_disk_encryption: self
                .enabled_for_disk_encryption
                .or(kept.enabled_for_disk_encryption),
            enabled_for_template_deployment: self
                .enabled_for_template_deployment
                .or(kept.enabled_for_template_deployment),
            network: network.or(kept.network),
            public_network_access: self.public_network_access.unwrap_or(kept.public_network_access),
            tags: self.tags.unwrap_or(kept.tags),
            created_by: kept.created_by,
            modified_by: kept.modified_by,
            modified: kept.modified,
        })
    }
}
