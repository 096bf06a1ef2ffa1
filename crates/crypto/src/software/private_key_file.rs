//! Private keys as files have them, taken apart for an import.

use der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use strongroom_model::{Curve, PublicKey};

use crate::provider::ImportedKey;
use crate::software::ec;
use crate::software::pkcs8::{CURVES, EC_PUBLIC_KEY, RSA_ENCRYPTION, RsaPrivateKey, named_curve};
use crate::{CryptoError, SecretBytes};

/// How a private key is encoded: in DER, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// PKCS#8: any type of key (RFC 5958).
    Pkcs8,
    /// PKCS#1: an RSA key (RFC 8017, A.1.2).
    Pkcs1,
    /// SEC 1: a key on an elliptic curve (RFC 5915).
    Sec1,
}

/// ECPrivateKey (RFC 5915, section 3).
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    parameters: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

/// The parts of an RSA key or of one on an elliptic curve, whose point is computed. Whether the
/// parts belong together is for the import to check.
///
/// # Errors
/// [`CryptoError::Algorithm`] for a key of another type, [`CryptoError::Key`] when it is
/// malformed or on an unknown curve.
pub fn read(encoding: Encoding, der: &SecretBytes) -> Result<ImportedKey, CryptoError> {
    match encoding {
        Encoding::Pkcs1 => read_rsa(der.expose()),
        Encoding::Sec1 => {
            let key = EcPrivateKey::from_der(der.expose()).map_err(|_| CryptoError::Key)?;
            let curve = named_curve(key.parameters)?;
            read_ec(curve, &key, &as_pkcs8(curve, der.expose())?)
        }
        Encoding::Pkcs8 => {
            let key = PrivateKeyInfoRef::try_from(der.expose()).map_err(|_| CryptoError::Key)?;
            let inner = key.private_key.as_bytes();
            if key.algorithm.oid == RSA_ENCRYPTION {
                return read_rsa(inner);
            }
            if key.algorithm.oid != EC_PUBLIC_KEY {
                return Err(CryptoError::Algorithm);
            }
            let curve = named_curve(key.algorithm.parameters)?;
            let inner = EcPrivateKey::from_der(inner).map_err(|_| CryptoError::Key)?;
            read_ec(curve, &inner, der)
        }
    }
}

/// The key in PKCS#8, version 1, without what else a file may say of it: the attributes, and the
/// public key outside the private one. Whether its parts belong together is for the import to
/// check.
///
/// # Errors
/// As [`read`].
pub fn to_pkcs8(encoding: Encoding, der: &SecretBytes) -> Result<SecretBytes, CryptoError> {
    match encoding {
        Encoding::Pkcs1 => {
            RsaPrivateKey::from_der(der.expose()).map_err(|_| CryptoError::Key)?;
            wrapped(RSA_ENCRYPTION, AnyRef::NULL, der.expose())
        }
        Encoding::Sec1 => {
            let key = EcPrivateKey::from_der(der.expose()).map_err(|_| CryptoError::Key)?;
            as_pkcs8(named_curve(key.parameters)?, der.expose())
        }
        Encoding::Pkcs8 => {
            let key = PrivateKeyInfoRef::try_from(der.expose()).map_err(|_| CryptoError::Key)?;
            let inner = key.private_key.as_bytes();
            if key.algorithm.oid == RSA_ENCRYPTION {
                return wrapped(RSA_ENCRYPTION, AnyRef::NULL, inner);
            }
            if key.algorithm.oid != EC_PUBLIC_KEY {
                return Err(CryptoError::Algorithm);
            }
            as_pkcs8(named_curve(key.algorithm.parameters)?, inner)
        }
    }
}

fn read_rsa(der: &[u8]) -> Result<ImportedKey, CryptoError> {
    let key = RsaPrivateKey::from_der(der).map_err(|_| CryptoError::Key)?;
    let secret = |part: UintRef<'_>| SecretBytes::new(part.as_bytes().to_vec());
    Ok(ImportedKey::Rsa {
        n: key.n.as_bytes().to_vec(),
        e: key.e.as_bytes().to_vec(),
        d: secret(key.d),
        p: secret(key.p),
        q: secret(key.q),
        dp: secret(key.dp),
        dq: secret(key.dq),
        qi: secret(key.qi),
    })
}

/// The library computes the point, and refuses one in the file that is another.
fn read_ec(
    curve: Curve,
    key: &EcPrivateKey<'_>,
    pkcs8: &SecretBytes,
) -> Result<ImportedKey, CryptoError> {
    let PublicKey::Ec { x, y, .. } = ec::import_pkcs8(curve, pkcs8)?.public else {
        return Err(CryptoError::Internal);
    };
    let d = SecretBytes::new(key.private_key.as_bytes().to_vec());
    Ok(ImportedKey::Ec { curve, x, y, d })
}

fn as_pkcs8(curve: Curve, sec1: &[u8]) -> Result<SecretBytes, CryptoError> {
    let oid = CURVES.iter().find(|(_, known)| *known == curve).map(|(oid, _)| oid);
    wrapped(EC_PUBLIC_KEY, oid.ok_or(CryptoError::Internal)?.into(), sec1)
}

fn wrapped(
    oid: ObjectIdentifier,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters: Some(parameters) };
    let key = OctetStringRef::new(key).map_err(|_| CryptoError::Key)?;
    let der = PrivateKeyInfoRef::new(algorithm, key).to_der().map_err(|_| CryptoError::Internal)?;
    Ok(SecretBytes::new(der))
}
