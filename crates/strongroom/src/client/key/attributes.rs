//! `strongroom key set-attributes`

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use strongroom_model::{KeyOperation, Kind};
use strongroom_wire::to_secret_json;

use super::super::object::Object;
use super::super::object::address::VersionArgs;
use super::super::object::attributes::{AttributesArgs, AttributesBody, EnabledArgs, TagsBody};
use super::super::object::vault_client::parse;
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::names;
use super::policy::{PolicyArgs, PolicyBody};
use crate::error::CliError;

/// `strongroom key set-attributes`
#[derive(Args)]
pub(super) struct SetAttributesArgs {
    #[command(flatten)]
    key: VersionArgs,
    #[command(flatten)]
    enabled: EnabledArgs,
    /// What it may be used for from now on.
    #[arg(long, value_name = "OP", num_args = 0.., value_parser = names::key_operation())]
    #[arg(ignore_case = true)]
    ops: Option<Vec<KeyOperation>>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    attributes: AttributesArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is not said is left out, and left alone.
#[derive(Serialize)]
struct UpdateBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<&'static str>>,
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_policy: Option<PolicyBody>,
}

impl SetAttributesArgs {
    fn body(&self) -> Result<UpdateBody, CliError> {
        let ops = self.ops.as_ref();
        Ok(UpdateBody {
            key_ops: ops.map(|ops| ops.iter().map(|op| op.name()).collect()),
            attributes: self.attributes.attributes(self.enabled.enabled),
            tags: self.attributes.tags(),
            release_policy: self.policy.body()?,
        })
    }
}

/// Changes a version.
pub(super) async fn run(args: SetAttributesArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let body = to_secret_json(&args.body()?).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
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

    fn body(line: &str) -> Value {
        let words = ["x", "-n", "a"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).unwrap();
        serde_json::to_value(line.args.body().unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_said_is_sent() {
        assert_eq!(body(""), json!({"attributes": {}}));
        assert_eq!(body("--ops --tags"), json!({"attributes": {}, "key_ops": [], "tags": {}}));
        let expected = json!({
            "attributes": {"enabled": false, "nbf": 1_577_836_800},
            "key_ops": ["verify"],
            "release_policy": {
                "contentType": "application/json; charset=utf-8", "data": "e30",
            },
        });
        let line = "--enabled false --not-before 2020-01-01 --ops verify --policy {}";
        assert_eq!(body(line), expected);
    }
}
