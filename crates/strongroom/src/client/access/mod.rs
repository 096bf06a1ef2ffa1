//! `strongroom access`: who may do what, and why, through the administrator's socket.

mod explain;
mod least_privilege;
mod what_if;
mod who_can;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::output::{self, Format, OutputArgs, Query};
use super::terminal;
use crate::error::CliError;

/// `strongroom access`
#[derive(Args)]
pub(crate) struct AccessArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Say why a request is or would be allowed or refused.
    Explain(explain::ExplainArgs),
    /// List everybody who may do something, and by what.
    WhoCan(who_can::WhoCanArgs),
    /// Name the smallest roles that are enough for somebody, and what it holds beyond them.
    LeastPrivilege(least_privilege::LeastPrivilegeArgs),
    /// Say what a change would have refused, or newly allowed, in the last days.
    WhatIf(Box<what_if::WhatIfArgs>),
}

/// Does what is asked for.
pub(crate) async fn run(args: AccessArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Explain(args) => explain::run(&args).await,
        Verb::WhoCan(args) => who_can::run(&args).await,
        Verb::LeastPrivilege(args) => least_privilege::run(&args).await,
        Verb::WhatIf(args) => what_if::run(&args).await,
    }
}

/// How an answer is printed: as sentences, unless something else is asked for.
#[derive(Args)]
struct HowArgs {
    /// The format [default: sentences for people].
    #[arg(long, short = 'o', value_enum)]
    output: Option<Format>,
    /// One member of the answer, such as `verdict` or `refusal.innerCode`.
    #[arg(long, value_name = "PATH")]
    query: Option<Query>,
}

impl HowArgs {
    fn show(&self, answer: &Value, told: impl Fn(&Value) -> String) -> Result<(), CliError> {
        match (self.output, &self.query) {
            (Some(Format::Json), _) | (_, Some(_)) => {
                let how = OutputArgs {
                    output: self.output.unwrap_or_default(),
                    query: self.query.clone(),
                };
                output::show(answer, &[], &how)
            }
            _ => terminal::print(plain(&told(answer)).as_bytes()),
        }
    }
}

/// Names are chosen by people: what a terminal would obey is left out.
fn plain(told: &str) -> String {
    told.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// The elements of a list (RFC 6901); none where there is no list.
fn each<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

/// A text (RFC 6901); empty where there is none.
fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A principal: its name, if it has one, and its object id.
fn named(principal: Option<&Value>) -> String {
    let Some(principal) = principal else { return String::new() };
    let (id, name) = (text(principal, "/id"), text(principal, "/displayName"));
    if name.is_empty() { id } else { format!("{name} ({id})") }
}
