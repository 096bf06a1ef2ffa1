//! Fixed keys, and what must hold of a key that was taken in.

use std::sync::{Arc, LazyLock};

use strongroom_crypto::provider::{
    Ciphertext, CryptoProvider, ImportedKey, KeyMaterial, PrivateKey,
};
use strongroom_crypto::software::{self, private_key_file};
use strongroom_crypto::{CryptoError, SecretBytes, public};
use strongroom_model::{EncryptionAlgorithm, PublicKey, SignatureAlgorithm};

/// The keys that OpenSSL made for the tests of the crate `crypto`, as PKCS#8.
macro_rules! made_by_openssl {
    ($($name:literal)*) => {
        [$(include_bytes!(concat!(
            "../../crates/crypto/tests/software/keys/", $name, ".der"
        ))),*]
    };
}

const PKCS8: [&[u8]; 6] = made_by_openssl! {
    "rsa-2048" "rsa-2048-e3" "p256" "p384" "p521" "p256k"
};

/// Keys of ML-DSA, which that OpenSSL does not know.
const ML_DSA: [&[u8]; 1] = [include_bytes!("../corpus/byok_blob/ml-dsa-44")];

/// The lengths of symmetric keys, in bytes.
const OCT: [usize; 3] = [16, 24, 32];

/// The provider under test.
pub static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(software::provider);

/// One key of every kind, opened; the first is [`KEK`]'s.
pub static OPENED: LazyLock<Vec<Opened>> = LazyLock::new(|| {
    let asymmetric = PKCS8.into_iter().chain(ML_DSA);
    let asymmetric: Vec<_> =
        asymmetric.map(|der| ImportedKey::Pkcs8(SecretBytes::new(der.to_vec()))).collect();
    let symmetric = OCT.map(|length| ImportedKey::Oct(SecretBytes::new(vec![7; length])));
    asymmetric.iter().chain(&symmetric).map(|key| Opened::new(&import(key).unwrap())).collect()
});

/// The RSA-2048 key that others are wrapped for.
pub static KEK: LazyLock<&Opened> = LazyLock::new(|| &OPENED[0]);

/// The parts of the asymmetric keys, as a client sends them.
pub fn parts() -> impl Iterator<Item = ImportedKey> {
    let read = |der: &[u8]| {
        let der = SecretBytes::new(der.to_vec());
        private_key_file::read(private_key_file::Encoding::Pkcs8, &der).unwrap()
    };
    PKCS8.into_iter().map(read)
}

/// A key ready for work.
pub struct Opened {
    /// The public half.
    pub public: PublicKey,
    /// The private half.
    pub private: Arc<dyn PrivateKey>,
}

impl Opened {
    /// Opens what the provider keeps.
    pub fn new(material: &KeyMaterial) -> Self {
        let opened = PROVIDER.keys.open(&material.public, &material.private);
        let private = opened.unwrap_or_else(|error| panic!("what was kept must open: {error}"));
        Self { public: material.public.clone(), private }
    }

    /// Signs. What was signed verifies with the public half, and nothing else does.
    pub fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<(), CryptoError> {
        let signature = self.private.sign(algorithm, digest).inspect_err(|error| {
            assert!(matches!(error, CryptoError::Algorithm | CryptoError::Length), "{error}");
        })?;
        assert_eq!(self.verify(algorithm, digest, &signature), Ok(true), "{algorithm}");
        if let Some(first) = digest.first() {
            let other = [&[first ^ 1], &digest[1..]].concat();
            assert_eq!(self.verify(algorithm, &other, &signature), Ok(false), "{algorithm}");
        }
        Ok(())
    }

    /// Verifies; a symmetric key does it itself.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        let verified = match &self.public {
            PublicKey::Oct { .. } => self.private.verify(algorithm, digest, signature),
            public => public::verify(public, algorithm, digest, signature),
        };
        verified.inspect_err(|error| {
            assert!(matches!(error, CryptoError::Algorithm | CryptoError::Length), "{error}");
        })
    }

    /// Encrypts. What was encrypted decrypts to the same.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
    ) -> Result<(), CryptoError> {
        let encrypted = match &self.public {
            public @ PublicKey::Rsa { .. } => public::encrypt(public, algorithm, plaintext)
                .map(|value| strongroom_crypto::provider::Encrypted { value, iv: None, tag: None }),
            _ => self.private.encrypt(algorithm, plaintext, iv, aad),
        };
        let encrypted = encrypted.inspect_err(|error| {
            assert!(matches!(error, CryptoError::Algorithm | CryptoError::Length), "{error}");
        })?;
        let ciphertext = Ciphertext {
            value: &encrypted.value,
            iv: encrypted.iv.as_deref(),
            aad,
            tag: encrypted.tag.as_deref(),
        };
        let decrypted = self.private.decrypt(algorithm, ciphertext);
        let decrypted = decrypted.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(decrypted.expose(), plaintext, "{algorithm}");
        Ok(())
    }

    /// Decrypts something. Whatever is wrong with it, there is one error.
    pub fn decrypt(&self, algorithm: EncryptionAlgorithm, ciphertext: Ciphertext<'_>) {
        let known = |error: &CryptoError| {
            use CryptoError::{Algorithm, Length, Unauthentic};
            matches!(error, Algorithm | Length | Unauthentic)
        };
        if let Err(error) = self.private.decrypt(algorithm, ciphertext) {
            assert!(known(&error), "{algorithm}: {error}");
        }
    }
}

/// Takes a key in; whatever is wrong with it, there is one error.
///
/// # Errors
/// [`CryptoError::Key`].
pub fn import(key: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
    let imported = PROVIDER.keys.import(key);
    imported.inspect_err(|error| assert_eq!(*error, CryptoError::Key))
}

/// What was taken in is strong, does all the work of its kind, and comes in again as it goes out.
pub fn assert_sound(material: &KeyMaterial) {
    assert_strong(&material.public);
    let key = Opened::new(material);
    let signatures = SignatureAlgorithm::ALL.iter().copied();
    for algorithm in signatures.filter(|algorithm| key.public.signs_with(*algorithm)) {
        let digest = vec![0x5a; algorithm.digest_bytes().unwrap_or(32)];
        key.sign(algorithm, &digest).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
    }
    let encryptions = EncryptionAlgorithm::ALL.iter().copied();
    for algorithm in encryptions.filter(|algorithm| key.public.encrypts_with(*algorithm)) {
        let encrypted = key.encrypt(algorithm, &[0x5a; 32], None, None);
        encrypted.unwrap_or_else(|error| panic!("{algorithm}: {error}"));
    }
    let exported = key.private.export().unwrap();
    let again = match key.public {
        PublicKey::Oct { .. } => import(&ImportedKey::Oct(exported)),
        _ => import(&ImportedKey::Pkcs8(exported)),
    };
    assert_eq!(again.unwrap().public, material.public);
}

fn assert_strong(public: &PublicKey) {
    let odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    match public {
        PublicKey::Rsa { n, e } => {
            assert!(n.len() >= 256 && n[0] & 0x80 != 0, "{} bytes, from {}", n.len(), n[0]);
            assert!(odd(n) && odd(e) && *e != [1] && e[0] != 0, "{e:?}");
        }
        PublicKey::Ec { curve, x, y } => {
            assert_eq!((x.len(), y.len()), (curve.field_bytes(), curve.field_bytes()));
        }
        PublicKey::Oct { bits } => assert!(matches!(bits, 128 | 192 | 256), "{bits}"),
        PublicKey::Akp { .. } => {}
    }
}
