//! A provider for tests, whose RSA keys take as long as a test wants.

use std::sync::{Arc, Condvar, Mutex};

use strongroom_crypto::provider::{ImportedKey, KeyMaterial, KeyProvider, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes};
use strongroom_model::{KeySpec, PublicKey};

/// Makes keys at once, but RSA keys only while it is open. A key's private half names it.
#[derive(Default)]
pub(crate) struct Slow {
    is_open: Mutex<bool>,
    opened: Condvar,
    made: Mutex<Vec<KeySpec>>,
}

impl Slow {
    /// RSA keys are made from now on.
    pub(crate) fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// RSA keys wait from now on.
    pub(crate) fn close(&self) {
        *self.is_open.lock().unwrap() = false;
    }

    /// What was made so far.
    pub(crate) fn made(&self) -> Vec<KeySpec> {
        self.made.lock().unwrap().clone()
    }
}

impl KeyProvider for Slow {
    fn generate(&self, spec: KeySpec) -> Result<KeyMaterial, CryptoError> {
        if let KeySpec::Rsa { .. } = spec {
            let is_open = self.is_open.lock().unwrap();
            drop(self.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
        }
        let mut made = self.made.lock().unwrap();
        made.push(spec);
        let name = format!("{spec:?} {}", made.len());
        let public = PublicKey::Rsa { n: name.clone().into_bytes(), e: vec![1, 0, 1] };
        Ok(KeyMaterial { public, private: name.into() })
    }

    fn import(&self, _: &ImportedKey) -> Result<KeyMaterial, CryptoError> {
        Err(CryptoError::Key)
    }

    fn open(&self, _: &PublicKey, _: &SecretBytes) -> Result<Arc<dyn PrivateKey>, CryptoError> {
        Err(CryptoError::Key)
    }
}
