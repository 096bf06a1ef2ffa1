//! `strongroom key encrypt`, `decrypt`, `wrap` and `unwrap`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_model::{EncryptionAlgorithm, Kind};
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::super::object::address::{Target, VersionArgs};
use super::super::object::file;
use super::super::object::secret_result::SecretResult;
use super::super::object::vault_client::parse;
use super::super::output::{self, Column, OutputArgs};
use super::super::terminal;
use super::bytes::{self, Hex};
use super::names;
use crate::error::CliError;

/// The most that is sent: what a server takes as a body, less the base64.
const MOST_BYTES: usize = 768 * 1024;

const COLUMNS: &[Column] = &[("Kid", "/kid"), ("Algorithm", "/algorithm"), ("Result", "/result")];

/// `strongroom key encrypt` and `wrap`
#[derive(Args)]
pub(super) struct EncryptArgs {
    #[command(flatten)]
    key: VersionArgs,
    /// The algorithm.
    #[arg(long, short = 'a', value_parser = names::encryption(), ignore_case = true)]
    algorithm: EncryptionAlgorithm,
    /// The data. Other users of the machine can see it here: better use standard input.
    #[arg(long, hide = true, conflicts_with = "file")]
    value: Option<String>,
    /// Take this file's bytes instead of standard input.
    #[arg(long, short = 'f', value_name = "FILE", conflicts_with = "data_type")]
    file: Option<PathBuf>,
    /// What standard input holds [default: base64].
    #[arg(long, value_enum)]
    data_type: Option<DataType>,
    #[command(flatten)]
    parameters: ParametersArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom key decrypt` and `unwrap`
#[derive(Args)]
pub(super) struct DecryptArgs {
    #[command(flatten)]
    key: VersionArgs,
    /// The algorithm.
    #[arg(long, short = 'a', value_parser = names::encryption(), ignore_case = true)]
    algorithm: EncryptionAlgorithm,
    /// The result of encrypt or wrap [default: standard input].
    #[arg(long, value_name = "BASE64")]
    value: Option<String>,
    /// How the data is printed.
    #[arg(long, value_enum, default_value = "base64")]
    data_type: DataType,
    #[command(flatten)]
    parameters: ParametersArgs,
    /// The authentication tag, for GCM.
    #[arg(long, value_name = "HEX", value_parser = bytes::of_hex)]
    tag: Option<Hex>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What symmetric algorithms need beside the data.
#[derive(Args)]
struct ParametersArgs {
    /// The initialization vector. To encrypt, only CBC takes one, and the vault draws it if it is
    /// left out.
    #[arg(long, value_name = "HEX", value_parser = bytes::of_hex)]
    iv: Option<Hex>,
    /// Data that GCM authenticates beside.
    #[arg(long, value_name = "HEX", value_parser = bytes::of_hex)]
    aad: Option<Hex>,
}

/// What data is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DataType {
    /// Any bytes, as base64.
    #[default]
    Base64,
    /// Text.
    Plaintext,
}

#[derive(Serialize)]
struct Parameters {
    alg: &'static str,
    value: SecretValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    iv: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aad: Option<SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<SecretValue>,
}

#[derive(Deserialize)]
struct OperationResult {
    kid: String,
    value: SecretValue,
    iv: Option<SecretValue>,
    aad: Option<SecretValue>,
    tag: Option<SecretValue>,
}

impl Parameters {
    fn new(algorithm: EncryptionAlgorithm, value: &[u8], args: &ParametersArgs) -> Self {
        Self {
            alg: algorithm.name(),
            value: SecretValue::from_bytes(value),
            iv: args.iv.as_ref().map(Hex::to_member),
            aad: args.aad.as_ref().map(Hex::to_member),
            tag: None,
        }
    }

    async fn send(&self, target: &Target, verb: &str) -> Result<OperationResult, CliError> {
        let body = to_secret_json(self).map_err(CliError::failed)?;
        let client = target.sign_in().await?;
        let path = format!("{}/{verb}", target.address.version_path());
        parse(&client.call(Method::POST, &path, Some(body)).await?)
    }
}

/// Encrypts data, or wraps a key.
pub(super) async fn encrypt(mut args: EncryptArgs, verb: &str) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let value = plaintext(&mut args)?;
    let parameters = Parameters::new(args.algorithm, &value, &args.parameters);
    let result = parameters.send(&target, verb).await?;
    let hex = |member: Option<&SecretValue>| member.map(bytes::shown_hex);
    let view = json!({
        "kid": result.kid,
        "algorithm": args.algorithm.name(),
        "result": bytes::shown(&result.value),
        "iv": hex(result.iv.as_ref()),
        "tag": hex(result.tag.as_ref()),
        "aad": hex(result.aad.as_ref().or(parameters.aad.as_ref())),
    });
    output::show(&view, COLUMNS, &args.output)
}

/// Decrypts data, or unwraps a key.
pub(super) async fn decrypt(mut args: DecryptArgs, verb: &str) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let text = match args.value.take() {
        Some(text) => Zeroizing::new(text),
        None => terminal::read_secret("Value (base64)")?,
    };
    let value = bytes::of_base64("the value", &text)?;
    let mut parameters = Parameters::new(args.algorithm, &value, &args.parameters);
    parameters.tag = args.tag.as_ref().map(Hex::to_member);
    let result = parameters.send(&target, verb).await?;
    let shown = SecretResult {
        view: &json!({"kid": result.kid, "algorithm": args.algorithm.name()}),
        columns: COLUMNS,
        first: ("Kid", &result.kid),
        member: ("result", "Result"),
        secret: &args.data_type.shown(&result.value)?,
    };
    shown.print(&args.output)
}

fn plaintext(args: &mut EncryptArgs) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let data_type = args.data_type.unwrap_or_default();
    if let Some(path) = &args.file {
        return file::read(path, MOST_BYTES);
    }
    let text = match args.value.take() {
        Some(text) => {
            terminal::warn(
                "data among the arguments is visible to other users: use standard input",
            );
            Zeroizing::new(text)
        }
        None => terminal::without_newline(terminal::read_secret("Value")?),
    };
    data_type.read(text)
}

impl DataType {
    fn read(self, mut text: Zeroizing<String>) -> Result<Zeroizing<Vec<u8>>, CliError> {
        match self {
            Self::Plaintext => Ok(Zeroizing::new(std::mem::take(&mut *text).into_bytes())),
            Self::Base64 => bytes::of_base64("the value", &text).map_err(|_| {
                CliError::Usage(
                    "the value is no base64: say --data-type plaintext for text, or --file FILE \
                     for any bytes"
                        .into(),
                )
            }),
        }
    }

    fn shown(self, member: &SecretValue) -> Result<SecretValue, CliError> {
        let bytes = bytes::of_answer(member)?;
        match self {
            Self::Base64 => Ok(bytes::secret_base64(&bytes)),
            Self::Plaintext => {
                let text = std::str::from_utf8(&bytes).map_err(|_| {
                    CliError::Failed("the data is no text: leave --data-type plaintext out".into())
                })?;
                Ok(SecretValue::new(text.to_owned()))
            }
        }
    }
}
