//! `strongroom access who-can`: everybody who may do something.

use std::fmt::Write as _;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::{HowArgs, each, named, text};
use crate::client::admin::AdminSocket;
use crate::client::place::DataDir;
use crate::error::CliError;

/// What, and where.
#[derive(Args)]
pub(crate) struct WhoCanArgs {
    #[command(flatten)]
    data: DataDir,
    /// What: an operation such as SecretGet or KeySign, or an action such as
    /// Microsoft.KeyVault/vaults/write.
    #[arg(long, value_name = "NAME")]
    operation: String,
    /// In which vault.
    #[arg(long, value_name = "NAME")]
    vault: String,
    /// On which secret, key or certificate [default: the whole vault].
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// Asks, and prints the answer.
pub(crate) async fn run(args: &WhoCanArgs) -> Result<(), CliError> {
    let body = json!({
        "operation": args.operation,
        "vault": args.vault,
        "object": args.object,
    });
    let socket = AdminSocket::of(args.data.path());
    let answer: Value = socket.call(Method::POST, "/access/whoCan", Some(&body)).await?;
    args.how.show(&answer, told)
}

fn told(answer: &Value) -> String {
    let mut told = String::new();
    for able in each(answer, "") {
        let _ = writeln!(told, "{}: by {}", named(Some(able)), text(able, "/by/text"));
        let members: Vec<String> =
            each(able, "/members").map(|member| named(Some(member))).collect();
        if !members.is_empty() {
            let _ = writeln!(told, "  members: {}", members.join(", "));
        }
    }
    if told.is_empty() { "Nobody.\n".into() } else { told }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_told_with_what_it_is_by() {
        let answer = json!([{
            "id": "g", "type": "Group", "displayName": "readers",
            "by": {"text": "the role 'R' at /s"},
            "members": [{"id": "a", "type": "User", "displayName": "ada@example.com"}],
        }]);
        let expected = "readers (g): by the role 'R' at /s\n  members: ada@example.com (a)\n";
        assert_eq!(told(&answer), expected);
        assert_eq!(told(&json!([])), "Nobody.\n");
    }
}
