//! The records of objects: where they lie, and how they are sealed. The same for every kind.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use minicbor::{Decode, Encode};
use strongroom_crypto::{SecretBytes, digest, random};
use strongroom_model::lifecycle::Refusal;
use strongroom_model::{
    Attributes, CertificateListing, Head, IncarnationId, KeyListing, Kind, ObjectName, RequestId,
    SecretListing, State, Tags, Timestamp, VaultId, Version, VersionRecord,
};
use strongroom_seal::{DataKeys, Part, Place, RecordKey, plaintext};
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Condition, Revision, Snapshot, Txn};

use crate::OpError;
use crate::certificates::{companions, pending, schedule};
use crate::keys::rotation;

/// A kind of object, and what lists of it show.
pub(crate) trait ObjectKind {
    const KIND: Kind;
    type Listing: Clone + PartialEq + Encode<()> + for<'b> Decode<'b, ()> + Send + Sync;

    /// Whether an object lives and dies with a certificate.
    fn is_managed(listing: &Self::Listing) -> bool;

    /// Whether there is no version yet: a certificate whose first one is still being made.
    fn is_pending(listing: &Self::Listing) -> bool {
        let _ = listing;
        false
    }

    /// Adds what else must change with a head that is being put: a key's timer, a certificate's
    /// key and secret.
    fn head_changed(
        objects: &Objects<Self>,
        snapshot: &impl Snapshot,
        txn: Txn,
        head: &Head<Self::Listing>,
    ) -> impl Future<Output = Result<Txn, OpError>> + Send
    where
        Self: Sized,
    {
        let _ = (objects, snapshot, head);
        std::future::ready(Ok(txn))
    }

    /// Adds what else goes with an object that is being purged: a certificate's key and secret.
    fn purged(
        objects: &Objects<Self>,
        snapshot: &impl Snapshot,
        txn: Txn,
        head: &Head<Self::Listing>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Txn, OpError>> + Send
    where
        Self: Sized,
    {
        let _ = (objects, snapshot, head, now);
        std::future::ready(Ok(txn))
    }
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

/// Keys.
pub(crate) struct Keys;

impl ObjectKind for Keys {
    const KIND: Kind = Kind::Key;
    type Listing = KeyListing;

    fn is_managed(listing: &KeyListing) -> bool {
        listing.managed == Some(true)
    }

    async fn head_changed(
        objects: &Objects<Self>,
        snapshot: &impl Snapshot,
        txn: Txn,
        head: &Head<KeyListing>,
    ) -> Result<Txn, OpError> {
        rotation::set_timer(objects, snapshot, txn, head).await
    }
}

/// Certificates.
pub(crate) struct Certificates;

impl ObjectKind for Certificates {
    const KIND: Kind = Kind::Certificate;
    type Listing = CertificateListing;

    fn is_managed(_: &CertificateListing) -> bool {
        false
    }

    fn is_pending(listing: &CertificateListing) -> bool {
        listing.is_pending()
    }

    async fn head_changed(
        objects: &Objects<Self>,
        snapshot: &impl Snapshot,
        txn: Txn,
        head: &Head<CertificateListing>,
    ) -> Result<Txn, OpError> {
        let txn = schedule::set_timer(objects, snapshot, txn, head).await?;
        let txn = pending::give_up(objects, snapshot, txn, head).await?;
        companions::follow(objects, snapshot, txn, head).await
    }

    async fn purged(
        objects: &Objects<Self>,
        snapshot: &impl Snapshot,
        txn: Txn,
        head: &Head<CertificateListing>,
        now: Timestamp,
    ) -> Result<Txn, OpError> {
        companions::purge(objects, snapshot, txn, head, now).await
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

    /// The objects of another kind in the same vault.
    pub(crate) fn of<O: ObjectKind>(&self) -> Objects<O> {
        Objects::new(self.vault, Arc::clone(&self.keys))
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

    /// Seals a record for a place at a folded name.
    pub(crate) fn seal<T: Encode<()>>(
        &self,
        folded: &str,
        part: Part,
        row: &T,
    ) -> Result<Vec<u8>, OpError> {
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

    /// The active object of a name that may be given a new version, if there is one.
    pub(crate) async fn settable(
        &self,
        snapshot: &impl Snapshot,
        name: &ObjectName,
    ) -> Result<Option<Found<K::Listing>>, OpError> {
        let folded = name.folded();
        let found = self.active(snapshot, &folded).await?;
        if found.is_none() && self.deleted(snapshot, &folded).await?.is_some() {
            let refusal = Refusal::DeletedButRecoverable;
            return Err(OpError::refused(refusal, K::KIND, name.as_str()));
        }
        if found.as_ref().is_some_and(|f| K::is_managed(&f.head.current.listing)) {
            return Err(OpError::Managed(K::KIND));
        }
        Ok(found)
    }

    /// The head of an active object and the record of one of its versions; `None` is the current
    /// one.
    pub(crate) async fn find(
        &self,
        snapshot: &impl Snapshot,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<(Found<K::Listing>, VersionRecord<K::Listing>), OpError> {
        let not_found = || OpError::no_version(K::KIND, name, version);
        let found = self.active(snapshot, &name.folded()).await?.ok_or_else(not_found)?;
        let wanted = version.unwrap_or(found.head.current.version);
        let record = self.version(snapshot, &found.head, wanted).await?.ok_or_else(not_found)?;
        Ok((found, record))
    }

    /// A new current version of an object, which may be new itself, and the transaction that
    /// puts all of it.
    pub(crate) fn put_new_version(
        &self,
        txn: Txn,
        found: Option<&Found<K::Listing>>,
        name: &ObjectName,
        draft: &Draft<K::Listing>,
        body: &[u8],
        request: RequestId,
    ) -> Result<(Txn, Head<K::Listing>), OpError> {
        let at = Next { found, name, version: new_version()?, request };
        self.put_next_version(txn, &at, draft, Some(body))
    }

    /// As [`Objects::put_new_version`], for a version that has its number already; without a body
    /// for one that is still being made. It takes the place of one that never was made.
    pub(crate) fn put_next_version(
        &self,
        txn: Txn,
        at: &Next<'_, K::Listing>,
        draft: &Draft<K::Listing>,
        body: Option<&[u8]>,
    ) -> Result<(Txn, Head<K::Listing>), OpError> {
        let (name, incarnation) = match at.found {
            Some(found) => (found.head.name.clone(), found.head.incarnation),
            None => (at.name.clone(), new_incarnation()?),
        };
        let body = body.map(|body| self.seal_body(&name, incarnation, at.version, body));
        let body = body.transpose()?;
        let current = VersionRecord {
            version: at.version,
            attributes: draft.attributes.clone(),
            tags: draft.tags.clone(),
            listing: draft.listing.clone(),
            body_digest: body.as_ref().map_or([0; 32], |body| body.digest),
        };
        let (state, last_request) = (State::Active, at.request);
        let head = Head { name, incarnation, current, state, last_request };
        let folded = head.name.folded();
        let txn = self.require_active(txn, &folded, at.found);
        let txn = match at.found {
            Some(found) if K::is_pending(&found.head.current.listing) => txn,
            Some(found) => self.put_version(txn, &head, &found.head.current)?,
            None => self.require_deleted(txn, &folded, None),
        };
        let txn = self.put_head(txn, &head)?;
        Ok((body.into_iter().fold(txn, |txn, body| txn.put(body.key, body.sealed)), head))
    }

    /// Refuses what would say of a certificate's key or secret other than the certificate does:
    /// only
    /// its tags may change by themselves. Clients that send back all that they read change nothing.
    pub(crate) fn check_change(
        &self,
        before: &VersionRecord<K::Listing>,
        after: &VersionRecord<K::Listing>,
    ) -> Result<(), OpError> {
        let said = |of: &Attributes| (of.enabled, of.not_before, of.expires);
        let same =
            said(&before.attributes) == said(&after.attributes) && before.listing == after.listing;
        match K::is_managed(&before.listing) && !same {
            true => Err(OpError::Managed(K::KIND)),
            false => Ok(()),
        }
    }

    /// Puts a version's changed record: into the head if it is the current one.
    pub(crate) fn put_changed(
        &self,
        txn: Txn,
        found: &Found<K::Listing>,
        record: &VersionRecord<K::Listing>,
        request: RequestId,
    ) -> Result<(Txn, Head<K::Listing>), OpError> {
        let mut head = Head { last_request: request, ..found.head.clone() };
        let mut txn = self.require_active(txn, &head.name.folded(), Some(found));
        if record.version == head.current.version {
            head.current = record.clone();
        } else {
            txn = self.put_version(txn, &head, record)?;
        }
        Ok((self.put_head(txn, &head)?, head))
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

/// Where a new version comes.
pub(crate) struct Next<'a, L> {
    /// The object, if there is one.
    pub(crate) found: Option<&'a Found<L>>,
    /// The name of the object if there is none.
    pub(crate) name: &'a ObjectName,
    /// The version's number.
    pub(crate) version: Version,
    /// The request that makes it.
    pub(crate) request: RequestId,
}

/// What a new version says of itself.
pub(crate) struct Draft<L> {
    pub(crate) attributes: Attributes,
    pub(crate) tags: Option<Tags>,
    pub(crate) listing: L,
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
