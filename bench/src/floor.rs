//! The bare server: rustls, hyper and axum, the same bytes for every request, nothing else; a
//! POST's body is read, and with `--sign` each is worth an ES256 signature by aws-lc alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Signature};
use axum::response::IntoResponse as _;
use axum::{Router, routing};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_model::Timestamp;
use strongroom_pki::Authority;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Result;

/// The host name that the floor's certificate is for.
pub(crate) const HOST: &str = "floor.vault.localhost";

#[derive(Args)]
pub(crate) struct Options {
    /// A file with the body.
    #[arg(long)]
    body: PathBuf,
    /// A file with the headers, `name: value` on each line.
    #[arg(long)]
    headers: PathBuf,
    /// The port on 127.0.0.1; 0 for any.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to write the certificate to trust, in PEM.
    #[arg(long)]
    ca_out: PathBuf,
    /// Where to write the address, once it is being served.
    #[arg(long)]
    ready_file: PathBuf,
    /// Make an ES256 signature for every POST.
    #[arg(long)]
    sign: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let body = Bytes::from(std::fs::read(&options.body)?);
    let headers = read_headers(&options.headers)?;
    let tls = TlsAcceptor::from(tls(&options.ca_out)?);
    let signer = if options.sign { Some(Arc::new(Signer::new()?)) } else { None };
    let fixed = (StatusCode::OK, headers, body);
    let posted = fixed.clone();
    let get = move || std::future::ready(fixed.clone().into_response());
    let post = move |_body: Bytes| {
        if let Some(signer) = &signer {
            std::hint::black_box(signer.sign());
        }
        std::future::ready(posted.clone().into_response())
    };
    let router = Router::new().fallback_service(routing::get(get).post(post));
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    announce(&options.ready_file, &listener.local_addr()?.to_string())?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        let (tls, service) = (tls.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            // A client that goes away is the end of its connection, not of the floor.
            if let Ok(stream) = tls.accept(tcp).await {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

/// A P-256 key, ready to sign the same digest again and again.
struct Signer(EcdsaKeyPair, Digest);

impl Signer {
    fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| "aws-lc generates no key")?;
        let digest = Digest::import_less_safe(&[7; 32], &SHA256).map_err(|_| "no digest")?;
        Ok(Self(key, digest))
    }

    fn sign(&self) -> Option<Signature> {
        self.0.sign_digest(&self.1).ok()
    }
}

/// Whoever sees the file sees all of it.
fn announce(file: &Path, address: &str) -> Result<()> {
    let partial = file.with_extension("partial");
    std::fs::write(&partial, address)?;
    Ok(std::fs::rename(&partial, file)?)
}

fn read_headers(file: &Path) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in std::fs::read_to_string(file)?.lines().filter(|l| !l.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no header: {line}"))?;
        headers.append(name.parse::<HeaderName>()?, HeaderValue::from_str(value.trim())?);
    }
    Ok(headers)
}

fn tls(ca_out: &Path) -> Result<Arc<ServerConfig>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = Timestamp(i64::try_from(now)?);
    let authority = Authority::create("localhost", now)?;
    let server = authority.issue_server(&[HOST.to_owned()], now, 1)?;
    std::fs::write(ca_out, authority.certificate_pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server.key.expose().to_vec()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(server.chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
