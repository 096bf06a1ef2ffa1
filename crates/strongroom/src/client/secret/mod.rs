//! `strongroom secret`: the verbs of `az keyvault secret`, and rollback.

mod attributes;
mod bundle;
mod encoding;
mod rollback;
mod set;
mod show;

use clap::{Args, Subcommand};

use super::object::{backup, lifecycle, list};
use crate::error::CliError;
use bundle::Bundle;

/// `strongroom secret`
#[derive(Args)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    verb: Verb,
}

// Where `--version` names a secret's version, it cannot name the program's.
#[derive(Subcommand)]
enum Verb {
    /// Make a secret, or a new version of it; the value comes from standard input or a file.
    Set(set::SetArgs),
    /// Show a secret with its value.
    #[command(disable_version_flag = true)]
    Show(show::ShowArgs),
    /// Write a secret's value to a file.
    #[command(disable_version_flag = true)]
    Download(show::DownloadArgs),
    /// Change the attributes, tags or content type of a version.
    #[command(disable_version_flag = true)]
    SetAttributes(attributes::SetAttributesArgs),
    /// Make the value of an older version the newest version.
    Rollback(rollback::RollbackArgs),
    /// List the secrets of a vault.
    List(list::ListArgs),
    /// List the versions of a secret.
    ListVersions(list::ListVersionsArgs),
    /// List the deleted secrets that can be recovered.
    ListDeleted(list::ListArgs),
    /// Show a deleted secret.
    ShowDeleted(lifecycle::NamedArgs),
    /// Delete a secret; it can be recovered until its retention ends.
    Delete(lifecycle::NamedArgs),
    /// Recover a deleted secret.
    Recover(lifecycle::NamedArgs),
    /// Remove a deleted secret for good.
    Purge(lifecycle::NamedArgs),
    /// Write all versions of a secret, sealed, to a file.
    Backup(backup::BackupArgs),
    /// Make a secret from a backup.
    Restore(backup::RestoreArgs),
}

/// Does what is asked for.
pub(crate) async fn run(args: SecretArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Set(args) => set::run(args).await,
        Verb::Show(args) => show::show(args).await,
        Verb::Download(args) => show::download(args).await,
        Verb::SetAttributes(args) => attributes::run(args).await,
        Verb::Rollback(args) => rollback::run(args).await,
        Verb::List(args) => list::active::<Bundle>(args).await,
        Verb::ListVersions(args) => list::versions::<Bundle>(args).await,
        Verb::ListDeleted(args) => list::deleted::<Bundle>(args).await,
        Verb::ShowDeleted(args) => lifecycle::show_deleted::<Bundle>(args).await,
        Verb::Delete(args) => lifecycle::delete::<Bundle>(args).await,
        Verb::Recover(args) => lifecycle::recover::<Bundle>(args).await,
        Verb::Purge(args) => lifecycle::purge::<Bundle>(args).await,
        Verb::Backup(args) => backup::backup::<Bundle>(args).await,
        Verb::Restore(args) => backup::restore::<Bundle>(args).await,
    }
}
