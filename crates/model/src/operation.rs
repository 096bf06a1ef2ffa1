//! The operations of the data plane: what each needs, and what the audit calls it.

use crate::{DataAction, Kind};

macro_rules! operations {
    ($(
        $(#[$doc:meta])*
        $variant:ident: $kind:ident $action:ident $permission:literal $audit:literal
    )*) => {
        /// One operation of the data plane.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation { $($(#[$doc])* $variant),* }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The data action a caller needs.
            pub fn action(self) -> DataAction {
                match self { $(Self::$variant => DataAction::$action),* }
            }

            /// The access-policy permission a caller needs, as `(collection, permission)`.
            pub fn permission(self) -> (&'static str, &'static str) {
                let permission = match self { $(Self::$variant => $permission),* };
                (self.kind().collection(), permission)
            }

            /// The `operationName` of its audit record.
            pub fn audit_name(self) -> &'static str {
                match self { $(Self::$variant => $audit),* }
            }

            /// The kind of object it is about.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }
        }
    };
}

operations! {
    /// `PUT /secrets/{name}`
    SetSecret: Secret SecretsSet "set" "SecretSet"
    /// `GET /secrets/{name}/{version}`
    GetSecret: Secret SecretsGet "get" "SecretGet"
    /// `PATCH /secrets/{name}/{version}`
    UpdateSecret: Secret SecretsUpdate "set" "SecretUpdate"
    /// `POST /secrets/{name}/{version}/rollback`: an extension, not in Azure. An older value
    /// becomes the newest version.
    RollbackSecret: Secret SecretsSet "set" "SecretRollback"
    /// `DELETE /secrets/{name}`
    DeleteSecret: Secret SecretsDelete "delete" "SecretDelete"
    /// `GET /secrets`
    GetSecrets: Secret SecretsReadMetadata "list" "SecretList"
    /// `GET /secrets/{name}/versions`
    GetSecretVersions: Secret SecretsReadMetadata "list" "SecretListVersions"
    /// `POST /secrets/{name}/backup`
    BackupSecret: Secret SecretsBackup "backup" "SecretBackup"
    /// `POST /secrets/restore`
    RestoreSecret: Secret SecretsRestore "restore" "SecretRestore"
    /// `GET /deletedsecrets`
    GetDeletedSecrets: Secret SecretsReadMetadata "list" "SecretListDeleted"
    /// `GET /deletedsecrets/{name}`
    GetDeletedSecret: Secret SecretsReadMetadata "get" "SecretGetDeleted"
    /// `POST /deletedsecrets/{name}/recover`
    RecoverDeletedSecret: Secret SecretsRecover "recover" "SecretRecover"
    /// `DELETE /deletedsecrets/{name}`
    PurgeDeletedSecret: Secret SecretsPurge "purge" "SecretPurge"
    /// `POST /keys/{name}/create`
    CreateKey: Key KeysCreate "create" "KeyCreate"
    /// `PUT /keys/{name}`
    ImportKey: Key KeysImport "import" "KeyImport"
    /// `GET /keys/{name}/{version}`
    GetKey: Key KeysRead "get" "KeyGet"
    /// `GET /keys`
    GetKeys: Key KeysRead "list" "KeyList"
    /// `GET /keys/{name}/versions`
    GetKeyVersions: Key KeysRead "list" "KeyListVersions"
    /// `PATCH /keys/{name}/{version}`
    UpdateKey: Key KeysUpdate "update" "KeyUpdate"
    /// `DELETE /keys/{name}`
    DeleteKey: Key KeysDelete "delete" "KeyDelete"
    /// `GET /deletedkeys`
    GetDeletedKeys: Key KeysRead "list" "KeyListDeleted"
    /// `GET /deletedkeys/{name}`
    GetDeletedKey: Key KeysRead "get" "KeyGetDeleted"
    /// `POST /deletedkeys/{name}/recover`
    RecoverDeletedKey: Key KeysRecover "recover" "KeyRecover"
    /// `DELETE /deletedkeys/{name}`
    PurgeDeletedKey: Key KeysPurge "purge" "KeyPurge"
    /// `POST /keys/{name}/backup`
    BackupKey: Key KeysBackup "backup" "KeyBackup"
    /// `POST /keys/restore`
    RestoreKey: Key KeysRestore "restore" "KeyRestore"
    /// `POST /keys/{name}/{version}/encrypt`
    Encrypt: Key KeysEncrypt "encrypt" "KeyEncrypt"
    /// `POST /keys/{name}/{version}/decrypt`
    Decrypt: Key KeysDecrypt "decrypt" "KeyDecrypt"
    /// `POST /keys/{name}/{version}/wrapkey`
    WrapKey: Key KeysWrap "wrapKey" "KeyWrap"
    /// `POST /keys/{name}/{version}/unwrapkey`
    UnwrapKey: Key KeysUnwrap "unwrapKey" "KeyUnwrap"
    /// `POST /keys/{name}/{version}/sign`
    Sign: Key KeysSign "sign" "KeySign"
    /// `POST /keys/{name}/{version}/verify`
    Verify: Key KeysVerify "verify" "KeyVerify"
    /// `POST /keys/{name}/rotate`
    RotateKey: Key KeysRotate "rotate" "KeyRotate"
    /// `GET /keys/{name}/rotationpolicy`
    GetKeyRotationPolicy: Key KeyRotationPoliciesRead "getrotationpolicy" "KeyRotationPolicyGet"
    /// `PUT /keys/{name}/rotationpolicy`
    UpdateKeyRotationPolicy: Key KeyRotationPoliciesWrite "setrotationpolicy" "KeyRotationPolicySet"
    /// `POST /keys/{name}/{version}/release`
    ReleaseKey: Key KeysRelease "release" "KeyRelease"
    /// `GET /keys/{name}/{version}/attestation`
    GetKeyAttestation: Key KeysRead "get" "KeyGetAttestation"
    /// `POST /keys/{name}/{version}/securewrapkey`
    SecureWrapKey: Key KeysWrap "wrapKey" "KeySecureWrap"
    /// `POST /keys/{name}/{version}/secureunwrapkey`
    SecureUnwrapKey: Key KeysUnwrap "unwrapKey" "KeySecureUnwrap"
    /// `POST /certificates/{name}/create`
    CreateCertificate: Certificate CertificatesCreate "create" "CertificateCreate"
    /// `POST /certificates/{name}/import`
    ImportCertificate: Certificate CertificatesImport "import" "CertificateImport"
    /// `GET /certificates/{name}/{version}`
    GetCertificate: Certificate CertificatesRead "get" "CertificateGet"
    /// `GET /certificates`
    GetCertificates: Certificate CertificatesRead "list" "CertificateList"
    /// `GET /certificates/{name}/versions`
    GetCertificateVersions: Certificate CertificatesRead "list" "CertificateListVersions"
    /// `PATCH /certificates/{name}/{version}`
    UpdateCertificate: Certificate CertificatesUpdate "update" "CertificateUpdate"
    /// `GET /certificates/{name}/policy`
    GetCertificatePolicy: Certificate CertificatesRead "get" "CertificatePolicyGet"
    /// `PATCH /certificates/{name}/policy`
    UpdateCertificatePolicy: Certificate CertificatesUpdate "update" "CertificatePolicyUpdate"
    /// `GET /certificates/{name}/pending`
    GetCertificateOperation: Certificate CertificatesRead "get" "CertificatePendingGet"
    /// `PATCH /certificates/{name}/pending`
    UpdateCertificateOperation: Certificate CertificatesUpdate "update" "CertificatePendingUpdate"
    /// `DELETE /certificates/{name}/pending`
    DeleteCertificateOperation: Certificate CertificatesUpdate "update" "CertificatePendingDelete"
    /// `POST /certificates/{name}/pending/merge`
    MergeCertificate: Certificate CertificatesCreate "create" "CertificatePendingMerge"
    /// `DELETE /certificates/{name}`
    DeleteCertificate: Certificate CertificatesDelete "delete" "CertificateDelete"
    /// `GET /deletedcertificates`
    GetDeletedCertificates: Certificate CertificatesRead "list" "CertificateListDeleted"
    /// `GET /deletedcertificates/{name}`
    GetDeletedCertificate: Certificate CertificatesRead "get" "CertificateGetDeleted"
    /// `POST /deletedcertificates/{name}/recover`
    RecoverDeletedCertificate: Certificate CertificatesRecover "recover" "CertificateRecover"
    /// `DELETE /deletedcertificates/{name}`
    PurgeDeletedCertificate: Certificate CertificatesPurge "purge" "CertificatePurge"
    /// `POST /certificates/{name}/backup`
    BackupCertificate: Certificate CertificatesBackup "backup" "CertificateBackup"
    /// `POST /certificates/restore`
    RestoreCertificate: Certificate CertificatesRestore "restore" "CertificateRestore"
    /// `GET /certificates/issuers`
    GetCertificateIssuers: Certificate CertificateCasRead "listissuers" "CertificateIssuersList"
    /// `GET /certificates/issuers/{name}`
    GetCertificateIssuer: Certificate CertificateCasRead "getissuers" "CertificateIssuerGet"
    /// `PUT /certificates/issuers/{name}`
    SetCertificateIssuer: Certificate CertificateCasWrite "setissuers" "CertificateIssuerSet"
    /// `PATCH /certificates/issuers/{name}`
    UpdateCertificateIssuer: Certificate CertificateCasWrite "setissuers" "CertificateIssuerUpdate"
    /// `DELETE /certificates/issuers/{name}`
    DeleteCertificateIssuer: Certificate CertificateCasDelete "deleteissuers"
        "CertificateIssuerDelete"
    /// `GET /certificates/contacts`
    GetCertificateContacts: Certificate CertificateContactsWrite "managecontacts"
        "CertificateContactsGet"
    /// `PUT /certificates/contacts`
    SetCertificateContacts: Certificate CertificateContactsWrite "managecontacts"
        "CertificateContactsSet"
    /// `DELETE /certificates/contacts`
    DeleteCertificateContacts: Certificate CertificateContactsWrite "managecontacts"
        "CertificateContactsDelete"
    /// `POST /certificates/{name}/{version}/revoke`: an extension, not in Azure. Revokes a version
    /// that an authority of this vault issued.
    RevokeCertificate: Certificate CertificatesUpdate "update" "CertificateRevoke"
    /// `POST /certificates/issuers/{name}/revoke`: an extension, not in Azure. Revokes what an
    /// authority of this vault issued, by its serial number.
    RevokeIssuedCertificate: Certificate CertificateCasWrite "setissuers" "CertificateIssuedRevoke"
    /// `POST /certificates/issuers/{name}/eab`: an extension, not in Azure. A key that binds an
    /// ACME account to the caller (RFC 8555, 7.3.4).
    CreateAcmeBinding: Certificate CertificatesCreate "create" "CertificateAcmeBindingCreate"
}

impl Operation {
    /// An operation by its name or the `operationName` of its audit record, in any ASCII case:
    /// `GetSecret` and `SecretGet`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| {
            operation.audit_name().eq_ignore_ascii_case(name)
                || format!("{operation:?}").eq_ignore_ascii_case(name)
        })
    }

    /// Whether it is about one object; if not, it concerns the whole vault.
    pub fn names_object(self) -> bool {
        !matches!(
            self,
            Self::GetSecrets
                | Self::RestoreSecret
                | Self::GetDeletedSecrets
                | Self::GetKeys
                | Self::RestoreKey
                | Self::GetDeletedKeys
                | Self::GetCertificates
                | Self::RestoreCertificate
                | Self::GetDeletedCertificates
                | Self::GetCertificateIssuers
                | Self::GetCertificateIssuer
                | Self::SetCertificateIssuer
                | Self::UpdateCertificateIssuer
                | Self::DeleteCertificateIssuer
                | Self::GetCertificateContacts
                | Self::SetCertificateContacts
                | Self::DeleteCertificateContacts
                | Self::RevokeIssuedCertificate
                | Self::CreateAcmeBinding
        )
    }

    /// The data action that is enough when the operation needs only the public half of a key:
    /// whoever may read it could do the work at home.
    pub fn public_action(self) -> Option<DataAction> {
        match self {
            Self::Encrypt | Self::WrapKey | Self::Verify => Some(DataAction::KeysRead),
            _ => None,
        }
    }

    /// The HTTP status of its success.
    pub fn success_status(self) -> u16 {
        match self {
            Self::PurgeDeletedSecret | Self::PurgeDeletedKey | Self::PurgeDeletedCertificate => 204,
            Self::CreateCertificate => 202,
            Self::MergeCertificate => 201,
            _ => 200,
        }
    }
}
