//! Private keys, opened: kept ready in bounded memory, wiped by their library when they go.
//!
//! A body is written once, so an opened key never goes stale; but it is used only for a version
//! whose record was read from the store in the same request, and whose digest is the body's.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use strongroom_crypto::provider::{KeyProvider, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes};
use strongroom_model::{Head, IncarnationId, KeyListing, PublicKey, Version, VersionRecord};
use strongroom_store::{Snapshot, Store};

use crate::objects::{Keys, Objects};
use crate::{OpError, Ops};

/// How much is kept, in units of about a kilobyte: some 65,000 elliptic curve keys, or 4,000 RSA
/// keys.
const UNITS: u64 = 65_536;

/// How many keys room is made for from the start; it grows.
const KEYS: usize = 4_096;

/// An opened key, and the digest of the body it was opened from.
#[derive(Clone)]
struct Opened {
    key: Arc<dyn PrivateKey>,
    digest: [u8; 32],
    units: u64,
}

#[derive(Clone)]
struct ByUnits;

impl Weighter<(IncarnationId, Version), Opened> for ByUnits {
    fn weight(&self, _: &(IncarnationId, Version), opened: &Opened) -> u64 {
        opened.units
    }
}

/// The opened keys of a node.
pub(crate) struct OpenedKeys(Cache<(IncarnationId, Version), Opened, ByUnits>);

impl OpenedKeys {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(KEYS, UNITS, ByUnits))
    }

    /// Drops, and so wipes, what is opened of a key that is no longer active.
    pub(crate) fn forget(&self, incarnation: IncarnationId) {
        self.0.retain(|(of, _), _| *of != incarnation);
    }
}

/// A key about to be used: opened already, or what opens it.
pub(crate) enum Access {
    /// It was used before.
    Opened(Arc<dyn PrivateKey>),
    /// Its body, to be opened where its work runs: parsing an RSA key takes a while.
    Closed { keys: Arc<dyn KeyProvider>, public: PublicKey, private: SecretBytes },
}

impl Access {
    /// The key.
    ///
    /// # Errors
    /// [`CryptoError::Key`] when the body is not what the provider kept.
    pub(crate) fn open(self) -> Result<Arc<dyn PrivateKey>, CryptoError> {
        match self {
            Self::Opened(key) => Ok(key),
            Self::Closed { keys, public, private } => keys.open(&public, &private),
        }
    }
}

impl<S: Store> Ops<S> {
    /// A version's private key, or what opens it.
    pub(crate) async fn access(
        &self,
        objects: &Objects<Keys>,
        snapshot: &impl Snapshot,
        head: &Head<KeyListing>,
        record: &VersionRecord<KeyListing>,
    ) -> Result<Access, OpError> {
        let known = self.opened_keys.0.get(&(head.incarnation, record.version));
        if let Some(opened) = known.filter(|opened| opened.digest == record.body_digest) {
            return Ok(Access::Opened(opened.key));
        }
        let private = objects.body(snapshot, head, record).await?;
        let keys = Arc::clone(&self.work.provider.keys);
        Ok(Access::Closed { keys, public: record.listing.public.clone(), private })
    }

    /// Keeps a key that was opened.
    pub(crate) fn keep_opened(
        &self,
        head: &Head<KeyListing>,
        record: &VersionRecord<KeyListing>,
        key: &Arc<dyn PrivateKey>,
    ) {
        let place = (head.incarnation, record.version);
        if self.opened_keys.0.peek(&place).is_some() {
            return;
        }
        let units = match record.listing.public {
            PublicKey::Rsa { .. } | PublicKey::Akp { .. } => 16,
            PublicKey::Ec { .. } | PublicKey::Oct { .. } => 1,
        };
        let (key, digest) = (Arc::clone(key), record.body_digest);
        self.opened_keys.0.insert(place, Opened { key, digest, units });
    }
}
