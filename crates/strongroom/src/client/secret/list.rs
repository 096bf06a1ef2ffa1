//! `strongroom secret list`, `list-versions` and `list-deleted`: to the last page.

use clap::Args;
use serde_json::Value;

use super::super::installation::Installation;
use super::super::output::{self, Column, OutputArgs};
use super::address::{NameArgs, VaultArgs};
use super::bundle::{Bundle, COLUMNS, DELETED_COLUMNS};
use super::vault_client::VaultClient;
use crate::error::CliError;

/// `strongroom secret list` and `list-deleted`
#[derive(Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    most: MostArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom secret list-versions`
#[derive(Args)]
pub(super) struct ListVersionsArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    most: MostArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct MostArgs {
    /// At most so many.
    #[arg(long, value_name = "N")]
    maxresults: Option<usize>,
}

/// Lists the secrets of a vault.
pub(super) async fn secrets(args: ListArgs) -> Result<(), CliError> {
    whole(&args, "secrets", COLUMNS).await
}

/// Lists the deleted secrets of a vault.
pub(super) async fn deleted(args: ListArgs) -> Result<(), CliError> {
    whole(&args, "deletedsecrets", DELETED_COLUMNS).await
}

/// Lists the versions of a secret.
pub(super) async fn versions(args: ListVersionsArgs) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    let path = format!("secrets/{}/versions", address.name);
    let found: Vec<Bundle> = client.list(&path, args.most.maxresults).await?;
    print(&found, COLUMNS, &args.output)
}

async fn whole(args: &ListArgs, path: &str, columns: &[Column]) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let client = VaultClient::open(&installation, &args.vault.vault()?).await?;
    let found: Vec<Bundle> = client.list(path, args.most.maxresults).await?;
    print(&found, columns, &args.output)
}

fn print(found: &[Bundle], columns: &[Column], how: &OutputArgs) -> Result<(), CliError> {
    let views: Value = found.iter().map(Bundle::view).collect();
    output::show(&views, columns, how)
}
