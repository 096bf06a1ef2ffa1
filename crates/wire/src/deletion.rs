//! What deleted objects say of their deletion.

use std::borrow::Cow;

use serde::Serialize;

/// What is added to a deleted object's answer. Times are whole Unix seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Deletion<'a> {
    /// Where it can be recovered or purged.
    #[serde(rename = "recoveryId")]
    pub recovery_id: Cow<'a, str>,
    /// When it was deleted.
    #[serde(rename = "deletedDate")]
    pub deleted_date: i64,
    /// When it will be purged.
    #[serde(rename = "scheduledPurgeDate")]
    pub scheduled_purge_date: i64,
}
