//! `strongroom key rotation-policy`: when a key is rotated.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strongroom_model::Kind;
use zeroize::Zeroizing;

use super::super::object::address::ObjectArgs;
use super::super::object::document::of_json_or_file;
use super::super::object::vault_client::parse;
use super::super::object::view::iso;
use super::super::output::{self, Column, OutputArgs};
use crate::error::CliError;

const COLUMNS: &[Column] = &[
    ("Id", "/id"),
    ("ExpiresIn", "/expiresIn"),
    ("Action", "/lifetimeActions/0/action"),
    ("TimeAfterCreate", "/lifetimeActions/0/timeAfterCreate"),
    ("TimeBeforeExpiry", "/lifetimeActions/0/timeBeforeExpiry"),
];

/// `strongroom key rotation-policy`
#[derive(Args)]
pub(super) struct RotationPolicyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show when a key is rotated.
    Show(ShowArgs),
    /// Set when a key is rotated.
    Update(UpdateArgs),
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    key: ObjectArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct UpdateArgs {
    #[command(flatten)]
    key: ObjectArgs,
    /// The policy: JSON, or a file with it.
    #[arg(long, value_name = "FILE")]
    value: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// A policy as az takes it: as the service writes it, as `show` prints it, or in snake case.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    #[serde(alias = "lifetime_actions", default)]
    lifetime_actions: Vec<GivenAction>,
    attributes: Option<GivenExpiry>,
    #[serde(alias = "expires_in", alias = "expiryTime", alias = "expiry_time")]
    expires_in: Option<String>,
    #[serde(rename = "id")]
    _id: Option<String>,
    #[serde(rename = "createdOn", alias = "created_on")]
    _created_on: Option<String>,
    #[serde(rename = "updatedOn", alias = "updated_on")]
    _updated_on: Option<String>,
}

#[derive(Deserialize)]
struct GivenExpiry {
    #[serde(alias = "expiryTime", alias = "expiry_time", alias = "expiresIn")]
    expires_in: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAction {
    action: GivenType,
    trigger: Option<Trigger>,
    #[serde(rename = "timeAfterCreate", alias = "time_after_create")]
    time_after_create: Option<String>,
    #[serde(rename = "timeBeforeExpiry", alias = "time_before_expiry")]
    time_before_expiry: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum GivenType {
    Name(String),
    Member {
        #[serde(rename = "type")]
        name: String,
    },
}

/// A policy as the vault has it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    #[serde(skip_serializing)]
    id: Option<String>,
    lifetime_actions: Vec<Action>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize, Serialize)]
struct Action {
    trigger: Trigger,
    action: ActionType,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trigger {
    #[serde(alias = "time_after_create", skip_serializing_if = "Option::is_none")]
    time_after_create: Option<String>,
    #[serde(alias = "time_before_expiry", skip_serializing_if = "Option::is_none")]
    time_before_expiry: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct ActionType {
    #[serde(rename = "type")]
    name: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_time: Option<String>,
    #[serde(skip_serializing)]
    created: Option<i64>,
    #[serde(skip_serializing)]
    updated: Option<i64>,
}

impl From<Given> for Policy {
    fn from(given: Given) -> Self {
        let expiry_time = given.attributes.and_then(|a| a.expires_in).or(given.expires_in);
        Self {
            id: None,
            lifetime_actions: given.lifetime_actions.into_iter().map(Action::from).collect(),
            attributes: expiry_time.map(|expiry_time| Attributes {
                expiry_time: Some(expiry_time),
                created: None,
                updated: None,
            }),
        }
    }
}

impl From<GivenAction> for Action {
    fn from(given: GivenAction) -> Self {
        let (GivenType::Name(name) | GivenType::Member { name }) = given.action;
        let trigger = given.trigger.unwrap_or(Trigger {
            time_after_create: given.time_after_create,
            time_before_expiry: given.time_before_expiry,
        });
        Self { trigger, action: ActionType { name } }
    }
}

impl Policy {
    /// As az prints it.
    fn view(&self) -> Value {
        let attributes = self.attributes.as_ref();
        let action = |action: &Action| {
            json!({
                "action": action.action.name,
                "timeAfterCreate": action.trigger.time_after_create,
                "timeBeforeExpiry": action.trigger.time_before_expiry,
            })
        };
        json!({
            "id": self.id,
            "lifetimeActions": self.lifetime_actions.iter().map(action).collect::<Value>(),
            "expiresIn": attributes.and_then(|attributes| attributes.expiry_time.as_ref()),
            "createdOn": attributes.and_then(|attributes| attributes.created).map(iso),
            "updatedOn": attributes.and_then(|attributes| attributes.updated).map(iso),
        })
    }
}

/// Does what is asked for.
pub(super) async fn run(args: RotationPolicyArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Show(args) => exchange(&args.key, None, &args.output).await,
        Verb::Update(args) => {
            let body = serde_json::to_vec(&policy(&args.value)?).map_err(CliError::failed)?;
            exchange(&args.key, Some(body), &args.output).await
        }
    }
}

fn policy(value: &str) -> Result<Policy, CliError> {
    let given: Given = serde_json::from_value(of_json_or_file("--value", value)?)
        .map_err(|error| CliError::Usage(format!("--value is no rotation policy: {error}")))?;
    Ok(given.into())
}

async fn exchange(
    key: &ObjectArgs,
    body: Option<Vec<u8>>,
    how: &OutputArgs,
) -> Result<(), CliError> {
    let target = key.target(Kind::Key)?;
    let client = target.sign_in().await?;
    let method = if body.is_some() { Method::PUT } else { Method::GET };
    let path = format!("{}/rotationpolicy", target.address.path());
    let answer = client.call(method, &path, body.map(Zeroizing::new)).await?;
    output::show(&parse::<Policy>(&answer)?.view(), COLUMNS, how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_however_az_has_it() {
        let expected = json!({
            "lifetimeActions": [
                {"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}},
                {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}},
            ],
            "attributes": {"expiryTime": "P2Y"},
        });
        let of_az = json!({
            "lifetime_actions": [
                {"trigger": {"time_after_create": "P90D"}, "action": {"type": "Rotate"}},
                {"trigger": {"time_before_expiry": "P30D"}, "action": {"type": "Notify"}},
            ],
            "attributes": {"expiry_time": "P2Y"},
        });
        let printed = json!({
            "id": "https://v/keys/a/rotationpolicy",
            "lifetimeActions": [
                {"action": "Rotate", "timeAfterCreate": "P90D", "timeBeforeExpiry": null},
                {"action": "Notify", "timeAfterCreate": null, "timeBeforeExpiry": "P30D"},
            ],
            "expiresIn": "P2Y",
            "createdOn": "2030-01-01T00:00:00+00:00",
            "updatedOn": "2030-01-01T00:00:00+00:00",
        });
        for given in [&expected, &of_az, &printed] {
            let read = policy(&given.to_string()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), expected);
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_refused() {
        for given in [
            json!({"lifetimeAction": []}),
            json!({"lifetimeActions": [{"trigger": {"timeAfterCreate": "P90D"}}]}),
            json!({"lifetimeActions": [{"action": "Rotate", "timeAfterCreation": "P90D"}]}),
            json!({"lifetimeActions": [{"action": "Rotate", "trigger": {"after": "P90D"}}]}),
        ] {
            assert!(matches!(policy(&given.to_string()), Err(CliError::Usage(_))), "{given}");
        }
    }

    #[test]
    fn a_key_without_a_policy_has_no_times() {
        let policy: Policy = serde_json::from_value(json!({
            "lifetimeActions": [
                {"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}},
            ],
            "attributes": null,
        }))
        .unwrap();
        let view = policy.view();
        assert_eq!(view["expiresIn"], Value::Null);
        assert_eq!(view["lifetimeActions"][0]["action"], "Notify");
    }
}
