//! `strongroom key show` and `get-attestation`.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use strongroom_model::Kind;

use super::super::object::address::VersionArgs;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::{self, Column, OutputArgs};
use super::bundle::Bundle;
use crate::error::CliError;

const ATTESTATION_COLUMNS: &[Column] = &[
    ("Version", "/version"),
    ("PrivateKeyAttestation", "/privateKeyAttestation"),
    ("PublicKeyAttestation", "/publicKeyAttestation"),
];

/// `strongroom key show`
#[derive(Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    key: VersionArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom key get-attestation`
#[derive(Args)]
pub(super) struct GetAttestationArgs {
    #[command(flatten)]
    key: VersionArgs,
    /// The file to write instead of printing.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long, requires = "file")]
    overwrite: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Prints a version.
pub(super) async fn show(args: ShowArgs) -> Result<(), CliError> {
    get(&args.key, "").await?.print(Bundle::COLUMNS, &args.output)
}

/// Prints how a device vouches for a version.
pub(super) async fn get_attestation(args: GetAttestationArgs) -> Result<(), CliError> {
    let attestation = get(&args.key, "/attestation").await?.attestation().ok_or_else(|| {
        CliError::NotFound("nothing vouches for this key: it lies in no device".into())
    })?;
    match &args.file {
        Some(path) => file::write(path, attestation.to_string().as_bytes(), args.overwrite),
        None => output::show(&attestation, ATTESTATION_COLUMNS, &args.output),
    }
}

/// What the vault says of a version at this place below it.
pub(super) async fn get(args: &VersionArgs, below: &str) -> Result<Bundle, CliError> {
    let target = args.target(Kind::Key)?;
    let client = target.sign_in().await?;
    let path = target.address.version_path() + below;
    parse(&client.call(Method::GET, &path, None).await?)
}
