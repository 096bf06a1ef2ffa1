//! The CA, the server's certificate from it, and the files that clients trust.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_directory::row::AuthorityRow;
use strongroom_directory::{DirectoryService, system_now};
use strongroom_http::Tls;
use strongroom_model::{Endpoints, Timestamp};
use strongroom_ops::release::ReleaseSigner;
use strongroom_pki::{Authority, ServerCertificate};
use strongroom_store::Store;

use super::ready::write_private;
use crate::error::CliError;

/// How long a server certificate lives, in days.
const LEAF_DAYS: u32 = 90;

/// A certificate with less than this many days left is renewed.
const RENEW_DAYS: i64 = 30;

/// Where Linux distributions keep the system's roots.
pub(crate) const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The certificate side of a node.
pub(crate) struct Trust {
    authority: Authority,
    endpoints: Endpoints,
    tls: Tls,
    not_after: std::sync::Mutex<Timestamp>,
    /// Who signs released keys, where keys can be released.
    release_signer: std::sync::OnceLock<Arc<ReleaseSigner>>,
}

impl Trust {
    /// Reads the CA and issues a certificate for every host of the installation.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the CA cannot be read.
    pub(crate) async fn open<S: Store>(
        directory: &DirectoryService<S>,
        endpoints: &Endpoints,
    ) -> Result<Self, CliError> {
        let row: AuthorityRow = directory
            .read(b"")
            .await
            .map_err(CliError::failed)?
            .ok_or_else(|| CliError::failed("the installation has no certificate authority"))?;
        let authority =
            Authority::from_parts(&row.certificate, &row.pkcs8).map_err(CliError::failed)?;
        let certificate = issue(&authority, endpoints)?;
        let not_after = certificate.not_after;
        let (chain, key) = parts(certificate);
        let tls = Tls::new(chain, key).map_err(CliError::failed)?;
        let endpoints = endpoints.clone();
        let release_signer = std::sync::OnceLock::new();
        Ok(Self { authority, endpoints, tls, not_after: not_after.into(), release_signer })
    }

    /// Who signs released keys. Draws an RSA key at the first call: not on a request's thread.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the CA does not certify the signer.
    pub(crate) fn release_signer(&self) -> Result<Arc<ReleaseSigner>, CliError> {
        if let Some(signer) = self.release_signer.get() {
            return Ok(Arc::clone(signer));
        }
        let names = vec![format!("*.vault.{}", self.endpoints.base())];
        let signer = ReleaseSigner::new(&self.authority, names, system_now());
        let signer = Arc::new(signer.map_err(CliError::failed)?);
        Ok(Arc::clone(self.release_signer.get_or_init(|| signer)))
    }

    /// The server's TLS.
    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Replaces the certificates of the server and of the signer of released keys when their end
    /// is near; says whether the server's was.
    ///
    /// # Errors
    /// [`CliError::Failed`] when none could be issued; the old one stays.
    pub(crate) fn renew_if_due(&self) -> Result<bool, CliError> {
        if let Some(signer) = self.release_signer.get() {
            signer.renew_if_due(&self.authority, system_now()).map_err(CliError::failed)?;
        }
        let mut not_after =
            self.not_after.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if not_after.seconds_since(system_now()) > RENEW_DAYS * 86_400 {
            return Ok(false);
        }
        let certificate = issue(&self.authority, &self.endpoints)?;
        let renewed = certificate.not_after;
        let (chain, key) = parts(certificate);
        self.tls.replace(chain, key).map_err(CliError::failed)?;
        *not_after = renewed;
        Ok(true)
    }

    /// Writes the CA's certificate, and a bundle of the system's roots and it, for clients that
    /// replace their roots.
    ///
    /// # Errors
    /// [`CliError::Failed`], naming the file.
    pub(crate) fn write_files(&self, ca: &Path, bundle: &Path) -> Result<(), CliError> {
        let pem = self.authority.certificate_pem();
        let roots = SYSTEM_ROOTS
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok())
            .unwrap_or_default();
        write_private(ca, pem.as_bytes(), 0o644)?;
        write_private(bundle, format!("{}\n{pem}", roots.trim_end()).trim_start().as_bytes(), 0o644)
    }
}

fn issue(authority: &Authority, endpoints: &Endpoints) -> Result<ServerCertificate, CliError> {
    let labels = [
        "login",
        "management",
        "graph",
        "portal",
        "*.vault",
        "*.managedhsm",
        "vault",
        "managedhsm",
    ];
    let names: Vec<String> =
        labels.iter().map(|label| format!("{label}.{}", endpoints.base())).collect();
    authority.issue_server(&names, system_now(), LEAF_DAYS).map_err(CliError::failed)
}

fn parts(
    certificate: ServerCertificate,
) -> (Vec<rustls::pki_types::CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivatePkcs8KeyDer::from(certificate.key.expose().to_vec());
    (certificate.chain, PrivateKeyDer::Pkcs8(key))
}
