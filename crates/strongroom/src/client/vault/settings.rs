//! What the command line says of a vault.

use clap::Args;
use serde_json::{Map, Value, json};

/// What can be said when a vault is made, and changed later.
#[derive(Args)]
pub(super) struct SettingsArgs {
    /// Let nobody purge before the retention ends. It cannot be taken back.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    enable_purge_protection: Option<bool>,
    /// Whether roles decide who may do what; if not, access policies do [new: true].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    enable_rbac_authorization: Option<bool>,
    /// The pricing tier, as in Azure: here both are the same.
    #[arg(long, value_name = "standard|premium")]
    sku: Option<String>,
    /// Whether the data plane is reached over the network at all: Enabled or Disabled. Trusted
    /// services are let past as --bypass says.
    #[arg(long, value_name = "Enabled|Disabled")]
    public_network_access: Option<String>,
    /// What the firewall does with an address that no rule names: Allow or Deny.
    #[arg(long, value_name = "Allow|Deny")]
    default_action: Option<String>,
    /// Who is let past the firewall: AzureServices, which are the configured trusted principals,
    /// or None.
    #[arg(long, value_name = "AzureServices|None")]
    bypass: Option<String>,
    /// The addresses and networks that the firewall lets in, all of them; an empty one: none.
    #[arg(long, value_name = "CIDR", num_args = 1..)]
    network_acls_ips: Option<Vec<String>>,
}

impl SettingsArgs {
    /// What was said, as the administration socket takes it.
    pub(super) fn body(&self) -> Map<String, Value> {
        let rules = self
            .network_acls_ips
            .as_ref()
            .map(|rules| rules.iter().filter(|rule| !rule.is_empty()).collect::<Vec<_>>());
        let acls = given([
            ("bypass", json!(self.bypass)),
            ("defaultAction", json!(self.default_action)),
            ("ipRules", json!(rules)),
        ]);
        given([
            ("enablePurgeProtection", json!(self.enable_purge_protection)),
            ("enableRbacAuthorization", json!(self.enable_rbac_authorization)),
            ("sku", json!(self.sku)),
            ("publicNetworkAccess", json!(self.public_network_access)),
            ("networkAcls", if acls.is_empty() { Value::Null } else { acls.into() }),
        ])
    }
}

/// Only what was said.
pub(super) fn given<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect()
}
