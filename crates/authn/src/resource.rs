//! What a token is for: its audience.

use strongroom_model::Endpoints;

/// A service that tokens are for. One authenticator takes tokens for one of them, so that a token
/// for vaults opens neither the control plane nor the directory, and the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The vaults.
    Vault,
    /// Azure Resource Manager.
    Management,
    /// Microsoft Graph.
    Graph,
}

impl Resource {
    /// The `aud` of a token of ours for this service, as refusals name it.
    pub fn audience(self, endpoints: &Endpoints) -> String {
        match self {
            Self::Vault => endpoints.vault_resource(),
            Self::Management => endpoints.url("management"),
            Self::Graph => endpoints.url("graph"),
        }
    }

    /// Every `aud` that stands for this service, without a trailing slash. Clients name Azure's own
    /// services where they cannot be told of another.
    pub(crate) fn audiences(self, endpoints: &Endpoints) -> Vec<String> {
        let azure: &[&str] = match self {
            Self::Vault => &["https://vault.azure.net"],
            Self::Management => {
                &["https://management.core.windows.net", "https://management.azure.com"]
            }
            Self::Graph => &["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"],
        };
        let azure = azure.iter().map(|audience| (*audience).to_owned());
        std::iter::once(self.audience(endpoints)).chain(azure).collect()
    }
}
