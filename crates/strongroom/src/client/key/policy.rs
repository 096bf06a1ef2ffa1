//! Release policies: as options, as a member of a body, and a template.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_wire::SecretValue;

use super::super::object::file;
use super::super::output::{self, OutputArgs};
use crate::error::CliError;

/// The largest policy file that is read.
const MOST_BYTES: usize = 1024 * 1024;

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

/// JSON that an option gives itself or in a file, as az takes it.
pub(super) fn of_json_or_file(option: &str, text: &str) -> Result<Value, CliError> {
    let (source, json) = if text.trim_start().starts_with(['{', '[']) {
        (option, text.as_bytes().to_vec())
    } else {
        (text, file::read(Path::new(text), MOST_BYTES)?.to_vec())
    };
    serde_json::from_slice(&json)
        .map_err(|error| CliError::Usage(format!("{source} is no JSON: {error}")))
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
    use std::io::Write;

    use super::*;

    fn body(policy: &str, immutable: Option<bool>) -> Result<Value, CliError> {
        let args = PolicyArgs { policy: Some(policy.into()), immutable };
        Ok(serde_json::to_value(args.body()?).unwrap())
    }

    #[test]
    fn a_policy_is_json_or_a_file() {
        let expected = json!({
            "contentType": "application/json; charset=utf-8",
            "data": "eyJhIjoxfQ",
            "immutable": true,
        });
        assert_eq!(body(" {\"a\": 1}", Some(true)).unwrap(), expected);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"a\": 1}\n").unwrap();
        assert_eq!(body(file.path().to_str().unwrap(), Some(true)).unwrap(), expected);
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert!(matches!(body("{\"a\"", None), Err(CliError::Usage(_))));
        assert!(matches!(body("/nowhere/policy.json", None), Err(CliError::NotFound(_))));
    }
}
