//! Health and metrics, on a loopback port of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use strongroom_monitor::Recorder;
use tokio::net::TcpListener;

use super::node::Node;
use crate::error::CliError;

#[derive(Clone)]
struct Health {
    node: Arc<Node>,
    recorder: Recorder,
}

/// Listens for `/healthz`, `/readyz` and `/metrics`; if the port is taken and `or_any` is set, at
/// any free one. Answers where.
///
/// # Errors
/// [`CliError::Failed`] when no port can be had.
pub(crate) async fn listen(
    address: SocketAddr,
    or_any: bool,
    node: &Arc<Node>,
    recorder: Recorder,
) -> Result<SocketAddr, CliError> {
    let listener = match TcpListener::bind(address).await {
        Err(_) if or_any => TcpListener::bind(SocketAddr::new(address.ip(), 0)).await,
        bound => bound,
    };
    let failed =
        |error| CliError::Failed(format!("the metrics port {address} cannot be had: {error}"));
    let listener = listener.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Health { node: Arc::clone(node), recorder });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the metrics port has ended");
        }
    });
    Ok(bound)
}

/// Ready: the store takes changes, the directory follows it, and changes can be audited.
async fn ready(State(health): State<Health>) -> (StatusCode, &'static str) {
    if !health.node.directory.is_following() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the directory does not follow the store\n");
    }
    if !health.node.audit.writes_allowed() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the audit takes no more records\n");
    }
    if health.node.store.stats().trouble.is_some() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the store takes no changes; see the log\n");
    }
    (StatusCode::OK, "ready\n")
}

async fn metrics(State(health): State<Health>) -> String {
    health.node.publish_gauges();
    health.recorder.render()
}
