//! Starts and stops the server; the command line.

mod admin;
mod cli;
mod client;
mod config;
mod error;
mod server;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::error::CliError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before the first secret is read: no core dumps, no swap.
    let protection = strongroom_crypto::process::protect();
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("strongroom: a cryptography provider was installed twice");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("strongroom: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Box::pin(run(cli.command, protection))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strongroom: {error}");
            error.exit_code()
        }
    }
}

async fn run(
    command: Command,
    protection: strongroom_crypto::process::Protection,
) -> Result<(), CliError> {
    match command {
        Command::Dev(args) => Box::pin(server::dev::run(args, protection)).await,
        Command::Serve(args) => Box::pin(server::serve::run(args, protection)).await,
        Command::Init(args) => server::init::run(args).await,
        Command::Client(command) => client::run(command).await,
    }
}
