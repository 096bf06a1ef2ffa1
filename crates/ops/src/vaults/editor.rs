//! Who changes vaults, with the proofs that they may.

use strongroom_authz::GrantedAction;
use strongroom_authz::actions::WRITE_ASSIGNMENT;
use strongroom_model::{Author, Scope};

use super::VaultRefusal;

/// The action that makes, changes and recovers vaults.
pub const VAULT_WRITE: &str = "Microsoft.KeyVault/vaults/write";

/// The action that deletes vaults.
pub const VAULT_DELETE: &str = "Microsoft.KeyVault/vaults/delete";

/// The action that changes access policies. `vaults/write` alone changes none.
pub const ACCESS_POLICIES_WRITE: &str = "Microsoft.KeyVault/vaults/accessPolicies/write";

/// The action that purges deleted vaults.
pub const VAULT_PURGE: &str = "Microsoft.KeyVault/locations/deletedVaults/purge/action";

/// Who changes a vault, with the proof of everything that they may do there. What a change takes
/// depends on what it changes: the permission model takes `roleAssignments/write`.
#[derive(Clone, Debug)]
pub struct VaultEditor {
    author: Option<Author>,
    granted: Vec<GrantedAction>,
}

impl VaultEditor {
    /// Somebody who has shown these rights; `None`: it is not known who.
    pub fn new(author: Option<Author>, granted: impl IntoIterator<Item = GrantedAction>) -> Self {
        Self { author, granted: granted.into_iter().collect() }
    }

    /// The administrator of the machine, who may change everything.
    pub fn on_this_host() -> Self {
        let all = [VAULT_WRITE, VAULT_DELETE, VAULT_PURGE, ACCESS_POLICIES_WRITE, WRITE_ASSIGNMENT];
        let granted = all.map(|action| GrantedAction::on_this_host(action, Scope::root()));
        Self::new(None, granted)
    }

    /// Who it is.
    pub fn author(&self) -> Option<&Author> {
        self.author.as_ref()
    }

    /// Demands that they may do this there.
    pub(super) fn demand(&self, action: &'static str, scope: &Scope) -> Result<(), VaultRefusal> {
        if self.granted.iter().any(|granted| granted.covers(action, scope)) {
            return Ok(());
        }
        Err(VaultRefusal::NotPermitted { action })
    }
}
