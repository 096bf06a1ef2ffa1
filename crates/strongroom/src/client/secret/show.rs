//! `strongroom secret show` and `download`: the only two commands that give a value away.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use strongroom_model::Kind;
use strongroom_wire::SecretValue;

use super::super::object::address::VersionArgs;
use super::super::object::secret_result::SecretResult;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::encoding::{Encoding, TAG};
use crate::error::CliError;

/// `strongroom secret show`
#[derive(Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    secret: VersionArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom secret download`
#[derive(Args)]
pub(super) struct DownloadArgs {
    #[command(flatten)]
    secret: VersionArgs,
    /// The file to write, which only its owner may read.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// The file's encoding [default: as it was set, else utf-8].
    #[arg(long, short = 'e', value_enum)]
    encoding: Option<Encoding>,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

/// Prints a version with its value.
pub(super) async fn show(args: ShowArgs) -> Result<(), CliError> {
    let (bundle, value) = get(&args.secret).await?;
    let result = SecretResult {
        view: &bundle.view(),
        columns: Bundle::COLUMNS,
        first: ("Name", bundle.name().unwrap_or_default()),
        member: ("value", "Value"),
        secret: &value,
    };
    result.print(&args.output)
}

/// Writes a version's value to a file.
pub(super) async fn download(args: DownloadArgs) -> Result<(), CliError> {
    let (bundle, value) = get(&args.secret).await?;
    let tagged = || Encoding::named(bundle.tags.as_ref()?.get(TAG)?);
    let encoding = args.encoding.or_else(tagged).unwrap_or(Encoding::Utf8);
    file::write(&args.file, &encoding.bytes_of(&value)?, args.overwrite)
}

async fn get(args: &VersionArgs) -> Result<(Bundle, SecretValue), CliError> {
    let target = args.target(Kind::Secret)?;
    let client = target.sign_in().await?;
    let answer = client.call(Method::GET, &target.address.version_path(), None).await?;
    let mut bundle: Bundle = parse(&answer)?;
    let value = bundle.value.take();
    value
        .map(|value| (bundle, value))
        .ok_or_else(|| CliError::failed("the vault answered without the value"))
}
