//! `strongroom secret show` and `download`: the only two commands that give a value away.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::installation::Installation;
use super::super::output::{Format, OutputArgs};
use super::super::terminal;
use super::address::{NameArgs, VaultArgs};
use super::bundle::{Bundle, COLUMNS};
use super::encoding::{Encoding, TAG};
use super::file;
use super::vault_client::{VaultClient, parse};
use crate::error::CliError;

/// Which version.
#[derive(Args)]
struct VersionArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
    /// The version [default: the newest].
    #[arg(long, short = 'v')]
    version: Option<String>,
}

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
    match rendered(&bundle, &value, &args.output)? {
        Some(text) => terminal::print(&text),
        None => bundle.print(COLUMNS, &args.output),
    }
}

/// Writes a version's value to a file.
pub(super) async fn download(args: DownloadArgs) -> Result<(), CliError> {
    let (bundle, value) = get(&args.secret).await?;
    let tagged = || Encoding::named(bundle.tags.as_ref()?.get(TAG)?);
    let encoding = args.encoding.or_else(tagged).unwrap_or(Encoding::Utf8);
    file::write(&args.file, &encoding.bytes_of(&value)?, args.overwrite)
}

async fn get(args: &VersionArgs) -> Result<(Bundle, SecretValue), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let address = address.at(args.version.as_deref())?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    let answer = client.call(Method::GET, &address.version_path(), None).await?;
    let mut bundle: Bundle = parse(&answer)?;
    let value = bundle.value.take();
    value
        .map(|value| (bundle, value))
        .ok_or_else(|| CliError::failed("the vault answered without the value"))
}

/// What holds the value; `None` where a query asks for something else.
fn rendered(
    bundle: &Bundle,
    value: &SecretValue,
    how: &OutputArgs,
) -> Result<Option<Zeroizing<Vec<u8>>>, CliError> {
    let line = |before: &str| {
        let mut text = Zeroizing::new(Vec::with_capacity(before.len() + value.expose().len() + 1));
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(value.expose().as_bytes());
        text.push(b'\n');
        text
    };
    let asked = how.query.as_ref().map(|query| query.is_member("value"));
    match (asked, how.output) {
        (None, Format::Json) => bundle.with_value(value).map(Some),
        (Some(true), Format::Json) => {
            super::super::secret_json::pretty(value, value.expose().len()).map(Some)
        }
        (Some(true), _) => Ok(Some(line(""))),
        (None, Format::Tsv) => Ok(Some(line(&format!("{}\t", bundle.name().unwrap_or_default())))),
        (None, Format::Table) => {
            let name = bundle.name().unwrap_or_default();
            let width = name.len().max("Name".len());
            let (heading, rule) = (format!("{:width$}  Value", "Name"), "-".repeat(width));
            Ok(Some(line(&format!("{heading}\n{rule}  -----\n{name:width$}  "))))
        }
        (Some(false), _) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(output: Format, query: Option<&str>) -> Option<String> {
        let bundle: Bundle =
            serde_json::from_str(r#"{"id":"https://v/secrets/db/1","attributes":{}}"#).unwrap();
        let how = OutputArgs { output, query: query.map(|query| query.parse().unwrap()) };
        let text = rendered(&bundle, &SecretValue::new("s\"1".into()), &how).unwrap()?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn a_script_gets_the_bare_value() {
        assert_eq!(shown(Format::Tsv, Some("value")).unwrap(), "s\"1\n");
        assert_eq!(shown(Format::Json, Some("value")).unwrap(), "\"s\\\"1\"\n");
        assert_eq!(shown(Format::Tsv, None).unwrap(), "db\ts\"1\n");
    }

    #[test]
    fn people_get_a_table() {
        assert_eq!(shown(Format::Table, None).unwrap(), "Name  Value\n----  -----\ndb    s\"1\n");
    }

    #[test]
    fn other_members_come_without_the_value() {
        assert_eq!(shown(Format::Tsv, Some("attributes.enabled")), None);
        assert_eq!(shown(Format::Json, Some("id")), None);
    }
}
