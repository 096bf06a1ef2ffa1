//! Where authorities publish, and what else a node's certificates need of the outside.

use strongroom_model::{ObjectName, VaultName, Version};
use strongroom_store::Store;

use crate::Ops;

/// What the certificates of a node need of the outside.
#[derive(Default)]
pub struct CertificateWork {
    /// Where authorities publish.
    pub publication: Publication,
}

/// Where authorities publish their revocation lists, OCSP responses and certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    /// The base of the URLs that are written into certificates, without a trailing slash; without
    /// it none are. HTTP, since whoever verifies a certificate must not need another for it (RFC
    /// 5280, section 8).
    pub http_url: Option<String>,
}

/// The URLs of a version of an authority.
#[derive(Default)]
pub(crate) struct Urls {
    pub(crate) crl: Option<String>,
    pub(crate) ocsp: Option<String>,
    pub(crate) certificate: Option<String>,
}

impl Publication {
    /// A version keeps its URLs whatever becomes of the issuers that name its certificate.
    pub(crate) fn urls(&self, vault: &VaultName, authority: &ObjectName, version: Version) -> Urls {
        let Some(base) = &self.http_url else { return Urls::default() };
        let (vault, authority) = (vault.folded(), authority.folded());
        let url = |last| Some(format!("{base}/{vault}/{authority}/{version}/{last}"));
        Urls { crl: url("crl"), ocsp: url("ocsp"), certificate: url("ca") }
    }
}

impl<S: Store> Ops<S> {
    /// The same data plane, with what its certificates need of the outside.
    #[must_use]
    pub fn with_certificate_work(self, certificate_work: CertificateWork) -> Self {
        Self { certificate_work, ..self }
    }
}
