//! What can go wrong with the directory.

use strongroom_seal::SealError;
use strongroom_store::StoreError;

/// Why the directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row could not be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A row that opens but does not decode.
    #[error(
        "the directory row {0} does not decode: keep a copy of the data directory, and restore a \
         backup"
    )]
    Malformed(String),
    /// The store has keys but no installation row: its set-up was interrupted.
    #[error("the installation's set-up was interrupted; remove the data directory and start again")]
    NoInstallation,
    /// The feed of changes has ended; this node must stop serving.
    #[error("the directory's feed has ended; restart strongroom")]
    FeedEnded,
}
