//! `strongroom serve`: an installation that `init` made, by its configuration.

use std::path::Path;
use std::sync::Arc;

use strongroom_crypto::process::Protection;
use strongroom_monitor::Recorder;
use strongroom_seal::KeyRing;

use super::node::{Node, open_store};
use super::root_key::{self, Start};
use super::running::{Running, report, start_logging};
use super::trust::Trust;
use super::{health, issuers, listen};
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::error::CliError;

/// Serves until it is told to stop.
///
/// # Errors
/// [`CliError::Failed`], saying what is missing and what to do.
pub(crate) async fn run(args: ServeArgs, protection: Protection) -> Result<(), CliError> {
    start_logging();
    let config = Config::read(&args.config)?;
    config.check()?;
    report(protection);
    let (disk, store) = open_store(&config.server.data)?;
    if KeyRing::installation_of(&store).await.map_err(CliError::failed)?.is_none() {
        return Err(CliError::Failed(format!(
            "{} is not initialised: run `strongroom init --config {}`",
            config.server.data.display(),
            args.config.display()
        )));
    }
    let protector = root_key::configured(&config.root_key, Start::Later)?;
    let recorder = Recorder::install().map_err(CliError::failed)?;
    let node = Arc::new(Node::open(disk, store, &protector, &config).await?);
    drop(protector);
    if node.clock.is_manual() {
        return Err(CliError::failed(
            "this installation has a manual clock; it is for tests and is never served",
        ));
    }
    check_base(&node, &config)?;
    issuers::apply(&node, &config.trusted_issuers).await?;
    let addresses = if config.server.listen.is_empty() {
        listen::loopbacks().into_iter().map(|ip| (ip, config.server.port).into()).collect()
    } else {
        config.server.listen.clone()
    };
    let listening = listen::bind_all(&addresses)?;
    let trust = Arc::new(Trust::open(&node.directory, &node.endpoints).await?);
    let data: &Path = &config.server.data;
    trust.write_files(&data.join("ca.pem"), &data.join("bundle.pem"))?;
    let metrics = health::listen(config.server.metrics, false, &node, recorder.clone()).await?;
    let running =
        Running::start(&node, &trust, listening, addresses, (data, &config), recorder).await?;
    tracing::info!(%metrics, authority = %node.endpoints.authority(), "serving");
    running.until_stopped().await
}

fn check_base(node: &Node, config: &Config) -> Result<(), CliError> {
    let same = node.endpoints.base() == config.server.base.to_ascii_lowercase()
        && node.endpoints.port() == config.server.port;
    if same {
        return Ok(());
    }
    Err(CliError::Failed(format!(
        "the installation was made for {}:{}; the configuration says {}:{}. Ids would change: \
         set server.base and server.port back",
        node.endpoints.base(),
        node.endpoints.port(),
        config.server.base,
        config.server.port
    )))
}
