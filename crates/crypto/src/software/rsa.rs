//! RSA private keys (RFC 8017), kept as PKCS#8.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OaepPrivateDecryptingKey, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
    PublicKeyComponents,
};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaSignatureEncoding,
};
use strongroom_model::keys::DEFAULT_EXPONENT;
use strongroom_model::{EncryptionAlgorithm, PublicKey, SignatureAlgorithm};

use crate::provider::{Ciphertext, KeyMaterial, PrivateKey};
use crate::public::rsa::{check_raw_length, oaep};
use crate::rsa_aes_key_wrap::OaepHash;
use crate::{CryptoError, SecretBytes, digest, ffi};

/// The longest public exponent that the library takes, in bytes.
const MAX_EXPONENT_BYTES: usize = 4;

/// The parts of a private key, as they came from outside: big-endian integers.
pub(super) struct Parts<'a> {
    pub(super) n: &'a [u8],
    pub(super) e: &'a [u8],
    pub(super) d: &'a [u8],
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    pub(super) dp: &'a [u8],
    pub(super) dq: &'a [u8],
    pub(super) qi: &'a [u8],
}

/// Draws a key.
pub(super) fn generate(bits: u16, exponent: u32) -> Result<KeyMaterial, CryptoError> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return Err(CryptoError::Key),
    };
    let key = if exponent == DEFAULT_EXPONENT {
        KeyPair::generate(size).map_err(|_| CryptoError::Internal)?
    } else if exponent >= 3 && exponent % 2 == 1 {
        let der = ffi::rsa_generate(bits, exponent)?;
        KeyPair::from_der(der.expose()).map_err(|_| CryptoError::Internal)?
    } else {
        return Err(CryptoError::Key);
    };
    material(&key)
}

/// Takes a key in, after checking that its parts belong together: see [`check_sizes`] and
/// `KeyPair::from_components`, which together leave no part to the sender's choice. Whether p and
/// q are prime shows in a signature, which the library verifies before it gives it out.
pub(super) fn import(parts: &Parts<'_>) -> Result<KeyMaterial, CryptoError> {
    let parts = parts.without_leading_zeros();
    check_sizes(&parts)?;
    let components = aws_lc_rs::rsa::KeyPairComponents {
        public_key: PublicKeyComponents { n: parts.n, e: parts.e },
        d: parts.d,
        p: parts.p,
        q: parts.q,
        dP: parts.dp,
        dQ: parts.dq,
        qInv: parts.qi,
    };
    let key = KeyPair::from_components(&components).map_err(|_| CryptoError::Key)?;
    sign_digest(&key, SignatureAlgorithm::Rs256, &[0x5a; 32]).map_err(|_| CryptoError::Key)?;
    material(&key)
}

/// Opens a kept key.
pub(super) fn open(public: &PublicKey, private: &SecretBytes) -> Result<RsaKey, CryptoError> {
    let signing = KeyPair::from_pkcs8(private.expose()).map_err(|_| CryptoError::Key)?;
    if *public != public_half(&signing) {
        return Err(CryptoError::Key);
    }
    Ok(RsaKey {
        public: public.clone(),
        signing,
        decrypting: OnceLock::new(),
        raw: OnceLock::new(),
    })
}

impl<'a> Parts<'a> {
    fn without_leading_zeros(&self) -> Self {
        let strip = |bytes: &'a [u8]| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes.get(zeros..).unwrap_or_default()
        };
        Self {
            n: strip(self.n),
            e: strip(self.e),
            d: strip(self.d),
            p: strip(self.p),
            q: strip(self.q),
            dp: strip(self.dp),
            dq: strip(self.dq),
            qi: strip(self.qi),
        }
    }
}

/// Checks what the library leaves open: a modulus of exactly 2048, 3072 or 4096 bits, primes of
/// half its length (SP 800-56B, 6.4.1.2), and d below the modulus.
fn check_sizes(parts: &Parts<'_>) -> Result<(), CryptoError> {
    let full = |bytes: &[u8]| bytes.first().is_some_and(|first| first & 0x80 != 0);
    let modulus_bytes = parts.n.len();
    let sized = matches!(modulus_bytes, 256 | 384 | 512) && full(parts.n);
    let prime = |bytes: &[u8]| bytes.len() * 2 == modulus_bytes && full(bytes);
    let below =
        parts.d.len() < modulus_bytes || (parts.d.len() == modulus_bytes && parts.d < parts.n);
    let long = parts.d.len() > modulus_bytes / 2;
    let exponent = (1..=MAX_EXPONENT_BYTES).contains(&parts.e.len());
    if sized && prime(parts.p) && prime(parts.q) && below && long && exponent {
        Ok(())
    } else {
        Err(CryptoError::Key)
    }
}

fn material(key: &KeyPair) -> Result<KeyMaterial, CryptoError> {
    Ok(KeyMaterial { public: public_half(key), private: pkcs8(key)? })
}

fn public_half(key: &KeyPair) -> PublicKey {
    let public = key.public_key();
    PublicKey::Rsa {
        n: public.modulus().big_endian_without_leading_zero().to_vec(),
        e: public.exponent().big_endian_without_leading_zero().to_vec(),
    }
}

fn pkcs8(key: &KeyPair) -> Result<SecretBytes, CryptoError> {
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| CryptoError::Internal)?;
    Ok(SecretBytes::new(der.as_ref().to_vec()))
}

fn encoding(algorithm: SignatureAlgorithm) -> Result<&'static RsaSignatureEncoding, CryptoError> {
    Ok(match algorithm {
        SignatureAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
        SignatureAlgorithm::Rs384 => &RSA_PKCS1_SHA384,
        SignatureAlgorithm::Rs512 => &RSA_PKCS1_SHA512,
        SignatureAlgorithm::Ps256 => &RSA_PSS_SHA256,
        SignatureAlgorithm::Ps384 => &RSA_PSS_SHA384,
        SignatureAlgorithm::Ps512 => &RSA_PSS_SHA512,
        _ => return Err(CryptoError::Algorithm),
    })
}

fn sign_digest(
    key: &KeyPair,
    algorithm: SignatureAlgorithm,
    bytes: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let encoding = encoding(algorithm)?;
    let digest = digest::import(algorithm, bytes)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign_digest(encoding, &digest, &mut signature).map_err(|_| CryptoError::Internal)?;
    Ok(signature)
}

/// A key ready for work. The library has a type for signing digests and others for the rest;
/// parsing costs nearly as much as signing, so the others are made when first needed.
pub(super) struct RsaKey {
    public: PublicKey,
    signing: KeyPair,
    decrypting: OnceLock<Option<Decrypting>>,
    raw: OnceLock<Option<ffi::RawSigner>>,
}

struct Decrypting {
    oaep: OaepPrivateDecryptingKey,
    pkcs1: Pkcs1PrivateDecryptingKey,
}

impl Decrypting {
    fn new(key: &KeyPair) -> Option<Self> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8(key).ok()?.expose()).ok()?;
        let oaep = OaepPrivateDecryptingKey::new(key.clone()).ok()?;
        Some(Self { oaep, pkcs1: Pkcs1PrivateDecryptingKey::new(key).ok()? })
    }
}

impl RsaKey {
    fn decrypting(&self) -> Result<&Decrypting, CryptoError> {
        let made = self.decrypting.get_or_init(|| Decrypting::new(&self.signing));
        made.as_ref().ok_or(CryptoError::Internal)
    }

    fn sign_raw(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let modulus_bytes = self.signing.public_modulus_len();
        check_raw_length(modulus_bytes, message)?;
        let made = self.raw.get_or_init(|| {
            ffi::RawSigner::new(pkcs8(&self.signing).ok()?.expose(), modulus_bytes)
        });
        made.as_ref().ok_or(CryptoError::Internal)?.sign(message)
    }
}

impl PrivateKey for RsaKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if algorithm == SignatureAlgorithm::Rsnull {
            return self.sign_raw(digest);
        }
        sign_digest(&self.signing, algorithm, digest)
    }

    /// The library looks at padding in constant time, and gives one error for all that can be
    /// wrong with it.
    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: Ciphertext<'_>,
    ) -> Result<SecretBytes, CryptoError> {
        let hash = match algorithm {
            EncryptionAlgorithm::Rsa15 => None,
            EncryptionAlgorithm::RsaOaep => Some(OaepHash::Sha1),
            EncryptionAlgorithm::RsaOaep256 => Some(OaepHash::Sha256),
            _ => return Err(CryptoError::Algorithm),
        };
        let key = self.decrypting()?;
        if ciphertext.value.len() != key.oaep.key_size_bytes() {
            return Err(CryptoError::Unauthentic);
        }
        let mut plaintext = SecretBytes::new(vec![0; key.oaep.min_output_size()]);
        let buffer = plaintext.expose_mut();
        let decrypted = match hash {
            Some(hash) => key.oaep.decrypt(oaep(hash), ciphertext.value, buffer, None),
            None => key.pkcs1.decrypt(ciphertext.value, buffer),
        };
        let len = decrypted.map_err(|_| CryptoError::Unauthentic)?.len();
        plaintext.truncate(len);
        Ok(plaintext)
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        pkcs8(&self.signing)
    }
}
