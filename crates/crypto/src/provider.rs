//! The boundary between the vault and what does its private-key work.
//!
//! A [`CryptoProvider`] is a plain list of what it can do, and a [`KeyProvider`] that does it.
//! [`crate::software::provider`] is the one of this process; a device (PKCS#11) is another. Every
//! provider passes the same suite of published vectors (`crates/crypto/tests/provider`).
//!
//! All calls are synchronous; a provider says by [`Placement`] where a call may run, and whoever
//! calls (`ops`) brings it there.

use std::sync::Arc;

use strongroom_model::{EncryptionAlgorithm, KeySpec, PublicKey, SignatureAlgorithm};

use crate::{CryptoError, SecretBytes, public};

/// Where a private-key operation may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the request's own thread: it takes 50 µs at the most.
    Inline,
    /// On the bounded pool of threads for computations.
    CpuPool,
    /// On a session of a device.
    Device,
}

/// An algorithm, and where its private-key operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported<A> {
    /// The algorithm.
    pub algorithm: A,
    /// Where the private half's work runs.
    pub placement: Placement,
}

/// What does the private-key work of a vault.
#[derive(Clone)]
pub struct CryptoProvider {
    /// A name for logs and metrics.
    pub name: &'static str,
    /// What protects its keys: `hsmPlatform` on the wire. 0 is software.
    pub hsm_platform: u8,
    /// The keys it generates; an RSA key's exponent may be any that the model allows.
    pub key_specs: Vec<KeySpec>,
    /// How it signs.
    pub signatures: Vec<Supported<SignatureAlgorithm>>,
    /// How it decrypts and unwraps, and for symmetric keys also encrypts and wraps.
    pub encryptions: Vec<Supported<EncryptionAlgorithm>>,
    /// Its keys.
    pub keys: Arc<dyn KeyProvider>,
}

impl CryptoProvider {
    /// Where signing with `algorithm` runs; `None` if this provider does not sign with it.
    pub fn signs(&self, algorithm: SignatureAlgorithm) -> Option<Placement> {
        placement(&self.signatures, algorithm)
    }

    /// Where decrypting with `algorithm` runs; `None` if this provider does not decrypt with it.
    pub fn encrypts(&self, algorithm: EncryptionAlgorithm) -> Option<Placement> {
        placement(&self.encryptions, algorithm)
    }
}

fn placement<A: PartialEq + Copy>(supported: &[Supported<A>], algorithm: A) -> Option<Placement> {
    supported.iter().find(|s| s.algorithm == algorithm).map(|s| s.placement)
}

/// A key as it is kept: the public half in the clear, and what the provider needs to open it.
pub struct KeyMaterial {
    /// The public half.
    pub public: PublicKey,
    /// For software the private key itself (PKCS#8 v1 DER, the bytes of a symmetric key, or the
    /// seed of an ML-DSA key), for a device a reference. To be sealed.
    pub private: SecretBytes,
}

/// A private key that comes from outside. Big-endian integers; leading zeros are allowed, except
/// that EC members have exactly the curve's length.
pub enum ImportedKey {
    /// RSA with all parameters of its Chinese remainder form (RFC 7518, 6.3.2).
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The public exponent.
        e: Vec<u8>,
        /// The private exponent.
        d: SecretBytes,
        /// The first prime.
        p: SecretBytes,
        /// The second prime.
        q: SecretBytes,
        /// d mod (p - 1).
        dp: SecretBytes,
        /// d mod (q - 1).
        dq: SecretBytes,
        /// The inverse of q modulo p.
        qi: SecretBytes,
    },
    /// A point and its scalar.
    Ec {
        /// The curve.
        curve: strongroom_model::Curve,
        /// The point's x.
        x: Vec<u8>,
        /// The point's y.
        y: Vec<u8>,
        /// The scalar.
        d: SecretBytes,
    },
    /// A symmetric key of 16, 24 or 32 bytes.
    Oct(SecretBytes),
    /// Any private key in PKCS#8 DER, as BYOK brings it.
    Pkcs8(SecretBytes),
}

/// Makes, takes in and opens keys.
pub trait KeyProvider: Send + Sync {
    /// Draws a key. RSA takes up to seconds: see [`Placement`].
    ///
    /// # Errors
    /// [`CryptoError::Key`] for a key this provider does not generate.
    fn generate(&self, spec: KeySpec) -> Result<KeyMaterial, CryptoError>;

    /// Takes in a key from outside, after checking that its parts belong together.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when it is malformed, inconsistent or too weak.
    fn import(&self, key: &ImportedKey) -> Result<KeyMaterial, CryptoError>;

    /// Opens the private half of a key that this provider made or took in.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when `private` is not what this provider kept for `public`.
    fn open(
        &self,
        public: &PublicKey,
        private: &SecretBytes,
    ) -> Result<Arc<dyn PrivateKey>, CryptoError>;
}

/// What a symmetric cipher gives beside the plaintext or ciphertext.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// The ciphertext, or the wrapped key.
    pub value: Vec<u8>,
    /// The initialization vector: drawn here for GCM, and for CBC unless the caller gave one.
    pub iv: Option<Vec<u8>>,
    /// The authentication tag of GCM: 16 bytes.
    pub tag: Option<Vec<u8>>,
}

/// What is to be decrypted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ciphertext<'a> {
    /// The ciphertext, or the wrapped key.
    pub value: &'a [u8],
    /// The initialization vector: 12 bytes for GCM, 16 for CBC.
    pub iv: Option<&'a [u8]>,
    /// What GCM authenticates beside.
    pub aad: Option<&'a [u8]>,
    /// The tag of GCM: 16 bytes.
    pub tag: Option<&'a [u8]>,
}

/// The private half of a key, or a symmetric key, ready for work.
///
/// Wrapping is encrypting, and unwrapping decrypting, with the algorithms that
/// [`EncryptionAlgorithm`] says so of.
pub trait PrivateKey: Send + Sync {
    /// Its public half.
    fn public(&self) -> &PublicKey;

    /// Signs a digest of [`SignatureAlgorithm::digest_bytes`]; RSNULL signs what fits the
    /// modulus less 11 bytes, ML-DSA a whole message (FIPS 204, pure, empty context).
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] for an algorithm of another type of key,
    /// [`CryptoError::Length`] for a digest of another length.
    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError>;

    /// Whether a signature fits; for symmetric keys (HMAC), in constant time. Other keys answer
    /// by their [`public`](crate::public) half.
    ///
    /// # Errors
    /// As [`PrivateKey::sign`].
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        public::verify(self.public(), algorithm, digest, signature)
    }

    /// Encrypts or wraps under a symmetric key. `iv` is for CBC alone.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] for an algorithm of another type or size of key, and for every
    /// asymmetric key, and for AAD with any algorithm but GCM; [`CryptoError::Length`] for an IV or
    /// plaintext of a length that the algorithm does not take, and for an IV with any algorithm
    /// but CBC.
    fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
    ) -> Result<Encrypted, CryptoError> {
        let _ = (algorithm, plaintext, iv, aad);
        Err(CryptoError::Algorithm)
    }

    /// Decrypts or unwraps.
    ///
    /// # Errors
    /// [`CryptoError::Algorithm`] as above, [`CryptoError::Length`] for an IV of another length
    /// than the algorithm's. Every other failure is [`CryptoError::Unauthentic`], after the same
    /// time whatever was wrong inside.
    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: Ciphertext<'_>,
    ) -> Result<SecretBytes, CryptoError> {
        let _ = (algorithm, ciphertext);
        Err(CryptoError::Algorithm)
    }

    /// The private key for a release: PKCS#8 DER, or the bytes of a symmetric key.
    ///
    /// # Errors
    /// [`CryptoError::Key`] where it can not leave, as in most devices.
    fn export(&self) -> Result<SecretBytes, CryptoError>;
}
