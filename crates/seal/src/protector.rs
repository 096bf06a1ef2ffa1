//! Protectors: what opens the root key at start.
//!
//! Whatever the protector, it yields a key-encryption key that wraps the root key. The header
//! beside the wrapped root key says how, and is authenticated with it.

mod header;
mod key_file;

use strongroom_crypto::kdf::{Argon2Cost, argon2id};
use strongroom_crypto::{SecretBytes, SymmetricKey};

use crate::SealError;

pub(crate) use header::Header;
pub use key_file::{create_key_file, read_key_file};

/// The fewest characters of a passphrase.
const MIN_PASSPHRASE_CHARS: usize = 14;

/// The fewest different characters of a passphrase.
const MIN_DISTINCT_CHARS: usize = 6;

/// What opens the root key.
pub enum Protector {
    /// The content of a key file or of a systemd credential: 256 bits of entropy.
    Key(SymmetricKey),
    /// A passphrase, stretched by argon2id.
    Passphrase(SecretBytes),
}

/// How the key-encryption key is made; kept in clear in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Derivation {
    Key,
    Argon2id { cost: Argon2Cost, salt: [u8; 16] },
}

impl Protector {
    /// A passphrase, if it is strong enough for a new root key.
    ///
    /// # Errors
    /// [`SealError::WeakPassphrase`] when it is short or monotonous.
    pub fn passphrase(passphrase: SecretBytes) -> Result<Self, SealError> {
        let text = std::str::from_utf8(passphrase.expose()).unwrap_or_default();
        let mut distinct: Vec<char> = text.chars().collect();
        let length = distinct.len();
        distinct.sort_unstable();
        distinct.dedup();
        if length < MIN_PASSPHRASE_CHARS || distinct.len() < MIN_DISTINCT_CHARS {
            return Err(SealError::WeakPassphrase);
        }
        Ok(Self::Passphrase(passphrase))
    }

    pub(crate) fn new_derivation(&self) -> Result<Derivation, SealError> {
        Ok(match self {
            Self::Key(_) => Derivation::Key,
            Self::Passphrase(_) => Derivation::Argon2id {
                cost: Argon2Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 },
                salt: strongroom_crypto::random::bytes()?,
            },
        })
    }

    /// The key-encryption key. Slow for a passphrase.
    pub(crate) fn kek(&self, derivation: &Derivation) -> Result<SymmetricKey, SealError> {
        match (self, derivation) {
            (Self::Key(key), Derivation::Key) => {
                let kek = strongroom_crypto::kdf::hkdf_sha256::<32>(
                    key,
                    b"",
                    b"strongroom/protector/key/v1",
                )?;
                Ok(SymmetricKey::from_slice(&*kek)?)
            }
            (Self::Passphrase(passphrase), Derivation::Argon2id { cost, salt }) => {
                Ok(argon2id(passphrase.expose(), salt, *cost)?)
            }
            (Self::Key(_), Derivation::Argon2id { .. }) => {
                Err(SealError::WrongProtector("it is protected by a passphrase".into()))
            }
            (Self::Passphrase(_), Derivation::Key) => {
                Err(SealError::WrongProtector("it is protected by a key file".into()))
            }
        }
    }
}
