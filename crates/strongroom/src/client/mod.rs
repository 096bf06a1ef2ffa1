//! The commands that talk to an installation: over HTTPS as any client does, or through the
//! administrator's socket in its data directory.

mod admin;
mod audit;
mod clock;
mod env;
mod failure;
mod hosts;
mod https;
mod identity;
mod installation;
mod output;
mod place;
mod ready;
mod role;
mod secret;
mod sign_in;
mod terminal;
mod token;
mod vault;

use clap::Subcommand;

use crate::error::CliError;

pub(crate) use audit::ReportView;

/// A command of a client.
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Print the variables that clients need, for `eval "$(strongroom env)"`.
    Env(env::EnvArgs),
    /// Print an access token, nothing else.
    Token(token::TokenArgs),
    /// Print the lines of /etc/hosts for this installation, or install them.
    Hosts(hosts::HostsArgs),
    /// Work with secrets: the verbs of `az keyvault secret`.
    Secret(secret::SecretArgs),
    /// Make and list vaults, on the server's own machine.
    Vault(vault::VaultArgs),
    /// Make applications that can sign in, on the server's own machine.
    Identity(identity::IdentityArgs),
    /// Give and take roles, on the server's own machine.
    Role(role::RoleArgs),
    /// Read or move the installation's time, on the server's own machine.
    Clock(clock::ClockArgs),
    /// Read or verify the audit journal, on the server's own machine.
    Audit(audit::AuditArgs),
}

/// Does what a command asks for.
pub(crate) async fn run(command: ClientCommand) -> Result<(), CliError> {
    match command {
        ClientCommand::Env(args) => env::run(&args),
        ClientCommand::Token(args) => token::run(args).await,
        ClientCommand::Hosts(args) => hosts::run(args).await,
        ClientCommand::Secret(args) => secret::run(args).await,
        ClientCommand::Vault(args) => vault::run(args).await,
        ClientCommand::Identity(args) => identity::run(args).await,
        ClientCommand::Role(args) => role::run(args).await,
        ClientCommand::Clock(args) => clock::run(args).await,
        ClientCommand::Audit(args) => audit::run(args).await,
    }
}
