//! Release policies: as options, as a member of a body, and a template.

use clap::Args;
use serde::Serialize;
use serde_json::json;
use strongroom_wire::SecretValue;

use super::super::object::document::of_json_or_file;
use super::super::output::{self, OutputArgs};
use crate::error::CliError;

/// When a key may be released.
#[derive(Args)]
pub(super) struct PolicyArgs {
    /// When the key may be released: JSON, or a file with it (see get-policy-template).
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Let nobody ever change the release policy again.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[arg(requires = "policy")]
    immutable: Option<bool>,
}

/// `strongroom key get-policy-template`
#[derive(Args)]
pub(super) struct TemplateArgs {
    #[command(flatten)]
    output: OutputArgs,
}

/// A release policy in a body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyBody {
    content_type: &'static str,
    data: SecretValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
}

impl PolicyArgs {
    /// The policy, if one is given.
    pub(super) fn body(&self) -> Result<Option<PolicyBody>, CliError> {
        let Some(text) = &self.policy else { return Ok(None) };
        let document = of_json_or_file("--policy", text)?.to_string();
        Ok(Some(PolicyBody {
            content_type: "application/json; charset=utf-8",
            data: SecretValue::from_bytes(document.as_bytes()),
            immutable: self.immutable,
        }))
    }
}

/// Prints az's template.
pub(super) fn print_template(args: &TemplateArgs) -> Result<(), CliError> {
    let template = json!({
        "version": "1.0.0",
        "anyOf": [{
            "authority": "<issuer>",
            "allOf": [{"claim": "<claim name>", "equals": "<value to match>"}],
        }],
    });
    output::show(&template, &[], &args.output)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_policy_goes_as_base64url() {
        let args = PolicyArgs { policy: Some(" {\"a\": 1}".into()), immutable: Some(true) };
        let expected: Value = json!({
            "contentType": "application/json; charset=utf-8",
            "data": "eyJhIjoxfQ",
            "immutable": true,
        });
        assert_eq!(serde_json::to_value(args.body().unwrap()).unwrap(), expected);
    }
}
