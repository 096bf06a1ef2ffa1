//! Certificate signing requests: PKCS#10 (RFC 2986).

use der::Decode as _;
use der::asn1::SetOfVec;
use strongroom_crypto::provider::PrivateKey;
use strongroom_model::PublicKey;
use strongroom_model::certificates::X509Properties;
use x509_cert::attr::Attribute;
use x509_cert::request::{CertReqInfo, ExtensionReq, Version};

use crate::extensions::{Asked, Extensions, Reader, properties};
use crate::public_key::{check_key, from_spki, to_spki};
use crate::signature::{self, Signed};
use crate::{PkiError, name};

/// The longest request that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// What a request asks for. Its signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedRequest {
    /// Subject, alternative names, usages and constraints; `validity_months` is 0, for a request
    /// asks for no life.
    pub x509: X509Properties,
    /// The key to be certified.
    pub public: PublicKey,
}

/// A request (PKCS#10, DER) for what `x509` says, signed by the key itself.
///
/// # Errors
/// [`PkiError::Subject`], [`PkiError::AlternativeName`] and the like for what a certificate can not
/// say; [`PkiError::WeakKey`].
pub fn certificate_request(
    x509: &X509Properties,
    key: &dyn PrivateKey,
) -> Result<Vec<u8>, PkiError> {
    check_key(key.public())?;
    let asked = Asked::new(x509, key.public())?;
    let mut extensions = Extensions::new(&asked.subject);
    extensions.add_asked(&asked)?;
    let attribute = Attribute::try_from(ExtensionReq(extensions.into_vec()))?;
    let content = CertReqInfo {
        version: Version::V1,
        public_key: to_spki(key.public())?,
        attributes: SetOfVec::try_from(vec![attribute])?,
        subject: asked.subject,
    };
    signature::sign(&content, key)
}

/// Reads a request (PKCS#10, DER), and verifies that the key to be certified signed it.
///
/// # Errors
/// [`PkiError::Request`] when it is malformed, [`PkiError::RequestSignature`],
/// [`PkiError::WeakKey`], [`PkiError::KeyType`], [`PkiError::SignatureAlgorithm`].
pub fn parse_request(der: &[u8]) -> Result<ParsedRequest, PkiError> {
    if der.len() > MAX_BYTES {
        return Err(PkiError::Request);
    }
    let signed = Signed::from_der(der).map_err(|_| PkiError::Request)?;
    let content: CertReqInfo = signed.content().map_err(|_| PkiError::Request)?;
    let public = from_spki(&content.public_key).map_err(|error| match error {
        PkiError::Certificate => PkiError::Request,
        other => other,
    })?;
    check_key(&public)?;
    if !signed.verify(&public)? {
        return Err(PkiError::RequestSignature);
    }
    let extensions = requested_extensions(&content)?;
    let mut x509 = properties(Reader { extensions: &extensions }, || PkiError::Request)?;
    x509.subject = name::text(&content.subject);
    Ok(ParsedRequest { x509, public })
}

fn requested_extensions(content: &CertReqInfo) -> Result<Vec<x509_cert::ext::Extension>, PkiError> {
    let requested = const_oid::db::rfc5912::ID_EXTENSION_REQ;
    let mut extensions = Vec::new();
    for attribute in content.attributes.iter().filter(|a| a.oid == requested) {
        for value in attribute.values.iter() {
            let more: ExtensionReq = value.decode_as().map_err(|_| PkiError::Request)?;
            extensions.extend(more.0);
        }
    }
    Ok(extensions)
}
