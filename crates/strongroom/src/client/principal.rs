//! `strongroom group` and `strongroom user`: groups and people, through the administrator's socket.

use clap::{Args, Subcommand};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::admin::AdminSocket;
use super::output::{self, Column, OutputArgs};
use super::place::DataDir;
use crate::error::CliError;

const GROUPS: &[Column] = &[("Name", "/displayName"), ("Id", "/id")];
const USERS: &[Column] =
    &[("Name", "/displayName"), ("UserPrincipalName", "/userPrincipalName"), ("Id", "/id")];

/// `strongroom group`
#[derive(Args)]
pub(crate) struct GroupArgs {
    #[command(subcommand)]
    verb: GroupVerb,
}

#[derive(Subcommand)]
enum GroupVerb {
    /// Make a group without members.
    Create(CreateGroupArgs),
    /// Take a group away.
    Delete(NamedGroupArgs),
    /// Show a group and the object ids of its members.
    Show(NamedGroupArgs),
    /// List the groups.
    List(ListArgs),
    /// Add a member: an application, a user or a group.
    AddMember(MemberArgs),
    /// Take a member out.
    RemoveMember(MemberArgs),
}

#[derive(Args)]
struct CreateGroupArgs {
    #[command(flatten)]
    data: DataDir,
    /// Its display name.
    #[arg(long, short = 'n', visible_alias = "name")]
    display_name: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct NamedGroupArgs {
    #[command(flatten)]
    data: DataDir,
    /// Its display name or object id.
    #[arg(long, short = 'g')]
    group: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct MemberArgs {
    #[command(flatten)]
    data: DataDir,
    /// The group's display name or object id.
    #[arg(long, short = 'g')]
    group: String,
    /// The member: a client id, a user principal name, or any object id.
    #[arg(long, value_name = "ID")]
    member_id: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom user`
#[derive(Args)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    verb: UserVerb,
}

#[derive(Subcommand)]
enum UserVerb {
    /// Make a person of a trusted issuer known by name.
    Create(CreateUserArgs),
    /// Forget a person.
    Delete(NamedUserArgs),
    /// Show a person.
    Show(NamedUserArgs),
    /// List the people.
    List(ListArgs),
}

#[derive(Args)]
struct CreateUserArgs {
    #[command(flatten)]
    data: DataDir,
    /// The display name.
    #[arg(long)]
    display_name: String,
    /// The name to sign in with, such as ada@example.com.
    #[arg(long)]
    user_principal_name: String,
    /// The object id that the issuer's tokens give (oid); if absent, a new one.
    #[arg(long, value_name = "ID")]
    object_id: Option<String>,
    /// The mail address.
    #[arg(long)]
    mail: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct NamedUserArgs {
    #[command(flatten)]
    data: DataDir,
    /// The user principal name or object id.
    #[arg(long, value_name = "NAME")]
    id: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Does what is asked for of groups.
pub(crate) async fn run_group(args: GroupArgs) -> Result<(), CliError> {
    match args.verb {
        GroupVerb::Create(args) => {
            let body = json!({ "displayName": args.display_name });
            ask(&args.data, Method::POST, "/groups", Some(&body), GROUPS, &args.output).await
        }
        GroupVerb::Delete(args) => {
            let path = named("/groups", &args.group);
            ask(&args.data, Method::DELETE, &path, None, GROUPS, &args.output).await
        }
        GroupVerb::Show(args) => {
            let path = named("/groups", &args.group);
            ask(&args.data, Method::GET, &path, None, GROUPS, &args.output).await
        }
        GroupVerb::List(args) => {
            ask(&args.data, Method::GET, "/groups", None, GROUPS, &args.output).await
        }
        GroupVerb::AddMember(args) => {
            let path = named(&(named("/groups", &args.group) + "/members"), &args.member_id);
            ask(&args.data, Method::PUT, &path, None, GROUPS, &args.output).await
        }
        GroupVerb::RemoveMember(args) => {
            let path = named(&(named("/groups", &args.group) + "/members"), &args.member_id);
            ask(&args.data, Method::DELETE, &path, None, GROUPS, &args.output).await
        }
    }
}

/// Does what is asked for of people.
pub(crate) async fn run_user(args: UserArgs) -> Result<(), CliError> {
    match args.verb {
        UserVerb::Create(args) => {
            let body = json!({
                "displayName": args.display_name,
                "userPrincipalName": args.user_principal_name,
                "id": args.object_id,
                "mail": args.mail,
            });
            ask(&args.data, Method::POST, "/users", Some(&body), USERS, &args.output).await
        }
        UserVerb::Delete(args) => {
            let path = named("/users", &args.id);
            ask(&args.data, Method::DELETE, &path, None, USERS, &args.output).await
        }
        UserVerb::Show(args) => {
            let path = named("/users", &args.id);
            ask(&args.data, Method::GET, &path, None, USERS, &args.output).await
        }
        UserVerb::List(args) => {
            ask(&args.data, Method::GET, "/users", None, USERS, &args.output).await
        }
    }
}

fn named(collection: &str, name: &str) -> String {
    format!("{collection}/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// Asks the server and shows its answer; a deletion answers nothing.
async fn ask(
    data: &DataDir,
    method: Method,
    path: &str,
    body: Option<&Value>,
    columns: &[Column],
    output: &OutputArgs,
) -> Result<(), CliError> {
    let answer: Value = AdminSocket::of(data.path()).call(method, path, body).await?;
    if answer.is_null() {
        return Ok(());
    }
    output::show(&answer, columns, output)
}
