//! The floors and the load generator behind `cargo xtask bench`.
//!
//! `suite` is the whole measurement: Strongroom and the floors in alternating rounds of one run,
//! so that every figure stands beside what this machine can do at that moment.

mod bare;
mod client;
mod decide;
mod floor;
mod fsync;
mod histogram;
mod load;
mod process;
mod report;
mod strongroom;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Whatever stopped a measurement.
type Error = Box<dyn std::error::Error + Send + Sync>;

type Result<T> = std::result::Result<T, Error>;

#[derive(Parser)]
#[command(about = "The floors and the load generator behind cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve fixed bytes with bare rustls, hyper and axum until stopped.
    Floor(floor::Options),
    /// Send requests as fast as they are answered; print one line of JSON.
    Load(load::Options),
    /// Measure append and fdatasync without a server; print one line of JSON.
    FsyncFloor(fsync::Options),
    /// Measure what one RBAC decision costs; print one line of JSON.
    Decide,
    /// Measure Strongroom against the floors; print a table, write JSON and Markdown.
    Suite(suite::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Floor(options) => floor::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Load(options) => options.measure().and_then(print),
        Command::FsyncFloor(options) => fsync::measure(&options).and_then(print),
        Command::Decide => decide::measure().and_then(print),
        Command::Suite(options) => suite::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("strongroom-bench: {error}");
        ExitCode::FAILURE
    })
}

#[allow(clippy::needless_pass_by_value, reason = "the end of a chain of calls")]
fn print(figures: impl serde::Serialize) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(&figures)?);
    Ok(ExitCode::SUCCESS)
}
