//! Private keys that come as PKCS#8 (RFC 5958): which kind they are, and their parts.

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Sequence};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use strongroom_model::{AkpAlgorithm, Curve};

use crate::provider::KeyMaterial;
use crate::software::{ec, ml_dsa, rsa};
use crate::{CryptoError, SecretBytes};

/// RFC 8017, A.1.
pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480, 2.1.1.
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// RFC 5480, 2.1.1.1; SEC 2, A.2.1 for secp256k1.
pub(super) const CURVES: [(ObjectIdentifier, Curve); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Curve::P256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Curve::P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Curve::P521),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), Curve::P256K),
];

/// RFC 9881, section 2.
const ML_DSA: [(ObjectIdentifier, AkpAlgorithm); 3] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"), AkpAlgorithm::MlDsa44),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"), AkpAlgorithm::MlDsa65),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"), AkpAlgorithm::MlDsa87),
];

/// RSAPrivateKey (RFC 8017, A.1.2) of two primes.
#[derive(Sequence)]
pub(super) struct RsaPrivateKey<'a> {
    pub(super) version: u8,
    pub(super) n: UintRef<'a>,
    pub(super) e: UintRef<'a>,
    pub(super) d: UintRef<'a>,
    pub(super) p: UintRef<'a>,
    pub(super) q: UintRef<'a>,
    pub(super) dp: UintRef<'a>,
    pub(super) dq: UintRef<'a>,
    pub(super) qi: UintRef<'a>,
}

/// Takes a key in, with all checks of its kind.
pub(super) fn import(der: &SecretBytes) -> Result<KeyMaterial, CryptoError> {
    let key = PrivateKeyInfoRef::try_from(der.expose()).map_err(|_| CryptoError::Key)?;
    let oid = key.algorithm.oid;
    if oid == RSA_ENCRYPTION {
        return import_rsa(key.private_key.as_bytes());
    }
    if oid == EC_PUBLIC_KEY {
        return ec::import_pkcs8(named_curve(key.algorithm.parameters)?, der);
    }
    let known = ML_DSA.iter().find(|(known, _)| *known == oid);
    let (_, algorithm) = known.ok_or(CryptoError::Key)?;
    ml_dsa::import_pkcs8(*algorithm, der)
}

/// The parts are checked one by one, since the library also takes keys without their primes.
fn import_rsa(der: &[u8]) -> Result<KeyMaterial, CryptoError> {
    let key = RsaPrivateKey::from_der(der).map_err(|_| CryptoError::Key)?;
    if key.version != 0 {
        return Err(CryptoError::Key);
    }
    rsa::import(&rsa::Parts {
        n: key.n.as_bytes(),
        e: key.e.as_bytes(),
        d: key.d.as_bytes(),
        p: key.p.as_bytes(),
        q: key.q.as_bytes(),
        dp: key.dp.as_bytes(),
        dq: key.dq.as_bytes(),
        qi: key.qi.as_bytes(),
    })
}

pub(super) fn named_curve(parameters: Option<AnyRef<'_>>) -> Result<Curve, CryptoError> {
    let parameters = parameters.ok_or(CryptoError::Key)?;
    let oid = parameters.decode_as::<ObjectIdentifier>().map_err(|_| CryptoError::Key)?;
    let known = CURVES.iter().find(|(known, _)| *known == oid);
    known.map(|(_, curve)| *curve).ok_or(CryptoError::Key)
}
