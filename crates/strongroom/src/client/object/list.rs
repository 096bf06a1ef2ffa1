//! `list`, `list-versions` and `list-deleted`: to the last page.

use clap::Args;
use serde_json::Value;

use super::super::output::{self, Column, OutputArgs};
use super::Object;
use super::address::{ObjectArgs, VaultArgs};
use crate::error::CliError;

/// `strongroom … list` and `list-deleted`
#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    most: MostArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom … list-versions`
#[derive(Args)]
pub(crate) struct ListVersionsArgs {
    #[command(flatten)]
    object: ObjectArgs,
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

/// Lists the objects of a vault.
pub(crate) async fn active<T: Object>(args: ListArgs) -> Result<(), CliError> {
    active_where::<T>(args, &[]).await
}

/// Lists those that a query asks for.
pub(crate) async fn active_where<T: Object>(
    args: ListArgs,
    query: &[(&str, &str)],
) -> Result<(), CliError> {
    let path = T::KIND.collection();
    whole::<T>(&args, path, query, T::LIST_COLUMNS).await
}

/// Lists the deleted objects of a vault.
pub(crate) async fn deleted<T: Object>(args: ListArgs) -> Result<(), CliError> {
    deleted_where::<T>(args, &[]).await
}

/// Lists those deleted ones that a query asks for.
pub(crate) async fn deleted_where<T: Object>(
    args: ListArgs,
    query: &[(&str, &str)],
) -> Result<(), CliError> {
    let path = format!("deleted{}", T::KIND.collection());
    whole::<T>(&args, &path, query, T::DELETED_COLUMNS).await
}

/// Lists the versions of an object.
pub(crate) async fn versions<T: Object>(args: ListVersionsArgs) -> Result<(), CliError> {
    let target = args.object.target(T::KIND)?;
    let client = target.sign_in().await?;
    let path = format!("{}/versions", target.address.path());
    let found: Vec<T> = client.list(&path, &[], args.most.maxresults).await?;
    print(&found, T::LIST_COLUMNS, &args.output)
}

async fn whole<T: Object>(
    args: &ListArgs,
    path: &str,
    query: &[(&str, &str)],
    columns: &[Column],
) -> Result<(), CliError> {
    let client = args.vault.sign_in(T::KIND).await?;
    let found: Vec<T> = client.list(path, query, args.most.maxresults).await?;
    print(&found, columns, &args.output)
}

fn print<T: Object>(found: &[T], columns: &[Column], how: &OutputArgs) -> Result<(), CliError> {
    let views: Value = found.iter().map(T::view).collect();
    output::show(&views, columns, how)
}
