//! Tidy, test, bench: the project's own checks, as commands instead of shell scripts.

mod bench;
mod root;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Strongroom's own checks")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the invariants of ARCHITECTURE.md and the house style.
    Tidy,
    /// Run everything that must pass before a change may land.
    Test(test::Arguments),
    /// Measure the server against bare ones in the same run; arguments go to the benchmark.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let root = match root::find() {
        Ok(root) => root,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let passed = match Arguments::parse().command {
        Command::Tidy => tidy::run(&root),
        Command::Test(arguments) => test::run(&root, &arguments),
        Command::Bench(arguments) => bench::run(&root, &arguments),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
