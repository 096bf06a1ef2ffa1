//! `strongroom secret backup` and `restore`: the file holds the blob's bytes, as az writes them.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::installation::Installation;
use super::super::output::OutputArgs;
use super::address::{NameArgs, VaultArgs};
use super::bundle::{Bundle, COLUMNS};
use super::file;
use super::vault_client::{VaultClient, parse};
use crate::error::CliError;

/// The largest backup: what a server takes, less the base64.
const MOST_BYTES: usize = 18 * 1024 * 1024;

/// `strongroom secret backup`
#[derive(Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
    /// The file to write, which only its owner may read.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

/// `strongroom secret restore`
#[derive(Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    vault: VaultArgs,
    /// The backup.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Deserialize)]
struct Backup<'a> {
    value: &'a str,
}

/// Writes a backup.
pub(super) async fn backup(args: BackupArgs) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    let path = format!("secrets/{}/backup", address.name);
    let answer = client.call(Method::POST, &path, None).await?;
    let blob = URL_SAFE_NO_PAD
        .decode(parse::<Backup<'_>>(&answer)?.value)
        .map_err(|_| CliError::failed("the vault answered what is no backup"))?;
    file::write(&args.file, &blob, args.overwrite)
}

/// Makes a secret from a backup.
pub(super) async fn restore(args: RestoreArgs) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let blob = file::read(&args.file, MOST_BYTES)?;
    let client = VaultClient::open(&installation, &args.vault.vault()?).await?;
    let body = json!({"value": URL_SAFE_NO_PAD.encode(&*blob)}).to_string();
    let body = Zeroizing::new(body.into_bytes());
    let answer = client.call(Method::POST, "secrets/restore", Some(body)).await?;
    parse::<Bundle>(&answer)?.print(COLUMNS, &args.output)
}
