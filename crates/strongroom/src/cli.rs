//! The commands and their options.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A self-hosted vault, wire-compatible with Azure Key Vault.
#[derive(Parser)]
#[command(name = "strongroom", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Start a complete, secure Strongroom with nothing to configure.
    Dev(DevArgs),
    /// Start the server of an installation that `init` made.
    Serve(ServeArgs),
    /// Make an installation: a tenant, a subscription and its first administrator.
    Init(InitArgs),
    #[command(flatten)]
    Client(crate::client::ClientCommand),
}

/// Whose time the installation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClockKind {
    /// The system's.
    System,
    /// It moves only by `strongroom clock advance`; for tests. Marks the installation for ever.
    Manual,
}

#[derive(Args)]
pub(crate) struct DevArgs {
    /// The data directory.
    #[arg(long, default_value = "strongroom-data", env = "STRONGROOM_DATA")]
    pub(crate) data: PathBuf,
    /// The port; at the first start 443 if it may be bound, else 8443. 0 takes any free one.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Addresses to listen on [default: 127.0.0.1 and ::1].
    #[arg(long)]
    pub(crate) listen: Vec<IpAddr>,
    /// The base domain of all host names.
    #[arg(long)]
    pub(crate) base: Option<String>,
    /// Vaults to make beside `dev`, if they are not there.
    #[arg(long = "vault")]
    pub(crate) vaults: Vec<String>,
    /// Where to write what clients need, mode 0600 [default: ready.json in the data directory].
    #[arg(long)]
    pub(crate) ready_file: Option<PathBuf>,
    /// The file of the root key [default: in the user's state directory].
    #[arg(long)]
    pub(crate) root_key: Option<PathBuf>,
    /// Whose time it follows.
    #[arg(long, value_enum, default_value_t = ClockKind::System)]
    pub(crate) clock: ClockKind,
    /// Allow addresses beyond this machine. Gives the owner a new secret.
    #[arg(long)]
    pub(crate) expose: bool,
    /// A configuration file; its sections `server` and `root_key` are not read.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The configuration file (TOML).
    #[arg(long)]
    pub(crate) config: PathBuf,
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// The configuration file (TOML).
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// The display name of the first administrator.
    #[arg(long, default_value = "administrator")]
    pub(crate) administrator: String,
    /// The resource group to make.
    #[arg(long, default_value = "default")]
    pub(crate) resource_group: String,
    /// The region that vaults answer to.
    #[arg(long, default_value = "local")]
    pub(crate) location: String,
    /// Where to write the administrator's credentials, mode 0600 [default: the terminal].
    #[arg(long)]
    pub(crate) secret_file: Option<PathBuf>,
}
