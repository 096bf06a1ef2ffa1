//! `strongroom dev`: a complete, secure Strongroom with nothing to configure.

mod first;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_crypto::process::Protection;
use strongroom_monitor::Recorder;

use super::node::{Node, open_store};
use super::running::{Running, report, start_logging};
use super::trust::Trust;
use super::{acme, health, issuers};
use crate::cli::{ClockKind, DevArgs};
use crate::config::Config;
use crate::error::CliError;

/// Where `dev` offers health and metrics, if that port is free.
const METRICS: ([u8; 4], u16) = ([127, 0, 0, 1], 9464);

/// Serves until it is told to stop; at the first start it makes everything first.
///
/// # Errors
/// [`CliError::Failed`], saying what is in the way and what to do.
pub(crate) async fn run(args: DevArgs, protection: Protection) -> Result<(), CliError> {
    start_logging();
    report(protection);
    check_exposure(&args)?;
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    // A developer has no device, and the types that need one are to be tried all the same.
    config.keys.allow_software_hsm.get_or_insert(true);
    // All its vaults are the developer's own.
    for directory in &mut config.acme_directories {
        directory.vaults.get_or_insert_with(|| vec![acme::EVERY_VAULT.into()]);
    }
    let (disk, store) = open_store(&args.data)?;
    let data = args.data.canonicalize().map_err(CliError::failed)?;
    let recorder = Recorder::install().map_err(CliError::failed)?;
    let prepared = first::prepare(&store, &data, &args).await?;
    let node = Node::open(disk, store, &prepared.protector, &config).await?;
    drop(prepared.protector);
    let node = Arc::new(first::settle(node, &args, prepared.port).await?);
    issuers::apply(&node, &config.trusted_issuers).await?;
    first::make_vaults(&node, &args).await?;

    let trust = Arc::new(Trust::open(&node.directory, &node.endpoints).await?);
    let (ca, bundle) = (data.join("ca.pem"), data.join("bundle.pem"));
    trust.write_files(&ca, &bundle)?;
    let metrics = health::listen(METRICS.into(), true, &node, recorder.clone()).await?;
    let addresses =
        first::addresses(&args).into_iter().map(|ip| (ip, node.endpoints.port()).into()).collect();
    let running =
        Running::start(&node, &trust, prepared.listening, addresses, (&data, &config), recorder)
            .await?;

    let files = summary::Files { data: &data, root_key: &prepared.root_key, ca, bundle };
    let ready = summary::ready(&node, &files, metrics).await?;
    let ready_file = args.ready_file.clone().unwrap_or_else(|| data.join("ready.json"));
    ready.write(&ready_file)?;
    summary::print(&ready, &ready_file);
    running.until_stopped().await
}

/// Beyond this machine only if it is said, and never with a manual clock.
fn check_exposure(args: &DevArgs) -> Result<(), CliError> {
    let local = first::addresses(args).iter().all(std::net::IpAddr::is_loopback);
    if !local && !args.expose {
        return Err(CliError::Usage(
            "an address beyond this machine needs --expose, which also gives the owner a new \
             secret"
                .into(),
        ));
    }
    if !local && args.clock == ClockKind::Manual {
        return Err(CliError::Usage("a manual clock listens on this machine only".into()));
    }
    Ok(())
}

/// The file that says where the root key is.
fn root_key_note(data: &Path) -> PathBuf {
    data.join("root-key.path")
}
