//! Verification and encryption with RSA keys (RFC 8017).

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OaepAlgorithm,
    OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};
use strongroom_model::{EncryptionAlgorithm, SignatureAlgorithm};
use subtle::ConstantTimeEq;

use crate::rsa_aes_key_wrap::OaepHash;
use crate::{CryptoError, digest, ffi};

/// What the padding of RSASSA-PKCS1-v1_5 and RSAES-PKCS1-v1_5 takes from the modulus, in bytes.
pub(crate) const PKCS1_PADDING_BYTES: usize = 11;

/// The public half: big-endian integers without leading zeros.
#[derive(Clone, Copy)]
pub(crate) struct RsaPublic<'a> {
    pub(crate) n: &'a [u8],
    pub(crate) e: &'a [u8],
}

impl RsaPublic<'_> {
    pub(super) fn verify(
        self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        if algorithm == SignatureAlgorithm::Rsnull {
            check_raw_length(self.n.len(), digest)?;
            let signed = ffi::rsa_recover(self.n, self.e, signature);
            return Ok(signed.is_some_and(|signed| signed.ct_eq(digest).into()));
        }
        let parameters = parameters(algorithm)?;
        let digest = digest::import(algorithm, digest)?;
        let key = RsaPublicKeyComponents { n: self.n, e: self.e }
            .to_parsed_public_key(parameters)
            .map_err(|_| CryptoError::Key)?;
        Ok(key.verify_digest_sig(&digest, signature).is_ok())
    }

    pub(super) fn encrypt(
        self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        match algorithm {
            EncryptionAlgorithm::Rsa15 => self.encrypt_pkcs1(plaintext),
            EncryptionAlgorithm::RsaOaep => self.encrypt_oaep(OaepHash::Sha1, plaintext),
            EncryptionAlgorithm::RsaOaep256 => self.encrypt_oaep(OaepHash::Sha256, plaintext),
            _ => Err(CryptoError::Algorithm),
        }
    }

    fn encrypt_pkcs1(self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let key =
            Pkcs1PublicEncryptingKey::new(self.encrypting()?).map_err(|_| CryptoError::Key)?;
        if plaintext.len() > key.max_plaintext_size() {
            return Err(CryptoError::Length);
        }
        let mut ciphertext = vec![0; key.ciphertext_size()];
        key.encrypt(plaintext, &mut ciphertext).map_err(|_| CryptoError::Internal)?;
        Ok(ciphertext)
    }

    /// RSAES-OAEP, with MGF1 over the same hash and an empty label.
    pub(crate) fn encrypt_oaep(
        self,
        hash: OaepHash,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let algorithm = oaep(hash);
        let key = OaepPublicEncryptingKey::new(self.encrypting()?).map_err(|_| CryptoError::Key)?;
        if plaintext.len() > key.max_plaintext_size(algorithm) {
            return Err(CryptoError::Length);
        }
        let mut ciphertext = vec![0; key.ciphertext_size()];
        key.encrypt(algorithm, plaintext, &mut ciphertext, None)
            .map_err(|_| CryptoError::Internal)?;
        Ok(ciphertext)
    }

    fn encrypting(self) -> Result<PublicEncryptingKey, CryptoError> {
        RsaPublicKeyComponents { n: self.n, e: self.e }.try_into().map_err(|_| CryptoError::Key)
    }
}

/// The parameters of OAEP with a hash.
pub(crate) fn oaep(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        OaepHash::Sha384 => &OAEP_SHA384_MGF1SHA384,
    }
}

/// Whether RSNULL takes a message under a modulus of a length.
pub(crate) fn check_raw_length(modulus_bytes: usize, message: &[u8]) -> Result<(), CryptoError> {
    let longest = modulus_bytes.saturating_sub(PKCS1_PADDING_BYTES);
    if message.is_empty() || message.len() > longest {
        return Err(CryptoError::Length);
    }
    Ok(())
}

fn parameters(algorithm: SignatureAlgorithm) -> Result<&'static RsaParameters, CryptoError> {
    Ok(match algorithm {
        SignatureAlgorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        SignatureAlgorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        SignatureAlgorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        SignatureAlgorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        SignatureAlgorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        SignatureAlgorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        _ => return Err(CryptoError::Algorithm),
    })
}
