//! Operations of public keys: they need no private half. Encryption runs on the request's own
//! thread, verification where [`placement`] says.

mod ec;
pub(crate) mod rsa;

use aws_lc_rs::signature::{
    ML_DSA_44, ML_DSA_65, ML_DSA_87, PqdsaVerificationAlgorithm, UnparsedPublicKey,
};
use strongroom_model::{AkpAlgorithm, EncryptionAlgorithm, PublicKey, SignatureAlgorithm};

use crate::CryptoError;
use crate::provider::Placement;
use crate::public::rsa::RsaPublic;

/// Where verifying runs. Reading the key is part of the work, and takes little of it.
pub fn placement(algorithm: SignatureAlgorithm) -> Placement {
    match algorithm {
        SignatureAlgorithm::Es384 | SignatureAlgorithm::Es512 => Placement::CpuPool,
        _ => Placement::Inline,
    }
}

/// Whether a signature over a digest (or message: see [`crate::provider::PrivateKey::sign`]) fits.
///
/// # Errors
/// [`CryptoError::Algorithm`] for an algorithm of another type of key, [`CryptoError::Length`]
/// for a digest of another length. A signature that does not fit, of whatever length, is `false`.
pub fn verify(
    key: &PublicKey,
    algorithm: SignatureAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    if !key.signs_with(algorithm) {
        return Err(CryptoError::Algorithm);
    }
    match key {
        PublicKey::Rsa { n, e } => RsaPublic { n, e }.verify(algorithm, digest, signature),
        PublicKey::Ec { curve, x, y } => {
            ec::verify(*curve, &point(x, y), algorithm, digest, signature)
        }
        PublicKey::Akp { algorithm, public } => {
            let key = UnparsedPublicKey::new(ml_dsa(*algorithm), public);
            Ok(key.verify(digest, signature).is_ok())
        }
        PublicKey::Oct { .. } => Err(CryptoError::Algorithm),
    }
}

/// Encrypts or wraps for the holder of an RSA key.
///
/// # Errors
/// [`CryptoError::Algorithm`] for an algorithm of another type of key, [`CryptoError::Length`]
/// for a plaintext longer than the padding leaves room for.
pub fn encrypt(
    key: &PublicKey,
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    match key {
        PublicKey::Rsa { n, e } => RsaPublic { n, e }.encrypt(algorithm, plaintext),
        _ => Err(CryptoError::Algorithm),
    }
}

/// A point as SEC 1 writes it uncompressed.
pub(crate) fn point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn ml_dsa(algorithm: AkpAlgorithm) -> &'static PqdsaVerificationAlgorithm {
    match algorithm {
        AkpAlgorithm::MlDsa44 => &ML_DSA_44,
        AkpAlgorithm::MlDsa65 => &ML_DSA_65,
        AkpAlgorithm::MlDsa87 => &ML_DSA_87,
    }
}
