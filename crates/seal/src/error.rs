//! What can go wrong with keys and sealed records.

use strongroom_crypto::CryptoError;
use strongroom_store::StoreError;

/// Why a key or a record could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cryptographic operation failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A record that is not what was sealed at this place: damaged, moved or replaced.
    #[error(
        "the record at {0} is damaged or was replaced: keep a copy of the data directory, and \
         restore a backup"
    )]
    Record(String),
    /// A record's format number is newer than this release.
    #[error("the record at {0} has a newer format; upgrade strongroom")]
    NewerFormat(String),
    /// The protector does not open the root key.
    #[error(
        "the root key does not open: {0}. Give the key file, passphrase or credential that this \
         data directory was initialised with"
    )]
    WrongProtector(String),
    /// The store holds no key hierarchy.
    #[error("the data directory is not initialised; run `strongroom init` or `strongroom dev`")]
    NotInitialised,
    /// The store holds a key hierarchy already.
    #[error("the data directory is initialised already; nothing was changed")]
    AlreadyInitialised,
    /// A key that should be there is not: its vault was shredded, or the store is damaged.
    #[error("the {0} key is not in the store")]
    NoSuchKey(&'static str),
    /// A key file or credential that cannot be used.
    #[error("{0}")]
    KeyFile(String),
    /// A passphrase that is too easy to guess.
    #[error("the passphrase is too weak: use at least 14 characters, or 5 random words")]
    WeakPassphrase,
}
