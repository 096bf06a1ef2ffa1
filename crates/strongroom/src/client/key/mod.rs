//! `strongroom key`: the verbs of `az keyvault key`, and wrap, unwrap and release.

mod attributes;
mod bundle;
mod bytes;
mod create;
mod crypt;
mod download;
mod import;
mod jwk;
mod names;
mod pem;
mod policy;
mod release;
mod rotation;
mod show;
mod sign;

use clap::{Args, Subcommand};
use reqwest::Method;

use super::object::address::Address;
use super::object::{Object, backup, lifecycle, list};
use crate::error::CliError;
use bundle::Bundle;
pub(super) use names::{curve, key_type};

/// `strongroom key`
#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    verb: Verb,
}

// Where `--version` names a key's version, it cannot name the program's.
#[derive(Subcommand)]
enum Verb {
    /// Make a key, or a new version of it.
    Create(create::CreateArgs),
    /// Bring a private key from a PEM file, or a wrapped one from a BYOK file.
    Import(import::ImportArgs),
    /// Show a key's public half, attributes and permitted operations.
    #[command(disable_version_flag = true)]
    Show(show::ShowArgs),
    /// Write a key's public half to a file.
    #[command(disable_version_flag = true)]
    Download(download::DownloadArgs),
    /// Change the attributes, tags, permitted operations or release policy of a version.
    #[command(disable_version_flag = true)]
    SetAttributes(attributes::SetAttributesArgs),
    /// List the keys of a vault.
    List(list::ListArgs),
    /// List the versions of a key.
    ListVersions(list::ListVersionsArgs),
    /// List the deleted keys that can be recovered.
    ListDeleted(list::ListArgs),
    /// Show a deleted key.
    ShowDeleted(lifecycle::NamedArgs),
    /// Delete a key; it can be recovered until its retention ends.
    Delete(lifecycle::NamedArgs),
    /// Recover a deleted key.
    Recover(lifecycle::NamedArgs),
    /// Remove a deleted key for good.
    Purge(lifecycle::NamedArgs),
    /// Write all versions of a key, sealed, to a file.
    Backup(backup::BackupArgs),
    /// Make a key from a backup.
    Restore(backup::RestoreArgs),
    /// Encrypt data.
    #[command(disable_version_flag = true)]
    Encrypt(crypt::EncryptArgs),
    /// Decrypt data.
    #[command(disable_version_flag = true)]
    Decrypt(crypt::DecryptArgs),
    /// Wrap another key.
    #[command(disable_version_flag = true)]
    Wrap(crypt::EncryptArgs),
    /// Unwrap another key.
    #[command(disable_version_flag = true)]
    Unwrap(crypt::DecryptArgs),
    /// Sign a digest.
    #[command(disable_version_flag = true)]
    Sign(sign::SignArgs),
    /// Verify a signature; ends with 1 if it does not fit.
    #[command(disable_version_flag = true)]
    Verify(sign::VerifyArgs),
    /// Make a new version as the rotation policy says.
    Rotate(lifecycle::NamedArgs),
    /// Show or set when a key is rotated.
    RotationPolicy(rotation::RotationPolicyArgs),
    /// Print a release policy to fill in.
    GetPolicyTemplate(policy::TemplateArgs),
    /// Show how a device vouches for a key.
    #[command(disable_version_flag = true)]
    GetAttestation(show::GetAttestationArgs),
    /// Release an exportable key to an attested environment.
    #[command(disable_version_flag = true)]
    Release(release::ReleaseArgs),
}

/// Does what is asked for.
pub(crate) async fn run(args: KeyArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Create(args) => create::run(args).await,
        Verb::Import(args) => import::run(args).await,
        Verb::Show(args) => show::show(args).await,
        Verb::Download(args) => download::run(args).await,
        Verb::SetAttributes(args) => attributes::run(args).await,
        Verb::List(args) => list::active::<Bundle>(args).await,
        Verb::ListVersions(args) => list::versions::<Bundle>(args).await,
        Verb::ListDeleted(args) => list::deleted::<Bundle>(args).await,
        Verb::ShowDeleted(args) => lifecycle::show_deleted::<Bundle>(args).await,
        Verb::Delete(args) => lifecycle::delete::<Bundle>(args).await,
        Verb::Recover(args) => lifecycle::recover::<Bundle>(args).await,
        Verb::Purge(args) => lifecycle::purge::<Bundle>(args).await,
        Verb::Backup(args) => backup::backup::<Bundle>(args).await,
        Verb::Restore(args) => backup::restore::<Bundle>(args).await,
        Verb::Encrypt(args) => crypt::encrypt(args, "encrypt").await,
        Verb::Decrypt(args) => crypt::decrypt(args, "decrypt").await,
        Verb::Wrap(args) => crypt::encrypt(args, "wrapkey").await,
        Verb::Unwrap(args) => crypt::decrypt(args, "unwrapkey").await,
        Verb::Sign(args) => sign::sign(args).await,
        Verb::Verify(args) => sign::verify(args).await,
        Verb::Rotate(args) => rotate(args).await,
        Verb::RotationPolicy(args) => rotation::run(args).await,
        Verb::GetPolicyTemplate(args) => policy::print_template(&args),
        Verb::GetAttestation(args) => show::get_attestation(args).await,
        Verb::Release(args) => release::run(args).await,
    }
}

async fn rotate(args: lifecycle::NamedArgs) -> Result<(), CliError> {
    let path = |address: &Address| format!("{}/rotate", address.path());
    lifecycle::answered::<Bundle>(&args, Method::POST, path, Bundle::COLUMNS).await
}
