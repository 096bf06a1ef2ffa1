//! Certificate revocation lists (RFC 5280, 5).

use der::asn1::Uint;
use strongroom_model::Timestamp;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::{CrlNumber, CrlReason, KeyUsages};
use x509_cert::serial_number::SerialNumber;

use crate::extensions::Extensions;
use crate::validity::time;
use crate::{AuthorityCertificate, PkiError, signature};

/// What a list says of itself.
#[derive(Clone, Copy, Debug)]
pub struct CrlTerms {
    /// Its number: greater than that of every earlier list.
    pub number: u64,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next is made at the latest.
    pub next_update: Timestamp,
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// Why a certificate was revoked (RFC 5280, 5.3.1), as far as it is revoked for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No reason was given.
    #[default]
    Unspecified,
    /// Somebody else has the key, or may have.
    KeyCompromise,
    /// Somebody else has the authority's key, or may have.
    CaCompromise,
    /// The subject's name changed.
    AffiliationChanged,
    /// Another certificate replaced it.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// A right it gave was withdrawn.
    PrivilegeWithdrawn,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The name in RFC 5280.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// The number in RFC 5280, which ACME uses too (RFC 8555, 7.6).
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }

    /// The one of a name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name().eq_ignore_ascii_case(name))
    }

    /// The one of a number.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| u64::from(reason.code()) == code)
    }

    /// As lists and responses say it; the unspecified one is left out (RFC 5280, 5.3.1).
    pub(crate) fn to_x509(self) -> Option<CrlReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::CaCompromise => Some(CrlReason::CaCompromise),
            Self::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
        }
    }
}

/// A revocation list (version 2, DER) of `authority`.
///
/// # Errors
/// [`PkiError::NotAuthority`] when its certificate does not let it sign lists,
/// [`PkiError::KeyMismatch`] for a key that is not the authority's.
pub fn build(
    authority: &AuthorityCertificate<'_>,
    terms: &CrlTerms,
    revoked: &[Revoked],
) -> Result<Vec<u8>, PkiError> {
    let certificate = authority.parse(KeyUsages::CRLSign)?;
    let issuer = certificate.content.subject.clone();
    let mut extensions = Extensions::new(&issuer);
    extensions.add(&certificate.key_identifier()?)?;
    extensions.add(&CrlNumber(Uint::new(&terms.number.to_be_bytes())?))?;
    let revoked = revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let (_, signature) = signature::algorithm_of(authority.key.public())?;
    let content: TbsCertList = TbsCertList {
        version: x509_cert::certificate::Version::V2,
        signature,
        this_update: time(terms.this_update)?,
        next_update: Some(time(terms.next_update)?),
        revoked_certificates: Some(revoked).filter(|revoked| !revoked.is_empty()),
        crl_extensions: Some(extensions.into_vec()),
        issuer,
    };
    signature::sign(&content, authority.key)
}

fn entry(revoked: &Revoked) -> Result<RevokedCert, PkiError> {
    let extensions = match revoked.reason.to_x509() {
        Some(reason) => {
            let no_name = x509_cert::name::Name::default();
            let mut extensions = Extensions::new(&no_name);
            extensions.add(&reason)?;
            Some(extensions.into_vec())
        }
        None => None,
    };
    Ok(RevokedCert {
        serial_number: SerialNumber::new(&revoked.serial)?,
        revocation_date: time(revoked.at)?,
        crl_entry_extensions: extensions,
    })
}
