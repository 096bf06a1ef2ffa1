//! The vault's own certificate authorities.
//!
//! An authority is a certificate of the vault whose policy made it one: its companion key signs.
//! An issuer of the provider `Strongroom` names it, and says what it issues through that issuer.
//! Everything an authority issues stands in its ledger, in the transaction that makes the
//! certificate; a revocation is a row beside it. Revocation lists and OCSP responses are made of
//! those rows on demand, and kept in memory while the rows that they rest on stay as they are.
//!
//! A deleted authority issues nothing, but goes on publishing until it is purged: what it issued
//! is still in use, and so is the way to revoke it.

mod certify;
mod crl;
mod ledger;
mod ledger_backup;
mod lookup;
mod ocsp;
mod profile;
mod prune;
mod publication;
mod revocation;

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use strongroom_model::{IncarnationId, ObjectName, Version};
use strongroom_pki::CertificateFacts;
use strongroom_pki::ocsp::IssuerHashes;

pub(crate) use certify::{Certification, Certified};
pub(crate) use ledger::{Issued, IssuedTo, Ledger, Revocation, Serial};
pub(crate) use ledger_backup::LedgerBackup;
pub use ocsp::MAX_OCSP_BYTES;
pub use publication::{CertificateWork, Publication};
pub use revocation::{RevokeCertificate, RevokeIssuedCertificate, Revoked};

/// Authorities kept ready: a few kilobytes each.
const AUTHORITIES: usize = 1_024;

/// A version of a certificate that may issue others.
pub(crate) struct Authority {
    /// The certificate's name.
    pub(crate) name: ObjectName,
    /// The certificate's incarnation: its ledger's.
    pub(crate) incarnation: IncarnationId,
    /// The version.
    pub(crate) version: Version,
    /// The authority of the vault that issued the certificate.
    pub(crate) issued_by: Option<ObjectName>,
    /// The certificate itself (DER).
    pub(crate) certificate: Vec<u8>,
    /// What follows a certificate that it issues: itself and those above it, without the root.
    pub(crate) chain: Vec<Vec<u8>>,
    /// What its certificate says.
    pub(crate) facts: CertificateFacts,
    /// What names it in OCSP requests.
    pub(crate) hashes: IssuerHashes,
}

/// What anybody may read of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// It (DER).
    pub der: Bytes,
    /// For how many seconds others may keep it.
    pub max_age: u32,
}

/// A certificate that was read, and the digest of the body it was read from.
#[derive(Clone)]
struct Opened {
    digest: [u8; 32],
    /// `None` for one that is no authority.
    authority: Option<Arc<Authority>>,
}

/// What a node keeps of its authorities in memory.
pub(crate) struct Authorities {
    /// By incarnation and version.
    opened: Cache<(IncarnationId, Version), Opened>,
    lists: crl::Lists,
    responses: ocsp::Responses,
}

impl Authorities {
    pub(crate) fn new() -> Self {
        Self {
            opened: Cache::new(AUTHORITIES),
            lists: crl::Lists::new(),
            responses: ocsp::Responses::new(),
        }
    }
}
