//! Backup and restore: an object with all its versions as one sealed blob.
//!
//! `SRB1 | subscription 16 | sealed record`. The blob is sealed under the subscription's backup
//! key, so it opens only in this installation and in that subscription, and any change of it is
//! found. A certificate's blob has its key and secret in it.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use minicbor::{Decode, Encode};
use strongroom_authz::{Admitted, Authorized};
use strongroom_crypto::SecretBytes;
use strongroom_model::rotation::RotationPolicy;
use strongroom_model::{Head, Kind, ObjectName, SoftDelete, State, SubscriptionId, VersionRecord};
use strongroom_seal::{Part, Place, plaintext};
use strongroom_store::layout::{self, Table};
use strongroom_store::{Condition, Outcome, Revision, Snapshot, Store, Txn};
use zeroize::Zeroize;

use crate::garbage;
use crate::keys::{KeyView, rotation, uses};
use crate::objects::{Keys, ObjectKind, Objects, Secrets, new_incarnation};
use crate::request::{about_vault, name_only};
use crate::{Call, OpError, Ops, SecretView};

/// The most versions in a backup.
const MAX_VERSIONS: usize = 500;

/// Versions written in one transaction of a restore. One takes 88 KB at the most (a value of
/// 25 KB, 15 tags of 2 × 512 characters of 4 bytes each), so below 1 MiB together.
const VERSIONS_PER_TXN: usize = 8;

/// How long the rows of an unfinished restore are left alone, in seconds.
const RESTORE_SECONDS: i64 = 3_600;

/// The largest body of a restore, in bytes.
pub const MAX_RESTORE_BYTES: usize = 24 * 1024 * 1024;

/// What a restore's body has beside the blob, amply.
const JSON_BYTES: usize = 1_024;

const MAGIC: &[u8] = b"SRB1";

name_only! {
    /// Backs up a secret.
    BackupSecret
    /// Backs up a key.
    BackupKey
    /// Backs up a certificate with its key and secret.
    BackupCertificate
}

/// Restores a secret from a backup.
pub struct RestoreSecret {
    /// The blob, in base64url.
    pub blob: String,
}

/// Restores a key from a backup.
pub struct RestoreKey {
    /// The blob, in base64url.
    pub blob: String,
}

/// Restores a certificate with its key and secret from a backup.
pub struct RestoreCertificate {
    /// The blob, in base64url.
    pub blob: String,
}

about_vault! { RestoreSecret RestoreKey RestoreCertificate }

#[derive(Encode, Decode)]
pub(crate) struct Backup<L> {
    #[n(0)]
    pub(crate) name: ObjectName,
    /// Oldest first; the last one is the current version.
    #[n(1)]
    versions: Vec<BackedUp<L>>,
    /// A key's rotation policy.
    #[n(2)]
    rotation: Option<RotationPolicy>,
}

#[derive(Encode, Decode)]
pub(crate) struct BackedUp<L> {
    #[n(0)]
    record: VersionRecord<L>,
    #[cbor(n(1), with = "minicbor::bytes")]
    body: Vec<u8>,
    /// How often a symmetric key had encrypted: a restored one goes on counting.
    #[n(2)]
    uses: Option<u64>,
}

impl<L> Drop for BackedUp<L> {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl<S: Store> Ops<S> {
    /// `POST /secrets/{name}/backup`: the blob, in base64url.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::TooManyVersions`], or that the service cannot.
    pub async fn backup_secret(&self, admitted: Admitted<BackupSecret>) -> Result<String, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.backup::<Secrets>(&authorized, &request.name).await
    }

    /// `POST /keys/{name}/backup`: the blob, in base64url.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::TooManyVersions`], or that the service cannot.
    pub async fn backup_key(&self, admitted: Admitted<BackupKey>) -> Result<String, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.backup::<Keys>(&authorized, &request.name).await
    }

    /// `POST /secrets/restore`: the secret of a backup, under a name that is free.
    ///
    /// # Errors
    /// [`OpError::MalformedBackup`], [`OpError::AlreadyExists`],
    /// [`OpError::DeletedButRecoverable`], or that the service cannot.
    pub async fn restore_secret(
        &self,
        admitted: Admitted<RestoreSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (head, soft_delete) = self.restore::<Secrets>(&authorized, &request.blob, call).await?;
        Ok(SecretView { name: head.name, record: head.current, value: None, soft_delete })
    }

    /// `POST /keys/restore`: the key of a backup, under a name that is free.
    ///
    /// # Errors
    /// As [`Ops::restore_secret`].
    pub async fn restore_key(
        &self,
        admitted: Admitted<RestoreKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (head, soft_delete) = self.restore::<Keys>(&authorized, &request.blob, call).await?;
        Ok(KeyView { name: head.name, record: head.current, soft_delete })
    }

    async fn backup<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
    ) -> Result<String, OpError> {
        let objects = self.objects::<K>(authorized).await?;
        let snapshot = self.snapshot().await?;
        let found = objects.active(&snapshot, &name.folded()).await?;
        let found = found.ok_or_else(|| OpError::no_version(K::KIND, name, None))?;
        if K::is_managed(&found.head.current.listing) {
            return Err(OpError::Managed(K::KIND));
        }
        let backup = read_versions(&objects, &snapshot, found.head).await?;
        self.seal_backup(authorized.vault().subscription, K::KIND, &backup).await
    }

    /// A backup as a blob.
    pub(crate) async fn seal_backup<B: Encode<()>>(
        &self,
        subscription: SubscriptionId,
        kind: Kind,
        backup: &B,
    ) -> Result<String, OpError> {
        let plain = plaintext::encode(backup)
            .map_err(|_| OpError::Internal("a backup does not encode".into()))?;
        let keys = self.ring.backup(subscription).await?;
        let sealed = keys.seal(&Place::Backup(subscription, kind), &plain)?;
        let blob = URL_SAFE_NO_PAD.encode([MAGIC, subscription.as_bytes(), &sealed].concat());
        if blob.len() > MAX_RESTORE_BYTES - JSON_BYTES {
            return Err(OpError::Invalid(
                "The object with all its versions is too large for a backup that could be restored."
                    .into(),
            ));
        }
        Ok(blob)
    }

    async fn restore<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        blob: &str,
        call: &mut Call,
    ) -> Result<(Head<K::Listing>, SoftDelete), OpError> {
        let subscription = authorized.vault().subscription;
        let backup: Backup<K::Listing> = self.open_backup(subscription, K::KIND, blob).await?;
        if backup.versions.is_empty() {
            return Err(OpError::MalformedBackup);
        }
        call.set_property("restoredName", backup.name.to_string());
        let objects = &self.objects::<K>(authorized).await?;
        check_free(objects, &self.snapshot().await?, &backup.name).await?;
        let restored = self.write_restored(objects, &backup, call).await?;
        let head = &restored.head;
        let mut deciding = self.deciding(authorized, &head.name).await;
        loop {
            let moment = deciding.moment().await?;
            check_free(objects, &moment.snapshot, &head.name).await?;
            let txn = restored.put(objects, moment.txn())?;
            let txn = K::head_changed(objects, &moment.snapshot, txn, head).await?;
            if deciding.commit(call, txn).await? {
                return Ok((restored.head, moment.soft_delete()));
            }
        }
    }

    /// The backup in a blob.
    pub(crate) async fn open_backup<B: for<'b> Decode<'b, ()>>(
        &self,
        subscription: SubscriptionId,
        kind: Kind,
        blob: &str,
    ) -> Result<B, OpError> {
        let malformed = || OpError::MalformedBackup;
        let bytes = URL_SAFE_NO_PAD
            .decode(blob)
            .or_else(|_| URL_SAFE.decode(blob))
            .map_err(|_| malformed())?;
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(malformed)?;
        let (owner, sealed) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
        if SubscriptionId::from_bytes(*owner) != subscription {
            return Err(malformed());
        }
        let keys = self.ring.backup(subscription).await?;
        let place = Place::Backup(subscription, kind);
        let plain: SecretBytes = keys.open(&place, sealed).map_err(|_| malformed())?;
        minicbor::decode(plain.expose()).map_err(|_| malformed())
    }

    /// Writes the bodies and the older versions' records under a fresh incarnation, where nobody
    /// sees them until there is a head. A mark makes them garbage should the head never come.
    pub(crate) async fn write_restored<K: ObjectKind>(
        &self,
        objects: &Objects<K>,
        backup: &Backup<K::Listing>,
        call: &Call,
    ) -> Result<Restored<K::Listing>, OpError> {
        let incarnation = new_incarnation()?;
        let Some(newest) = backup.versions.last() else { return Err(OpError::MalformedBackup) };
        let mut head = Head {
            name: backup.name.clone(),
            incarnation,
            current: newest.record.clone(),
            state: State::Active,
            last_request: call.id(),
        };
        let until = call.now().plus_seconds(RESTORE_SECONDS);
        let mark = layout::garbage(&objects.subject(&head));
        let txn = garbage::mark(Txn::new(), &objects.subject(&head), until);
        let marked = committed(self.store.commit(txn).await?)?;
        for chunk in backup.versions.chunks(VERSIONS_PER_TXN) {
            let mut txn = Txn::new().require(mark.clone(), Condition::AtRevision(marked));
            for version in chunk {
                let mut record = version.record.clone();
                let body =
                    objects.seal_body(&backup.name, incarnation, record.version, &version.body)?;
                record.body_digest = body.digest;
                txn = txn.put(body.key, body.sealed);
                if let Some(uses) = version.uses {
                    txn = uses::put(objects, txn, &head, record.version, uses)?;
                }
                if record.version == newest.record.version {
                    head.current = record;
                } else {
                    txn = objects.put_version(txn, &head, &record)?;
                }
            }
            committed(self.store.commit(txn).await?)?;
        }
        if let Some(policy) = &backup.rotation {
            let txn = Txn::new().require(mark.clone(), Condition::AtRevision(marked));
            let txn = rotation::put_policy(objects, txn, &head.name, incarnation, policy)?;
            committed(self.store.commit(txn).await?)?;
        }
        Ok(Restored { head, mark, marked })
    }
}

/// A restored object that nobody sees yet, and the mark that everything written for it requires.
pub(crate) struct Restored<L> {
    pub(crate) head: Head<L>,
    mark: Vec<u8>,
    marked: Revision,
}

impl<L> Restored<L> {
    /// A transaction for what belongs to it: it holds only while the collector leaves it alone.
    pub(crate) fn txn(&self) -> Txn {
        Txn::new().require(self.mark.clone(), Condition::AtRevision(self.marked))
    }

    /// Puts the head under a name that is free, so that everybody sees the object.
    pub(crate) fn put<K: ObjectKind<Listing = L>>(
        &self,
        objects: &Objects<K>,
        txn: Txn,
    ) -> Result<Txn, OpError> {
        let folded = self.head.name.folded();
        let txn = objects.require_active(txn, &folded, None);
        let txn = objects.require_deleted(txn, &folded, None);
        let txn = txn.require(self.mark.clone(), Condition::AtRevision(self.marked));
        Ok(objects.put_head(txn, &self.head)?.delete(self.mark.clone()))
    }
}

/// A conflict here means that the collector has taken the mark: the restore took too long.
pub(crate) fn committed(outcome: Outcome) -> Result<Revision, OpError> {
    match outcome {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Conflict => Err(OpError::Contended),
    }
}

/// All versions of an object with their values, oldest first, the current one last.
pub(crate) async fn read_versions<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    head: Head<K::Listing>,
) -> Result<Backup<K::Listing>, OpError> {
    let prefix = layout::incarnation(objects.vault, K::KIND, Table::Versions, head.incarnation);
    let rows = snapshot.scan(&prefix, None, MAX_VERSIONS).await?;
    if rows.len() + 1 > MAX_VERSIONS {
        return Err(OpError::TooManyVersions(MAX_VERSIONS));
    }
    let folded = head.name.folded();
    let mut records = Vec::with_capacity(rows.len() + 1);
    for (key, row) in &rows {
        let version = key
            .get(prefix.len()..)
            .and_then(|v| v.try_into().ok())
            .ok_or_else(|| OpError::Internal("a version's key has another length".into()))?;
        let version = strongroom_model::Version::from_bytes(version);
        records.push(objects.open(
            &folded,
            Part::Version(head.incarnation, version),
            &row.value,
        )?);
    }
    records.sort_by_key(|r: &VersionRecord<K::Listing>| r.attributes.created);
    records.push(head.current.clone());
    let mut versions = Vec::with_capacity(records.len());
    for record in records {
        let body = objects.body(snapshot, &head, &record).await?.expose().to_vec();
        let uses = uses::counted(objects, snapshot, &head, record.version).await?;
        versions.push(BackedUp { record, body, uses });
    }
    let rotation = rotation::policy_of(objects, snapshot, &head).await?;
    Ok(Backup { name: head.name, versions, rotation })
}

/// Refuses a name that is taken.
pub(crate) async fn check_free<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<(), OpError> {
    let folded = name.folded();
    let (kind, shown) = (K::KIND, name.to_string());
    if objects.active(snapshot, &folded).await?.is_some() {
        return Err(OpError::AlreadyExists { kind, name: shown });
    }
    if objects.deleted(snapshot, &folded).await?.is_some() {
        return Err(OpError::DeletedButRecoverable { kind, name: shown });
    }
    Ok(())
}
