//! `strongroom clock`: the installation's time, through the administrator's socket.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::admin::AdminSocket;
use super::output::{self, OutputArgs};
use super::place::DataDir;
use crate::error::CliError;

/// `strongroom clock`
#[derive(Args)]
pub(crate) struct ClockArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Move a manual clock forward, and do what falls due.
    Advance(AdvanceArgs),
    /// Show the time, and whether sweeps are paused after a leap of the system's clock.
    Show(PlainArgs),
    /// Accept the system's time after a leap, and let the sweeps go on.
    Accept(PlainArgs),
}

#[derive(Args)]
struct AdvanceArgs {
    /// How far: a number with w, d, h, m or s, or several of them, as in 1d12h.
    #[arg(value_name = "SPAN", value_parser = seconds)]
    span: u64,
    #[command(flatten)]
    data: DataDir,
}

#[derive(Args)]
struct PlainArgs {
    #[command(flatten)]
    data: DataDir,
}

/// Does what is asked for.
pub(crate) async fn run(args: ClockArgs) -> Result<(), CliError> {
    let (data, method, path, body) = match &args.verb {
        Verb::Advance(args) => {
            (&args.data, Method::POST, "/clock/advance", Some(json!({"seconds": args.span})))
        }
        Verb::Show(args) => (&args.data, Method::GET, "/clock", None),
        Verb::Accept(args) => (&args.data, Method::POST, "/clock/accept", None),
    };
    let answer: Value = AdminSocket::of(data.path()).call(method, path, body.as_ref()).await?;
    output::show(&answer, &[], &OutputArgs::default())
}

/// The longest span: a hundred years.
const MOST_SECONDS: u64 = 100 * 365 * 86_400;

fn seconds(text: &str) -> Result<u64, String> {
    let refused = || "give a number with w, d, h, m or s, such as 30d or 1d12h".to_owned();
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let (digits, unit) = rest.split_at(end);
        let count: u64 = digits.parse().map_err(|_| refused())?;
        let mut units = unit.chars();
        let length: u64 = match units.next() {
            Some('w') => 7 * 86_400,
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(refused()),
        };
        let sum = count.checked_mul(length).and_then(|span| total.checked_add(span));
        total = sum.filter(|sum| *sum <= MOST_SECONDS).ok_or("that is more than 100 years")?;
        rest = units.as_str();
    }
    if total == 0 { Err(refused()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, expected) in
            [("90s", 90), ("58m", 3_480), ("1h", 3_600), ("30d", 2_592_000), ("2w", 1_209_600)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(seconds("1d12h30m"), Ok(131_400));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in
            ["", "0s", "5", "d", "-1d", "1y", "1d 2h", "ü", "101000d", "99999999999999999999s"]
        {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
