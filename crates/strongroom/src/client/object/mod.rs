//! What the commands of secrets, keys and certificates have in common.

pub(super) mod address;
pub(super) mod attributes;
pub(super) mod backup;
pub(super) mod document;
pub(super) mod file;
pub(super) mod lifecycle;
pub(super) mod list;
pub(super) mod secret_result;
pub(super) mod vault_client;
pub(super) mod view;

use serde::de::DeserializeOwned;
use serde_json::Value;
use strongroom_model::Kind;

use super::output::{self, Column, OutputArgs};
use crate::error::CliError;

/// An object as a vault answers it: one version, an element of a list, or a deleted one.
pub(super) trait Object: DeserializeOwned {
    /// What it is.
    const KIND: Kind;
    /// The columns of one version.
    const COLUMNS: &'static [Column];
    /// The columns of a list.
    const LIST_COLUMNS: &'static [Column];
    /// The columns of what was deleted.
    const DELETED_COLUMNS: &'static [Column] = &[
        ("Name", "/name"),
        ("RecoveryId", "/recoveryId"),
        ("Deleted", "/deletedDate"),
        ("ScheduledPurge", "/scheduledPurgeDate"),
    ];

    /// As az prints it, without what is secret.
    fn view(&self) -> Value;

    /// Prints it, without what is secret.
    fn print(&self, columns: &[Column], how: &OutputArgs) -> Result<(), CliError> {
        output::show(&self.view(), columns, how)
    }
}
