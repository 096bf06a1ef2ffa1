//! `strongroom certificate`: the verbs of `az keyvault certificate`, and revoke and sync.

mod admin;
mod attributes;
mod bundle;
mod companion;
mod contact;
mod create;
mod files;
mod import;
mod issuer;
mod operation;
mod pending;
mod policy;
mod revoke;
mod show;
mod sync;
mod words;

use std::path::Path;

use clap::{Args, Subcommand};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::object::{backup, file, lifecycle, list};
use super::terminal;
use crate::error::CliError;
use bundle::Bundle;

/// The longest password, in bytes.
const MOST_PASSWORD: usize = 4 * 1024;
const PENDING: &[(&str, &str)] = &[("includePending", "true")];

/// `strongroom certificate`
#[derive(Args)]
pub(crate) struct CertificateArgs {
    #[command(subcommand)]
    verb: Verb,
}

// Where `--version` names a certificate's version, it cannot name the program's.
#[derive(Subcommand)]
enum Verb {
    /// Make a certificate, or a new version of it, by a policy.
    Create(create::CreateArgs),
    /// Print a policy to begin with.
    GetDefaultPolicy(policy::DefaultPolicyArgs),
    /// Bring a certificate and its key from a PKCS#12 or PEM file.
    Import(import::ImportArgs),
    /// Show a certificate and its policy.
    #[command(disable_version_flag = true)]
    Show(show::ShowArgs),
    /// Write a certificate to a file.
    #[command(disable_version_flag = true)]
    Download(show::DownloadArgs),
    /// Change whether a version may be used, its tags, or the policy of later versions.
    #[command(disable_version_flag = true)]
    SetAttributes(attributes::SetAttributesArgs),
    /// List the certificates of a vault.
    List(PendingListArgs),
    /// List the versions of a certificate.
    ListVersions(list::ListVersionsArgs),
    /// List the deleted certificates that can be recovered.
    ListDeleted(PendingListArgs),
    /// Show a deleted certificate.
    ShowDeleted(lifecycle::NamedArgs),
    /// Delete a certificate, its key and its secret; they can be recovered until their retention
    /// ends.
    Delete(lifecycle::NamedArgs),
    /// Recover a deleted certificate, its key and its secret.
    Recover(lifecycle::NamedArgs),
    /// Remove a deleted certificate, its key and its secret for good.
    Purge(lifecycle::NamedArgs),
    /// Write all versions of a certificate, with their keys, sealed, to a file.
    Backup(backup::BackupArgs),
    /// Make a certificate from a backup.
    Restore(backup::RestoreArgs),
    /// Show, complete or give up the operation that makes the next version.
    Pending(pending::PendingArgs),
    /// Say who is told of certificates that near their end.
    Contact(contact::ContactArgs),
    /// Say who signs certificates.
    Issuer(Box<issuer::IssuerArgs>),
    /// Revoke a version that an authority of the vault issued: an extension.
    #[command(disable_version_flag = true)]
    Revoke(revoke::RevokeArgs),
    /// Keep files as the newest version has them, and run a command when they change: an
    /// extension.
    Sync(sync::SyncArgs),
}

#[derive(Args)]
struct PendingListArgs {
    #[command(flatten)]
    list: list::ListArgs,
    /// Those too whose first version is still being made.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    include_pending: Option<bool>,
}

impl PendingListArgs {
    fn query(&self) -> &'static [(&'static str, &'static str)] {
        if self.include_pending == Some(true) { PENDING } else { &[] }
    }
}

/// Does what is asked for.
pub(crate) async fn run(args: CertificateArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Create(args) => create::run(args).await,
        Verb::GetDefaultPolicy(args) => policy::print_default(&args),
        Verb::Import(args) => import::run(args).await,
        Verb::Show(args) => show::show(args).await,
        Verb::Download(args) => show::download(args).await,
        Verb::SetAttributes(args) => attributes::run(args).await,
        Verb::List(args) => {
            let query = args.query();
            list::active_where::<Bundle>(args.list, query).await
        }
        Verb::ListVersions(args) => list::versions::<Bundle>(args).await,
        Verb::ListDeleted(args) => {
            let query = args.query();
            list::deleted_where::<Bundle>(args.list, query).await
        }
        Verb::ShowDeleted(args) => lifecycle::show_deleted::<Bundle>(args).await,
        Verb::Delete(args) => lifecycle::delete::<Bundle>(args).await,
        Verb::Recover(args) => lifecycle::recover::<Bundle>(args).await,
        Verb::Purge(args) => lifecycle::purge::<Bundle>(args).await,
        Verb::Backup(args) => backup::backup::<Bundle>(args).await,
        Verb::Restore(args) => backup::restore::<Bundle>(args).await,
        Verb::Pending(args) => pending::run(args).await,
        Verb::Contact(args) => contact::run(args).await,
        Verb::Issuer(args) => issuer::run(*args).await,
        Verb::Revoke(args) => revoke::run(args).await,
        Verb::Sync(args) => sync::run(args).await,
    }
}

/// A password from a file, without the end of its line.
fn password(path: &Path) -> Result<SecretValue, CliError> {
    let bytes = file::read(path, MOST_PASSWORD)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| CliError::Usage(format!("{} holds no text", path.display())))?;
    let mut text = terminal::without_newline(Zeroizing::new(text.to_owned()));
    Ok(SecretValue::new(std::mem::take(&mut text)))
}
