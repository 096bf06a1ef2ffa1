//! `strongroom key release`: an exportable key leaves, wrapped for an attested environment.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_model::Kind;
use zeroize::Zeroizing;

use super::super::object::address::VersionArgs;
use super::super::object::file;
use super::super::object::vault_client::parse;
use super::super::output::{self, Column, OutputArgs};
use super::super::terminal;
use crate::error::CliError;

/// The largest attestation token that is read.
const MOST_BYTES: usize = 512 * 1024;

const COLUMNS: &[Column] = &[("Value", "/value")];

/// `strongroom key release`
#[derive(Args)]
pub(super) struct ReleaseArgs {
    #[command(flatten)]
    key: VersionArgs,
    /// A file with the environment's attestation token [default: standard input].
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// What has to be in the token, so that it is fresh.
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,
    /// How the key is wrapped.
    #[arg(long, value_name = "ALGORITHM", ignore_case = true)]
    #[arg(value_parser = ["CKM_RSA_AES_KEY_WRAP", "RSA_AES_KEY_WRAP_256", "RSA_AES_KEY_WRAP_384"])]
    algorithm: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct ReleaseBody<'a> {
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enc: Option<String>,
}

#[derive(Deserialize)]
struct Released {
    value: String,
}

/// Prints the released key, which only the environment can open.
pub(super) async fn run(args: ReleaseArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let token = match &args.file {
        Some(path) => file::read(path, MOST_BYTES)?,
        None => {
            let mut text = terminal::read_secret("Attestation token")?;
            Zeroizing::new(std::mem::take(&mut *text).into_bytes())
        }
    };
    let token = std::str::from_utf8(&token)
        .map_err(|_| CliError::Usage("an attestation token is text: a JWT".into()))?;
    let body = ReleaseBody {
        target: token.trim(),
        nonce: args.nonce.as_deref(),
        enc: args.algorithm.as_ref().map(|algorithm| algorithm.to_ascii_uppercase()),
    };
    let body = serde_json::to_vec(&body).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let path = format!("{}/release", target.address.version_path());
    let answer = client.call(Method::POST, &path, Some(Zeroizing::new(body))).await?;
    let Released { value } = parse(&answer)?;
    output::show(&json!({"value": value}), COLUMNS, &args.output)
}
