//! A vault as a resource: where it is and what its rules are.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::{
    AccessPolicies, AccessPolicy, Firewall, NetworkAcls, ResourceGroupName, Scope, SoftDelete,
    SubscriptionId, TenantId, Timestamp, VaultId, VaultName,
};

/// A vault as the control plane knows it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultResource {
    /// This life of the name.
    #[n(0)]
    pub id: VaultId,
    /// The name, as it was spelt.
    #[n(1)]
    pub name: VaultName,
    /// The tenant whose tokens it accepts.
    #[n(2)]
    pub tenant: TenantId,
    /// The subscription it belongs to.
    #[n(3)]
    pub subscription: SubscriptionId,
    /// The resource group it belongs to.
    #[n(4)]
    pub resource_group: ResourceGroupName,
    /// The region it answers to.
    #[n(5)]
    pub location: String,
    /// What happens to deleted objects.
    #[n(6)]
    pub soft_delete: SoftDelete,
    /// When it was made.
    #[n(7)]
    pub created: Timestamp,
    /// What the control plane may change later. Rows from before they were kept have the defaults.
    #[cbor(n(8), default)]
    pub properties: VaultProperties,
}

/// What the control plane may change of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VaultProperties {
    /// What is paid for in Azure. Here both are the same.
    #[n(0)]
    pub sku: Sku,
    /// Whether roles decide on the data plane; if not, access policies do.
    #[n(1)]
    pub rbac: bool,
    /// Who may do what, where roles do not decide. At most 1,024; kept under roles as well.
    #[n(2)]
    pub access_policies: Vec<AccessPolicy>,
    /// `enabledForDeployment`, if it was said.
    #[n(3)]
    pub enabled_for_deployment: Option<bool>,
    /// `enabledForDiskEncryption`, if it was said.
    #[n(4)]
    pub enabled_for_disk_encryption: Option<bool>,
    /// `enabledForTemplateDeployment`, if it was said.
    #[n(5)]
    pub enabled_for_template_deployment: Option<bool>,
    /// The rules of the firewall; `None`: whoever has a token may come.
    #[n(6)]
    pub network: Option<NetworkAcls>,
    /// `publicNetworkAccess`: `Enabled` or `Disabled`.
    #[n(7)]
    pub public_network_access: bool,
    /// The resource's tags, by name.
    #[n(8)]
    pub tags: BTreeMap<String, String>,
    /// Who made it; `None`: not known.
    #[n(9)]
    pub created_by: Option<Author>,
    /// Who changed it last; `None`: nobody has.
    #[n(10)]
    pub modified_by: Option<Author>,
    /// When it was changed last; `None`: never.
    #[n(11)]
    pub modified: Option<Timestamp>,
}

impl Default for VaultProperties {
    /// A vault that says nothing: standard, roles decide, no firewall.
    fn default() -> Self {
        Self {
            sku: Sku::Standard,
            rbac: true,
            access_policies: Vec::new(),
            enabled_for_deployment: None,
            enabled_for_disk_encryption: None,
            enabled_for_template_deployment: None,
            network: None,
            public_network_access: true,
            tags: BTreeMap::new(),
            created_by: None,
            modified_by: None,
            modified: None,
        }
    }
}

/// Who made or changed a resource, for `systemData`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Author {
    /// A person's user principal name, or an application's client or object id.
    #[n(0)]
    pub name: String,
    /// Whether it is an application.
    #[n(1)]
    pub is_application: bool,
}

/// A pricing tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Sku {
    /// `standard`.
    #[n(0)]
    Standard,
    /// `premium`.
    #[n(1)]
    Premium,
}

impl Sku {
    /// A tier by its name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Standard, Self::Premium]
            .into_iter()
            .find(|sku| sku.as_str().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
        }
    }
}

/// A vault that was deleted and can be recovered. Its name stays taken.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeletedVault {
    /// The vault as it was.
    #[n(0)]
    pub resource: VaultResource,
    /// When it was deleted.
    #[n(1)]
    pub deleted: Timestamp,
    /// When it goes for good.
    #[n(2)]
    pub scheduled_purge: Timestamp,
}

impl VaultResource {
    /// The vault's ARM resource id.
    pub fn scope(&self) -> Scope {
        Scope::vault(self.subscription, &self.resource_group, &self.name)
    }

    /// The access policies as requests meet them; `None` where roles decide.
    pub fn policies_in_force(&self) -> Option<AccessPolicies> {
        let VaultProperties { rbac, access_policies, .. } = &self.properties;
        (!rbac).then(|| AccessPolicies::new(access_policies))
    }

    /// The firewall as requests meet it.
    pub fn firewall(&self) -> Firewall {
        let VaultProperties { public_network_access, network, .. } = &self.properties;
        Firewall::new(*public_network_access, network.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A vault as rows from before its properties were kept.
    #[derive(Encode)]
    struct Before {
        #[n(0)]
        id: VaultId,
        #[n(1)]
        name: VaultName,
        #[n(2)]
        tenant: TenantId,
        #[n(3)]
        subscription: SubscriptionId,
        #[n(4)]
        resource_group: ResourceGroupName,
        #[n(5)]
        location: String,
        #[n(6)]
        soft_delete: SoftDelete,
        #[n(7)]
        created: Timestamp,
    }

    #[test]
    fn older_rows_are_vaults_where_roles_decide_and_nothing_is_shut() {
        let before = Before {
            id: VaultId(Uuid::from_u128(1)),
            name: VaultName::parse("dev").unwrap(),
            tenant: TenantId(Uuid::from_u128(2)),
            subscription: SubscriptionId(Uuid::from_u128(3)),
            resource_group: ResourceGroupName::parse("rg").unwrap(),
            location: "local".into(),
            soft_delete: SoftDelete::new(90, true).unwrap(),
            created: Timestamp(7),
        };
        let vault: VaultResource = minicbor::decode(&minicbor::to_vec(&before).unwrap()).unwrap();
        assert_eq!((vault.created, vault.soft_delete), (Timestamp(7), before.soft_delete));
        assert_eq!(vault.properties, VaultProperties::default());
        assert!(vault.properties.rbac && vault.policies_in_force().is_none());
        assert_eq!(vault.firewall(), Firewall::new(true, None));
        let again: VaultResource = minicbor::decode(&minicbor::to_vec(&vault).unwrap()).unwrap();
        assert_eq!(again, vault);
    }

    #[test]
    fn tiers_are_read_in_any_case() {
        assert_eq!(Sku::parse("Premium"), Some(Sku::Premium));
        assert_eq!(Sku::parse("STANDARD"), Some(Sku::Standard));
        assert_eq!(Sku::parse("basic"), None);
    }
}
