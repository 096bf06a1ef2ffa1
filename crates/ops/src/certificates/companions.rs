//! The key and the secret of a certificate: objects of the same name, whose versions are the
//! certificate's, and which live and die with it in the same transactions.

use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::CertificateListing;
use strongroom_model::{
    Attributes, Head, KeyListing, ObjectName, RequestId, SecretListing, Tags, Timestamp, Version,
    VersionRecord,
};
use strongroom_store::{Snapshot, Txn, layout};

use crate::objects::{Certificates, Draft, Found, Keys, Next, ObjectKind, Objects, Secrets};
use crate::{OpError, garbage};

/// The key and the secret of a certificate as they were found.
pub(crate) struct Companions {
    /// The key.
    pub(crate) key: Option<Found<KeyListing>>,
    /// The secret.
    pub(crate) secret: Option<Found<SecretListing>>,
}

/// What a new version's key and secret are.
pub(crate) struct Contents {
    /// What lists of keys show.
    pub(crate) key: KeyListing,
    /// The private key as its provider keeps it.
    pub(crate) private: SecretBytes,
    /// What lists of secrets show.
    pub(crate) secret: SecretListing,
    /// The secret's value.
    pub(crate) value: SecretBytes,
}

/// The key and the secret of a name that a certificate has, or may have.
///
/// # Errors
/// [`OpError::NameInUse`] for those that are no certificate's,
/// [`OpError::DeletedButRecoverable`] for deleted ones.
pub(crate) async fn settable(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Companions, OpError> {
    Ok(Companions {
        key: one_settable::<Keys>(objects, snapshot, name).await?,
        secret: one_settable::<Secrets>(objects, snapshot, name).await?,
    })
}

async fn one_settable<K: ObjectKind>(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Option<Found<K::Listing>>, OpError> {
    match objects.of::<K>().settable(snapshot, name).await {
        Ok(None) => Ok(None),
        Ok(Some(_)) => Err(OpError::NameInUse { kind: K::KIND, name: name.to_string() }),
        Err(OpError::Managed(_)) => objects.of::<K>().active(snapshot, &name.folded()).await,
        Err(other) => Err(other),
    }
}

impl Companions {
    /// Puts the version of the key and the secret that belongs to a certificate's new version.
    pub(crate) fn put_next_version(
        &self,
        objects: &Objects<Certificates>,
        txn: Txn,
        certificate: &Head<CertificateListing>,
        contents: &Contents,
    ) -> Result<Txn, OpError> {
        let current = &certificate.current;
        let (attributes, tags) = (current.attributes.clone(), current.tags.clone());
        let key = Draft { attributes, tags, listing: contents.key.clone() };
        let (attributes, tags) = (current.attributes.clone(), current.tags.clone());
        let previous_version = self.secret.as_ref().map(|found| found.head.current.version);
        let listing = SecretListing { previous_version, ..contents.secret.clone() };
        let secret = Draft { attributes, tags, listing };
        let (name, version) = (&certificate.name, current.version);
        let request = certificate.last_request;
        let at = Next { found: self.key.as_ref(), name, version, request };
        let body = Some(contents.private.expose());
        let (txn, _) = objects.of::<Keys>().put_next_version(txn, &at, &key, body)?;
        let at = Next { found: self.secret.as_ref(), name, version, request };
        let body = Some(contents.value.expose());
        let (txn, _) = objects.of::<Secrets>().put_next_version(txn, &at, &secret, body)?;
        Ok(txn)
    }
}

/// What a change of a certificate's version says of its key and secret too.
pub(crate) struct Said<'a> {
    /// The version.
    pub(crate) version: Version,
    /// Its attributes.
    pub(crate) attributes: &'a Attributes,
    /// Its tags.
    pub(crate) tags: &'a Option<Tags>,
    /// The request that changes them.
    pub(crate) request: RequestId,
}

/// Says of a version's key and secret what is said of the certificate.
pub(crate) async fn change(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    name: &ObjectName,
    said: &Said<'_>,
) -> Result<Txn, OpError> {
    let txn = change_one::<Keys>(objects, snapshot, txn, name, said).await?;
    change_one::<Secrets>(objects, snapshot, txn, name, said).await
}

async fn change_one<K: ObjectKind>(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    name: &ObjectName,
    said: &Said<'_>,
) -> Result<Txn, OpError> {
    let objects = objects.of::<K>();
    let (found, record) = objects.find(snapshot, name, Some(said.version)).await?;
    let attributes = Attributes { created: record.attributes.created, ..said.attributes.clone() };
    let record = VersionRecord { attributes, tags: said.tags.clone(), ..record };
    Ok(objects.put_changed(txn, &found, &record, said.request)?.0)
}

/// Moves a certificate's key and secret to where its head, which is being put, says that it is:
/// among the active objects or the deleted ones.
pub(crate) async fn follow(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    certificate: &Head<CertificateListing>,
) -> Result<Txn, OpError> {
    let txn = follow_one::<Keys>(objects, snapshot, txn, certificate).await?;
    follow_one::<Secrets>(objects, snapshot, txn, certificate).await
}

async fn follow_one<K: ObjectKind>(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    certificate: &Head<CertificateListing>,
) -> Result<Txn, OpError> {
    let objects = objects.of::<K>();
    let folded = certificate.name.folded();
    let deletes = certificate.state != strongroom_model::State::Active;
    let found = match deletes {
        true => objects.active(snapshot, &folded).await?,
        false => objects.deleted(snapshot, &folded).await?,
    };
    let Some(found) = found.filter(|found| K::is_managed(&found.head.current.listing)) else {
        return Ok(txn);
    };
    let (state, last_request) = (certificate.state, certificate.last_request);
    let head = Head { state, last_request, ..found.head.clone() };
    let (active, deleted) = match deletes {
        true => (Some(&found), None),
        false => (None, Some(&found)),
    };
    let txn = objects.require_active(txn, &folded, active);
    let txn = objects.require_deleted(txn, &folded, deleted);
    let old = match deletes {
        true => layout::head(objects.vault, K::KIND, &folded),
        false => layout::deleted_head(objects.vault, K::KIND, &folded),
    };
    objects.put_head(txn.delete(old), &head)
}

/// Purges the key and the secret of a certificate that is being purged.
pub(crate) async fn purge(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    certificate: &Head<CertificateListing>,
    now: Timestamp,
) -> Result<Txn, OpError> {
    let txn = purge_one::<Keys>(objects, snapshot, txn, certificate, now).await?;
    purge_one::<Secrets>(objects, snapshot, txn, certificate, now).await
}

async fn purge_one<K: ObjectKind>(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    certificate: &Head<CertificateListing>,
    now: Timestamp,
) -> Result<Txn, OpError> {
    let objects = objects.of::<K>();
    let folded = certificate.name.folded();
    let found = objects.deleted(snapshot, &folded).await?;
    let Some(found) = found.filter(|found| K::is_managed(&found.head.current.listing)) else {
        return Ok(txn);
    };
    let txn = objects.require_deleted(txn, &folded, Some(&found));
    let txn = txn.delete(layout::deleted_head(objects.vault, K::KIND, &folded));
    Ok(garbage::mark(txn, &objects.subject(&found.head), now))
}
