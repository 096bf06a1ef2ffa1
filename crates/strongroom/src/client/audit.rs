//! `strongroom audit`: the journal of every request.

mod tail;
mod verify;

use clap::{Args, Subcommand};

use crate::error::CliError;

/// `strongroom audit`
#[derive(Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print the newest records, also while the server runs.
    Tail(tail::TailArgs),
    /// Verify that every record is there as it was written.
    Verify(verify::VerifyArgs),
}

/// Does what is asked for.
pub(crate) async fn run(args: AuditArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::Tail(args) => tail::run(args).await,
        Verb::Verify(args) => verify::run(args).await,
    }
}
