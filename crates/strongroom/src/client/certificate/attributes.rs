//! `strongroom certificate set-attributes`

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use strongroom_model::Kind;
use strongroom_wire::to_secret_json;

use super::super::object::Object;
use super::super::object::address::VersionArgs;
use super::super::object::attributes::{AttributesBody, EnabledArgs, TagsArgs, TagsBody};
use super::super::object::document::of_json_or_file;
use super::super::object::vault_client::parse;
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::policy;
use crate::error::CliError;

/// `strongroom certificate set-attributes`
#[derive(Args)]
pub(super) struct SetAttributesArgs {
    #[command(flatten)]
    certificate: VersionArgs,
    #[command(flatten)]
    enabled: EnabledArgs,
    /// The policy of later versions: JSON, or a file with it. What it leaves out stays.
    #[arg(long, short = 'p', value_name = "FILE")]
    policy: Option<String>,
    #[command(flatten)]
    tags: TagsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What is not said is left out, and left alone.
#[derive(Serialize)]
struct UpdateBody {
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
}

impl SetAttributesArgs {
    fn policy(&self) -> Result<Option<Value>, CliError> {
        let Some(text) = &self.policy else { return Ok(None) };
        policy::given(&of_json_or_file("--policy", text)?).map(Some)
    }
}

/// Changes the policy, if one is given, and a version.
pub(super) async fn run(args: SetAttributesArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let policy = args.policy()?;
    let client = target.sign_in().await?;
    if let Some(policy) = policy {
        let body = to_secret_json(&policy).map_err(CliError::failed)?;
        let path = format!("{}/policy", target.address.path());
        client.call(Method::PATCH, &path, Some(body)).await?;
    }
    let attributes = AttributesBody::enabled(args.enabled.enabled);
    let body = UpdateBody { attributes, tags: args.tags.body() };
    let body = to_secret_json(&body).map_err(CliError::failed)?;
    let answer = client.call(Method::PATCH, &target.address.version_path(), Some(body)).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
}
