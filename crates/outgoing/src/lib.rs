//! Keeps requests to other servers from reaching anything else: where they may go, for how long,
//! and how much of an answer is read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::{Certificate, Client, StatusCode, Url, redirect};

/// The longest document that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// The metadata service of AWS over IPv6: its IPv4 sibling is link-local, this is not.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The metadata services of Azure's hosts and of Alibaba Cloud, which are not link-local.
const METADATA_V4: [Ipv4Addr; 2] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200)];

/// Where requests to other servers may not go.
///
/// Only `https`, without redirects and without a proxy. A name is resolved once and the requests
/// go to the addresses that were judged. Private addresses are allowed, since an issuer in the
/// same network is the usual case; metadata services (link-local ones above all) and the
/// installation's own listeners never are.
#[derive(Clone, Debug, Default)]
pub struct OutgoingRules {
    listeners: Vec<SocketAddr>,
}

/// Why a server was not asked, or gave no answer. The texts go to the log, and to whoever
/// configured the server.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// Not `https`, or with a user in it.
    #[error("the address is no https URL")]
    Url,
    /// No address.
    #[error("the host does not resolve")]
    Resolve,
    /// An address that requests never go to.
    #[error("{0} is a link-local address, a metadata service or one of our own listeners")]
    Forbidden(SocketAddr),
    /// A URL of another host or port than the one that was resolved and judged.
    #[error("{0} is not on the configured server")]
    Elsewhere(String),
    /// Roots that cannot be read.
    #[error("the configured CA file is no PEM bundle")]
    Ca,
    /// No connection, no TLS, or no HTTP.
    #[error("{}", chain(.0))]
    Http(#[from] reqwest::Error),
    /// Another status than was wanted.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// More than is read.
    #[error("the document is longer than 262144 bytes")]
    TooLong,
    /// No answer in time.
    #[error("the server took longer than {} s", .0.as_secs())]
    Timeout(Duration),
}

/// What went wrong, down to the cause: `reqwest` alone says no more than that something did.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl OutgoingRules {
    /// Rules that know the addresses this installation listens on.
    pub fn new(listeners: Vec<SocketAddr>) -> Self {
        Self { listeners }
    }

    /// The body of a 200 answer.
    ///
    /// # Errors
    /// [`OutgoingError`]: what forbids it, or what the server did.
    pub async fn fetch(
        &self,
        url: &str,
        ca_pem: Option<&str>,
        timeout: Duration,
    ) -> Result<Bytes, OutgoingError> {
        let fetching = async {
            let origin = self.origin(url, ca_pem, timeout).await?;
            let mut request = Request::new(Bytes::new());
            *request.uri_mut() = url.parse().map_err(|_| OutgoingError::Url)?;
            let answer = origin.exchange(request).await?;
            match answer.status() {
                StatusCode::OK => Ok(answer.into_body()),
                other => Err(OutgoingError::Status(other)),
            }
        };
        tokio::time::timeout(timeout, fetching)
            .await
            .map_err(|_| OutgoingError::Timeout(timeout))?
    }

    /// The server of a URL, its name resolved and its addresses judged. `ca_pem` is a bundle that
    /// its certificate must chain to; the system's roots if absent.
    ///
    /// # Errors
    /// [`OutgoingError`]: what forbids it.
    pub async fn origin(
        &self,
        url: &str,
        ca_pem: Option<&str>,
        timeout: Duration,
    ) -> Result<Origin, OutgoingError> {
        let place = Place::of(url)?;
        let addresses = self.resolve(&place.host, place.port);
        let addresses = tokio::time::timeout(timeout, addresses)
            .await
            .map_err(|_| OutgoingError::Timeout(timeout))??;
        let client = client(&place.host, &addresses, ca_pem)?;
        Ok(Origin { place, client, timeout })
    }

    /// All addresses of a host; one that is forbidden spoils them all.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutgoingError> {
        let found = tokio::net::lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> = found.map_err(|_| OutgoingError::Resolve)?.collect();
        if addresses.is_empty() {
            return Err(OutgoingError::Resolve);
        }
        match addresses.iter().find(|address| self.forbids(address)) {
            Some(address) => Err(OutgoingError::Forbidden(*address)),
            None => Ok(addresses),
        }
    }

    /// Whether an address is one that requests never go to.
    pub fn forbids(&self, address: &SocketAddr) -> bool {
        let ip = reached(address.ip());
        is_never_a_server(ip) || self.is_own(ip, address.port())
    }

    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        self.listeners.iter().filter(|own| own.port() == port).any(|own| {
            let own = reached(own.ip());
            own == ip || (own.is_unspecified() && is_of_this_machine(ip))
        })
    }
}

/// The address that a connection ends at: an IPv4 address may be written in IPv6, be it mapped or
/// for a translator (NAT64: RFC 6052, 2.1).
fn reached(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => match v6.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
            }
            _ => IpAddr::V6(v6),
        },
        v4 => v4,
    }
}

fn is_never_a_server(ip: IpAddr) -> bool {
    let by_family = match ip {
        IpAddr::V4(v4) => {
            let is_local = v4.is_link_local() || v4.is_broadcast() || v4.octets()[0] == 0;
            is_local || METADATA_V4.contains(&v4)
        }
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    };
    by_family || ip.is_unspecified() || ip.is_multicast()
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// A server that was resolved once, and its addresses judged: requests go there and nowhere else.
pub struct Origin {
    place: Place,
    client: Client,
    timeout: Duration,
}

impl Origin {
    /// Sends a request to this server and reads its answer, whatever its status.
    ///
    /// # Errors
    /// [`OutgoingError`]: a URL of another server, no answer in time, or too long a one.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, OutgoingError> {
        let url = request.uri().to_string();
        if Place::of(&url)? != self.place {
            return Err(OutgoingError::Elsewhere(url));
        }
        let request = reqwest::Request::try_from(request)?;
        let answering = self.answer(request);
        let late = |_| OutgoingError::Timeout(self.timeout);
        tokio::time::timeout(self.timeout, answering).await.map_err(late)?
    }

    async fn answer(&self, request: reqwest::Request) -> Result<Response<Bytes>, OutgoingError> {
        let mut answer = self.client.execute(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(OutgoingError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// What a name is resolved from.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &str) -> Result<Self, OutgoingError> {
        let url = Url::parse(url).map_err(|_| OutgoingError::Url)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if url.scheme() != "https" || has_user {
            return Err(OutgoingError::Url);
        }
        let host = url.host_str().ok_or(OutgoingError::Url)?.trim_matches(['[', ']']);
        let port = url.port_or_known_default().ok_or(OutgoingError::Url)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

fn client(
    host: &str,
    addresses: &[SocketAddr],
    ca_pem: Option<&str>,
) -> Result<Client, OutgoingError> {
    // A no-op once the process has a provider; without one the client could not be built.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .resolve_to_addrs(host, addresses);
    if let Some(pem) = ca_pem {
        let roots = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| OutgoingError::Ca)?;
        if roots.is_empty() {
            return Err(OutgoingError::Ca);
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
            "168.63.129.16:80",
            "100.100.100.200:443",
            "[::ffff:168.63.129.16]:443",
            // 169.254.169.254, 100.100.100.200 and nowhere, through NAT64.
            "[64:ff9b::a9fe:a9fe]:443",
            "[64:ff9b::6464:64c8]:443",
            "[64:ff9b::]:443",
            "0.0.0.0:443",
            "0.1.2.3:443",
            "[::]:443",
            "224.0.0.1:443",
            "255.255.255.255:443",
        ] {
            assert!(rules(&[]).forbids(&address.parse().unwrap()), "{address}");
        }
        for address in [
            "10.0.0.1:443",
            "192.168.1.1:8443",
            "127.0.0.1:8443",
            "[fd00::1]:443",
            "100.100.100.201:443",
            "[64:ff9b::c000:201]:443",
            "[64:ff9b:1::a9fe:a9fe]:443",
        ] {
            assert!(!rules(&[]).forbids(&address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn our_own_listeners_are_forbidden() {
        let own = rules(&["127.0.0.1:8443", "[::1]:8443"]);
        for address in
            ["127.0.0.1:8443", "[::1]:8443", "[::ffff:127.0.0.1]:8443", "[64:ff9b::7f00:1]:8443"]
        {
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
            let fetched = rules(&[]).fetch(url, None, Duration::from_secs(5)).await;
            assert!(matches!(fetched, Err(OutgoingError::Url)), "{url}");
        }
        for url in ["https://169.254.169.254/a", "https://[fe80::1]/", "https://2852039166/"] {
            let fetched = rules(&[]).fetch(url, None, Duration::from_secs(5)).await;
            assert!(matches!(fetched, Err(OutgoingError::Forbidden(_))), "{url}");
        }
    }
}
