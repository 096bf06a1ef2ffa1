//! The audit key, by generation, and what is derived from it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_crypto::kdf::hkdf_sha256;
use strongroom_crypto::{CryptoError, MacKey, SymmetricKey};

use crate::AuditError;

/// The length of a MAC, in bytes.
pub(crate) const MAC_LEN: usize = 32;

/// A MAC of the chain.
pub(crate) type Mac = [u8; MAC_LEN];

/// One generation of the audit key.
pub struct AuditKey {
    /// Its number.
    pub generation: u32,
    /// Its bytes.
    pub key: SymmetricKey,
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey(generation {})", self.generation)
    }
}

/// The current audit key, and older ones that records may still be under. Clones share them.
#[derive(Clone)]
pub struct AuditKeys {
    current: u32,
    generations: Arc<BTreeMap<u32, Derived>>,
}

/// What a signed row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Anchor,
    Outbox,
    Checkpoint,
}

struct Derived {
    chain: MacKey,
    anchor: MacKey,
    outbox: MacKey,
    checkpoint: MacKey,
}

impl Derived {
    fn new(key: &SymmetricKey) -> Result<Self, CryptoError> {
        let derive = |purpose: &str| {
            let info = format!("strongroom/audit/{purpose}/v1");
            hkdf_sha256::<32>(key, b"", info.as_bytes()).map(|bytes| MacKey::new(&*bytes))
        };
        Ok(Self {
            chain: derive("chain")?,
            anchor: derive("anchor")?,
            outbox: derive("outbox")?,
            checkpoint: derive("checkpoint")?,
        })
    }

    fn row(&self, purpose: Purpose) -> &MacKey {
        match purpose {
            Purpose::Anchor => &self.anchor,
            Purpose::Outbox => &self.outbox,
            Purpose::Checkpoint => &self.checkpoint,
        }
    }
}

impl AuditKeys {
    /// The keys, the first of them being the current one.
    ///
    /// # Errors
    /// [`AuditError::UnknownKey`] for no key, [`AuditError::Crypto`] if the derivation fails.
    pub fn new(keys: &[AuditKey]) -> Result<Self, AuditError> {
        let current = keys.first().ok_or(AuditError::UnknownKey(0))?.generation;
        let derived = keys.iter().map(|k| Ok((k.generation, Derived::new(&k.key)?)));
        let generations = derived.collect::<Result<BTreeMap<_, _>, CryptoError>>()?;
        Ok(Self { current, generations: Arc::new(generations) })
    }

    /// The current generation.
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// The chain's key of a generation.
    pub(crate) fn chain(&self, generation: u32) -> Result<&MacKey, AuditError> {
        Ok(&self.derived(generation)?.chain)
    }

    /// `payload` as a value that only belongs at `place`: generation, payload, MAC.
    pub(crate) fn sign(
        &self,
        purpose: Purpose,
        place: &[u8],
        payload: &[u8],
    ) -> Result<Bytes, AuditError> {
        let generation = self.current.to_be_bytes();
        let mac = self.derived(self.current)?.row(purpose).tag(&[place, &generation, payload]);
        Ok([&generation, payload, mac.as_slice()].concat().into())
    }

    /// The payload of a value of [`AuditKeys::sign`].
    pub(crate) fn verify<'a>(
        &self,
        purpose: Purpose,
        place: &[u8],
        value: &'a [u8],
    ) -> Result<&'a [u8], AuditError> {
        let unauthentic = || AuditError::Crypto(CryptoError::Unauthentic);
        let (generation, rest) = value.split_first_chunk::<4>().ok_or_else(unauthentic)?;
        let (payload, mac) = rest.split_last_chunk::<MAC_LEN>().ok_or_else(unauthentic)?;
        let key = self.derived(u32::from_be_bytes(*generation))?.row(purpose);
        key.verify(&[place, generation, payload], mac)?;
        Ok(payload)
    }

    fn derived(&self, generation: u32) -> Result<&Derived, AuditError> {
        self.generations.get(&generation).ok_or(AuditError::UnknownKey(generation))
    }
}

impl fmt::Debug for AuditKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKeys({:?}, current {})", self.generations.keys(), self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, keys};

    #[test]
    fn a_signed_value_fits_its_purpose_and_place_only() {
        let keys = keys();
        let value = keys.sign(Purpose::Outbox, b"o/1", b"payload").unwrap();
        assert_eq!(keys.verify(Purpose::Outbox, b"o/1", &value).unwrap(), b"payload");
        keys.verify(Purpose::Outbox, b"o/2", &value).unwrap_err();
        keys.verify(Purpose::Anchor, b"o/1", &value).unwrap_err();
        for at in 0..value.len() {
            let mut forged = value.to_vec();
            forged[at] ^= 1;
            keys.verify(Purpose::Outbox, b"o/1", &forged).unwrap_err();
        }
    }

    #[test]
    fn a_value_of_an_older_generation_is_still_verified() {
        let old = AuditKeys::new(&[key(1)]).unwrap();
        let value = old.sign(Purpose::Outbox, b"o/1", b"payload").unwrap();
        let both = AuditKeys::new(&[key(2), key(1)]).unwrap();
        assert_eq!(both.verify(Purpose::Outbox, b"o/1", &value).unwrap(), b"payload");
        let new = AuditKeys::new(&[key(2)]).unwrap();
        let error = new.verify(Purpose::Outbox, b"o/1", &value).unwrap_err();
        assert!(matches!(error, AuditError::UnknownKey(1)));
    }
}
