//! ML-DSA private keys (FIPS 204), kept as their seed of 32 bytes.

use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair,
    PqdsaSigningAlgorithm,
};
use pkcs8::PrivateKeyInfoRef;
use strongroom_model::{AkpAlgorithm, PublicKey, SignatureAlgorithm};

use crate::provider::{KeyMaterial, PrivateKey};
use crate::{CryptoError, SecretBytes, random};

/// The length of a seed, in bytes.
const SEED_BYTES: usize = 32;

/// Draws a key.
pub(super) fn generate(algorithm: AkpAlgorithm) -> Result<KeyMaterial, CryptoError> {
    let mut seed = SecretBytes::new(vec![0; SEED_BYTES]);
    random::fill(seed.expose_mut())?;
    let public = public_half(algorithm, &expand(algorithm, &seed)?);
    Ok(KeyMaterial { public, private: seed })
}

/// Takes a key in as PKCS#8. It must carry the seed; an expanded key alone is not taken.
pub(super) fn import_pkcs8(
    algorithm: AkpAlgorithm,
    der: &SecretBytes,
) -> Result<KeyMaterial, CryptoError> {
    let key =
        PqdsaKeyPair::from_pkcs8(scheme(algorithm), der.expose()).map_err(|_| CryptoError::Key)?;
    let canonical = key.to_pkcs8v1().map_err(|_| CryptoError::Key)?;
    let info = PrivateKeyInfoRef::try_from(canonical.as_ref()).map_err(|_| CryptoError::Key)?;
    // ML-DSA-PrivateKey (RFC 9881, section 6) in its form `seed [0] OCTET STRING`.
    let [0x80, 0x20, seed @ ..] = info.private_key.as_bytes() else {
        return Err(CryptoError::Key);
    };
    let private = SecretBytes::new(seed.to_vec());
    Ok(KeyMaterial { public: public_half(algorithm, &key), private })
}

/// Opens a kept key.
pub(super) fn open(public: &PublicKey, private: &SecretBytes) -> Result<MlDsaKey, CryptoError> {
    let PublicKey::Akp { algorithm, .. } = public else {
        return Err(CryptoError::Key);
    };
    let key = expand(*algorithm, private)?;
    if *public != public_half(*algorithm, &key) {
        return Err(CryptoError::Key);
    }
    Ok(MlDsaKey { public: public.clone(), key })
}

fn scheme(algorithm: AkpAlgorithm) -> &'static PqdsaSigningAlgorithm {
    match algorithm {
        AkpAlgorithm::MlDsa44 => &ML_DSA_44_SIGNING,
        AkpAlgorithm::MlDsa65 => &ML_DSA_65_SIGNING,
        AkpAlgorithm::MlDsa87 => &ML_DSA_87_SIGNING,
    }
}

fn expand(algorithm: AkpAlgorithm, seed: &SecretBytes) -> Result<PqdsaKeyPair, CryptoError> {
    PqdsaKeyPair::from_seed(scheme(algorithm), seed.expose()).map_err(|_| CryptoError::Key)
}

fn public_half(algorithm: AkpAlgorithm, key: &PqdsaKeyPair) -> PublicKey {
    PublicKey::Akp { algorithm, public: key.public_key().as_ref().to_vec() }
}

/// A key ready for work.
pub(super) struct MlDsaKey {
    public: PublicKey,
    key: PqdsaKeyPair,
}

impl PrivateKey for MlDsaKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.public.signs_with(algorithm) {
            return Err(CryptoError::Algorithm);
        }
        let mut signature = vec![0; self.key.algorithm().signature_len()];
        let len = self.key.sign(message, &mut signature).map_err(|_| CryptoError::Internal)?;
        signature.truncate(len);
        Ok(signature)
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        let der = self.key.to_pkcs8v1().map_err(|_| CryptoError::Internal)?;
        Ok(SecretBytes::new(der.as_ref().to_vec()))
    }
}
