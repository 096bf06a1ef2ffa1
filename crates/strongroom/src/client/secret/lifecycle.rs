//! Deleting, recovering, purging, and going back to an older version.

use clap::Args;
use reqwest::Method;

use super::super::installation::Installation;
use super::super::output::{Column, OutputArgs};
use super::address::{Address, NameArgs, VaultArgs};
use super::bundle::{Bundle, COLUMNS, DELETED_COLUMNS};
use super::vault_client::{VaultClient, parse};
use crate::error::CliError;

/// One secret.
#[derive(Args)]
pub(super) struct NamedArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom secret rollback`
#[derive(Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    secret: NamedArgs,
    /// The version whose value becomes the newest.
    #[arg(long, value_name = "VERSION")]
    to: String,
}

/// Deletes a secret.
pub(super) async fn delete(args: NamedArgs) -> Result<(), CliError> {
    let path = |address: &Address| format!("secrets/{}", address.name);
    answered(&args, Method::DELETE, path, DELETED_COLUMNS).await
}

/// Shows a deleted secret.
pub(super) async fn show_deleted(args: NamedArgs) -> Result<(), CliError> {
    let path = |address: &Address| format!("deletedsecrets/{}", address.name);
    answered(&args, Method::GET, path, DELETED_COLUMNS).await
}

/// Recovers a deleted secret.
pub(super) async fn recover(args: NamedArgs) -> Result<(), CliError> {
    let path = |address: &Address| format!("deletedsecrets/{}/recover", address.name);
    answered(&args, Method::POST, path, COLUMNS).await
}

/// Removes a deleted secret for good; there is nothing to print.
pub(super) async fn purge(args: NamedArgs) -> Result<(), CliError> {
    let (client, address) = open(&args).await?;
    let path = format!("deletedsecrets/{}", address.name);
    client.call(Method::DELETE, &path, None).await.map(drop)
}

/// Makes an older version's value the newest version.
pub(super) async fn rollback(args: RollbackArgs) -> Result<(), CliError> {
    let (client, address) = open(&args.secret).await?;
    let path = format!("{}/rollback", address.at(Some(&args.to))?.version_path());
    let answer = client.call(Method::POST, &path, None).await?;
    parse::<Bundle>(&answer)?.print(COLUMNS, &args.secret.output)
}

async fn open(args: &NamedArgs) -> Result<(VaultClient, Address), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    Ok((client, address))
}

async fn answered(
    args: &NamedArgs,
    method: Method,
    path: impl Fn(&Address) -> String,
    columns: &[Column],
) -> Result<(), CliError> {
    let (client, address) = open(args).await?;
    let answer = client.call(method, &path(&address), None).await?;
    parse::<Bundle>(&answer)?.print(columns, &args.output)
}
