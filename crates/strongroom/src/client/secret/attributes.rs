//! Attributes, tags and content type: as options, and as a body.

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use strongroom_model::Kind;
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::super::object::Object;
use super::super::object::address::VersionArgs;
use super::super::object::attributes::{AttributesArgs, AttributesBody, EnabledArgs, TagsBody};
use super::super::object::vault_client::parse;
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use crate::error::CliError;

/// What is said of a version beside its value.
#[derive(Args)]
pub(super) struct FactsArgs {
    #[command(flatten)]
    attributes: AttributesArgs,
    /// What the value is.
    #[arg(long, alias = "description", value_name = "TEXT")]
    content_type: Option<String>,
}

/// `strongroom secret set-attributes`
#[derive(Args)]
pub(super) struct SetAttributesArgs {
    #[command(flatten)]
    secret: VersionArgs,
    #[command(flatten)]
    enabled: EnabledArgs,
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
    pub(super) tags: TagsBody,
}

impl FactsArgs {
    /// The body that says so.
    pub(super) fn body(&self, enabled: Option<bool>) -> SecretBody<'_> {
        SecretBody {
            value: None,
            content_type: self.content_type.as_deref(),
            attributes: self.attributes.attributes(enabled),
            tags: self.attributes.tags(),
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
    let target = args.secret.target(Kind::Secret)?;
    let client = target.sign_in().await?;
    let body = args.facts.body(args.enabled.enabled).to_json()?;
    let answer = client.call(Method::PATCH, &target.address.version_path(), Some(body)).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
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
        serde_json::from_slice(&line.facts.body(line.enabled.enabled).to_json().unwrap()).unwrap()
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
}
