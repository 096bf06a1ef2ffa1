//! The Online Certificate Status Protocol (RFC 6960), the responder's side.
//!
//! A response without a nonce depends on nothing but the certificates asked for, their status and
//! the time: sign it once, and answer it until its `next_update` (RFC 5019). A [`Responder`] can be
//! kept for as long as its certificate and key; each response then costs one signature.

mod asn1;

use const_oid::db::rfc5912::{ID_KP_OCSP_SIGNING, ID_SHA_1, ID_SHA_256};
use const_oid::db::rfc6960::{ID_PKIX_OCSP_BASIC, ID_PKIX_OCSP_NONCE};
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Null, OctetString};
use der::{Any, Decode as _, Encode as _};
use spki::AlgorithmIdentifierOwned;
use strongroom_crypto::digest;
use strongroom_crypto::provider::PrivateKey;
use strongroom_model::{SignatureAlgorithm, Timestamp};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use crate::certificate::Certificate;
use crate::crl::Reason;
use crate::validity::date_time;
use crate::{AuthorityCertificate, PkiError, signature};

/// The most certificates of a request.
pub const MAX_IDS: usize = 32;

/// The longest request that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The longest nonce that is answered, in bytes (RFC 9654, 2.1).
const MAX_NONCE_BYTES: usize = 128;

/// The hash of a [`CertId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertIdHash {
    /// SHA-1, which most clients use here; nothing rests on its strength.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// Names the certificate that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertId {
    /// The hash of the next two.
    pub hash: CertIdHash,
    /// The hash of the issuer's name.
    pub issuer_name_hash: Vec<u8>,
    /// The hash of the issuer's key.
    pub issuer_key_hash: Vec<u8>,
    /// The serial number, big-endian, without leading zeros.
    pub serial: Vec<u8>,
    /// As it was asked for: it is answered so.
    der: Vec<u8>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The certificates asked for: 1 to [`MAX_IDS`].
    pub ids: Vec<CertId>,
    /// What makes the response one of its own (RFC 9654): 1 to 128 bytes.
    pub nonce: Option<Vec<u8>>,
}

/// What a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Issued, and not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Not known: another issuer's, or never issued.
    Unknown,
}

/// What a response says of itself.
#[derive(Clone, Debug)]
pub struct OcspTerms {
    /// When it is made: until then what it says was so.
    pub this_update: Timestamp,
    /// Until when it may be relied on.
    pub next_update: Timestamp,
    /// The request's nonce.
    pub nonce: Option<Vec<u8>>,
}

/// An answer without a certificate's status (RFC 6960, 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is malformed.
    MalformedRequest,
    /// The responder failed.
    InternalError,
    /// Ask again later.
    TryLater,
    /// The responder does not know the authority.
    Unauthorized,
}

/// Reads a request (DER). A signature on it is ignored.
///
/// # Errors
/// [`PkiError::OcspRequest`] when it is malformed, or asks for more than [`MAX_IDS`] certificates.
pub fn parse_request(der: &[u8]) -> Result<Request, PkiError> {
    if der.len() > MAX_BYTES {
        return Err(PkiError::OcspRequest);
    }
    let request = asn1::OcspRequest::from_der(der).map_err(|_| PkiError::OcspRequest)?.content;
    if !(1..=MAX_IDS).contains(&request.requests.len()) {
        return Err(PkiError::OcspRequest);
    }
    let ids: Result<_, _> = request.requests.iter().map(|r| CertId::read(&r.id)).collect();
    let nonce = match request.extensions.iter().flatten().find(|e| e.extn_id == ID_PKIX_OCSP_NONCE)
    {
        Some(extension) => Some(nonce(extension).ok_or(PkiError::OcspRequest)?),
        None => None,
    };
    Ok(Request { ids: ids?, nonce })
}

/// A response (DER): see [`Responder::respond`].
///
/// # Errors
/// As [`Responder::new`] and [`Responder::respond`].
pub fn respond(
    signer: &AuthorityCertificate<'_>,
    statuses: &[(CertId, Status)],
    terms: &OcspTerms,
) -> Result<Vec<u8>, PkiError> {
    Responder::new(signer.certificate)?.respond(signer.key, statuses, terms)
}

/// An answer that refuses (DER). It is not signed.
pub fn refuse(refusal: Refusal) -> Vec<u8> {
    let code = match refusal {
        Refusal::MalformedRequest => 1,
        Refusal::InternalError => 2,
        Refusal::TryLater => 3,
        Refusal::Unauthorized => 6,
    };
    // OCSPResponse of an ENUMERATED alone.
    vec![0x30, 3, 0x0a, 1, code]
}

/// What names an authority in requests: computed once, compared often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerHashes {
    sha1: [[u8; 20]; 2],
    sha256: [[u8; 32]; 2],
}

impl IssuerHashes {
    /// Those of an authority's certificate (DER).
    ///
    /// # Errors
    /// [`PkiError::Certificate`] when it is malformed.
    pub fn of(certificate: &[u8]) -> Result<Self, PkiError> {
        let certificate = Certificate::parse(certificate)?;
        let name = certificate.content.subject.to_der()?;
        let key = certificate.content.public.subject_public_key.raw_bytes();
        Ok(Self {
            sha1: [digest::sha1(&name), digest::sha1(key)],
            sha256: [digest::sha256(&name), digest::sha256(key)],
        })
    }

    /// Whether the authority issued, or would have, what is asked for.
    pub fn names(&self, id: &CertId) -> bool {
        let [name, key] = match id.hash {
            CertIdHash::Sha1 => self.sha1.each_ref().map(<[u8; 20]>::as_slice),
            CertIdHash::Sha256 => self.sha256.each_ref().map(<[u8; 32]>::as_slice),
        };
        id.issuer_name_hash == name && id.issuer_key_hash == key
    }
}

impl CertId {
    fn read(id: &asn1::CertId) -> Result<Self, PkiError> {
        let hash = match id.hash.oid {
            ID_SHA_1 => CertIdHash::Sha1,
            ID_SHA_256 => CertIdHash::Sha256,
            _ => return Err(PkiError::OcspRequest),
        };
        // Both are in use (RFC 5754, 2). Any others would let one certificate have endless names.
        if id.hash.parameters.as_ref().is_some_and(|parameters| !parameters.is_null()) {
            return Err(PkiError::OcspRequest);
        }
        Ok(Self {
            hash,
            issuer_name_hash: id.issuer_name_hash.as_bytes().to_vec(),
            issuer_key_hash: id.issuer_key_hash.as_bytes().to_vec(),
            serial: id.serial.as_bytes().to_vec(),
            der: id.to_der()?,
        })
    }
}

/// Who signs responses: the authority itself, or one to whom it gave a certificate with the
/// extended key usage for OCSP, which then goes with every response.
#[derive(Clone, Debug)]
pub struct Responder {
    key_hash: [u8; 20],
    algorithm: SignatureAlgorithm,
    identifier: AlgorithmIdentifierOwned,
    delegated: Option<Any>,
    public: strongroom_model::PublicKey,
}

impl Responder {
    /// The responder with a certificate (DER).
    ///
    /// # Errors
    /// [`PkiError::Certificate`] when it is malformed, [`PkiError::NotAuthority`] when it is
    /// neither an authority's nor has the extended key usage for OCSP.
    pub fn new(certificate: &[u8]) -> Result<Self, PkiError> {
        let parsed = Certificate::parse(certificate)?;
        let usages = parsed.extension::<ExtendedKeyUsage>()?;
        let is_delegated = usages.is_some_and(|usages| usages.0.contains(&ID_KP_OCSP_SIGNING));
        if !is_delegated && !parsed.is_authority()? {
            return Err(PkiError::NotAuthority(parsed.subject()));
        }
        let public = parsed.public()?;
        let (algorithm, identifier) = signature::algorithm_of(&public)?;
        let delegated = if is_delegated { Some(Any::from_der(certificate)?) } else { None };
        let key = parsed.content.public.subject_public_key.raw_bytes();
        Ok(Self { key_hash: digest::sha1(key), algorithm, identifier, delegated, public })
    }

    /// A response (DER) signed by the certificate's key.
    ///
    /// # Errors
    /// [`PkiError::KeyMismatch`] for another key, [`PkiError::Time`], [`PkiError::Crypto`].
    pub fn respond(
        &self,
        key: &dyn PrivateKey,
        statuses: &[(CertId, Status)],
        terms: &OcspTerms,
    ) -> Result<Vec<u8>, PkiError> {
        if *key.public() != self.public {
            return Err(PkiError::KeyMismatch);
        }
        let content = self.content(statuses, terms)?.to_der()?;
        let signature = signature::sign_message(self.algorithm, &content, key)?;
        let basic = asn1::BasicOcspResponse {
            content: AnyRef::from_der(&content)?,
            algorithm: self.identifier.clone(),
            signature: BitStringRef::from_bytes(&signature)?,
            certificates: self.delegated.clone().map(|certificate| vec![certificate]),
        };
        let response = asn1::OcspResponse {
            status: asn1::ResponseStatus::Successful,
            response: asn1::ResponseBytes {
                kind: ID_PKIX_OCSP_BASIC,
                response: OctetString::new(basic.to_der()?)?,
            },
        };
        Ok(response.to_der()?)
    }

    fn content(
        &self,
        statuses: &[(CertId, Status)],
        terms: &OcspTerms,
    ) -> Result<asn1::ResponseData, PkiError> {
        let this_update = general(terms.this_update)?;
        let next_update = Some(general(terms.next_update)?);
        let mut responses = Vec::with_capacity(statuses.len());
        for (id, status) in statuses {
            let (id, status) = (Any::from_der(&id.der)?, status.to_asn1()?);
            responses.push(asn1::SingleResponse { id, status, this_update, next_update });
        }
        let nonce = terms.nonce.as_deref().map(nonce_extension).transpose()?;
        Ok(asn1::ResponseData {
            responder: asn1::ResponderId::ByKey(OctetString::new(self.key_hash)?),
            produced: this_update,
            responses,
            extensions: nonce.map(|nonce| vec![nonce]),
        })
    }
}

impl Status {
    fn to_asn1(self) -> Result<asn1::CertStatus, PkiError> {
        Ok(match self {
            Self::Good => asn1::CertStatus::Good(Null),
            Self::Unknown => asn1::CertStatus::Unknown(Null),
            Self::Revoked { at, reason } => asn1::CertStatus::Revoked(asn1::RevokedInfo {
                time: general(at)?,
                reason: reason.to_x509(),
            }),
        })
    }
}

fn general(at: Timestamp) -> Result<GeneralizedTime, PkiError> {
    Ok(GeneralizedTime::from_date_time(date_time(at)?))
}

/// The nonce is an octet string within the extension's; old clients leave the inner one out.
fn nonce(extension: &Extension) -> Option<Vec<u8>> {
    let value = extension.extn_value.as_bytes();
    let nonce =
        OctetString::from_der(value).map_or_else(|_| value.to_vec(), |n| n.into_bytes().into());
    (1..=MAX_NONCE_BYTES).contains(&nonce.len()).then_some(nonce)
}

fn nonce_extension(nonce: &[u8]) -> Result<Extension, PkiError> {
    let extn_value = OctetString::new(OctetString::new(nonce)?.to_der()?)?;
    Ok(Extension { extn_id: ID_PKIX_OCSP_NONCE, critical: false, extn_value })
}
