//! Looks at the answers to challenges, as an ACME server does (RFC 8555, section 8; RFC 8737 and
//! 8738).
//!
//! Whoever asks for a certificate names the host that is then called, so calls are kept short and
//! narrow: two configured ports, addresses that were resolved once and judged, never link-local
//! ones nor our own listeners, ten seconds, a few kilobytes. Private addresses are allowed: they
//! are what such a server is for.

mod dns;
mod http;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::digest;
use strongroom_outgoing::OutgoingRules;

use dns::Resolver;

/// How long one look may take.
const LOOK: Duration = Duration::from_secs(10);

/// How often an answer is looked at before it is found missing, and the pauses in between.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Where answers are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationSettings {
    /// The port of web servers: 80, but in tests.
    pub http_port: u16,
    /// The port of TLS servers: 443, but in tests.
    pub tls_port: u16,
    /// The name server that is asked; the system's way of finding addresses, and its name servers
    /// for TXT records, if absent.
    pub dns: Option<SocketAddr>,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self { http_port: 80, tls_port: 443, dns: None }
    }
}

/// Why an answer was not found; the text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened.
    pub detail: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server could not be connected to, or said nothing.
    Connection,
    /// A name does not resolve.
    Dns,
    /// The TLS of the server is not as it must be.
    Tls,
    /// The answer is another one.
    Incorrect,
    /// The name leads where nothing is ever looked for.
    Forbidden,
}

impl Failure {
    /// A failure.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether looking again may find it.
    fn is_passing(&self) -> bool {
        matches!(self.kind, FailureKind::Connection | FailureKind::Dns)
    }
}

/// Where an answer is, and what it must be.
enum Answer<'a> {
    Http { name: &'a str, path: &'a str, expected: &'a str },
    Dns { place: &'a str, expected: &'a str },
    Tls { name: &'a str, expected: &'a [u8] },
}

/// Looks at answers.
#[derive(Debug)]
pub struct Validator {
    settings: ValidationSettings,
    outgoing: OutgoingRules,
    resolver: Resolver,
}

impl Validator {
    /// A validator that looks where `settings` say and `outgoing` lets it.
    pub fn new(settings: ValidationSettings, outgoing: OutgoingRules) -> Self {
        let resolver = Resolver::new(settings.dns);
        Self { settings, outgoing, resolver }
    }

    /// Whether a web server answers with the key authorization (RFC 8555, section 8.3).
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn http_01(
        &self,
        name: &str,
        token: &str,
        key_authorization: &str,
    ) -> Result<(), Failure> {
        let path = format!("/.well-known/acme-challenge/{token}");
        self.look(&Answer::Http { name, path: &path, expected: key_authorization }).await
    }

    /// Whether a TXT record is the digest of the key authorization (RFC 8555, section 8.4).
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn dns_01(&self, name: &str, key_authorization: &str) -> Result<(), Failure> {
        let expected = URL_SAFE_NO_PAD.encode(digest::sha256(key_authorization.as_bytes()));
        let place = format!("_acme-challenge.{name}");
        self.look(&Answer::Dns { place: &place, expected: &expected }).await
    }

    /// Whether a TLS server has a certificate with the digest of the key authorization (RFC 8737).
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn tls_alpn_01(&self, name: &str, key_authorization: &str) -> Result<(), Failure> {
        let expected = digest::sha256(key_authorization.as_bytes());
        self.look(&Answer::Tls { name, expected: &expected }).await
    }

    /// Looks, and looks again when the failure is one that passes.
    async fn look(&self, answer: &Answer<'_>) -> Result<(), Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let once = tokio::time::timeout(LOOK, self.look_once(answer));
            let looked = once.await.unwrap_or_else(|_| {
                let text = format!("no answer within {} s", LOOK.as_secs());
                Err(Failure::new(FailureKind::Connection, text))
            });
            match (looked, pauses.next()) {
                (Err(failure), Some(pause)) if failure.is_passing() => {
                    tokio::time::sleep(pause).await;
                }
                (looked, _) => return looked,
            }
        }
    }

    async fn look_once(&self, answer: &Answer<'_>) -> Result<(), Failure> {
        match *answer {
            Answer::Http { name, path, expected } => {
                let body = http::get(self, name, path).await?;
                let body = body.trim_ascii_end();
                if body == expected.as_bytes() {
                    return Ok(());
                }
                // What stands there is not shown: whoever asks may not be able to read it himself.
                let text = format!("http://{name}{path} is not the key authorization");
                Err(Failure::new(FailureKind::Incorrect, text))
            }
            Answer::Dns { place, expected } => {
                let found = self.resolver.texts(place, &self.outgoing).await?;
                if found.iter().any(|text| text == expected.as_bytes()) {
                    return Ok(());
                }
                let text = format!("none of the {} TXT records of {place} is it", found.len());
                Err(Failure::new(FailureKind::Incorrect, text))
            }
            Answer::Tls { name, expected } => tls::look(self, name, expected).await,
        }
    }

    /// A connection to a port of a host, whose addresses have all been judged.
    async fn connect(&self, host: &str, port: u16) -> Result<tokio::net::TcpStream, Failure> {
        let addresses: Vec<IpAddr> = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.addresses(host, &self.outgoing).await?,
        };
        let addresses: Vec<SocketAddr> =
            addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if addresses.iter().any(|address| self.outgoing.forbids(address)) {
            let text = format!("{host} leads to an address where nothing is validated");
            return Err(Failure::new(FailureKind::Forbidden, text));
        }
        tokio::net::TcpStream::connect(addresses.as_slice()).await.map_err(|error| {
            let text = format!("no connection to port {port} of {host}: {error}");
            Failure::new(FailureKind::Connection, text)
        })
    }
}

#[cfg(test)]
mod tests;
