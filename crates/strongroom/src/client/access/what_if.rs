//! `strongroom access what-if`: what a proposed change would have refused in the last days.

mod told;

use std::io::{IsTerminal, Write};

use clap::Args;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use strongroom_ops::what_if::Report;

use super::super::admin::AdminSocket;
use super::super::place::DataDir;
use super::HowArgs;
use crate::error::CliError;

/// What is to change, all of it at once.
#[derive(Args)]
pub(crate) struct WhatIfArgs {
    #[command(flatten)]
    data: DataDir,
    /// How many days of the audit journal are looked at.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    #[command(flatten)]
    roles: RoleChangeArgs,
    #[command(flatten)]
    deny: DenyChangeArgs,
    #[command(flatten)]
    vault: VaultChangeArgs,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Args)]
struct RoleChangeArgs {
    /// A role assignment that would go, by its id.
    #[arg(long, value_name = "ID")]
    remove_assignment: Vec<String>,
    /// A role that would be given, by name or id: --assign ROLE --to PRINCIPAL --at SCOPE.
    #[arg(long, value_name = "ROLE", requires = "to", requires = "at")]
    assign: Vec<String>,
    /// To whom: a client id, an object id, a user principal name or a group's name.
    #[arg(long, value_name = "PRINCIPAL", requires = "assign")]
    to: Vec<String>,
    /// Where: the id of a subscription, resource group, vault or object.
    #[arg(long, value_name = "SCOPE", requires = "assign")]
    at: Vec<String>,
}

#[derive(Args)]
struct DenyChangeArgs {
    /// A deny assignment that would go, by its id.
    #[arg(long, value_name = "ID")]
    remove_deny_assignment: Vec<String>,
    /// Where a deny assignment would be made: the id of a subscription, resource group, vault or
    /// object.
    #[arg(long, value_name = "SCOPE", requires = "denied", requires = "denied_to")]
    deny_at: Option<String>,
    /// Which actions of the control plane it would deny.
    #[arg(long, value_name = "ACTION", num_args = 1.., group = "denied", requires = "deny_at")]
    deny_actions: Vec<String>,
    /// Which data actions it would deny.
    #[arg(long, value_name = "ACTION", num_args = 1.., group = "denied", requires = "deny_at")]
    deny_data_actions: Vec<String>,
    /// To whom: client ids or object ids.
    #[arg(long, value_name = "ID", num_args = 1.., group = "denied_to", requires = "deny_at")]
    deny_to: Vec<String>,
    /// To everyone, but those excepted.
    #[arg(long, group = "denied_to", requires = "deny_at", requires = "deny_except")]
    deny_everyone: bool,
    /// To whom not, although they are among the denied.
    #[arg(long, value_name = "ID", num_args = 1.., requires = "deny_at")]
    deny_except: Vec<String>,
}

#[derive(Args)]
struct VaultChangeArgs {
    /// The vault that would change.
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,
    /// Whether roles would decide in the vault; if not, access policies would.
    #[arg(long, value_name = "BOOL", alias = "enable-rbac-authorization", requires = "vault")]
    rbac: Option<bool>,
    /// What its firewall would do with an address that no rule names: Allow or Deny.
    #[arg(long, value_name = "Allow|Deny", requires = "vault")]
    default_action: Option<String>,
    /// The addresses and networks that its firewall would let in, all of them; an empty one: none.
    #[arg(long, value_name = "CIDR", num_args = 1.., alias = "network-acls-ips")]
    #[arg(requires = "vault")]
    allow_ip: Option<Vec<String>>,
    /// Whether it would be reached over the network at all: Enabled or Disabled.
    #[arg(long, value_name = "Enabled|Disabled", requires = "vault")]
    public_network_access: Option<String>,
    /// Who would be let past its firewall: AzureServices, which are the configured trusted
    /// principals, or None.
    #[arg(long, value_name = "AzureServices|None", requires = "vault")]
    bypass: Option<String>,
    /// Whose access policies would go from the vault.
    #[arg(long, value_name = "OBJECT_ID", requires = "vault")]
    remove_policy: Vec<String>,
}

/// What the server answers about a part of the journal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    from_ms: i64,
    to_ms: i64,
    reached_ms: i64,
    next: Option<String>,
    report: Report,
}

/// Asks, part by part; fails if anything would be refused.
pub(crate) async fn run(args: &WhatIfArgs) -> Result<(), CliError> {
    let mut body = args.body()?;
    let socket = AdminSocket::of(args.data.path());
    let mut report = Report::default();
    let mut progress = Progress::new();
    let part = loop {
        let asked = Value::Object(body.clone());
        let mut part: Part = socket.call(Method::POST, "/access/what-if", Some(&asked)).await?;
        report.merge(std::mem::take(&mut part.report));
        let Some(next) = &part.next else { break part };
        body.insert("before".into(), next.as_str().into());
        body.insert("toMs".into(), part.to_ms.into());
        progress.show(&part, &report);
    };
    progress.end();
    let period = (part.from_ms, part.to_ms);
    args.how.show(&told::document(&report, period), |_| told::text(&report, period))?;
    match report.refusals() {
        0 => Ok(()),
        count => Err(CliError::Breaks(format!(
            "the change would refuse what was asked for {count} times in these days and is \
             allowed today: see what is listed before you make it"
        ))),
    }
}

impl WhatIfArgs {
    /// The change, as the administration socket takes it.
    fn body(&self) -> Result<Map<String, Value>, CliError> {
        let RoleChangeArgs { remove_assignment, assign, to, at } = &self.roles;
        if assign.len() != to.len() || assign.len() != at.len() {
            return Err(CliError::Usage(
                "each --assign ROLE needs its --to PRINCIPAL and its --at SCOPE".into(),
            ));
        }
        let made = assign.iter().zip(to).zip(at);
        let made = made.map(|((role, to), at)| json!({ "role": role, "to": to, "at": at }));
        let body = given([
            ("removeAssignments", json!(remove_assignment)),
            ("assign", made.collect()),
            ("removeDenyAssignments", json!(self.deny.remove_deny_assignment)),
            ("deny", self.deny.body()),
            ("vault", self.vault.body()?),
        ]);
        if body.is_empty() {
            return Err(CliError::Usage(
                "say what would change: --remove-assignment, --assign, --remove-deny-assignment, \
                 --deny-at with what would be denied, or --vault with what would change of it"
                    .into(),
            ));
        }
        Ok(body.into_iter().chain([("days".to_owned(), self.days.into())]).collect())
    }
}

impl DenyChangeArgs {
    /// The deny assignment that would be made; `null` if there is none.
    fn body(&self) -> Value {
        let Some(scope) = &self.deny_at else { return Value::Null };
        json!({
            "name": "proposed",
            "scope": scope,
            "actions": self.deny_actions,
            "dataActions": self.deny_data_actions,
            "principals": self.deny_to,
            "everyone": self.deny_everyone,
            "excludePrincipals": self.deny_except,
        })
    }
}

impl VaultChangeArgs {
    /// What would change of the vault; `null` if no vault is named.
    fn body(&self) -> Result<Value, CliError> {
        let Some(name) = &self.vault else { return Ok(Value::Null) };
        let rules = self.allow_ip.as_ref();
        let rules = rules.map(|all| all.iter().filter(|rule| !rule.is_empty()).collect::<Vec<_>>());
        let acls = Map::from_iter([
            ("bypass".to_owned(), json!(self.bypass)),
            ("defaultAction".to_owned(), json!(self.default_action)),
            ("ipRules".to_owned(), json!(rules)),
        ]);
        let says_acls = acls.values().any(|value| !value.is_null());
        let settings = given([
            ("enableRbacAuthorization", json!(self.rbac)),
            ("publicNetworkAccess", json!(self.public_network_access)),
            ("networkAcls", if says_acls { acls.into() } else { Value::Null }),
        ]);
        if settings.is_empty() && self.remove_policy.is_empty() {
            return Err(CliError::Usage(format!(
                "say what would change of the vault {name}: --rbac, --default-action, --allow-ip, \
                 --public-network-access, --bypass or --remove-policy"
            )));
        }
        Ok(json!({ "name": name, "settings": settings, "removePolicies": self.remove_policy }))
    }
}

/// Only what was said.
fn given<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    let is_said = |value: &Value| match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty(),
        _ => true,
    };
    let said = members.into_iter().filter(|(_, value)| is_said(value));
    said.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How far the reading of a long journal is, on a terminal.
struct Progress {
    on_terminal: bool,
    shown: bool,
}

impl Progress {
    fn new() -> Self {
        Self { on_terminal: std::io::stderr().is_terminal(), shown: false }
    }

    fn show(&mut self, part: &Part, report: &Report) {
        if !self.on_terminal {
            return;
        }
        let days = part.to_ms.saturating_sub(part.reached_ms) / 86_400_000;
        let of = part.to_ms.saturating_sub(part.from_ms) / 86_400_000;
        let line = format!("{days} of {of} days read, {} requests", report.looked_at);
        // Nobody to show it to is no failure.
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K{line}");
        self.shown = true;
    }

    fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: WhatIfArgs,
    }

    fn body(words: &[&str]) -> Result<Value, String> {
        let words = ["what-if"].iter().chain(words);
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.args.body().map(Value::from).map_err(|error| error.to_string())
    }

    #[test]
    fn several_changes_are_one_proposal() {
        let said = body(&[
            "--remove-assignment",
            "a",
            "--assign",
            "Reader",
            "--to",
            "p",
            "--at",
            "/",
            "--vault",
            "dev",
            "--default-action",
            "Deny",
            "--allow-ip",
            "10.0.0.0/8",
            "::1",
            "--rbac",
            "false",
            "--remove-policy",
            "o",
            "--days",
            "7",
        ]);
        let expected = json!({
            "removeAssignments": ["a"],
            "assign": [{"role": "Reader", "to": "p", "at": "/"}],
            "vault": {
                "name": "dev",
                "settings": {
                    "enableRbacAuthorization": false,
                    "networkAcls":
                        {"defaultAction": "Deny", "ipRules": ["10.0.0.0/8", "::1"], "bypass": null},
                },
                "removePolicies": ["o"],
            },
            "days": 7,
        });
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn no_rules_at_all_are_said_too() {
        let said = body(&["--vault", "dev", "--allow-ip", ""]).unwrap();
        assert_eq!(said["vault"]["settings"]["networkAcls"]["ipRules"], json!([]));
    }

    #[test]
    fn what_changes_nothing_and_halves_of_changes_are_wrong_use() {
        for words in [
            &[][..],
            &["--days", "0", "--remove-assignment", "a"],
            &["--vault", "dev"],
            &["--rbac", "true"],
            &["--default-action", "Deny"],
            &["--assign", "Reader", "--to", "p"],
            &["--to", "p"],
            &["--deny-at", "/", "--deny-to", "p"],
            &["--deny-at", "/", "--deny-actions", "*"],
            &["--deny-at", "/", "--deny-actions", "*", "--deny-everyone"],
            &["--deny-to", "p"],
            &["--assign", "a", "--to", "p", "--at", "/", "--assign", "b"],
        ] {
            assert!(body(words).is_err(), "{words:?}");
        }
    }
}
