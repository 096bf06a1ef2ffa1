//! A lean HTTPS client: HTTP/1.1 and HTTP/2, only one root.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Answer;

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Host and port.
    pub(crate) authority: String,
    /// Path and query, as they go out.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header, such as the token.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn host(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn request(&self, absolute: bool) -> Request<Full<Bytes>> {
        let uri = match absolute {
            true => format!("https://{}{}", self.authority, self.target),
            false => self.target.clone(),
        };
        let mut request = Request::builder().method(&self.method).uri(uri);
        if !absolute {
            request = request.header(header::HOST, &self.authority);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(self.body.clone()))).unwrap()
    }
}

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    roots: Arc<RootCertStore>,
    address: SocketAddr,
    /// What is sent before the handshake.
    preamble: Vec<u8>,
}

impl Client {
    pub(crate) fn new(root: CertificateDer<'static>, address: SocketAddr) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root).unwrap();
        Self { roots: Arc::new(roots), address, preamble: Vec::new() }
    }

    /// The same client, which sends this before each handshake, as proxies do.
    pub(crate) fn after(&self, preamble: &[u8]) -> Self {
        Self { preamble: preamble.to_vec(), ..self.clone() }
    }

    /// A verified connection that has agreed on `protocol`.
    pub(crate) async fn tls(&self, sni: &str, protocol: &str) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        stream.write_all(&self.preamble).await.unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        tls
    }

    /// An HTTP/2 connection; its clones share it.
    pub(crate) async fn http2(&self, sni: &str) -> http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.tls(sni, "h2").await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Sends over HTTP/1.1, on a connection of its own with the request's host as SNI.
    pub(crate) async fn send_http1(&self, ask: &Ask) -> Answer {
        let sni = ask.authority.split(':').next().unwrap().to_owned();
        self.send_http1_as(&sni, ask).await
    }

    /// Sends over HTTP/1.1 with any SNI.
    pub(crate) async fn send_http1_as(&self, sni: &str, ask: &Ask) -> Answer {
        let io = TokioIo::new(self.tls(sni, "http/1.1").await);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        whole(sender.send_request(ask.request(false)).await.unwrap()).await
    }

    /// Sends bytes as they are over HTTP/1.1, and gives all that comes back until the end.
    pub(crate) async fn send_raw(&self, sni: &str, request: &[u8]) -> String {
        let mut tls = self.tls(sni, "http/1.1").await;
        tls.write_all(request).await.unwrap();
        tls.flush().await.unwrap();
        all(tls).await
    }

    /// Sends bytes, says that no more will come, and gives what comes back.
    pub(crate) async fn send_raw_and_end(&self, sni: &str, request: &[u8]) -> String {
        let mut tls = self.tls(sni, "http/1.1").await;
        tls.write_all(request).await.unwrap();
        tls.shutdown().await.unwrap();
        all(tls).await
    }
}

async fn all(mut tls: TlsStream<TcpStream>) -> String {
    let mut answer = Vec::new();
    // A peer that closes at once may cut the connection short; what came is what counts.
    let _ = tls.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends over a shared HTTP/2 connection.
pub(crate) async fn send_http2(mut sender: http2::SendRequest<Full<Bytes>>, ask: &Ask) -> Answer {
    sender.ready().await.unwrap();
    whole(sender.send_request(ask.request(true)).await.unwrap()).await
}

async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}
