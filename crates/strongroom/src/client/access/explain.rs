//! `strongroom access explain`: why a request is or would be allowed or refused.

use std::fmt::Write as _;
use std::net::IpAddr;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::{HowArgs, each, text};
use crate::client::admin::AdminSocket;
use crate::client::place::DataDir;
use crate::error::CliError;

/// Who wants to do what, where; or a request that was made.
#[derive(Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    asked: AskedArgs,
    /// A request that was made: the `x-ms-request-id` of its answer. It is explained by roles and
    /// rules as they are now.
    #[arg(long, value_name = "ID", conflicts_with = "AskedArgs")]
    request_id: Option<String>,
    /// How far back the journal is searched for the request, in days [default: 30].
    #[arg(long, value_name = "DAYS", conflicts_with = "AskedArgs")]
    days: Option<u32>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Args)]
struct AskedArgs {
    /// Who: a client id, an object id, a user principal name or a group's name.
    #[arg(long, value_name = "ID", required_unless_present = "request_id")]
    principal: Option<String>,
    /// What: an operation such as SecretGet or KeySign, or an action such as
    /// Microsoft.KeyVault/vaults/write.
    #[arg(long, value_name = "NAME", required_unless_present = "request_id")]
    operation: Option<String>,
    /// In which vault.
    #[arg(long, value_name = "NAME", required_unless_present = "request_id")]
    vault: Option<String>,
    /// On which secret, key or certificate [default: the whole vault].
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    /// From which address; without it the firewall is left open.
    #[arg(long, value_name = "ADDRESS")]
    client_ip: Option<IpAddr>,
    /// Through which application a person calls, by its client id.
    #[arg(long, value_name = "ID")]
    application_id: Option<String>,
}

/// Asks, and prints the answer.
pub(crate) async fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let AskedArgs { principal, operation, vault, object, client_ip, application_id } = &args.asked;
    let body = match &args.request_id {
        Some(id) => json!({ "requestId": id, "days": args.days }),
        None => json!({
            "principal": principal,
            "operation": operation,
            "vault": vault,
            "object": object,
            "clientIp": client_ip,
            "applicationId": application_id,
        }),
    };
    let socket = AdminSocket::of(args.data.path());
    let answer: Value = socket.call(Method::POST, "/access/explain", Some(&body)).await?;
    args.how.show(&answer, told)
}

/// An explanation in a few lines.
fn told(answer: &Value) -> String {
    let mut told = String::new();
    let mut line = |text: String| {
        let _ = writeln!(told, "{text}");
    };
    if let Some(request) = answer.get("request").filter(|request| request.is_object()) {
        line(format!(
            "At {} the request was answered {}. By roles and rules as they are now:",
            text(request, "/time"),
            request.pointer("/status").map_or_else(String::new, Value::to_string)
        ));
    }
    let place = text(answer, "/resource");
    line(short(&verdict(answer), &place));
    line(format!("  who:   {}", super::named(answer.pointer("/principal"))));
    let operation = text(answer, "/operation");
    let action = text(answer, "/action");
    let what =
        if operation.is_empty() { action } else { format!("{operation}, which needs {action}") };
    line(format!("  what:  {what}"));
    line(format!("  where: {place}"));
    for step in each(answer, "/steps") {
        let mark = match text(step, "/outcome").as_str() {
            "passed" => "yes",
            "refused" => "NO ",
            _ => "-  ",
        };
        line(format!("  {mark}  {}", short(&text(step, "/text"), &place)));
    }
    for miss in each(answer, "/nearMisses") {
        line(format!("Nearly: {}.", short(&text(miss, "/text"), &place)));
    }
    for (heading, path) in [("To do", "/advice"), ("Note", "/notes")] {
        for said in each(answer, path).filter_map(Value::as_str) {
            line(format!("{heading}: {said}"));
        }
    }
    told
}

/// A text in which the vault's place, told once already, is not told in full again.
fn short(text: &str, place: &str) -> String {
    match place.find("/vaults/").and_then(|end| place.get(..end)) {
        Some(start) => text.replace(start, "…"),
        None => text.to_owned(),
    }
}

fn verdict(answer: &Value) -> String {
    if text(answer, "/verdict") == "Allowed" {
        let is_open = each(answer, "/steps")
            .all(|step| text(step, "/check") != "firewall" || text(step, "/outcome") == "passed");
        let unless = if is_open { "" } else { ", if the firewall lets the address in" };
        return format!("ALLOWED{unless}: by {}.", text(answer, "/decidedBy/text"));
    }
    let status = answer.pointer("/refusal/status").map_or_else(String::new, Value::to_string);
    let (code, inner) = (text(answer, "/refusal/code"), text(answer, "/refusal/innerCode"));
    let code = if inner.is_empty() { code } else { inner };
    format!("REFUSED: {status} {code}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_begins_with_its_code_and_ends_with_what_to_do() {
        let answer = json!({
            "principal": {"id": "p", "type": "ServicePrincipal", "displayName": "web"},
            "operation": "SecretGet",
            "action": "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "resource": "/subscriptions/s",
            "verdict": "Refused",
            "refusal": {"status": 403, "code": "Forbidden", "innerCode": "ForbiddenByRbac"},
            "steps": [{"check": "roleAssignments", "outcome": "refused", "text": "No role."}],
            "nearMisses": [{"text": "The role 'Reader' does not allow the action"}],
            "advice": ["Give it a role."],
            "notes": [],
        });
        let told = told(&answer);
        assert!(told.starts_with("REFUSED: 403 ForbiddenByRbac.\n  who:   web (p)\n"), "{told}");
        assert!(
            told.contains(
                "\n  NO   No role.\nNearly: The role 'Reader' does not allow the action.\n"
            )
        );
        assert!(told.ends_with("To do: Give it a role.\n"), "{told}");
    }

    #[test]
    fn a_place_is_told_in_full_once() {
        let vaults = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault";
        let said = format!("the role 'R' at {vaults}/vaults/v/secrets/a");
        let place = format!("{vaults}/vaults/v/secrets/b");
        assert_eq!(short(&said, &place), "the role 'R' at …/vaults/v/secrets/a");
        assert_eq!(short(&said, "/subscriptions/s"), said);
    }

    #[test]
    fn an_open_question_is_told_in_the_verdict() {
        let allowed = |outcome: &str| {
            verdict(&json!({
                "verdict": "Allowed",
                "decidedBy": {"text": "the role 'Owner' at /"},
                "steps": [{"check": "firewall", "outcome": outcome, "text": ""}],
            }))
        };
        assert_eq!(allowed("passed"), "ALLOWED: by the role 'Owner' at /.");
        assert!(allowed("notDecided").contains("if the firewall lets the address in"));
    }
}
