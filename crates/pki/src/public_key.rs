//! The public keys of certificates.

use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use der::asn1::{BitString, ObjectIdentifier, OctetString, Uint};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use strongroom_crypto::digest;
use strongroom_model::{AkpAlgorithm, Curve, PublicKey};
use x509_cert::Certificate;

use crate::PkiError;

/// The shortest RSA modulus that is not weak, in bits (NIST SP 800-131A).
const MIN_RSA_BITS: u32 = 2048;

/// The longest RSA modulus that is verified, in bits.
const MAX_RSA_BITS: u32 = 8192;

/// RFC 8017, A.1.1.
#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    exponent: Uint,
}

/// The public key in a certificate (DER), RSA or on a curve. Nothing else of the certificate is
/// looked at: it is for certificates that only carry a key, such as those in a JWK's `x5c`.
///
/// # Errors
/// [`PkiError::Certificate`] when it is malformed, [`PkiError::KeyType`] when its key is of
/// another kind.
pub fn public_key(certificate: &[u8]) -> Result<PublicKey, PkiError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| PkiError::Certificate)?;
    from_spki(certificate.tbs_certificate().subject_public_key_info())
}

/// A public key as a file has it, and as certificates hold it: SubjectPublicKeyInfo (RFC 5280,
/// 4.1.2.7), DER.
///
/// # Errors
/// [`PkiError::Encoding`] for a symmetric key, which has no public half.
pub fn subject_public_key_info(key: &PublicKey) -> Result<Vec<u8>, PkiError> {
    Ok(to_spki(key)?.to_der()?)
}

/// Refuses a key that is too easily broken, or that certificates do not hold here: RSA of less
/// than 2048 or more than 8192 bits, or with an exponent that is even or 1, and every key that is
/// neither RSA nor on a curve.
///
/// # Errors
/// [`PkiError::WeakKey`], [`PkiError::KeyType`].
pub fn check_key(public: &PublicKey) -> Result<(), PkiError> {
    let (n, e) = match public {
        PublicKey::Rsa { n, e } => (n, e),
        PublicKey::Ec { .. } => return Ok(()),
        PublicKey::Oct { .. } | PublicKey::Akp { .. } => return Err(PkiError::KeyType),
    };
    let bits = n.first().map_or(0, |first| 8 - first.leading_zeros())
        + 8 * u32::try_from(n.len().saturating_sub(1)).unwrap_or(u32::MAX / 8);
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if bits < MIN_RSA_BITS {
        return Err(PkiError::WeakKey("RSA needs 2048 bits or more"));
    }
    if bits > MAX_RSA_BITS {
        return Err(PkiError::WeakKey("RSA takes 8192 bits at most"));
    }
    if !is_odd(n) || !is_odd(e) || e.as_slice() == [1] {
        return Err(PkiError::WeakKey("an RSA modulus and exponent are odd, and more than 1"));
    }
    Ok(())
}

/// The key that certificates and requests hold.
pub(crate) fn from_spki(spki: &SubjectPublicKeyInfoOwned) -> Result<PublicKey, PkiError> {
    let bytes = spki.subject_public_key.as_bytes().ok_or(PkiError::Certificate)?;
    if spki.algorithm.oid == RSA_ENCRYPTION {
        let key = RsaPublicKey::from_der(bytes).map_err(|_| PkiError::Certificate)?;
        let (n, e) = (key.modulus.as_bytes().to_vec(), key.exponent.as_bytes().to_vec());
        return Ok(PublicKey::Rsa { n, e });
    }
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as().ok());
    let curve = curve.and_then(|oid| Curve::ALL.iter().copied().find(|c| curve_oid(*c) == oid));
    let Some(curve) = curve.filter(|_| spki.algorithm.oid == ID_EC_PUBLIC_KEY) else {
        return Err(PkiError::KeyType);
    };
    match bytes.split_first() {
        Some((4, point)) if point.len() == 2 * curve.field_bytes() => {
            let (x, y) = point.split_at(curve.field_bytes());
            Ok(PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() })
        }
        _ => Err(PkiError::Certificate),
    }
}

/// As certificates and requests hold a key.
pub(crate) fn to_spki(key: &PublicKey) -> Result<SubjectPublicKeyInfoOwned, PkiError> {
    let (oid, parameters, bytes) = match key {
        PublicKey::Rsa { n, e } => {
            let key = RsaPublicKey { modulus: Uint::new(n)?, exponent: Uint::new(e)? };
            (RSA_ENCRYPTION, Some(der::Any::null()), key.to_der()?)
        }
        PublicKey::Ec { curve, x, y } => {
            let parameters = der::Any::encode_from(&curve_oid(*curve))?;
            (ID_EC_PUBLIC_KEY, Some(parameters), [&[4], x.as_slice(), y].concat())
        }
        PublicKey::Akp { algorithm, public } => (ml_dsa_oid(*algorithm), None, public.clone()),
        PublicKey::Oct { .. } => return Err(PkiError::Encoding),
    };
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid, parameters },
        subject_public_key: BitString::from_bytes(&bytes)?,
    })
}

/// RFC 7093, section 2, method 1: the leftmost 160 bits of the SHA-256 of the public key.
pub(crate) fn key_id(public: &SubjectPublicKeyInfoOwned) -> Result<OctetString, PkiError> {
    let hash = digest::sha256(public.subject_public_key.raw_bytes());
    let leftmost = hash.first_chunk::<20>().map(<[u8; 20]>::as_slice).unwrap_or_default();
    Ok(OctetString::new(leftmost)?)
}

/// RFC 5480, 2.1.1.1; SEC 2, A.2.1 for secp256k1.
fn curve_oid(curve: Curve) -> ObjectIdentifier {
    match curve {
        Curve::P256 => SECP_256_R_1,
        Curve::P384 => SECP_384_R_1,
        Curve::P521 => SECP_521_R_1,
        Curve::P256K => ObjectIdentifier::new_unwrap("1.3.132.0.10"),
    }
}

/// RFC 9881, section 2.
fn ml_dsa_oid(algorithm: AkpAlgorithm) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(match algorithm {
        AkpAlgorithm::MlDsa44 => "2.16.840.1.101.3.4.3.17",
        AkpAlgorithm::MlDsa65 => "2.16.840.1.101.3.4.3.18",
        AkpAlgorithm::MlDsa87 => "2.16.840.1.101.3.4.3.19",
    })
}
