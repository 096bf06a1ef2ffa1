//! `strongroom certificate pending`: the operation that makes the next version.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;
use strongroom_model::Kind;
use strongroom_wire::to_secret_json;
use zeroize::Zeroizing;

use super::super::object::address::ObjectArgs;
use super::super::object::attributes::{AttributesBody, DisabledArgs, TagsArgs, TagsBody};
use super::super::object::lifecycle::NamedArgs;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::operation::Operation;
use super::show::certificates_of;
use crate::error::CliError;

/// The largest file that is read.
const MOST_BYTES: usize = 512 * 1024;

/// `strongroom certificate pending`
#[derive(Args)]
pub(super) struct PendingArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show it, with the signing request (`csr`, base64 of DER).
    Show(NamedArgs),
    /// Complete it with the certificate that an outside authority signed.
    Merge(MergeArgs),
    /// Ask that it be given up.
    Cancel(NamedArgs),
    /// Forget it.
    Delete(NamedArgs),
}

#[derive(Args)]
struct MergeArgs {
    #[command(flatten)]
    certificate: ObjectArgs,
    /// The certificate, and those that certify it: PEM, or DER of one.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    disabled: DisabledArgs,
    #[command(flatten)]
    tags: TagsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct MergeBody {
    x5c: Vec<String>,
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
}

/// Does what is asked for.
pub(super) async fn run(args: PendingArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Show(args) => answered(&args, Method::GET, None).await,
        Verb::Merge(args) => merge(args).await,
        Verb::Cancel(args) => {
            let body = json!({"cancellation_requested": true}).to_string();
            answered(&args, Method::PATCH, Some(Zeroizing::new(body.into_bytes()))).await
        }
        Verb::Delete(args) => answered(&args, Method::DELETE, None).await,
    }
}

async fn answered(
    args: &NamedArgs,
    method: Method,
    body: Option<Zeroizing<Vec<u8>>>,
) -> Result<(), CliError> {
    let target = args.object.target(Kind::Certificate)?;
    let client = target.sign_in().await?;
    let path = format!("{}/pending", target.address.path());
    parse::<Operation>(&client.call(method, &path, body).await?)?.print(&args.output)
}

async fn merge(args: MergeArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let body = MergeBody {
        x5c: certificates_of(&file::read(&args.file, MOST_BYTES)?)?,
        attributes: AttributesBody::enabled(args.disabled.enabled()),
        tags: args.tags.body(),
    };
    let body = to_secret_json(&body).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let path = format!("{}/pending/merge", target.address.path());
    let answer = client.call(Method::POST, &path, Some(body)).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
}
