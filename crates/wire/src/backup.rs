//! Backups: opaque to clients.

use serde::{Deserialize, Serialize};

/// What a restore sends.
#[derive(Clone, Debug, Deserialize)]
pub struct RestoreParameters {
    /// The backup blob, base64url without padding.
    pub value: String,
}

/// What a backup answers.
#[derive(Clone, Debug, Serialize)]
pub struct BackupResult {
    /// The backup blob, base64url without padding.
    pub value: String,
}
