//! A server that runs, and its orderly stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::process::Protection;
use strongroom_http::{Server, Shutdown};
use strongroom_monitor::Recorder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::node::Node;
use super::trust::Trust;
use super::{acme, attestation, listen, tasks};
use crate::admin;
use crate::config::Config;
use crate::error::CliError;

/// How long requests in flight may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A server that runs.
pub(crate) struct Running {
    node: Arc<Node>,
    shutdown: Shutdown,
    /// The listener without TLS, if there is one.
    publishing: Option<Shutdown>,
    tasks: JoinSet<()>,
    admin_socket: PathBuf,
}

impl Running {
    /// Serves on sockets that listen already.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the administration socket cannot be made, an address without TLS
    /// cannot be had, or an ACME directory or attestation authority of the configuration breaks a
    /// rule.
    pub(crate) async fn start(
        node: &Arc<Node>,
        trust: &Arc<Trust>,
        listening: Server,
        mut addresses: Vec<SocketAddr>,
        (data, config): (&Path, &Config),
        recorder: Recorder,
    ) -> Result<Self, CliError> {
        let plain = &config.certificates.http_listen;
        addresses.extend(plain);
        let directories = acme::directories(config, addresses.clone(), trust.tls().challenges())?;
        node.ops.set_acme_directories(directories);
        // What fell due while the node was down, a successor of its token-signing key above all.
        if let Err(error) = tasks::sweep(node).await {
            tracing::warn!(%error, "not all that fell due could be done; it is tried again");
        }
        let publishing = if plain.is_empty() { None } else { Some(listen::bind_public(plain)?) };
        let release = attestation::release(config, addresses.clone(), trust).await?;
        let validator = acme::validator(&config.certificates, addresses.clone());
        let service = node.service(addresses).with_acme(validator).map_err(CliError::failed)?;
        let service = Arc::new(match release {
            Some(release) => service.with_release(release),
            None => service,
        });
        let admin_socket = data.join("admin.sock");
        admin::listen(&admin_socket, node)?;
        let shutdown = listening.serve(trust.tls(), &service);
        let publishing = publishing.map(|server| server.serve_public(&service));
        let tasks = tasks::start(node, trust, recorder);
        Ok(Self { node: Arc::clone(node), shutdown, publishing, tasks, admin_socket })
    }

    /// Waits for the signal to stop, and stops in order: no new connections, then what is in
    /// flight, then the audit, then the store.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the last audit records could not be made durable.
    pub(crate) async fn until_stopped(mut self) -> Result<(), CliError> {
        let mut terminate = signal(SignalKind::terminate()).map_err(CliError::failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::failed)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let publishing = async {
            if let Some(publishing) = self.publishing.take() {
                publishing.stop(GRACE).await;
            }
        };
        tokio::join!(self.shutdown.stop(GRACE), publishing);
        self.tasks.shutdown().await;
        let _ = std::fs::remove_file(&self.admin_socket);
        self.node.close().await
    }
}

/// Logs to standard error; `RUST_LOG` chooses what.
pub(crate) fn start_logging() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,rustls=warn,hyper=warn,h2=warn"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}

/// Warns of what the system did not allow.
pub(crate) fn report(protection: Protection) {
    if !protection.undumpable {
        tracing::warn!("core dumps could not be turned off");
    }
    if !protection.locked {
        tracing::warn!(
            "memory is not locked and may be swapped: raise the limit on locked memory \
             (LimitMEMLOCK=infinity), or turn swap off"
        );
    }
}
