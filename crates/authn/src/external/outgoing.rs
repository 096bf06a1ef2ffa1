//! Requests to an external issuer's server, kept from reaching anything else.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode, Url, redirect};

/// The longest document that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// How long one request may take, resolving and connecting included.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The metadata service of AWS over IPv6: its IPv4 sibling is link-local, this is not.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Where requests to external issuers may not go.
///
/// Only `https`, without redirects and without a proxy. A name is resolved once and the request
/// goes to the addresses that were judged. Private addresses are allowed, since an issuer in the
/// same network is the usual case; link-local ones (metadata services) and the installation's own
/// listeners never are.
#[derive(Clone, Debug, Default)]
pub struct OutgoingRules {
    listeners: Vec<SocketAddr>,
}

/// Why a document was not fetched. The texts go to the log only.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the address is no https URL")]
    Url,
    #[error("the host does not resolve")]
    Resolve,
    #[error("{0} is a link-local address or one of our own listeners")]
    Forbidden(SocketAddr),
    #[error("the configured ca_pem is no PEM bundle")]
    Ca,
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the document is longer than 262144 bytes")]
    TooLong,
    #[error("the server took longer than 5 s")]
    Timeout,
    #[error("the document is not the expected JSON, or holds no usable key")]
    Document,
    #[error("the discovery document names another issuer")]
    OtherIssuer,
}

impl OutgoingRules {
    /// Rules that know the addresses this installation listens on.
    pub fn new(listeners: Vec<SocketAddr>) -> Self {
        Self { listeners }
    }

    /// The body of a 200 answer.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        ca_pem: Option<&str>,
    ) -> Result<Vec<u8>, FetchError> {
        tokio::time::timeout(TIMEOUT, self.fetch_slowly(url, ca_pem))
            .await
            .map_err(|_| FetchError::Timeout)?
    }

    async fn fetch_slowly(&self, url: &str, ca_pem: Option<&str>) -> Result<Vec<u8>, FetchError> {
        let url = Url::parse(url).map_err(|_| FetchError::Url)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if url.scheme() != "https" || has_user {
            return Err(FetchError::Url);
        }
        let host = url.host_str().ok_or(FetchError::Url)?.trim_matches(['[', ']']);
        let port = url.port_or_known_default().ok_or(FetchError::Url)?;
        let addresses = self.resolve(host, port).await?;
        let client = client(host, &addresses, ca_pem)?;
        let mut answer = client.get(url.clone()).send().await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// All addresses of a host; one that is forbidden spoils them all.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| FetchError::Resolve)?.collect();
        if addresses.is_empty() {
            return Err(FetchError::Resolve);
        }
        match addresses.iter().find(|address| self.forbids(address)) {
            Some(address) => Err(FetchError::Forbidden(*address)),
            None => Ok(addresses),
        }
    }

    fn forbids(&self, address: &SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        is_never_an_issuer(ip) || self.is_own(ip, address.port())
    }

    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        self.listeners.iter().filter(|own| own.port() == port).any(|own| {
            let own = own.ip().to_canonical();
            own == ip || (own.is_unspecified() && is_of_this_machine(ip))
        })
    }
}

fn is_never_an_issuer(ip: IpAddr) -> bool {
    let by_family = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    };
    by_family || ip.is_unspecified() || ip.is_multicast()
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

fn client(
    host: &str,
    addresses: &[SocketAddr],
    ca_pem: Option<&str>,
) -> Result<Client, FetchError> {
    // A no-op once the process has a provider; without one the client could not be built.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .resolve_to_addrs(host, addresses)
        .timeout(TIMEOUT);
    if let Some(pem) = ca_pem {
        let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| FetchError::Ca)?;
        if roots.is_empty() {
            return Err(FetchError::Ca);
        }
        builder = builder.tls_certs_only(roots);
    }
    Ok(builder.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(listeners: &[&str]) -> OutgoingRules {
        OutgoingRules::new(listeners.iter().map(|own| own.parse().unwrap()).collect())
    }

    #[test]
    fn metadata_services_and_no_addresses_are_forbidden() {
        for address in [
            "169.254.169.254:443",
            "169.254.0.1:443",
            "[fe80::1]:443",
            "[::ffff:169.254.169.254]:443",
            "[fd00:ec2::254]:443",
            "0.0.0.0:443",
            "0.1.2.3:443",
            "[::]:443",
            "224.0.0.1:443",
            "255.255.255.255:443",
        ] {
            assert!(rules(&[]).forbids(&address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1:443", "192.168.1.1:8443", "127.0.0.1:8443", "[fd00::1]:443"] {
            assert!(!rules(&[]).forbids(&address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn our_own_listeners_are_forbidden() {
        let own = rules(&["127.0.0.1:8443", "[::1]:8443"]);
        for address in ["127.0.0.1:8443", "[::1]:8443", "[::ffff:127.0.0.1]:8443"] {
            assert!(own.forbids(&address.parse().unwrap()), "{address}");
        }
        assert!(!own.forbids(&"127.0.0.1:9443".parse().unwrap()));
        let everywhere = rules(&["0.0.0.0:8443"]);
        assert!(everywhere.forbids(&"127.0.0.1:8443".parse().unwrap()));
        assert!(everywhere.forbids(&"127.1.2.3:8443".parse().unwrap()));
        assert!(!everywhere.forbids(&"192.0.2.1:8443".parse().unwrap()));
    }

    #[tokio::test]
    async fn only_https_without_credentials_is_fetched() {
        for url in [
            "http://127.0.0.1:1/x",
            "file:///etc/passwd",
            "ftp://a/",
            "x",
            "",
            "https://user:secret@127.0.0.1:1/",
        ] {
            let fetched = rules(&[]).fetch(url, None).await;
            assert!(matches!(fetched, Err(FetchError::Url)), "{url}");
        }
        for url in ["https://169.254.169.254/a", "https://[fe80::1]/", "https://2852039166/"] {
            let fetched = rules(&[]).fetch(url, None).await;
            assert!(matches!(fetched, Err(FetchError::Forbidden(_))), "{url}");
        }
    }
}
