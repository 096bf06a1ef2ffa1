//! Attributes, tags and content type: as options, and as a body.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use reqwest::Method;
use serde::Serialize;
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::super::installation::Installation;
use super::super::output::OutputArgs;
use super::address::{NameArgs, VaultArgs};
use super::bundle::{Bundle, COLUMNS};
use super::vault_client::{VaultClient, parse};
use crate::error::CliError;

/// What is said of a version beside its value.
#[derive(Args)]
pub(super) struct FactsArgs {
    /// Not to be used from then on: 2030-01-31T12:00:00Z, or a date.
    #[arg(long, value_name = "TIME", value_parser = unix_seconds)]
    expires: Option<i64>,
    /// Not to be used before.
    #[arg(long, value_name = "TIME", value_parser = unix_seconds)]
    not_before: Option<i64>,
    /// What the value is.
    #[arg(long, alias = "description", value_name = "TEXT")]
    content_type: Option<String>,
    /// Tags, in place of all old ones; `--tags ""` clears them.
    #[arg(long, value_name = "NAME=VALUE", num_args = 0.., value_parser = tag)]
    tags: Option<Vec<Tag>>,
}

/// A tag, or nothing.
pub(super) type Tag = Option<(String, String)>;

/// `strongroom secret set-attributes`
#[derive(Args)]
pub(super) struct SetAttributesArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
    /// The version [default: the newest].
    #[arg(long)]
    version: Option<String>,
    /// Whether it may be used.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    enabled: Option<bool>,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The body of a set or an update. What is not said is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<&'a SecretValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct AttributesBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl FactsArgs {
    /// The body that says so.
    pub(super) fn body(&self, enabled: Option<bool>) -> SecretBody<'_> {
        SecretBody {
            value: None,
            content_type: self.content_type.as_deref(),
            attributes: AttributesBody { enabled, nbf: self.not_before, exp: self.expires },
            tags: self.tags.as_ref().map(|tags| tags.iter().flatten().cloned().collect()),
        }
    }
}

impl SecretBody<'_> {
    /// As JSON, in memory that forgets.
    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        to_secret_json(self).map_err(CliError::failed)
    }
}

/// Changes a version.
pub(super) async fn run(args: SetAttributesArgs) -> Result<(), CliError> {
    let installation = Installation::find(&args.vault.place)?;
    let address = args.name.address(&args.vault, &installation.endpoints)?;
    let address = address.at(args.version.as_deref())?;
    let client = VaultClient::open(&installation, &address.vault).await?;
    let body = args.facts.body(args.enabled).to_json()?;
    let answer = client.call(Method::PATCH, &address.version_path(), Some(body)).await?;
    parse::<Bundle>(&answer)?.print(COLUMNS, &args.output)
}

fn unix_seconds(text: &str) -> Result<i64, String> {
    let refused = || "give a time like 2030-01-31T12:00:00Z, or a date".to_owned();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_second());
    }
    // A date would swallow a time of day without its zone.
    let date: Date = text.parse().ok().filter(|_| text.len() == 10).ok_or_else(refused)?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.map(|time| time.as_second()).map_err(|_| refused())
}

fn tag(text: &str) -> Result<Tag, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        Err("a tag is NAME=VALUE".into())
    } else {
        Ok(Some((name.into(), value.into())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SetAttributesArgs,
    }

    fn body(words: &[&str]) -> Value {
        let line = Line::try_parse_from(["x", "-n", "a"].iter().chain(words)).unwrap().args;
        serde_json::from_slice(&line.facts.body(line.enabled).to_json().unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_said_is_sent() {
        assert_eq!(body(&[]), json!({"attributes": {}}));
        let words = [
            "--enabled",
            "false",
            "--expires",
            "2030-01-31T12:00:00Z",
            "--not-before",
            "2020-01-01",
            "--content-type",
            "text/plain",
            "--tags",
            "a=b=c",
            "d",
        ];
        let expected = json!({
            "contentType": "text/plain",
            "attributes": {"enabled": false, "exp": 1_896_091_200, "nbf": 1_577_836_800},
            "tags": {"a": "b=c", "d": ""},
        });
        assert_eq!(body(&words), expected);
    }

    #[test]
    fn tags_are_cleared_by_nothing() {
        assert_eq!(body(&["--tags", ""])["tags"], json!({}));
        assert_eq!(body(&["--tags"])["tags"], json!({}));
        assert!(body(&[]).get("tags").is_none());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "tomorrow", "2030-13-01", "2030-01-31T12:00:00", "1896091200"] {
            assert!(unix_seconds(text).is_err(), "{text}");
        }
    }
}
