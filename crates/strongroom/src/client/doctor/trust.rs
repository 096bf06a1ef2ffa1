//! Whose certificates the programs of this environment believe.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::server::SYSTEM_ROOTS;

/// The variables by which clients are told whom to trust, and which of them read it.
const VARIABLES: [(&str, &str); 3] = [
    ("SSL_CERT_FILE", "Rust, Go, OpenSSL, strongroom"),
    ("REQUESTS_CA_BUNDLE", "Python, az"),
    ("NODE_EXTRA_CA_CERTS", "Node.js"),
];

/// Some certificates that are trusted, and by whom.
pub(super) struct Source {
    /// Such as `SSL_CERT_FILE=/…/ca.pem (Rust, …)`.
    pub(super) name: String,
    /// Where they lie.
    pub(super) file: PathBuf,
    /// What verifies by them, or why nothing can.
    pub(super) verifier: Result<Arc<WebPkiServerVerifier>, String>,
}

impl Source {
    fn of(name: String, file: PathBuf) -> Self {
        let verifier = verifier(&file);
        Self { name, file, verifier }
    }
}

/// What the environment says; the installation's own certificate, if it is known; else the
/// system's roots.
pub(super) fn sources(ca_file: Option<&Path>) -> Vec<Source> {
    let set = VARIABLES.into_iter().filter_map(|(name, readers)| {
        let file = std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)?;
        Some(Source::of(format!("{name}={} ({readers})", file.display()), file))
    });
    let own = ca_file.map(|file| Source::of(format!("{}", file.display()), file.to_owned()));
    let mut sources: Vec<Source> = set.chain(own).collect();
    if sources.is_empty() {
        let file = SYSTEM_ROOTS.into_iter().find(|file| Path::new(file).is_file());
        let file = PathBuf::from(file.unwrap_or("/etc/ssl/certs/ca-certificates.crt"));
        sources.push(Source::of(format!("the system's roots in {}", file.display()), file));
    }
    sources
}

fn verifier(file: &Path) -> Result<Arc<WebPkiServerVerifier>, String> {
    let pem = fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let read: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read);
    if added == 0 {
        return Err("holds no certificate in PEM".into());
    }
    WebPkiServerVerifier::builder(Arc::new(roots)).build().map_err(|error| error.to_string())
}
