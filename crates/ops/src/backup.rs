//! Backup and restore: an object with all its versions as one sealed blob.
//!
//! `SRB1 | subscription 16 | sealed record`. The blob is sealed under the subscription's backup
//! key, so it opens only in this installation and in that subscription, and any change of it is
//! found.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use minicbor::{Decode, Encode};
use strongroom_authz::{Admitted, RequestFacts};
use strongroom_crypto::SecretBytes;
use strongroom_model::{
    Head, Kind, ObjectName, Operation, SecretListing, State, SubscriptionId, VersionRecord,
};
use strongroom_seal::{Part, Place, plaintext};
use strongroom_store::layout::{self, Table};
use strongroom_store::{Condition, Outcome, Revision, Snapshot, Store, Txn};
use zeroize::Zeroize;

use crate::access::{MAX_DECISIONS, in_vault};
use crate::garbage;
use crate::objects::{ObjectKind, Objects, Secrets, new_incarnation};
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

/// Backs up a secret.
pub struct BackupSecret {
    /// The name.
    pub name: ObjectName,
}

/// Restores a secret from a backup.
pub struct RestoreSecret {
    /// The blob, in base64url.
    pub blob: String,
}

impl RequestFacts for BackupSecret {
    const OPERATION: Operation = Operation::BackupSecret;

    fn object(&self) -> Option<&ObjectName> {
        Some(&self.name)
    }
}

impl RequestFacts for RestoreSecret {
    const OPERATION: Operation = Operation::RestoreSecret;

    fn object(&self) -> Option<&ObjectName> {
        None
    }
}

#[derive(Encode, Decode)]
struct Backup {
    #[n(0)]
    name: ObjectName,
    /// Oldest first; the last one is the current version.
    #[n(1)]
    versions: Vec<BackedUp>,
}

#[derive(Encode, Decode)]
struct BackedUp {
    #[n(0)]
    record: VersionRecord<SecretListing>,
    #[cbor(n(1), with = "minicbor::bytes")]
    value: Vec<u8>,
}

impl Drop for BackedUp {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl<S: Store> Ops<S> {
    /// `POST /secrets/{name}/backup`: the blob, in base64url.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::TooManyVersions`], or that the service cannot.
    pub async fn backup_secret(&self, admitted: Admitted<BackupSecret>) -> Result<String, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let found = objects.active(&snapshot, &request.name.folded()).await?.ok_or_else(|| {
            OpError::NotFound { kind: Kind::Secret, name: request.name.to_string() }
        })?;
        if Secrets::is_managed(&found.head.current.listing) {
            return Err(OpError::Managed);
        }
        let backup = read_versions(&objects, &snapshot, found.head).await?;
        let plain = plaintext::encode(&backup)
            .map_err(|_| OpError::Internal("a backup does not encode".into()))?;
        let subscription = authorized.vault().subscription;
        let keys = self.ring.backup(subscription).await?;
        let sealed = keys.seal(&Place::Backup(subscription, Kind::Secret), &plain)?;
        let blob = URL_SAFE_NO_PAD.encode([MAGIC, subscription.as_bytes(), &sealed].concat());
        if blob.len() > MAX_RESTORE_BYTES - JSON_BYTES {
            return Err(OpError::Invalid(
                "The secret with all its versions is too large for a backup that could be restored."
                    .into(),
            ));
        }
        Ok(blob)
    }

    /// `POST /secrets/restore`: the object of a backup, under a name that is free.
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
        let backup = self.open_backup(authorized.vault().subscription, &request.blob).await?;
        call.set_property("restoredName", backup.name.to_string());
        let objects = self.objects::<Secrets>(&authorized).await?;
        check_free(&objects, &self.snapshot().await?, &backup.name).await?;
        let Restored { head, mark, marked } = self.write_restored(&objects, &backup, call).await?;
        let folded = head.name.folded();
        let _turn = self.turns.of(objects.vault, &head.name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            check_free(&objects, &snapshot, &head.name).await?;
            let txn = objects.require_active(in_vault(&vault), &folded, None);
            let txn = objects.require_deleted(txn, &folded, None);
            let txn = txn.require(mark.clone(), Condition::AtRevision(marked));
            let txn = objects.put_head(txn, &head)?.delete(mark.clone());
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok(SecretView {
                    name: head.name,
                    record: head.current,
                    value: None,
                    soft_delete: vault.resource.soft_delete,
                });
            }
        }
        Err(OpError::Contended)
    }

    async fn open_backup(
        &self,
        subscription: SubscriptionId,
        blob: &str,
    ) -> Result<Backup, OpError> {
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
        let place = Place::Backup(subscription, Kind::Secret);
        let plain: SecretBytes = keys.open(&place, sealed).map_err(|_| malformed())?;
        let backup: Backup = minicbor::decode(plain.expose()).map_err(|_| malformed())?;
        if backup.versions.is_empty() { Err(malformed()) } else { Ok(backup) }
    }

    /// Writes the bodies and the older versions' records under a fresh incarnation, where nobody
    /// sees them until there is a head. A mark makes them garbage should the head never come.
    async fn write_restored(
        &self,
        objects: &Objects<Secrets>,
        backup: &Backup,
        call: &Call,
    ) -> Result<Restored, OpError> {
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
                    objects.seal_body(&backup.name, incarnation, record.version, &version.value)?;
                record.body_digest = body.digest;
                txn = txn.put(body.key, body.sealed);
                if record.version == newest.record.version {
                    head.current = record;
                } else {
                    txn = objects.put_version(txn, &head, &record)?;
                }
            }
            committed(self.store.commit(txn).await?)?;
        }
        Ok(Restored { head, mark, marked })
    }
}

/// A restored object that nobody sees yet, and the mark that everything written for it requires.
struct Restored {
    head: Head<SecretListing>,
    mark: Vec<u8>,
    marked: Revision,
}

/// A conflict here means that the collector has taken the mark: the restore took too long.
fn committed(outcome: Outcome) -> Result<Revision, OpError> {
    match outcome {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Conflict => Err(OpError::Contended),
    }
}

/// All versions of an object with their values, oldest first, the current one last.
async fn read_versions(
    objects: &Objects<Secrets>,
    snapshot: &impl Snapshot,
    head: Head<SecretListing>,
) -> Result<Backup, OpError> {
    let prefix =
        layout::incarnation(objects.vault, Kind::Secret, Table::Versions, head.incarnation);
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
    records.sort_by_key(|r: &VersionRecord<SecretListing>| r.attributes.created);
    records.push(head.current.clone());
    let mut versions = Vec::with_capacity(records.len());
    for record in records {
        let value = objects.body(snapshot, &head, &record).await?.expose().to_vec();
        versions.push(BackedUp { record, value });
    }
    Ok(Backup { name: head.name, versions })
}

async fn check_free(
    objects: &Objects<Secrets>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<(), OpError> {
    let folded = name.folded();
    let (kind, shown) = (Kind::Secret, name.to_string());
    if objects.active(snapshot, &folded).await?.is_some() {
        return Err(OpError::AlreadyExists { kind, name: shown });
    }
    if objects.deleted(snapshot, &folded).await?.is_some() {
        return Err(OpError::DeletedButRecoverable { kind, name: shown });
    }
    Ok(())
}
