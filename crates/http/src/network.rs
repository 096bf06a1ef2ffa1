//! Where a request comes from: the connection's address, or the one that a trusted proxy names.
//!
//! A proxy says whom it forwards in one of two ways: before TLS, in the header of the PROXY
//! protocol, version 2 (<https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>); or, where
//! it ends TLS itself, in `X-Forwarded-For`. Both are believed of the configured proxies alone,
//! and of the latter only as much as they have written: the last address that is no proxy's.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use strongroom_model::{ConnectionInfo, PrincipalId};

use crate::headers::Connection;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whom the operator trusts about the network.
#[derive(Clone, Debug, Default)]
pub struct NetworkTrust {
    /// The principals of trusted services, which vaults may let past their firewalls.
    pub principals: Vec<PrincipalId>,
    /// The proxies that are believed when they say whom they forward.
    pub proxies: Vec<IpNet>,
}

impl NetworkTrust {
    /// Whether an address is a proxy's.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|proxies| proxies.contains(&address))
    }

    /// The connection as the request sees it: its peer is the client, if a proxy says so.
    pub(crate) fn behind_proxy(
        &self,
        connection: Arc<Connection>,
        headers: &HeaderMap,
    ) -> Arc<Connection> {
        if self.proxies.is_empty() || !self.is_proxy(connection.info.peer.ip()) {
            return connection;
        }
        match self.forwarded_for(headers) {
            Some(client) => Arc::new(Connection::new(ConnectionInfo {
                peer: SocketAddr::new(client, 0),
                ..ConnectionInfo::clone(&connection.info)
            })),
            None => connection,
        }
    }

    /// Read from the end, for every proxy appends: the first address there that is no proxy's was
    /// written by a proxy, and what stands before it by anybody. What is no address ends it.
    fn forwarded_for(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut lines: Vec<&str> = Vec::new();
        for line in headers.get_all(FORWARDED_FOR) {
            lines.push(line.to_str().ok()?);
        }
        let mut last = None;
        for named in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let address = address_of(named.trim())?;
            last = Some(address);
            if !self.is_proxy(address) {
                break;
            }
        }
        last
    }
}

/// An address, which some proxies write with a port, or in brackets.
fn address_of(named: &str) -> Option<IpAddr> {
    let bare = named.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| Some(named.parse::<SocketAddr>().ok()?.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> NetworkTrust {
        let proxies = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        NetworkTrust { principals: Vec::new(), proxies }
    }

    fn seen(peer: &str, lines: &[&str]) -> String {
        let info = ConnectionInfo {
            local: "127.0.0.1:443".parse().unwrap(),
            peer: SocketAddr::new(peer.parse().unwrap(), 5_000),
            sni: None,
            tls_version: "TLS1_3",
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let connection = trust().behind_proxy(Arc::new(Connection::new(info)), &headers);
        connection.info.peer.ip().to_string()
    }

    #[test]
    fn nobody_but_a_proxy_says_where_a_request_comes_from() {
        assert_eq!(seen("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["10.0.0.1"]), "203.0.113.9");
    }

    #[test]
    fn what_the_client_wrote_before_the_proxy_counts_for_nothing() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.7, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["192.0.2.7", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["10.9.9.9, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(seen("fd00::1", &["192.0.2.7,2001:db8::5"]), "2001:db8::5");
    }

    #[test]
    fn every_way_to_write_an_address_is_read() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.1:49152"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::5]:49152"]), "2001:db8::5");
        assert_eq!(seen("10.0.0.1", &["[2001:db8::5]"]), "2001:db8::5");
        assert_eq!(seen("10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    /// A proxy that says nothing, or nonsense, is itself whom the firewall sees.
    #[test]
    fn nonsense_is_no_client() {
        for line in ["", "unknown", "192.0.2.7, _hidden", "198.51.100.1, "] {
            assert_eq!(seen("10.0.0.1", &[line]), "10.0.0.1", "{line:?}");
        }
        assert_eq!(seen("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }
}
