//! Addresses and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use strongroom_http::{HttpError, Limits, Server};

use super::holder;
use crate::error::CliError;

/// The port of `dev` where 443 may not be bound.
const FALLBACK_PORT: u16 = 8443;

/// The addresses of `dev`: both loopbacks, for some resolvers give ::1 first.
pub(crate) fn loopbacks() -> Vec<IpAddr> {
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
}

/// Listens on a port, or at a first start without a wish on 443, else on 8443.
///
/// # Errors
/// [`CliError::Failed`], saying who holds the port.
pub(crate) fn bind(addresses: &[IpAddr], port: Option<u16>) -> Result<Server, CliError> {
    let at = |port| -> Vec<SocketAddr> {
        addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
    };
    match port {
        Some(port) => bind_all(&at(port)),
        None => match Server::bind(&at(443), limits()) {
            Ok(server) => Ok(server),
            Err(_) => bind_all(&at(FALLBACK_PORT)),
        },
    }
}

/// Listens on addresses. A machine without IPv6 has no ::1; that alone is no failure.
///
/// # Errors
/// [`CliError::Failed`], saying who holds the port.
pub(crate) fn bind_all(addresses: &[SocketAddr]) -> Result<Server, CliError> {
    bind_within(addresses, limits())
}

/// Listens on addresses for what is public, without TLS.
///
/// # Errors
/// As [`bind_all`].
pub(crate) fn bind_public(addresses: &[SocketAddr]) -> Result<Server, CliError> {
    let descriptors = strongroom_crypto::process::raise_descriptor_limit();
    bind_within(addresses, Limits::public(descriptors))
}

fn bind_within(addresses: &[SocketAddr], limits: Limits) -> Result<Server, CliError> {
    match Server::bind(addresses, limits) {
        Ok(server) => Ok(server),
        Err(HttpError::Listen { address, source })
            if source.kind() == std::io::ErrorKind::AddrNotAvailable
                && address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) =>
        {
            let without: Vec<SocketAddr> =
                addresses.iter().copied().filter(|other| other.ip() != address.ip()).collect();
            Server::bind(&without, limits).map_err(|error| explain(&error))
        }
        Err(error) => Err(explain(&error)),
    }
}

/// As many connections as the descriptors allow that the system lets the process have.
fn limits() -> Limits {
    Limits::for_descriptors(strongroom_crypto::process::raise_descriptor_limit())
}

fn explain(error: &HttpError) -> CliError {
    let HttpError::Listen { address, source } = error else { return CliError::failed(error) };
    let port = address.port();
    CliError::Failed(match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            let holder = holder::of_port(port).unwrap_or_else(|| "another process".into());
            format!(
                "port {port} is held by {holder}: stop it, or choose another (--port, or \
                 server.port)"
            )
        }
        std::io::ErrorKind::PermissionDenied => format!(
            "port {port} may not be bound: choose one above 1023, or allow it (run as \
             root, CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start)"
        ),
        _ => error.to_string(),
    })
}
