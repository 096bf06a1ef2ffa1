//! Types for secret material: zeroized when dropped, without `Debug`, `Display` or `Clone`.

use zeroize::{Zeroize, Zeroizing};

use crate::{CryptoError, random};

/// Secret bytes of any length.
#[derive(Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over; the vector's whole allocation is zeroized on drop.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as they are needed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as text, without a copy; `None` if they are not UTF-8. Whoever takes the text has
    /// to zeroize it.
    pub fn into_utf8(mut self) -> Option<String> {
        match String::from_utf8(std::mem::take(&mut *self.0)) {
            Ok(text) => Some(text),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }

    /// The bytes, once they have been encrypted in place and are no longer secret.
    pub(crate) fn into_sealed(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        if let Some(rest) = self.0.get_mut(len..) {
            rest.zeroize();
        }
        self.0.truncate(len);
    }

    pub(crate) fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

/// A 256-bit symmetric key. Boxed, so that moving it leaves no copy behind.
pub struct SymmetricKey(Box<Zeroizing<[u8; 32]>>);

impl SymmetricKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`CryptoError::Random`] when the system has no random numbers.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut key = Self(Box::new(Zeroizing::new([0; 32])));
        random::fill(&mut **key.0)?;
        Ok(key)
    }

    /// Copies a key of exactly 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Key`] for any other length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        if bytes.len() != 32 {
            return Err(CryptoError::Key);
        }
        let mut key = Self(Box::new(Zeroizing::new([0; 32])));
        key.0.copy_from_slice(bytes);
        Ok(key)
    }

    /// The key's bytes, for as long as they are needed.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}
