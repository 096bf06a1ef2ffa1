//! `strongroom vault`: vaults, through the administrator's socket.

mod policies;
mod settings;

use clap::{Args, Subcommand};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::admin::AdminSocket;
use super::output::{self, Column, OutputArgs};
use super::place::DataDir;
use super::terminal;
use crate::error::CliError;
use policies::{DeletePolicyArgs, SetPolicyArgs};
use settings::{SettingsArgs, given};

const COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("VaultUri", "/properties/vaultUri"),
    ("RetentionDays", "/properties/softDeleteRetentionInDays"),
    ("PurgeProtection", "/properties/enablePurgeProtection"),
];

const DELETED_COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("Location", "/properties/location"),
    ("DeletionDate", "/properties/deletionDate"),
    ("ScheduledPurgeDate", "/properties/scheduledPurgeDate"),
];

/// `strongroom vault`
#[derive(Args)]
pub(crate) struct VaultArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a vault.
    Create(Box<CreateArgs>),
    /// List the vaults.
    List(ListArgs),
    /// Show a vault.
    Show(ShowArgs),
    /// Change a vault. What is not said stays as it is.
    Update(Box<UpdateArgs>),
    /// Delete a vault. Until its retention ends it can be recovered, and its name is taken.
    Delete(ShowArgs),
    /// List the deleted vaults.
    ListDeleted(ListArgs),
    /// Recover a deleted vault, with everything in it.
    Recover(ShowArgs),
    /// Purge a deleted vault, with everything in it. It cannot be taken back.
    Purge(ShowArgs),
    /// Open a vault's firewall, to get back in. The rules are kept.
    Unlock(ShowArgs),
    /// Give a principal permissions, in a vault where access policies decide.
    SetPolicy(SetPolicyArgs),
    /// Take a principal's permissions away.
    DeletePolicy(DeletePolicyArgs),
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    vault: NamedArgs,
    /// How long deleted objects can be recovered, in days: 7 to 90 [default: 90].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(7..=90))]
    retention_days: Option<u32>,
    /// The resource group [default: the installation's].
    #[arg(long, short = 'g', value_name = "NAME")]
    resource_group: Option<String>,
    /// The region it answers to [default: its resource group's].
    #[arg(long, short = 'l')]
    location: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct UpdateArgs {
    #[command(flatten)]
    vault: NamedArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A vault by its name.
#[derive(Args)]
struct NamedArgs {
    #[command(flatten)]
    name: VaultNameArgs,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct VaultNameArgs {
    /// The vault's name: 3 to 24 letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    positional: Option<String>,
    /// The same, as az has it.
    #[arg(long, short = 'n', value_name = "NAME")]
    name: Option<String>,
}

impl VaultNameArgs {
    fn as_str(&self) -> &str {
        self.positional.as_deref().or(self.name.as_deref()).unwrap_or_default()
    }
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    vault: NamedArgs,
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

/// Does what is asked for.
pub(crate) async fn run(args: VaultArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Create(args) => {
            let socket = AdminSocket::of(args.vault.data.path());
            let vault: Value = socket.call(Method::POST, "/vaults", Some(&creation(&args))).await?;
            output::show(&vault, COLUMNS, &args.output)
        }
        Verb::List(args) => list(args, "/vaults", COLUMNS).await,
        Verb::Show(args) => ask(args, Method::GET, path, COLUMNS).await,
        Verb::Update(args) => {
            let socket = AdminSocket::of(args.vault.data.path());
            let (path, body) = (path(&args.vault.name), args.settings.body().into());
            let vault: Value = socket.call(Method::PATCH, &path, Some(&body)).await?;
            output::show(&vault, COLUMNS, &args.output)
        }
        Verb::Delete(args) => ask(args, Method::DELETE, path, DELETED_COLUMNS).await,
        Verb::ListDeleted(args) => list(args, "/deletedVaults", DELETED_COLUMNS).await,
        Verb::Recover(args) => {
            let recover = |name: &VaultNameArgs| deleted_path(name) + "/recover";
            ask(args, Method::POST, recover, COLUMNS).await
        }
        Verb::Purge(args) => {
            let socket = AdminSocket::of(args.vault.data.path());
            let path = deleted_path(&args.vault.name);
            let _: Value = socket.call(Method::DELETE, &path, None).await?;
            Ok(())
        }
        Verb::Unlock(args) => unlock(args).await,
        Verb::SetPolicy(args) => output::show(&policies::set(&args).await?, COLUMNS, &args.output),
        Verb::DeletePolicy(args) => {
            output::show(&policies::delete(&args).await?, COLUMNS, &args.output)
        }
    }
}

/// Asks about one vault.
async fn ask(
    args: ShowArgs,
    method: Method,
    path: impl Fn(&VaultNameArgs) -> String,
    columns: &[Column],
) -> Result<(), CliError> {
    let socket = AdminSocket::of(args.vault.data.path());
    let answer: Value = socket.call(method, &path(&args.vault.name), None).await?;
    output::show(&answer, columns, &args.output)
}

async fn list(args: ListArgs, path: &str, columns: &[Column]) -> Result<(), CliError> {
    let socket = AdminSocket::of(args.data.path());
    let vaults: Value = socket.call(Method::GET, path, None).await?;
    output::show(&listed(vaults), columns, &args.output)
}

async fn unlock(args: ShowArgs) -> Result<(), CliError> {
    let name = args.vault.name.as_str().to_owned();
    ask(args, Method::POST, |name| path(name) + "/unlock", COLUMNS).await?;
    terminal::warn(&format!(
        "the firewall of {name} now lets in every address; its rules are kept: add yours, and shut \
         it again by `strongroom vault update {name} --default-action Deny`"
    ));
    Ok(())
}

fn path(name: &VaultNameArgs) -> String {
    format!("/vaults/{}", utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC))
}

fn deleted_path(name: &VaultNameArgs) -> String {
    format!("/deletedVaults/{}", utf8_percent_encode(name.as_str(), NON_ALPHANUMERIC))
}

/// The names of the vaults there are.
pub(crate) async fn names(socket: &AdminSocket) -> Result<Vec<String>, CliError> {
    let vaults: Option<Value> = socket.try_call(Method::GET, "/vaults", None).await?;
    let vaults = vaults.map(listed);
    let vaults = vaults.as_ref().and_then(Value::as_array).into_iter().flatten();
    Ok(vaults.filter_map(|vault| Some(vault.get("name")?.as_str()?.to_owned())).collect())
}

/// The elements of a list, which ARM wraps in `value` and az does not.
pub(crate) fn listed(mut answer: Value) -> Value {
    match answer.get_mut("value") {
        Some(value) => value.take(),
        None => answer,
    }
}

fn creation(args: &CreateArgs) -> Value {
    let mut body: Map<String, Value> = given([
        ("name", json!(args.vault.name.as_str())),
        ("retentionDays", json!(args.retention_days)),
        ("resourceGroup", json!(args.resource_group)),
        ("location", json!(args.location)),
    ]);
    body.append(&mut args.settings.body());
    body.into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        vault: VaultArgs,
    }

    fn body(words: &[&str]) -> Option<Value> {
        let words = ["vault", "create"].iter().chain(words);
        match Line::try_parse_from(words).ok()?.vault.verb {
            Verb::Create(args) => Some(creation(&args)),
            _ => None,
        }
    }

    #[test]
    fn a_creation_says_only_what_was_said() {
        assert_eq!(body(&["week"]).unwrap(), json!({"name": "week"}));
        let all = ["-n", "p", "--retention-days", "7", "--enable-purge-protection", "-g", "rg"];
        let expected = json!({
            "name": "p", "retentionDays": 7, "enablePurgeProtection": true, "resourceGroup": "rg",
        });
        assert_eq!(body(&all).unwrap(), expected);
        let off = body(&["x", "--enable-purge-protection", "false"]).unwrap();
        assert_eq!(off["enablePurgeProtection"], false);
    }

    #[test]
    fn a_firewall_is_said_as_az_says_it() {
        let said = ["x", "--default-action", "Deny", "--network-acls-ips", "10.0.0.0/8", "::1"];
        let acls = json!({"defaultAction": "Deny", "ipRules": ["10.0.0.0/8", "::1"]});
        assert_eq!(body(&said).unwrap()["networkAcls"], acls);
        assert_eq!(
            body(&["x", "--network-acls-ips", ""]).unwrap()["networkAcls"]["ipRules"],
            json!([])
        );
    }

    #[test]
    fn wrong_use_is_refused() {
        for words in [&[][..], &["a", "-n", "b"], &["a", "--retention-days", "6"]] {
            assert!(body(words).is_none(), "{words:?}");
        }
    }

    #[test]
    fn both_shapes_of_a_list_are_read() {
        assert_eq!(listed(json!({"value": [1], "nextLink": null})), json!([1]));
        assert_eq!(listed(json!([1])), json!([1]));
    }
}
