//! What can go wrong with the audit.

use std::io;

use strongroom_crypto::CryptoError;
use strongroom_store::StoreError;

/// Why a record was not taken, or the journal not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The disk is full and the preallocated reserve is used up; passes by itself.
    #[error("the disk is full and the audit reserve is used up; free space for the data directory")]
    Full,
    /// The journal was closed.
    #[error("the audit journal is closed")]
    Closed,
    /// A sync failed: records may be lost, so that no more are taken.
    #[error("the audit journal could not be made durable: {0}; check the disk, then restart")]
    Failed(String),
    /// The disk refused.
    #[error("the audit journal, {file}: {source}")]
    Io {
        /// The file or directory.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The journal's files are not what the journal wrote.
    #[error("the audit journal is damaged, {file}: {what}; run `strongroom audit verify`")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The journal was written by a newer release.
    #[error("the audit journal's {file} has a newer format; upgrade strongroom")]
    NewerFormat {
        /// The file.
        file: String,
    },
    /// A key generation that was not given.
    #[error("the audit key's generation {0} is missing")]
    UnknownKey(u32),
    /// A record that cannot be encoded or decoded; a defect.
    #[error("an audit record could not be coded: {0}")]
    Coding(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cryptographic operation failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A background task has ended before its time.
    #[error("the audit's background task has ended")]
    Stopped,
}

impl AuditError {
    /// The error for `file`: a full disk is [`AuditError::Full`], all else [`AuditError::Io`].
    pub(crate) fn io(file: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull => Self::Full,
            _ => Self::Io { file: file.to_owned(), source },
        }
    }

    /// The same error for another one whom it concerns.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Closed => Self::Closed,
            Self::Failed(reason) => Self::Failed(reason.clone()),
            Self::UnknownKey(generation) => Self::UnknownKey(*generation),
            Self::Io { file, source } => {
                let os = source.raw_os_error().map(io::Error::from_raw_os_error);
                let source =
                    os.unwrap_or_else(|| io::Error::new(source.kind(), source.to_string()));
                Self::Io { file: file.clone(), source }
            }
            other => Self::Failed(other.to_string()),
        }
    }
}

/// For `map_err`: attaches the file's name.
pub(crate) fn at(file: &str) -> impl FnOnce(io::Error) -> AuditError + '_ {
    move |source| AuditError::io(file, source)
}
