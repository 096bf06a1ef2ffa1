//! `strongroom identity`: applications that can sign in, through the administrator's socket.

use clap::{Args, Subcommand};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strongroom_wire::SecretValue;

use super::admin::AdminSocket;
use super::output::{self, OutputArgs};
use super::place::DataDir;
use super::secret_json;
use super::terminal;
use crate::error::CliError;

/// `strongroom identity`
#[derive(Args)]
pub(crate) struct IdentityArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make an application with a client secret, which is shown this once.
    CreateForRbac(CreateArgs),
    /// Let a new key sign tokens; those signed by the old one stay good until they end.
    RotateTokenKey(RotateArgs),
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    data: DataDir,
    /// Its display name.
    #[arg(long, short = 'n')]
    name: String,
    /// A role to give it, by name or id.
    #[arg(long, requires = "scope")]
    role: Option<String>,
    /// Where it holds the role: a resource id.
    #[arg(long, alias = "scopes", value_name = "ID", requires = "role")]
    scope: Option<String>,
}

#[derive(Args)]
struct RotateArgs {
    #[command(flatten)]
    data: DataDir,
}

/// az's answer.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct NewIdentity {
    app_id: String,
    display_name: String,
    password: SecretValue,
    tenant: String,
}

/// Does what is asked for.
pub(crate) async fn run(args: IdentityArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::CreateForRbac(args) => {
            let body = json!({
                "displayName": args.name, "role": args.role, "scope": args.scope,
            });
            let socket = AdminSocket::of(args.data.path());
            let made: NewIdentity = socket.call(Method::POST, "/identities", Some(&body)).await?;
            terminal::print(&secret_json::pretty(&made, made.password.expose().len())?)
        }
        Verb::RotateTokenKey(args) => {
            let socket = AdminSocket::of(args.data.path());
            let answer: Value = socket.call(Method::POST, "/tokenKeys/rotate", None).await?;
            output::show(&answer, &[], &OutputArgs::default())
        }
    }
}
