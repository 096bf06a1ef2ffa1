//! Deleting, recovering and purging.

use clap::Args;
use reqwest::Method;

use super::super::output::{Column, OutputArgs};
use super::Object;
use super::address::{Address, ObjectArgs};
use super::vault_client::parse;
use crate::error::CliError;

/// One object.
#[derive(Args)]
pub(crate) struct NamedArgs {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Deletes an object.
pub(crate) async fn delete<T: Object>(args: NamedArgs) -> Result<(), CliError> {
    answered::<T>(&args, Method::DELETE, Address::path, T::DELETED_COLUMNS).await
}

/// Shows a deleted object.
pub(crate) async fn show_deleted<T: Object>(args: NamedArgs) -> Result<(), CliError> {
    answered::<T>(&args, Method::GET, Address::deleted_path, T::DELETED_COLUMNS).await
}

/// Recovers a deleted object.
pub(crate) async fn recover<T: Object>(args: NamedArgs) -> Result<(), CliError> {
    let path = |address: &Address| format!("{}/recover", address.deleted_path());
    answered::<T>(&args, Method::POST, path, T::COLUMNS).await
}

/// Removes a deleted object for good; there is nothing to print.
pub(crate) async fn purge<T: Object>(args: NamedArgs) -> Result<(), CliError> {
    let target = args.object.target(T::KIND)?;
    let client = target.sign_in().await?;
    client.call(Method::DELETE, &target.address.deleted_path(), None).await.map(drop)
}

/// Asks without a body, and prints the object that comes back.
pub(crate) async fn answered<T: Object>(
    args: &NamedArgs,
    method: Method,
    path: impl Fn(&Address) -> String,
    columns: &[Column],
) -> Result<(), CliError> {
    let target = args.object.target(T::KIND)?;
    let client = target.sign_in().await?;
    let answer = client.call(method, &path(&target.address), None).await?;
    parse::<T>(&answer)?.print(columns, &args.output)
}
