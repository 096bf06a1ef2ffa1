//! What can refuse or fail work.

use std::io;

use strongroom_crypto::CryptoError;

/// More work waits than the service takes on: 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much work waits: try again in {retry_after_s} s")]
pub struct Busy {
    /// When it is likely to be taken, in whole seconds: at least 1.
    pub retry_after_s: u32,
}

impl Busy {
    /// Busy for `nanos` more nanoseconds.
    pub(crate) fn for_nanos(nanos: u64) -> Self {
        let seconds = u32::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u32::MAX);
        Self { retry_after_s: seconds.max(1) }
    }
}

/// Work that was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError {
    /// More work waits than the service takes on.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The key could not be generated.
    #[error("the key could not be generated: {0}")]
    Key(#[from] CryptoError),
    /// The system gave no thread at the start.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}
