//! TLS: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, no early data. The certificate can be
//! replaced while the server runs. An ACME authority that validates a name by TLS-ALPN-01 gets the
//! certificate that answers its challenge, and nothing else (RFC 8737).

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use strongroom_acme::Challenges;

use crate::HttpError;

/// What an authority that validates a name offers in its handshake, alone.
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// The server's TLS.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

struct Current {
    certificate: ArcSwap<CertifiedKey>,
    challenges: Arc<Challenges>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut offered = hello.alpn().into_iter().flatten();
        if offered.next() == Some(ACME_TLS) && offered.next().is_none() {
            return self.challenged(hello.server_name()?);
        }
        Some(self.certificate.load_full())
    }
}

impl Current {
    fn challenged(&self, server_name: &str) -> Option<Arc<CertifiedKey>> {
        let answer = self.challenges.tls_certificate(server_name)?;
        let key = PrivateKeyDer::try_from(answer.key.expose()).ok()?.clone_key();
        let chain = vec![CertificateDer::from(answer.certificate.clone())];
        // Unchecked: the critical extension that makes it an answer is unknown to rustls.
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(key).ok()?;
        Some(Arc::new(CertifiedKey::new(chain, key)))
    }
}

impl Tls {
    /// TLS with a first certificate.
    ///
    /// # Errors
    /// [`HttpError::Tls`] when certificate and key do not fit.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, HttpError> {
        let challenges = Arc::new(Challenges::default());
        let certificate = ArcSwap::from_pointee(certified(chain, key)?);
        let current = Arc::new(Current { certificate, challenges });
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .map_err(|error| HttpError::Tls(error.to_string()))?
                .with_no_client_auth()
                .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), ACME_TLS.to_vec()];
        config.max_early_data_size = 0;
        config.send_half_rtt_data = false;
        if let Ok(ticketer) = aws_lc_rs::Ticketer::new() {
            config.ticketer = ticketer;
        }
        Ok(Self { config: Arc::new(config), current })
    }

    /// Replaces the certificate: the next handshake uses it.
    ///
    /// # Errors
    /// [`HttpError::Tls`] when certificate and key do not fit; the old one stays.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), HttpError> {
        self.current.certificate.store(Arc::new(certified(chain, key)?));
        Ok(())
    }

    /// The answers to challenges that are served in handshakes.
    pub fn challenges(&self) -> &Arc<Challenges> {
        &self.current.challenges
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, HttpError> {
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| HttpError::Tls(error.to_string()))
}
