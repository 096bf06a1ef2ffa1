//! The operations of the data plane: what each needs, and what the audit calls it.

use crate::{DataAction, Kind};

/// One operation of the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `PUT /secrets/{name}`
    SetSecret,
    /// `GET /secrets/{name}/{version}`
    GetSecret,
    /// `PATCH /secrets/{name}/{version}`
    UpdateSecret,
    /// `POST /secrets/{name}/{version}/rollback`: an extension, not in Azure. An older value
    /// becomes the newest version.
    RollbackSecret,
    /// `DELETE /secrets/{name}`
    DeleteSecret,
    /// `GET /secrets`
    GetSecrets,
    /// `GET /secrets/{name}/versions`
    GetSecretVersions,
    /// `POST /secrets/{name}/backup`
    BackupSecret,
    /// `POST /secrets/restore`
    RestoreSecret,
    /// `GET /deletedsecrets`
    GetDeletedSecrets,
    /// `GET /deletedsecrets/{name}`
    GetDeletedSecret,
    /// `POST /deletedsecrets/{name}/recover`
    RecoverDeletedSecret,
    /// `DELETE /deletedsecrets/{name}`
    PurgeDeletedSecret,
}

impl Operation {
    /// Every operation.
    pub const ALL: &[Self] = &[
        Self::SetSecret,
        Self::GetSecret,
        Self::UpdateSecret,
        Self::RollbackSecret,
        Self::DeleteSecret,
        Self::GetSecrets,
        Self::GetSecretVersions,
        Self::BackupSecret,
        Self::RestoreSecret,
        Self::GetDeletedSecrets,
        Self::GetDeletedSecret,
        Self::RecoverDeletedSecret,
        Self::PurgeDeletedSecret,
    ];

    /// The data action a caller needs.
    pub fn action(self) -> DataAction {
        match self {
            Self::SetSecret | Self::RollbackSecret => DataAction::SecretsSet,
            Self::GetSecret => DataAction::SecretsGet,
            Self::UpdateSecret => DataAction::SecretsUpdate,
            Self::DeleteSecret => DataAction::SecretsDelete,
            Self::GetSecrets
            | Self::GetSecretVersions
            | Self::GetDeletedSecrets
            | Self::GetDeletedSecret => DataAction::SecretsReadMetadata,
            Self::BackupSecret => DataAction::SecretsBackup,
            Self::RestoreSecret => DataAction::SecretsRestore,
            Self::RecoverDeletedSecret => DataAction::SecretsRecover,
            Self::PurgeDeletedSecret => DataAction::SecretsPurge,
        }
    }

    /// The access-policy permission a caller needs, as `(collection, permission)`.
    pub fn permission(self) -> (&'static str, &'static str) {
        let permission = match self {
            Self::SetSecret | Self::UpdateSecret | Self::RollbackSecret => "set",
            Self::GetSecret | Self::GetDeletedSecret => "get",
            Self::DeleteSecret => "delete",
            Self::GetSecrets | Self::GetSecretVersions | Self::GetDeletedSecrets => "list",
            Self::BackupSecret => "backup",
            Self::RestoreSecret => "restore",
            Self::RecoverDeletedSecret => "recover",
            Self::PurgeDeletedSecret => "purge",
        };
        (self.kind().collection(), permission)
    }

    /// The `operationName` of its audit record.
    pub fn audit_name(self) -> &'static str {
        match self {
            Self::SetSecret => "SecretSet",
            Self::GetSecret => "SecretGet",
            Self::UpdateSecret => "SecretUpdate",
            Self::RollbackSecret => "SecretRollback",
            Self::DeleteSecret => "SecretDelete",
            Self::GetSecrets => "SecretList",
            Self::GetSecretVersions => "SecretListVersions",
            Self::BackupSecret => "SecretBackup",
            Self::RestoreSecret => "SecretRestore",
            Self::GetDeletedSecrets => "SecretListDeleted",
            Self::GetDeletedSecret => "SecretGetDeleted",
            Self::RecoverDeletedSecret => "SecretRecover",
            Self::PurgeDeletedSecret => "SecretPurge",
        }
    }

    /// The kind of object it is about.
    pub fn kind(self) -> Kind {
        Kind::Secret
    }
}
