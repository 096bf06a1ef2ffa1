//! A data key in all its generations: it seals with the newest and opens with any.

use strongroom_crypto::aead::Opener;
use strongroom_crypto::{MacKey, SecretBytes, SymmetricKey, kdf};
use strongroom_model::InstallationId;

use crate::record::{self, FORMAT, SALT_BYTES};
use crate::{Place, SealError};

/// The generations of one data key, oldest first.
pub struct DataKeys {
    installation: InstallationId,
    generations: Vec<(u32, SymmetricKey)>,
}

impl DataKeys {
    pub(crate) fn new(
        installation: InstallationId,
        generations: Vec<(u32, SymmetricKey)>,
    ) -> Option<Self> {
        if generations.is_empty() {
            return None;
        }
        Some(Self { installation, generations })
    }

    fn oldest(&self) -> &(u32, SymmetricKey) {
        &self.generations[0]
    }

    fn newest(&self) -> &(u32, SymmetricKey) {
        &self.generations[self.generations.len() - 1]
    }

    /// Seals a record for its place.
    ///
    /// # Errors
    /// [`SealError::Crypto`] when the system has no random numbers.
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let (generation, key) = self.newest();
        let aad = place.aad(FORMAT, self.installation);
        Ok(record::seal(key, *generation, &aad, plaintext)?)
    }

    /// Opens the record found at a place.
    ///
    /// # Errors
    /// [`SealError::Record`] when it is damaged or was sealed for another place.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        self.record_key(place, sealed)?.open(place, sealed)
    }

    /// The key of the record found at a place, derived and made ready, for records that are
    /// opened again and again. It opens this one record only.
    ///
    /// # Errors
    /// [`SealError::Record`] when the record is too short, or of an unknown key generation.
    pub fn record_key(&self, place: &Place<'_>, sealed: &[u8]) -> Result<RecordKey, SealError> {
        let refused = || SealError::Record(place.describe());
        let header = record::parse(sealed).ok_or_else(refused)?;
        if header.format > FORMAT {
            return Err(SealError::NewerFormat(place.describe()));
        }
        let (_, key) = self
            .generations
            .iter()
            .find(|(generation, _)| *generation == header.generation)
            .ok_or_else(refused)?;
        Ok(RecordKey {
            installation: self.installation,
            salt: header.salt.try_into().map_err(|_| refused())?,
            opener: record::opener(key, &header).map_err(|_| refused())?,
        })
    }

    /// A MAC key for one use, named by `info`. It comes from the oldest generation, so that what
    /// cannot be computed again (the digest of a client secret) outlives a rotation.
    ///
    /// # Errors
    /// [`SealError::Crypto`] when the library refuses.
    pub fn mac_key(&self, info: &str) -> Result<MacKey, SealError> {
        let derived = kdf::hkdf_sha256::<32>(&self.oldest().1, b"", info.as_bytes())?;
        Ok(MacKey::new(&*derived))
    }

    /// Copies of all generations, the newest first, for a subsystem that derives its own keys
    /// (the audit).
    ///
    /// # Errors
    /// [`SealError::Crypto`] never in practice: the keys have the right length.
    pub fn copies(&self) -> Result<Vec<(u32, SymmetricKey)>, SealError> {
        let newest_first = self.generations.iter().rev();
        newest_first
            .map(|(generation, key)| Ok((*generation, SymmetricKey::from_slice(key.expose())?)))
            .collect()
    }
}

/// The key of one record, ready to open it.
pub struct RecordKey {
    installation: InstallationId,
    salt: [u8; SALT_BYTES],
    opener: Opener,
}

impl RecordKey {
    /// Opens the record that this key was derived for.
    ///
    /// # Errors
    /// [`SealError::Record`] when it is another record, damaged, or sealed for another place.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let refused = || SealError::Record(place.describe());
        let header = record::parse(sealed).filter(|header| header.salt == self.salt);
        let header = header.ok_or_else(refused)?;
        let aad = place.aad(header.format, self.installation);
        self.opener.open(&aad, header.ciphertext).map_err(|_| refused())
    }
}
