//! A provider that fails the suite, so that the suite is seen to fail.

use std::sync::Arc;

use strongroom_crypto::provider::{
    Ciphertext, CryptoProvider, Encrypted, ImportedKey, KeyMaterial, KeyProvider, PrivateKey,
};
use strongroom_crypto::{CryptoError, SecretBytes, software};
use strongroom_model::{EncryptionAlgorithm, KeySpec, PublicKey, SignatureAlgorithm};

/// The software provider, but its keys say which decryptions failed by another error, and their
/// signatures are those of another digest.
fn provider() -> CryptoProvider {
    let sound = software::provider();
    CryptoProvider { name: "broken", keys: Arc::new(Keys(Arc::clone(&sound.keys))), ..sound }
}

struct Keys(Arc<dyn KeyProvider>);
struct Key(Arc<dyn PrivateKey>);

impl KeyProvider for Keys {
    fn generate(&self, spec: KeySpec) -> Result<KeyMaterial, CryptoError> {
        self.0.generate(spec)
    }

    fn import(&self, key: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
        self.0.import(key)
    }

    fn open(
        &self,
        public: &PublicKey,
        private: &SecretBytes,
    ) -> Result<Arc<dyn PrivateKey>, CryptoError> {
        Ok(Arc::new(Key(self.0.open(public, private)?)))
    }
}

impl PrivateKey for Key {
    fn public(&self) -> &PublicKey {
        self.0.public()
    }

    fn sign(&self, algorithm: SignatureAlgorithm, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.0.sign(algorithm, &vec![0; digest.len()])
    }

    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        self.0.verify(algorithm, digest, signature)
    }

    fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
    ) -> Result<Encrypted, CryptoError> {
        self.0.encrypt(algorithm, plaintext, iv, aad)
    }

    fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: Ciphertext<'_>,
    ) -> Result<SecretBytes, CryptoError> {
        self.0.decrypt(algorithm, ciphertext).map_err(|_| CryptoError::Length)
    }

    fn export(&self) -> Result<SecretBytes, CryptoError> {
        self.0.export()
    }
}

#[test]
#[should_panic(expected = "which tells the failure from others")]
fn another_error_is_caught() {
    crate::tally::close("key_wrap", &crate::key_wrap::tallies(&provider()), 1);
}

#[test]
#[should_panic(expected = "signed to something else")]
fn another_signature_is_caught() {
    crate::tally::close("jose", &crate::jose::tallies(&provider()), 1);
}

#[test]
#[should_panic(expected = "RS256")]
fn a_failing_round_trip_is_caught() {
    crate::round_trips(&provider());
}
