//! `strongroom role deny`: what nobody may do, or certain principals may not, whatever roles they
//! hold.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::admin::{AdminSocket, with_query};
use super::output::{self, Column, OutputArgs};
use super::place::DataDir;
use super::role::last_segment;
use super::vault::listed;
use crate::error::CliError;

const PATH: &str = "/denyAssignments";
const COLUMNS: &[Column] = &[
    ("DenyAssignment", "/denyAssignmentName"),
    ("Scope", "/scope"),
    ("Principals", "/principals"),
    ("Name", "/name"),
];

/// `strongroom role deny`
#[derive(Args)]
pub(super) struct DenyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Deny something.
    Create(CreateArgs),
    /// Deny it no longer.
    Delete(DeleteArgs),
    /// List deny assignments.
    List(ListArgs),
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    data: DataDir,
    /// Its name, for people.
    #[arg(long)]
    name: String,
    /// What for.
    #[arg(long)]
    description: Option<String>,
    /// Where: the id of a subscription, resource group, vault or secret; `/` is everywhere.
    #[arg(long, value_name = "ID")]
    scope: String,
    /// At this scope only, not below it.
    #[arg(long)]
    only_here: bool,
    /// Whom: client ids or object ids, of principals known here or of a trusted issuer.
    #[arg(long, value_name = "ID", num_args = 1.., required_unless_present = "everyone")]
    principals: Vec<String>,
    /// Everyone, but those excluded.
    #[arg(long, conflicts_with = "principals", requires = "exclude_principals")]
    everyone: bool,
    /// Whom not, although they are among the principals.
    #[arg(long, value_name = "ID", num_args = 1..)]
    exclude_principals: Vec<String>,
    /// Which actions of the control plane, such as `Microsoft.KeyVault/vaults/delete` or `*`.
    #[arg(long, value_name = "ACTION", num_args = 1.., required_unless_present = "data_actions")]
    actions: Vec<String>,
    /// Which of those not.
    #[arg(long, value_name = "ACTION", num_args = 1..)]
    not_actions: Vec<String>,
    /// Which data actions, such as `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    #[arg(long, value_name = "ACTION", num_args = 1..)]
    data_actions: Vec<String>,
    /// Which of those not.
    #[arg(long, value_name = "ACTION", num_args = 1..)]
    not_data_actions: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct DeleteArgs {
    #[command(flatten)]
    data: DataDir,
    /// The deny assignments' ids.
    #[arg(long, value_name = "ID", num_args = 1.., required = true)]
    ids: Vec<String>,
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataDir,
    /// At which scope only.
    #[arg(long, value_name = "ID")]
    scope: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Does what is asked for.
pub(super) async fn run(args: DenyArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Create(args) => create(&args).await,
        Verb::Delete(args) => delete(&args).await,
        Verb::List(args) => {
            let path = with_query(PATH, &[("scope", args.scope.as_deref())]);
            let socket = AdminSocket::of(args.data.path());
            let found: Value = socket.call(Method::GET, &path, None).await?;
            output::show(&listed(found), COLUMNS, &args.output)
        }
    }
}

async fn create(args: &CreateArgs) -> Result<(), CliError> {
    let body = json!({
        "name": args.name,
        "description": args.description,
        "scope": args.scope,
        "onlyHere": args.only_here,
        "everyone": args.everyone,
        "principals": args.principals,
        "excludePrincipals": args.exclude_principals,
        "actions": args.actions,
        "notActions": args.not_actions,
        "dataActions": args.data_actions,
        "notDataActions": args.not_data_actions,
    });
    let socket = AdminSocket::of(args.data.path());
    let made: Value = socket.call(Method::POST, PATH, Some(&body)).await?;
    output::show(&made, COLUMNS, &args.output)
}

async fn delete(args: &DeleteArgs) -> Result<(), CliError> {
    let socket = AdminSocket::of(args.data.path());
    let names: Vec<&str> = args.ids.iter().map(|id| last_segment(id)).collect::<Result<_, _>>()?;
    for name in names {
        socket.call::<Value>(Method::DELETE, &format!("{PATH}/{name}"), None).await?;
    }
    Ok(())
}
