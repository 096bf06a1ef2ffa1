//! Verification with elliptic curve keys: ECDSA (FIPS 186-5), signatures as `r || s`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED,
    EcdsaVerificationAlgorithm, UnparsedPublicKey,
};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};
use strongroom_model::{Curve, SignatureAlgorithm};

use crate::{CryptoError, digest};

/// Whether a signature over a digest fits. The caller has matched curve and algorithm.
pub(super) fn verify(
    curve: Curve,
    point: &[u8],
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    let imported = digest::import(algorithm, digest)?;
    let scheme: &EcdsaVerificationAlgorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
        Curve::P256K => return verify_secp256k1(point, digest, signature),
    };
    Ok(UnparsedPublicKey::new(scheme, point).verify_digest(&imported, signature).is_ok())
}

/// k256 refuses a signature whose `s` is in the upper half of its range, which ECDSA allows and
/// other implementations make: its lower counterpart is as good.
fn verify_secp256k1(point: &[u8], digest: &[u8], signature: &[u8]) -> Result<bool, CryptoError> {
    let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| CryptoError::Key)?;
    let Ok(signature) = Signature::from_slice(signature) else {
        return Ok(false);
    };
    Ok(key.verify_prehash(digest, &signature.normalize_s()).is_ok())
}
