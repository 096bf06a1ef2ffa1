//! `backup` and `restore`: the file holds the blob's bytes, as az writes them.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::output::OutputArgs;
use super::address::{ObjectArgs, VaultArgs};
use super::vault_client::parse;
use super::{Object, file};
use crate::error::CliError;

/// The largest backup: what a server takes, less the base64.
const MOST_BYTES: usize = 18 * 1024 * 1024;

/// `strongroom … backup`
#[derive(Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    object: ObjectArgs,
    /// The file to write, which only its owner may read.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

/// `strongroom … restore`
#[derive(Args)]
pub(crate) struct RestoreArgs {
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
pub(crate) async fn backup<T: Object>(args: BackupArgs) -> Result<(), CliError> {
    let target = args.object.target(T::KIND)?;
    let client = target.sign_in().await?;
    let path = format!("{}/backup", target.address.path());
    let answer = client.call(Method::POST, &path, None).await?;
    let blob = URL_SAFE_NO_PAD
        .decode(parse::<Backup<'_>>(&answer)?.value)
        .map_err(|_| CliError::failed("the vault answered what is no backup"))?;
    file::write(&args.file, &blob, args.overwrite)
}

/// Makes an object from a backup.
pub(crate) async fn restore<T: Object>(args: RestoreArgs) -> Result<(), CliError> {
    let blob = file::read(&args.file, MOST_BYTES)?;
    let client = args.vault.sign_in(T::KIND).await?;
    let body = json!({"value": URL_SAFE_NO_PAD.encode(&*blob)}).to_string();
    let body = Zeroizing::new(body.into_bytes());
    let path = format!("{}/restore", T::KIND.collection());
    let answer = client.call(Method::POST, &path, Some(body)).await?;
    parse::<T>(&answer)?.print(T::COLUMNS, &args.output)
}
