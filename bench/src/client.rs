//! A lean HTTP/1.1 client over TLS: prebuilt bytes out, status and length in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Result;

/// Whom to connect to, and whom to trust.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Where.
    pub(crate) target: SocketAddr,
    /// The host name, for TLS and for the Host header; a port is kept in the header alone.
    pub(crate) host: String,
    /// How TLS is done.
    pub(crate) tls: Arc<ClientConfig>,
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// One response, within the connection's buffer.
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// TLS 1.3 and HTTP/1.1, trusting the certificates of a PEM file and nobody else.
pub(crate) fn tls(ca_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Endpoint {
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.target).await?;
        tcp.set_nodelay(true)?;
        let name = self.host.split(':').next().unwrap_or_default().to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, tcp).await?;
        Ok(Connection { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// The bytes of one request.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<(&str, &str)>,
    ) -> Vec<u8> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n\
             User-Agent: strongroom-bench\r\n",
            self.host
        );
        if let Some(token) = bearer {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        let (content_type, text) = body.unwrap_or_default();
        if body.is_some() {
            head += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", text.len());
        }
        (head + "\r\n" + text).into_bytes()
    }
}

impl Connection {
    /// Sends a request and reads the whole response.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Response<'_>> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        let (head, status, length) = loop {
            self.fill().await?;
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let (head, _) = self.buffer.split_at(end + 2);
                break (head.len(), status(head)?, content_length(head)?);
            }
        };
        let start = head + 2;
        while self.buffer.len() < start + length {
            self.fill().await?;
        }
        let (head, rest) = self.buffer.split_at(head);
        let body = rest.get(2..2 + length).unwrap_or_default();
        Ok(Response { status, head, body })
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// `HTTP/1.1 200 OK`
fn status(head: &[u8]) -> io::Result<u16> {
    let digits = head.get(9..12).and_then(|d| std::str::from_utf8(d).ok());
    digits.and_then(|d| d.parse().ok()).ok_or_else(|| io::Error::other("no status line"))
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    for line in head.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(&value[1..]).map_err(io::Error::other)?;
            return value.trim().parse().map_err(io::Error::other);
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(io::Error::other("a chunked response: this client reads only lengths"));
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_length_are_read_from_a_head() {
        let head = b"HTTP/1.1 403 Forbidden\r\ndate: x\r\nContent-LENGTH: 17\r\n";
        assert_eq!((status(head).unwrap(), content_length(head).unwrap()), (403, 17));
        assert_eq!(content_length(b"HTTP/1.1 204 No Content\r\n").unwrap(), 0);
        assert!(content_length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n").is_err());
        assert!(status(b"HTTP").is_err());
    }
}
