//! `strongroom secret rollback`: an extension.

use clap::Args;
use reqwest::Method;
use strongroom_model::Kind;

use super::super::object::Object;
use super::super::object::lifecycle::NamedArgs;
use super::super::object::vault_client::parse;
use super::bundle::Bundle;
use crate::error::CliError;

/// `strongroom secret rollback`
#[derive(Args)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    secret: NamedArgs,
    /// The version whose value becomes the newest.
    #[arg(long, value_name = "VERSION")]
    to: String,
}

/// Makes an older version's value the newest version.
pub(super) async fn run(args: RollbackArgs) -> Result<(), CliError> {
    let mut target = args.secret.object.target(Kind::Secret)?;
    target.address = target.address.at(Some(&args.to))?;
    let client = target.sign_in().await?;
    let path = format!("{}/rollback", target.address.version_path());
    let answer = client.call(Method::POST, &path, None).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.secret.output)
}
