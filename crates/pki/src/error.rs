//! What can go wrong with certificates.

use strongroom_crypto::CryptoError;

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// The cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A certificate is malformed.
    #[error("the certificate is malformed: restore it from a backup")]
    Certificate,
    /// A certificate and a key that do not belong together.
    #[error("the certificate and the key do not belong together: restore both from one backup")]
    KeyMismatch,
    /// A name that is not a domain name.
    #[error("'{0}' is not a domain name: use letters, digits, hyphens and full stops")]
    Name(String),
    /// A name outside the authority's name constraint.
    #[error("'{name}' is not below '{base}', the only domain this authority may certify")]
    OutsideBase {
        /// The name asked for.
        name: String,
        /// The authority's base domain.
        base: String,
    },
    /// A life longer than allowed, or past the authority's own end.
    #[error("a server certificate lives 1 to {max} days within its authority's life, not {days}")]
    Validity {
        /// The days asked for.
        days: u32,
        /// The most days allowed.
        max: u32,
    },
    /// The certificate could not be encoded.
    #[error("the certificate could not be encoded")]
    Encoding,
}

impl From<der::Error> for PkiError {
    fn from(_: der::Error) -> Self {
        Self::Encoding
    }
}

impl From<x509_cert::builder::Error> for PkiError {
    fn from(_: x509_cert::builder::Error) -> Self {
        Self::Encoding
    }
}
