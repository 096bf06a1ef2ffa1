//! The records of objects: where they lie, and how they are sealed. The same for every kind.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use minicbor::{Decode, Encode};
use strongroom_crypto::{SecretBytes, digest, random};
use strongroom_model::{
    Head, IncarnationId, Kind, ObjectName, SecretListing, State, VaultId, Version, VersionRecord,
};
use strongroom_seal::{DataKeys, Part, Place, RecordKey, plaintext};
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Condition, Revision, Snapshot, Txn};

use crate::OpError;

/// A kind of object, and what lists of it show.
pub(crate) trait ObjectKind {
    const KIND: Kind;
    type Listing: Clone + Encode<()> + for<'b> Decode<'b, ()> + Send + Sync;

    /// Whether an object lives and dies with a certificate.
    fn is_managed(listing: &Self::Listing) -> bool;
}

/// Secrets.
pub(crate) struct Secrets;

impl ObjectKind for Secrets {
    const KIND: Kind = Kind::Secret;
    type Listing = SecretListing;

    fn is_managed(listing: &SecretListing) -> bool {
        listing.managed == Some(true)
    }
}

/// A head as it was found: what a change of it requires.
pub(crate) struct Found<L> {
    pub(crate) head: Head<L>,
    pub(crate) revision: Revision,
}

/// The objects of one kind in one vault.
pub(crate) struct Objects<K> {
    pub(crate) vault: VaultId,
    pub(crate) keys: Arc<DataKeys>,
    kind: std::marker::PhantomData<fn() -> K>,
}

impl<K: ObjectKind> Objects<K> {
    pub(crate) fn new(vault: VaultId, keys: Arc<DataKeys>) -> Self {
        Self { vault, keys, kind: std::marker::PhantomData }
    }

    fn place<'a>(&self, name: &'a str, part: Part) -> Place<'a> {
        Place::Object { vault: self.vault, kind: K::KIND, name, part }
    }

    /// The head of the active object of a folded name.
    pub(crate) async fn active(
        &self,
        snapshot: &impl Snapshot,
        folded: &str,
    ) -> Result<Option<Found<K::Listing>>, OpError> {
        let key = layout::head(self.vault, K::KIND, folded);
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        let head = self.open_head(folded, Part::Head, &row.value)?;
        Ok(Some(Found { head, revision: row.revision }))
    }

    /// The head of the deleted object of a folded name.
    pub(crate) async fn deleted(
        &self,
        snapshot: &impl Snapshot,
        folded: &str,
    ) -> Result<Option<Found<K::Listing>>, OpError> {
        let key = layout::deleted_head(self.vault, K::KIND, folded);
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        let head = self.open_head(folded, Part::DeletedHead, &row.value)?;
        Ok(Some(Found { head, revision: row.revision }))
    }

    /// Opens the head found at a folded name.
    pub(crate) fn open_head(
        &self,
        folded: &str,
        part: Part,
        sealed: &[u8],
    ) -> Result<Head<K::Listing>, OpError> {
        self.open(folded, part, sealed)
    }

    /// Opens a record found at a folded name.
    pub(crate) fn open<T: for<'b> Decode<'b, ()>>(
        &self,
        folded: &str,
        part: Part,
        sealed: &[u8],
    ) -> Result<T, OpError> {
        let plain = self.keys.open(&self.place(folded, part), sealed)?;
        minicbor::decode(plain.expose())
            .map_err(|_| OpError::Internal("a record does not decode".into()))
    }

    fn seal<T: Encode<()>>(&self, folded: &str, part: Part, row: &T) -> Result<Vec<u8>, OpError> {
        let plain = plaintext::encode(row)
            .map_err(|_| OpError::Internal("a record does not encode".into()))?;
        Ok(self.keys.seal(&self.place(folded, part), &plain)?)
    }

    /// Puts a head where its state says it lies.
    pub(crate) fn put_head(&self, txn: Txn, head: &Head<K::Listing>) -> Result<Txn, OpError> {
        let folded = head.name.folded();
        let (part, key) = match head.state {
            State::Active => (Part::Head, layout::head(self.vault, K::KIND, &folded)),
            State::Deleted { .. } => {
                (Part::DeletedHead, layout::deleted_head(self.vault, K::KIND, &folded))
            }
        };
        Ok(txn.put(key, self.seal(&folded, part, head)?))
    }

    /// Puts a superseded version's record.
    pub(crate) fn put_version(
        &self,
        txn: Txn,
        head: &Head<K::Listing>,
        record: &VersionRecord<K::Listing>,
    ) -> Result<Txn, OpError> {
        let key = layout::version(self.vault, K::KIND, head.incarnation, record.version);
        let part = Part::Version(head.incarnation, record.version);
        Ok(txn.put(key, self.seal(&head.name.folded(), part, record)?))
    }

    /// The record of any version of an object, and the revision its change requires (`None`: the
    /// head's, since it is the current version).
    pub(crate) async fn version(
        &self,
        snapshot: &impl Snapshot,
        head: &Head<K::Listing>,
        version: Version,
    ) -> Result<Option<VersionRecord<K::Listing>>, OpError> {
        if version == head.current.version {
            return Ok(Some(head.current.clone()));
        }
        let key = layout::version(self.vault, K::KIND, head.incarnation, version);
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        let part = Part::Version(head.incarnation, version);
        self.open(&head.name.folded(), part, &row.value).map(Some)
    }

    /// Seals a new body: its version, its digest and its row.
    pub(crate) fn seal_body(
        &self,
        name: &ObjectName,
        incarnation: IncarnationId,
        version: Version,
        body: &[u8],
    ) -> Result<SealedBody, OpError> {
        let part = Part::Body(incarnation, version);
        let sealed = self.keys.seal(&self.place(&name.folded(), part), body)?;
        Ok(SealedBody {
            key: layout::body(self.vault, K::KIND, incarnation, version),
            digest: digest::sha256(&sealed),
            sealed: sealed.into(),
        })
    }

    /// The body of a version.
    pub(crate) async fn body(
        &self,
        snapshot: &impl Snapshot,
        head: &Head<K::Listing>,
        record: &VersionRecord<K::Listing>,
    ) -> Result<SecretBytes, OpError> {
        self.body_with(snapshot, head, record, None).await
    }

    /// The body of a version, with its key from `key` if that has been derived before. An older
    /// body that was put back in its place is found by the digest in the version's record.
    pub(crate) async fn body_with(
        &self,
        snapshot: &impl Snapshot,
        head: &Head<K::Listing>,
        record: &VersionRecord<K::Listing>,
        key: Option<&OnceLock<RecordKey>>,
    ) -> Result<SecretBytes, OpError> {
        let row_key = layout::body(self.vault, K::KIND, head.incarnation, record.version);
        let damaged =
            || OpError::Internal(format!("the body of version {} is damaged", record.version));
        let row = snapshot.get(&row_key).await?.ok_or_else(damaged)?;
        if digest::sha256(&row.value) != record.body_digest {
            return Err(damaged());
        }
        let folded = head.name.folded();
        let place = self.place(&folded, Part::Body(head.incarnation, record.version));
        let Some(key) = key else { return Ok(self.keys.open(&place, &row.value)?) };
        let key = match key.get() {
            Some(key) => key,
            None => {
                let derived = self.keys.record_key(&place, &row.value)?;
                key.get_or_init(|| derived)
            }
        };
        Ok(key.open(&place, &row.value)?)
    }

    /// Requires that an active head is as it was found, or that there is none.
    pub(crate) fn require_active(
        &self,
        txn: Txn,
        folded: &str,
        found: Option<&Found<K::Listing>>,
    ) -> Txn {
        txn.require(layout::head(self.vault, K::KIND, folded), condition(found))
    }

    /// Requires that a deleted head is as it was found, or that there is none.
    pub(crate) fn require_deleted(
        &self,
        txn: Txn,
        folded: &str,
        found: Option<&Found<K::Listing>>,
    ) -> Txn {
        txn.require(layout::deleted_head(self.vault, K::KIND, folded), condition(found))
    }

    /// What a timer or a garbage row about an object names.
    pub(crate) fn subject(&self, head: &Head<K::Listing>) -> Subject {
        Subject { vault: self.vault, kind: K::KIND, incarnation: head.incarnation }
    }
}

fn condition<L>(found: Option<&Found<L>>) -> Condition {
    found.map_or(Condition::Absent, |f| Condition::AtRevision(f.revision))
}

/// A body ready to be put.
pub(crate) struct SealedBody {
    pub(crate) key: Vec<u8>,
    pub(crate) digest: [u8; 32],
    pub(crate) sealed: Bytes,
}

/// A new version.
pub(crate) fn new_version() -> Result<Version, OpError> {
    Ok(Version::from_bytes(random::bytes()?))
}

/// A new incarnation.
pub(crate) fn new_incarnation() -> Result<IncarnationId, OpError> {
    Ok(IncarnationId::from_bytes(random::bytes()?))
}
