//! The provider of this process: keys in memory, work by aws-lc-rs.

use std::sync::Arc;

use strongroom_model::{KeySpec, PublicKey};

use crate::provider::{CryptoProvider, ImportedKey, KeyMaterial, KeyProvider, PrivateKey};
use crate::{CryptoError, SecretBytes};

/// The provider.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        name: "software",
        hsm_platform: 0,
        key_specs: Vec::new(),
        signatures: Vec::new(),
        encryptions: Vec::new(),
        keys: Arc::new(SoftwareKeys),
    }
}

struct SoftwareKeys;

impl KeyProvider for SoftwareKeys {
    fn generate(&self, _spec: KeySpec) -> Result<KeyMaterial, CryptoError> {
        Err(CryptoError::Internal)
    }

    fn import(&self, _key: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
        Err(CryptoError::Internal)
    }

    fn open(
        &self,
        _public: &PublicKey,
        _private: &SecretBytes,
    ) -> Result<Arc<dyn PrivateKey>, CryptoError> {
        Err(CryptoError::Internal)
    }
}
