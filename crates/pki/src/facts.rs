//! What a certificate says.

use strongroom_crypto::digest;
use strongroom_model::certificates::{Thumbprint, X509Properties};
use strongroom_model::{PublicKey, Timestamp};

use crate::certificate::Certificate;
use crate::extensions::properties;
use crate::{PkiError, Validity, name};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-1 of the DER.
    pub thumbprint: Thumbprint,
    /// The serial number, big-endian, without leading zeros.
    pub serial: Vec<u8>,
    /// The begin of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// The subject as Key Vault writes it.
    pub subject: String,
    /// The issuer as Key Vault writes a subject.
    pub issuer: String,
    /// What a policy would say of it, `validity_months` rounded up.
    pub x509: X509Properties,
    /// The key.
    pub public: PublicKey,
    /// Whether it may issue others.
    pub is_ca: bool,
}

/// Reads a certificate (DER).
///
/// # Errors
/// [`PkiError::Certificate`] when it is malformed, [`PkiError::KeyType`] when its key is of a kind
/// that a vault does not keep.
pub fn facts(certificate: &[u8]) -> Result<CertificateFacts, PkiError> {
    let parsed = Certificate::parse(certificate)?;
    let content = &parsed.content;
    let validity = Validity::of(&content.validity);
    let subject = parsed.subject();
    let x509 = X509Properties {
        subject: subject.clone(),
        validity_months: validity.months_rounded_up(),
        ..properties(parsed.extensions(), || PkiError::Certificate)?
    };
    Ok(CertificateFacts {
        thumbprint: Thumbprint(digest::sha1(certificate)),
        serial: without_leading_zeros(content.serial.as_bytes()).to_vec(),
        not_before: validity.not_before,
        not_after: validity.not_after,
        subject,
        issuer: name::text(&content.issuer),
        public: parsed.public()?,
        is_ca: x509.basic_constraints.ca,
        x509,
    })
}

fn without_leading_zeros(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number {
        number = rest;
    }
    number
}
