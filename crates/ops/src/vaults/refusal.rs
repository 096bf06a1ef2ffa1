//! What the control plane refuses about vaults, in the real service's words.

use strongroom_model::ModelError;

/// Why a vault is not made, changed, recovered or purged. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultRefusal {
    /// No vault of the name in the group.
    #[error(
        "The Resource 'Microsoft.KeyVault/vaults/{name}' under resource group '{group}' was not \
         found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )]
    NotFound {
        /// The vault's name, as the client spelt it.
        name: String,
        /// The group's name, as the client spelt it.
        group: String,
    },
    /// No resource group of the name.
    #[error("Resource group '{0}' could not be found.")]
    GroupNotFound(String),
    /// The resource group is being deleted.
    #[error(
        "The resource group '{0}' is in deprovisioning state and cannot perform this operation."
    )]
    GroupDeleting(String),
    /// No deleted vault of the name in the region.
    #[error("The specified deleted vault '{0}' does not exist.")]
    DeletedNotFound(String),
    /// The name is taken by a vault elsewhere.
    #[error(
        "The vault name '{0}' is already in use. Vault names are globally unique so it is possible \
         that the name is already taken. If you are sure that the vault name was not taken then it \
         is possible that a vault with the same name was recently deleted but not purged after \
         being placed in a recoverable state. If the vault is in a recoverable state then the \
         vault will need to be purged before reusing the name. For more information about \
         VaultAlreadyExists, soft delete and purging a vault follow this link \
         https://go.microsoft.com/fwlink/?linkid=2147740."
    )]
    NameTaken(String),
    /// The name is taken by a deleted vault.
    #[error(
        "A vault with the same name already exists in deleted state. You need to either recover or \
         purge existing key vault. Follow this link \
         https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
    )]
    NameDeleted,
    /// The vault is in another region than the request says.
    #[error(
        "The resource '{name}' already exists in location '{location}' in resource group \
         '{group}'. A resource with the same name cannot be created in location '{asked}'. Please \
         select a new resource name."
    )]
    OtherLocation {
        /// The vault's name.
        name: String,
        /// Its region.
        location: String,
        /// Its group.
        group: String,
        /// The region that was asked for.
        asked: String,
    },
    /// The tenant is not the subscription's.
    #[error(
        "The tenant ID '{0}' is not the tenant of the subscription: its vaults trust that one \
         alone."
    )]
    OtherTenant(String),
    /// Purge protection cannot be turned off.
    #[error(
        "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge \
         protection for a vault is an irreversible action."
    )]
    PurgeProtectionOff,
    /// Soft delete cannot be turned off.
    #[error(
        "The property \"enableSoftDelete\" can be set to false only for creating new vault. \
         Enabling the 'soft delete' functionality is an irreversible action."
    )]
    SoftDeleteOff,
    /// The retention cannot be changed.
    #[error(
        "The property \"softDeleteRetentionInDays\" has been set already and it can't be modified."
    )]
    RetentionSet,
    /// A purge that purge protection forbids.
    #[error("Operation 'DeletedVaultPurge' is not allowed.")]
    PurgeProtected,
    /// What a policy to be removed says is not there.
    #[error("No matching policies found")]
    NoMatchingPolicy,
    /// The caller may change the vault, but not this of it.
    #[error("The client does not have authorization to perform action '{action}' on the vault.")]
    NotPermitted {
        /// The action that is lacking.
        action: &'static str,
    },
    /// A value that breaks the rules.
    #[error(transparent)]
    Invalid(#[from] ModelError),
}

impl VaultRefusal {
    /// The answer's status and error code.
    pub fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::NotFound { .. } => (404, "ResourceNotFound"),
            Self::GroupNotFound(_) => (404, "ResourceGroupNotFound"),
            Self::GroupDeleting(_) => (409, "ResourceGroupBeingDeleted"),
            Self::DeletedNotFound(_) => (404, "DeletedVaultNotFound"),
            Self::NameTaken(_) => (409, "VaultAlreadyExists"),
            Self::NameDeleted => (409, "ConflictError"),
            Self::OtherLocation { .. } => (409, "InvalidResourceLocation"),
            Self::Invalid(ModelError::VaultName(_)) => (400, "VaultNameNotValid"),
            Self::PurgeProtected => (405, "MethodNotAllowed"),
            Self::NotPermitted { .. } => (403, "AuthorizationFailed"),
            Self::OtherTenant(_)
            | Self::PurgeProtectionOff
            | Self::SoftDeleteOff
            | Self::RetentionSet
            | Self::NoMatchingPolicy
            | Self::Invalid(_) => (400, "BadRequest"),
        }
    }
}
