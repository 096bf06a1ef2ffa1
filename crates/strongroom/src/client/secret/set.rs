//! `strongroom secret set`: a new version.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::installation::Installation;
use super::super::output::OutputArgs;
use super::super::terminal;
use super::address::{NameArgs, VaultArgs};
use super::attributes::FactsArgs;
use super::bundle::{Bundle, COLUMNS};
use super::encoding::{Encoding, TAG};
use super::file;
use super::vault_client::{VaultClient, parse};
use crate::error::CliError;

/// The most that is sent: what a server takes as a body. The vault's own limit is lower, and the
/// vault says so.
const MOST_BYTES: usize = 1024 * 1024;

/// `strongroom secret set`
#[derive(Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
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
    /// Make it, but let nobody use it yet.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Makes a version. Its value is not printed.
pub(super) async fn run(mut args: SetArgs) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let value = value(&mut args)?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    let mut body = args.facts.body(args.disabled.map(|disabled| !disabled));
    body.value = Some(&value);
    if args.file.is_some() {
        let name = args.encoding.unwrap_or(Encoding::Utf8).name();
        body.tags.get_or_insert_default().insert(TAG.to_owned(), name.to_owned());
    }
    let path = format!("secrets/{}", address.name);
    let answer = client.call(Method::PUT, &path, Some(body.to_json()?)).await?;
    parse::<Bundle>(&answer)?.print(COLUMNS, &args.output)
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
    Ok(SecretValue::new(if args.keep_newline { take(text) } else { take(without_newline(text)) }))
}

/// `echo` and editors end a line that is no part of the value; nothing else is taken away.
fn without_newline(mut text: Zeroizing<String>) -> Zeroizing<String> {
    let kept = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    if let Some(kept) = kept {
        text.truncate(kept);
    }
    text
}

fn take(mut text: Zeroizing<String>) -> String {
    std::mem::take(&mut text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_taken_away() {
        let of = |text: &str| without_newline(Zeroizing::new(text.to_owned())).to_string();
        assert_eq!(of("a\n"), "a");
        assert_eq!(of("a\r\n"), "a");
        assert_eq!(of("a\n\n"), "a\n");
        assert_eq!(of("a\r"), "a\r");
        assert_eq!(of(" a "), " a ");
        assert_eq!(of(""), "");
    }
}
