//! Requests to the host that is looked at, over TLS whose verification is watched.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::error::CliError;

const PATIENCE: Duration = Duration::from_secs(15);
/// The most of an answer that is read, in bytes: no object is larger.
const MOST_BYTES: usize = 1024 * 1024;

/// What one set of trusted certificates says of the host's.
pub(super) type Verdict = Result<(), Error>;

/// A client of one host.
pub(super) struct Wire {
    http: Client,
    inspector: Arc<Inspector>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Wire {
    /// A client that goes to these addresses, and speaks to whom any of the verifiers knows.
    ///
    /// # Errors
    /// [`CliError::Failed`] when TLS cannot be set up.
    pub(super) fn new(
        host: &str,
        addresses: &[SocketAddr],
        verifiers: Vec<Arc<WebPkiServerVerifier>>,
    ) -> Result<Self, CliError> {
        Self::with(host, addresses, Inspector::new(verifiers, false))
    }

    /// The same, which also speaks to whose certificate is wrong by its time alone. Only to ask
    /// that host what time it is: nothing that is secret goes there.
    pub(super) fn whatever_the_time(
        host: &str,
        addresses: &[SocketAddr],
        verifiers: Vec<Arc<WebPkiServerVerifier>>,
    ) -> Result<Self, CliError> {
        Self::with(host, addresses, Inspector::new(verifiers, true))
    }

    fn with(host: &str, addresses: &[SocketAddr], inspector: Inspector) -> Result<Self, CliError> {
        let inspector = Arc::new(inspector);
        let verifier = Arc::clone(&inspector) as Arc<dyn ServerCertVerifier>;
        let config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        let http = Client::builder()
            .https_only(true)
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .resolve_to_addrs(host, addresses)
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION"), " doctor"))
            .tls_backend_preconfigured(config)
            .build()
            .map_err(CliError::failed)?;
        Ok(Self { http, inspector })
    }

    /// Asks for something.
    pub(super) async fn get(
        &self,
        url: Url,
        token: Option<&HeaderValue>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.get(url);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Zeroizing::new(Vec::with_capacity(64 * 1024));
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// What each of the verifiers said of the host's certificate; nothing before it has shown one.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        self.inspector.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Answer {
    /// Its body, if that is JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error's code: the inner one if there is one.
    pub(super) fn code(&self) -> String {
        let body = self.json();
        let found = ["/error/innererror/code", "/error/code"]
            .into_iter()
            .find_map(|path| Some(body.pointer(path)?.as_str()?.to_owned()));
        found.unwrap_or_default()
    }

    /// The error's text.
    pub(super) fn message(&self) -> String {
        let body = self.json();
        body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Lets each verifier judge the certificate, and remembers what it said.
#[derive(Debug)]
struct Inspector {
    verifiers: Vec<Arc<WebPkiServerVerifier>>,
    whatever_the_time: bool,
    verdicts: Mutex<Vec<Verdict>>,
}

impl Inspector {
    fn new(verifiers: Vec<Arc<WebPkiServerVerifier>>, whatever_the_time: bool) -> Self {
        Self { verifiers, whatever_the_time, verdicts: Mutex::default() }
    }

    /// Those of rustls, of which the verifiers have no other.
    fn signatures(&self) -> Result<&WebPkiServerVerifier, Error> {
        self.verifiers.first().map(Arc::as_ref).ok_or(CertificateError::UnknownIssuer.into())
    }
}

impl ServerCertVerifier for Inspector {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let at = |verifier: &Arc<WebPkiServerVerifier>, time| {
            verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, time)
                .map(|_| ())
        };
        let verdicts: Vec<Verdict> = self.verifiers.iter().map(|one| at(one, now)).collect();
        let good_in_time = |(verifier, verdict): (_, &Verdict)| {
            let time = verdict.as_ref().err().and_then(time_when_good);
            self.whatever_the_time && time.is_some_and(|time| at(verifier, time).is_ok())
        };
        let is_known = verdicts.iter().any(Result::is_ok)
            || self.verifiers.iter().zip(&verdicts).any(good_in_time);
        let refused = verdicts.iter().find_map(|verdict| verdict.clone().err());
        *self.verdicts.lock().unwrap_or_else(PoisonError::into_inner) = verdicts;
        match refused {
            Some(error) if !is_known => Err(error),
            _ if is_known => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures().map(ServerCertVerifier::supported_verify_schemes).unwrap_or_default()
    }
}

/// A time at which a certificate that is good at another time was, or will be.
fn time_when_good(error: &Error) -> Option<UnixTime> {
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Some(*not_after)
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(*not_before)
        }
        _ => None,
    }
}
