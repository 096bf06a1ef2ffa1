//! `strongroom secret set`: a new version.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use strongroom_model::Kind;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::object::address::ObjectArgs;
use super::super::object::attributes::DisabledArgs;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::super::terminal;
use super::attributes::FactsArgs;
use super::bundle::Bundle;
use super::encoding::{Encoding, TAG};
use crate::error::CliError;

/// The most that is sent: what a server takes as a body. The vault's own limit is lower, and the
/// vault says so.
const MOST_BYTES: usize = 1024 * 1024;

/// `strongroom secret set`
#[derive(Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    secret: ObjectArgs,
    /// Read the value from this file instead of standard input.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file's encoding [default: utf-8].
    #[arg(long, short = 'e', value_enum, requires = "file")]
    encoding: Option<Encoding>,
    /// The value. Other users of the machine can see it here: better use standard input.
    #[arg(long, hide = true, conflicts_with = "file")]
    value: Option<String>,
    /// Keep the end of the last line that standard input had.
    #[arg(long, conflicts_with_all = ["file", "value"])]
    keep_newline: bool,
    #[command(flatten)]
    disabled: DisabledArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Makes a version. Its value is not printed.
pub(super) async fn run(mut args: SetArgs) -> Result<(), CliError> {
    let target = args.secret.target(Kind::Secret)?;
    let value = value(&mut args)?;
    let client = target.sign_in().await?;
    let mut body = args.facts.body(args.disabled.enabled());
    body.value = Some(&value);
    if args.file.is_some() {
        let name = args.encoding.unwrap_or(Encoding::Utf8).name();
        body.tags.get_or_insert_default().insert(TAG.to_owned(), name.to_owned());
    }
    let body = Some(body.to_json()?);
    let answer = client.call(Method::PUT, &target.address.path(), body).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
}

fn value(args: &mut SetArgs) -> Result<SecretValue, CliError> {
    if let Some(value) = args.value.take() {
        terminal::warn("a value among the arguments is visible to other users: use standard input");
        return Ok(SecretValue::new(value));
    }
    if let Some(path) = &args.file {
        let bytes = file::read(path, MOST_BYTES)?;
        return args.encoding.unwrap_or(Encoding::Utf8).value_of(&bytes);
    }
    let text = terminal::read_secret("Value")?;
    Ok(SecretValue::new(if args.keep_newline {
        take(text)
    } else {
        take(terminal::without_newline(text))
    }))
}

fn take(mut text: Zeroizing<String>) -> String {
    std::mem::take(&mut text)
}
