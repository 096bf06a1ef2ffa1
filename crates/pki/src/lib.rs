//! X.509: the installation's certificate authority and its server certificates.
//!
//! An [`Authority`] is trusted by clients for the names below one base domain and for nothing
//! else: its certificate says so in critical name constraints, which clients enforce. From it come
//! short-lived P-256 server certificates.

mod authority;
mod error;
mod public_key;
mod signer;

pub use authority::{Authority, MAX_SERVER_DAYS, ServerCertificate, SignerCertificate};
pub use error::PkiError;
pub use public_key::{public_key, subject_public_key_info};
