//! Administration on the host itself, until the control plane does it: HTTP over a Unix socket in
//! the data directory. Only the server's own user and root may connect; everything is audited.

mod access;
mod denials;
mod principals;
mod routes;
mod vaults;
mod what_if;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};

use crate::error::CliError;
use crate::server::Node;

/// Who connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) pid: Option<i32>,
}

/// Listens on the socket until the process ends.
///
/// # Errors
/// [`CliError::Failed`] when the socket cannot be made.
pub(crate) fn listen(path: &Path, node: &Arc<Node>) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::Failed(format!("cannot make the socket {}: {error}", path.display()))
    };
    // The data directory's lock is ours: a socket that is there is of a process that died.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let node = Arc::clone(node);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => admit(stream, &node),
                Err(error) => {
                    tracing::warn!(%error, "the administration socket could not accept");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(())
}

fn admit(stream: UnixStream, node: &Arc<Node>) {
    let Ok(credentials) = stream.peer_cred() else { return };
    let peer = Peer { uid: credentials.uid(), pid: credentials.pid() };
    if peer.uid != 0 && peer.uid != nix::unistd::geteuid().as_raw() {
        tracing::warn!(uid = peer.uid, "a foreign user was refused at the administration socket");
        return;
    }
    let service = TowerToHyperService::new(routes::router(Arc::clone(node), peer));
    tokio::spawn(async move {
        if let Err(error) =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        {
            tracing::debug!(%error, "an administration connection ended early");
        }
    });
}
