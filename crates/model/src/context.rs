//! What is known of a request before anyone asks who sent it.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::{RequestId, Timestamp};

/// A client's connection; immutable, shared by all of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The address the client connected to.
    pub local: SocketAddr,
    /// The client's address.
    pub peer: SocketAddr,
    /// The host name of the TLS handshake.
    pub sni: Option<String>,
    /// The TLS version, as the audit shows it: `TLS1_2` or `TLS1_3`.
    pub tls_version: &'static str,
}

/// One request: its id, its time and its connection.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Drawn by the server; also the id of the audit record.
    pub id: RequestId,
    /// `x-ms-client-request-id`, if the client sent one.
    pub client_request_id: Option<String>,
    /// When it came, by the installation's clock.
    pub now: Timestamp,
    /// The connection it came on.
    pub connection: Arc<ConnectionInfo>,
}
