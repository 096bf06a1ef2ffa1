//! The public keys of certificates.

use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use der::asn1::{BitString, ObjectIdentifier, Uint};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use strongroom_crypto::sign::RsaPublicComponents;
use strongroom_model::{AkpAlgorithm, Curve, PublicKey};
use x509_cert::Certificate;

use crate::PkiError;

/// RFC 8017, A.1.1.
#[derive(Sequence)]
struct RsaPublicKey {
    modulus: Uint,
    exponent: Uint,
}

/// The public key in a certificate (DER), RSA or on a NIST curve. Nothing else of the certificate
/// is looked at: it is for certificates that only carry a key, such as those in a JWK's `x5c`.
///
/// # Errors
/// [`PkiError::Certificate`] when it is malformed or its key of another kind.
pub fn public_key(certificate: &[u8]) -> Result<PublicKey, PkiError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| PkiError::Certificate)?;
    let spki = certificate.tbs_certificate().subject_public_key_info();
    let bytes = spki.subject_public_key.as_bytes().ok_or(PkiError::Certificate)?;
    if spki.algorithm.oid == RSA_ENCRYPTION {
        let key = RsaPublicKey::from_der(bytes).map_err(|_| PkiError::Certificate)?;
        let (n, e) = (key.modulus.as_bytes().to_vec(), key.exponent.as_bytes().to_vec());
        return Ok(PublicKey::Rsa { n, e });
    }
    let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as().ok()).and_then(curve);
    match (curve, bytes.split_first()) {
        (Some(curve), Some((4, point)))
            if spki.algorithm.oid == ID_EC_PUBLIC_KEY && point.len() == 2 * curve.field_bytes() =>
        {
            let (x, y) = point.split_at(curve.field_bytes());
            Ok(PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() })
        }
        _ => Err(PkiError::Certificate),
    }
}

fn curve(oid: ObjectIdentifier) -> Option<Curve> {
    [(SECP_256_R_1, Curve::P256), (SECP_384_R_1, Curve::P384), (SECP_521_R_1, Curve::P521)]
        .into_iter()
        .find_map(|(known, curve)| (known == oid).then_some(curve))
}

/// A public key as a file has it, and as certificates hold it: SubjectPublicKeyInfo (RFC 5280,
/// 4.1.2.7), DER.
///
/// # Errors
/// [`PkiError::Encoding`] for a symmetric key, which has no public half.
pub fn subject_public_key_info(key: &PublicKey) -> Result<Vec<u8>, PkiError> {
    let (oid, parameters, bytes) = match key {
        PublicKey::Rsa { n, e } => {
            let key = RsaPublicComponents { n: n.clone(), e: e.clone() };
            return Ok(rsa_spki(&key)?.to_der()?);
        }
        PublicKey::Ec { curve, x, y } => {
            let parameters = der::Any::encode_from(&curve_oid(*curve))?;
            (ID_EC_PUBLIC_KEY, Some(parameters), [&[4], x.as_slice(), y].concat())
        }
        PublicKey::Akp { algorithm, public } => (ml_dsa_oid(*algorithm), None, public.clone()),
        PublicKey::Oct { .. } => return Err(PkiError::Encoding),
    };
    let spki = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid, parameters },
        subject_public_key: BitString::from_bytes(&bytes)?,
    };
    Ok(spki.to_der()?)
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

/// As certificates hold an RSA key.
pub(crate) fn rsa_spki(key: &RsaPublicComponents) -> Result<SubjectPublicKeyInfoOwned, PkiError> {
    let key = RsaPublicKey { modulus: Uint::new(&key.n)?, exponent: Uint::new(&key.e)? };
    Ok(SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: RSA_ENCRYPTION,
            parameters: Some(der::Any::null()),
        },
        subject_public_key: BitString::from_bytes(&key.to_der()?)?,
    })
}
