//! `strongroom access least-privilege`: the smallest roles that are enough.

use std::fmt::Write as _;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::{HowArgs, each, named, text};
use crate::client::admin::AdminSocket;
use crate::client::place::DataDir;
use crate::error::CliError;

/// For whom, in which vault, and for what.
#[derive(Args)]
pub(crate) struct LeastPrivilegeArgs {
    #[command(flatten)]
    data: DataDir,
    /// Who: a client id, an object id, a user principal name or a group's name.
    #[arg(long, value_name = "ID")]
    principal: String,
    /// In which vault.
    #[arg(long, value_name = "NAME")]
    vault: String,
    /// What it shall be able to do, as OPERATION or OPERATION=OBJECT, such as SecretGet=db
    /// [default: what it did, by the audit journal].
    #[arg(long, value_name = "OPERATION", num_args = 1..)]
    operations: Vec<String>,
    /// How many days of the journal are looked at [default: 30].
    #[arg(long, value_name = "DAYS", conflicts_with = "operations")]
    days: Option<u32>,
    #[command(flatten)]
    how: HowArgs,
}

/// Asks, and prints the answer.
pub(crate) async fn run(args: &LeastPrivilegeArgs) -> Result<(), CliError> {
    let operations: Vec<Value> = args
        .operations
        .iter()
        .map(|text| match text.split_once('=') {
            Some((operation, object)) => json!({ "operation": operation, "object": object }),
            None => json!({ "operation": text }),
        })
        .collect();
    let body = json!({
        "principal": args.principal,
        "vault": args.vault,
        "operations": operations,
        "days": args.days,
    });
    let socket = AdminSocket::of(args.data.path());
    let answer: Value = socket.call(Method::POST, "/access/leastPrivilege", Some(&body)).await?;
    args.how.show(&answer, told)
}

fn told(answer: &Value) -> String {
    let mut told = String::new();
    let mut line = |text: String| {
        let _ = writeln!(told, "{text}");
    };
    line(format!("{} in {}", named(answer.pointer("/principal")), text(answer, "/vault")));
    let is_read = answer.pointer("/fromJournal") == Some(&Value::Bool(true));
    if is_read {
        let days = answer.pointer("/days").map_or_else(String::new, Value::to_string);
        let count = each(answer, "/used").count();
        line(format!("By the journal it did {count} different things in the last {days} days:"));
    }
    for used in each(answer, "/used") {
        let times = match used.pointer("/count").and_then(Value::as_u64) {
            Some(count) if count > 0 => format!("  ({count} times)"),
            _ => String::new(),
        };
        let what = [text(used, "/operation"), text(used, "/object")];
        line(format!("  {}{times}", what.join(" ").trim_end()));
    }
    enough(answer, &mut line);
    beyond(answer, &mut line);
    told
}

fn enough(answer: &Value, line: &mut impl FnMut(String)) {
    for placed in each(answer, "/roles") {
        let roles: Vec<String> =
            each(placed, "/roles").map(|role| format!("'{}'", text(role, "/name"))).collect();
        line(format!("Enough: {} at {}", roles.join(" and "), text(placed, "/scope")));
        let excess = actions(placed, "/excess");
        if !excess.is_empty() {
            line(format!("  which allows beside: {excess}"));
        }
    }
    let permissions = permissions(answer, "/permissions");
    if !permissions.is_empty() {
        line(format!("Enough: an access policy with {permissions}"));
    }
    for unmet in each(answer, "/unmet").filter_map(Value::as_str) {
        line(format!("No role allows {unmet}."));
    }
}

fn beyond(answer: &Value, line: &mut impl FnMut(String)) {
    for beyond in each(answer, "/beyond") {
        let actions = actions(beyond, "/dataActions");
        line(format!("Beyond that it may, at {}: {}", text(beyond, "/scope"), actions));
    }
    let permissions = permissions(answer, "/permissionsBeyond");
    if !permissions.is_empty() {
        line(format!("Beyond that its access policies give {permissions}"));
    }
    for held in each(answer, "/superfluous") {
        line(format!("Not needed then: {} ({})", text(held, "/text"), text(held, "/id")));
    }
}

/// Data actions without what all of them begin with.
fn actions(value: &Value, path: &str) -> String {
    let names = each(value, path).filter_map(Value::as_str);
    let short = names.map(|name| name.trim_start_matches("Microsoft.KeyVault/vaults/"));
    short.collect::<Vec<_>>().join(", ")
}

fn permissions(answer: &Value, path: &str) -> String {
    let pairs = each(answer, path).map(|pair| [text(pair, "/0"), text(pair, "/1")].join(" "));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enough_comes_before_what_is_too_much() {
        let answer = json!({
            "principal": {"id": "p", "displayName": "web"},
            "vault": "/v",
            "fromJournal": true,
            "days": 30,
            "used": [{"operation": "SecretGet", "object": "db", "count": 7}],
            "roles": [{"scope": "/v/secrets/db", "roles": [{"name": "Key Vault Secrets User"}],
                       "excess": ["Microsoft.KeyVault/vaults/secrets/readMetadata/action"]}],
            "permissions": [["secrets", "get"]],
            "unmet": [],
            "beyond": [{"scope": "/v", "dataActions": ["purge"]}],
            "permissionsBeyond": [],
            "superfluous": [{"id": "a", "text": "the role 'Key Vault Administrator' at /v"}],
        });
        let expected = "web (p) in /v\n\
            By the journal it did 1 different things in the last 30 days:\n  \
            SecretGet db  (7 times)\n\
            Enough: 'Key Vault Secrets User' at /v/secrets/db\n  which allows beside: \
            secrets/readMetadata/action\n\
            Enough: an access policy with secrets get\n\
            Beyond that it may, at /v: purge\n\
            Not needed then: the role 'Key Vault Administrator' at /v (a)\n";
        assert_eq!(told(&answer), expected);
    }
}
