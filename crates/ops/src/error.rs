//! Why an operation did not succeed.

use strongroom_audit::AuditError;
use strongroom_authz::Denied;
use strongroom_crypto::CryptoError;
use strongroom_directory::DirectoryError;
use strongroom_model::lifecycle::Refusal;
use strongroom_model::{KeyOperation, KeyType, Kind, ModelError, ObjectName, Version};
use strongroom_pki::PkiError;
use strongroom_seal::SealError;
use strongroom_store::StoreError;

use crate::release::ReleaseRefusal;
use crate::vaults::VaultRefusal;

/// Why an operation did not succeed. `http` turns each into the real service's answer: a new one
/// does not compile there until it has one.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// No active object (or no version) of the name.
    #[error("no {} named {name}", kind.collection())]
    NotFound {
        /// The kind.
        kind: Kind,
        /// What was asked for, as the client spelt it: the name, or the name and version.
        name: String,
    },
    /// No deleted object of the name.
    #[error("no deleted {} named {name}", kind.collection())]
    DeletedNotFound {
        /// The kind.
        kind: Kind,
        /// The name, as the client spelt it.
        name: String,
    },
    /// The name is taken by a deleted object.
    #[error("{name} is deleted but recoverable")]
    DeletedButRecoverable {
        /// The kind.
        kind: Kind,
        /// The name, as the client spelt it.
        name: String,
    },
    /// A restore over a name that is in use.
    #[error("{name} exists already")]
    AlreadyExists {
        /// The kind.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// What is to be kept has more bytes than one change may have.
    #[error("the request says more than can be kept in one place: say less")]
    TooLarge,
    /// The vault's purge protection forbids it.
    #[error("purge protection is enabled")]
    PurgeProtected,
    /// The object's attributes forbid it.
    #[error("{verb} is not allowed on a {} that is {why}", kind.collection())]
    NotUsable {
        /// The kind.
        kind: Kind,
        /// What was asked for, in the words of the wire: `get`, `sign`…
        verb: &'static str,
        /// What forbids it.
        why: Unusable,
    },
    /// The object belongs to a certificate and lives and dies with it.
    #[error("the object is managed by a certificate")]
    Managed(Kind),
    /// The caller may read the key, but that is not enough for what it needs of the key.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// The operation is not among the key's `key_ops`.
    #[error("the key does not permit {0}")]
    OperationNotPermitted(KeyOperation),
    /// The algorithm is for keys of another type or size.
    #[error("{algorithm} is not for a key of type {key_type}")]
    IncompatibleAlgorithm {
        /// The algorithm's name.
        algorithm: &'static str,
        /// The key's type.
        key_type: KeyType,
    },
    /// A key that is not released; the text is for the client.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
    /// Vaults keep no keys of this type: symmetric ones are for a Managed HSM.
    #[error("vaults keep no keys of type {0}")]
    KeyTypeNotSupported(KeyType),
    /// What was sent does not decrypt or unwrap: one error, whatever was wrong.
    #[error("the ciphertext does not decrypt")]
    Undecryptable,
    /// A version of a symmetric key has been used as often as is safe.
    #[error("the version of the key has encrypted {0} times, as often as is safe: rotate it")]
    WornOut(u64),
    /// Too much work is waiting.
    #[error("too many requests are waiting")]
    Busy {
        /// Seconds after which trying again makes sense.
        retry_after: u32,
    },
    /// The limit of the vault's transactions is reached.
    #[error("the limit of transactions is reached: {reason}")]
    Throttled {
        /// Which limit, in the words of the wire.
        reason: &'static str,
        /// Seconds after which trying again makes sense; `None` where the exact real service
        /// says nothing.
        retry_after: Option<u32>,
    },
    /// No operation that makes a certificate's next version.
    #[error("no pending operation of the certificate {name}")]
    PendingNotFound {
        /// The certificate's name, as the client spelt it.
        name: String,
    },
    /// A certificate's next version is being made already.
    #[error("a version of the certificate is being made already")]
    PendingExists,
    /// The operation that makes a certificate's next version has ended.
    #[error("the pending operation has ended")]
    PendingEnded,
    /// A certificate cannot have the name of a key or secret that is not its own.
    #[error("{name} is the name of one of the {} already", kind.collection())]
    NameInUse {
        /// What has the name.
        kind: Kind,
        /// The name, as the client spelt it.
        name: String,
    },
    /// No issuer of the name.
    #[error("no issuer named {0}")]
    IssuerNotFound(String),
    /// The vault has no contacts.
    #[error("the vault has no contacts")]
    ContactsNotFound,
    /// No authority of the vault issued the certificate.
    #[error("no authority of the vault issued {0}")]
    NotIssued(String),
    /// Others changed the object at the same time, again and again.
    #[error("the object is being changed by several requests at once")]
    Contended,
    /// A value that breaks the rules; the text is for the client.
    #[error("{0}")]
    Invalid(String),
    /// A backup blob that is malformed, was tampered with, or belongs elsewhere.
    #[error("the backup blob is malformed")]
    MalformedBackup,
    /// An object with more versions than a backup may hold.
    #[error("the object has more than {0} versions")]
    TooManyVersions(usize),
    /// A skip token that this service did not make, or not for this list.
    #[error("the skip token is invalid")]
    SkipToken,
    /// The vault is gone.
    #[error("the vault no longer exists")]
    VaultGone,
    /// What the control plane refuses about a vault; the text is for the client.
    #[error(transparent)]
    Vault(#[from] VaultRefusal),
    /// A name that is taken.
    #[error("{0} exists already")]
    NameTaken(String),
    /// What a control-plane request names is not there.
    #[error("{0}")]
    NoSuch(String),
    /// The audit journal or its backlog is full: nothing may happen unaudited.
    #[error("the audit journal takes no more records")]
    AuditFull,
    /// Nothing happened; trying again is safe.
    #[error("the service is unavailable: {0}")]
    Unavailable(String),
    /// A defect or damage; the text goes to the log, never to the client.
    #[error("{0}")]
    Internal(String),
}

/// Why the attributes of an object forbid its use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is disabled.
    Disabled,
    /// Its not-before time has not come.
    NotYetValid,
    /// Its expiry time has passed.
    Expired,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::NotYetValid => "not yet valid",
            Self::Expired => "expired",
        })
    }
}

impl From<ModelError> for OpError {
    fn from(error: ModelError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<StoreError> for OpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) | StoreError::Indeterminate(why) => Self::Unavailable(why),
            StoreError::TooLarge { .. } => Self::TooLarge,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<SealError> for OpError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Store(error) => error.into(),
            SealError::NoSuchKey(_) => Self::VaultGone,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<DirectoryError> for OpError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(error) => error.into(),
            DirectoryError::Seal(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<AuditError> for OpError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Full => Self::AuditFull,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<PkiError> for OpError {
    /// What is wrong with a certificate is for the client; what is wrong here is not.
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Crypto(_) | PkiError::Encoding => Self::Internal(error.to_string()),
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<CryptoError> for OpError {
    fn from(error: CryptoError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl OpError {
    /// No object, or no version of it, of the name that was asked for.
    pub(crate) fn no_version(kind: Kind, name: &ObjectName, version: Option<Version>) -> Self {
        let name = match version {
            Some(version) => format!("{name}/{version}"),
            None => name.to_string(),
        };
        Self::NotFound { kind, name }
    }

    /// What a state's refusal means for a client that named an object.
    pub(crate) fn refused(refusal: Refusal, kind: Kind, name: &str) -> Self {
        let name = name.to_owned();
        match refusal {
            Refusal::NotActive => Self::NotFound { kind, name },
            Refusal::NotDeleted => Self::DeletedNotFound { kind, name },
            Refusal::DeletedButRecoverable => Self::DeletedButRecoverable { kind, name },
            Refusal::PurgeProtected => Self::PurgeProtected,
        }
    }
}
