//! An external issuer's server: TLS on a loopback port, documents that a test may exchange.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The certificate that the server's chains to.
pub(crate) const CA: &str = include_str!("../fixtures/ca.pem");

pub(crate) struct IssuerServer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Whole answers by path.
    answers: Mutex<HashMap<String, Vec<u8>>>,
    requests: AtomicUsize,
}

impl IssuerServer {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let certificate = CertificateDer::from_pem_slice(include_bytes!("../fixtures/server.pem"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../fixtures/server.key"));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.unwrap()], key.unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&shared)));
                }
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// From now on a path answers 200 with a document.
    pub(crate) fn show(&self, path: &str, document: impl AsRef<[u8]>) {
        self.answer(path, "200 OK", "", document.as_ref());
    }

    pub(crate) fn answer(&self, path: &str, status: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let answer = [head.as_bytes(), body].concat();
        self.shared.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// From now on a path takes the request and never answers.
    pub(crate) fn hang(&self, path: &str) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), Vec::new());
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, shared: Arc<Shared>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => request.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    let answer = shared.answers.lock().unwrap().get(&path).cloned().unwrap_or(not_found);
    if answer.is_empty() {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}
