//! `strongroom secret`: the verbs of `az keyvault secret`, and rollback.

mod address;
mod attributes;
mod backup;
mod bundle;
mod encoding;
mod file;
mod lifecycle;
mod list;
mod set;
mod show;
mod vault_client;

use clap::{Args, Subcommand};

use crate::error::CliError;

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
    Rollback(lifecycle::RollbackArgs),
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
        Verb::Rollback(args) => lifecycle::rollback(args).await,
        Verb::List(args) => list::secrets(args).await,
        Verb::ListVersions(args) => list::versions(args).await,
        Verb::ListDeleted(args) => list::deleted(args).await,
        Verb::ShowDeleted(args) => lifecycle::show_deleted(args).await,
        Verb::Delete(args) => lifecycle::delete(args).await,
        Verb::Recover(args) => lifecycle::recover(args).await,
        Verb::Purge(args) => lifecycle::purge(args).await,
        Verb::Backup(args) => backup::backup(args).await,
        Verb::Restore(args) => backup::restore(args).await,
    }
}
