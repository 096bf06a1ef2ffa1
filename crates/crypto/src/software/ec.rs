//! Private keys on the NIST curves (FIPS 186-5), kept as PKCS#8.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};

use crate::provider::{KeyMaterial, PrivateKey};
use crate::software::secp256k1;
use crate::{CryptoError, SecretBytes, digest, public};

/// Draws a key.
pub(super) fn generate(curve: Curve) -> Result<KeyMaterial, CryptoError> {
    let Some(scheme) = scheme(curve) else {
        return secp256k1::generate();
    };
    let key = EcdsaKeyPair::generate(scheme).map_err(|_| CryptoError::Internal)?;
    material(curve, &key)
}

/// Takes a key in: the scalar must be in range, and lead to the point.
pub(super) fn import(
    curve: Curve,
    x: &[u8],
    y: &[u8],
    d: &SecretBytes,
) -> Result<KeyMaterial, CryptoError> {
    let size = curve.field_bytes();
    if x.len() != size || y.len() != size || d.len() != size {
        return Err(CryptoError::Key);
    }
    let point = public::point(x, y);
    let Some(scheme) = scheme(curve) else {
        return secp256k1::import(&point, d);
    };
    let key = EcdsaKeyPair::from_private_key_and_public_key(scheme, d.expose(), &point)
        .map_err(|_| CryptoError::Key)?;
    material(curve, &key)
}

/// Takes a key in as PKCS#8, with or without its point.
pub(super) fn import_pkcs8(curve: Curve, pkcs8: &SecretBytes) -> Result<KeyMaterial, CryptoError> {
    let Some(scheme) = scheme(curve) else {
        return secp256k1::import_pkcs8(pkcs8);
    };
    let key = EcdsaKeyPair::from_pkcs8(scheme, pkcs8.expose()).map_err(|_| CryptoError::Key)?;
    material(curve, &key)
}

/// Opens a kept key on a NIST curve.
pub(super) fn open(public: &PublicKey, private: &SecretBytes) -> Result<EcKey, CryptoError> {
    let PublicKey::Ec { curve, .. } = public else {
        return Err(CryptoError::Key);
    };
    let scheme = scheme(*curve).ok_or(CryptoError::Key)?;
    let key = EcdsaKeyPair::from_pkcs8(scheme, private.expose()).map_err(|_| CryptoError::Key)?;
    if *public != public_half(*curve, key.public_key().as_ref())? {
        return Err(CryptoError::Key);
    }
    Ok(EcKey { public: public.clone(), key })
}

/// The scheme of a curve; `None` for secp256k1, which has an implementation of its own.
fn scheme(curve: Curve) -> Option<&'static EcdsaSigningAlgorithm> {
    match curve {
        Curve::P256 => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Curve::P384 => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Curve::P521 => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        Curve::P256K => None,
    }
}

fn material(curve: Curve, key: &EcdsaKeyPair) -> Result<KeyMaterial, CryptoError> {
    Ok(KeyMaterial { public: public_half(curve, key.public_key().as_ref())?, private: pkcs8(key)? })
}

/// The public half of an uncompressed point (SEC 1).
pub(super) fn public_half(curve: Curve, point: &[u8]) -> Result<PublicKey, CryptoError> {
    let size = curve.field_bytes();
    match point.split_at_checked(1) {
        Some(([4], coordinates)) if coordinates.len() == 2 * size => {
            let (x, y) = coordinates.split_at(size);
            Ok(PublicKey::Ec { curve, x: x.to_vec(), y: y.to_vec() })
        }
        _ => Err(CryptoError::Key),
    }
}

fn pkcs8(key: &EcdsaKeyPair) -> Result<SecretBytes, CryptoError> {
    let der = key.to_pkcs8v1().map_err(|_| CryptoError::Internal)?;
    Ok(SecretBytes::new(der.as_ref().to_vec()))
}

/// A key ready for work.
pub(super) struct EcKey {
    public: PublicKey,
    key: EcdsaKeyPair,
}

impl PrivateKey for EcKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.public.signs_with(algorithm) {
            return Err(CryptoError::Algorithm);
        }
        let digest = digest::import(algorithm, digest)?;
        let signature = self.key.sign_digest(&digest).map_err(|_| CryptoError::Internal)?;
        Ok(signature.as_ref().to_vec())
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        pkcs8(&self.key)
    }
}
