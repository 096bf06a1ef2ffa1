//! `strongroom vault`: vaults, through the administrator's socket.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::admin::AdminSocket;
use super::output::{self, Column, OutputArgs};
use super::place::DataDir;
use crate::error::CliError;

const COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("VaultUri", "/properties/vaultUri"),
    ("RetentionDays", "/properties/softDeleteRetentionInDays"),
    ("PurgeProtection", "/properties/enablePurgeProtection"),
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
    Create(CreateArgs),
    /// List the vaults.
    List(ListArgs),
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    name: VaultNameArgs,
    #[command(flatten)]
    data: DataDir,
    /// How long deleted objects can be recovered, in days: 7 to 90 [default: 90].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(7..=90))]
    retention_days: Option<u32>,
    /// Let nobody purge before the retention ends. It cannot be taken back.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    enable_purge_protection: Option<bool>,
    /// The resource group [default: the installation's].
    #[arg(long, short = 'g', value_name = "NAME")]
    resource_group: Option<String>,
    /// The region it answers to [default: its resource group's].
    #[arg(long, short = 'l')]
    location: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
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
            let socket = AdminSocket::of(args.data.path());
            let body = creation(&args);
            let vault: Value = socket.call(Method::POST, "/vaults", Some(&body)).await?;
            output::show(&vault, COLUMNS, &args.output)
        }
        Verb::List(args) => {
            let socket = AdminSocket::of(args.data.path());
            let vaults: Value = socket.call(Method::GET, "/vaults", None).await?;
            output::show(&listed(vaults), COLUMNS, &args.output)
        }
    }
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
    let name = args.name.positional.as_ref().or(args.name.name.as_ref());
    let members = [
        ("name", json!(name)),
        ("retentionDays", json!(args.retention_days)),
        ("enablePurgeProtection", json!(args.enable_purge_protection)),
        ("resourceGroup", json!(args.resource_group)),
        ("location", json!(args.location)),
    ];
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
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
            Verb::List(_) => None,
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
