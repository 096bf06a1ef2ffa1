//! Backup and restore of a certificate: with all its versions, its policy, its key and its secret;
//! and what it revoked, if it is an authority.

use minicbor::{Decode, Encode};
use strongroom_authz::Admitted;
use strongroom_model::certificates::{CertificateListing, CertificatePolicy};
use strongroom_model::{Head, KeyListing, Kind, ObjectName, SecretListing};
use strongroom_store::{Condition, Snapshot, Store, Txn, layout};

use super::CertificateView;
use super::schedule::{self, Schedule};
use super::standing;
use crate::authorities::{Ledger, LedgerBackup};
use crate::backup::{
    Backup, BackupCertificate, RestoreCertificate, check_free, committed, read_versions,
};
use crate::objects::{Certificates, Keys, ObjectKind, Objects, Secrets};
use crate::{Call, OpError, Ops};

/// A certificate and all that lives and dies with it.
#[derive(Encode, Decode)]
struct CertificateBackup {
    #[n(0)]
    certificate: Backup<CertificateListing>,
    #[n(1)]
    key: Backup<KeyListing>,
    #[n(2)]
    secret: Backup<SecretListing>,
    #[n(3)]
    policy: CertificatePolicy,
    /// What it revoked, if it is an authority.
    #[n(4)]
    ledger: Option<LedgerBackup>,
}

impl<S: Store> Ops<S> {
    /// `POST /certificates/{name}/backup`: the blob, in base64url. An operation that is still to
    /// make a version is not in it.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::TooManyVersions`], [`OpError::Invalid`] for a certificate
    /// that has no version yet, or that the service cannot.
    pub async fn backup_certificate(
        &self,
        admitted: Admitted<BackupCertificate>,
    ) -> Result<String, OpError> {
        let (authorized, request) = admitted.into_parts();
        let name = &request.name;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let found = standing::certificate(&objects, &snapshot, name).await?;
        let head = found.found.head;
        if head.current.listing.is_pending() {
            return Err(OpError::Invalid(format!(
                "The certificate {name} has no version yet that could be backed up."
            )));
        }
        let (folded, now) = (name.folded(), self.clock.now());
        let ledger = Ledger::of(&objects, &folded, &head);
        let ledger = LedgerBackup::read(&ledger, &snapshot, now).await?;
        let backup = CertificateBackup {
            certificate: read_versions(&objects, &snapshot, head).await?,
            key: read_companion::<Keys>(&objects, &snapshot, name).await?,
            secret: read_companion::<Secrets>(&objects, &snapshot, name).await?,
            policy: found.schedule.0.policy,
            ledger,
        };
        self.seal_backup(authorized.vault().subscription, Kind::Certificate, &backup).await
    }

    /// `POST /certificates/restore`: the certificate of a backup, under a name that is free.
    ///
    /// # Errors
    /// As [`Ops::restore_secret`].
    pub async fn restore_certificate(
        &self,
        admitted: Admitted<RestoreCertificate>,
        call: &mut Call,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let subscription = authorized.vault().subscription;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let backup: CertificateBackup =
            self.open_backup(subscription, Kind::Certificate, &request.blob).await?;
        let CertificateBackup { certificate, key, secret, policy, ledger } = backup;
        let name = certificate.name.clone();
        call.set_property("restoredName", name.to_string());
        check_all_free(&objects, &self.snapshot().await?, &name).await?;
        let (keys, secrets) = (objects.of::<Keys>(), objects.of::<Secrets>());
        let certificate = self.write_restored(&objects, &certificate, call).await?;
        if let Some(revoked) = &ledger {
            let folded = name.folded();
            let ledger = Ledger::of(&objects, &folded, &certificate.head);
            for txn in revoked.txns(&ledger, &certificate.txn())? {
                committed(self.store.commit(txn).await?)?;
            }
        }
        let key = self.write_restored(&keys, &key, call).await?;
        let secret = self.write_restored(&secrets, &secret, call).await?;
        let mut deciding = self.deciding(&authorized, &name).await;
        loop {
            let moment = deciding.moment().await?;
            check_all_free(&objects, &moment.snapshot, &name).await?;
            let txn = certificate.put(&objects, moment.txn())?;
            let txn = secret.put(&secrets, key.put(&keys, txn)?)?;
            let txn = put_policy(&objects, txn, &certificate.head, policy.clone())?;
            if deciding.commit(call, txn).await? {
                let (snapshot, rules) = (self.snapshot().await?, moment.soft_delete());
                let head = &certificate.head;
                return self.view_certificate(&objects, &snapshot, head, None, rules).await;
            }
        }
    }
}

async fn read_companion<K: ObjectKind>(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Backup<K::Listing>, OpError> {
    let objects = objects.of::<K>();
    let found = objects.active(snapshot, &name.folded()).await?;
    let found = found.ok_or_else(|| OpError::no_version(K::KIND, name, None))?;
    read_versions(&objects, snapshot, found.head).await
}

/// Refuses a name that is taken by a certificate, a key or a secret.
async fn check_all_free(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<(), OpError> {
    check_free(objects, snapshot, name).await?;
    check_free(&objects.of::<Keys>(), snapshot, name).await?;
    check_free(&objects.of::<Secrets>(), snapshot, name).await
}

/// Puts the policy of a restored certificate: what the old one had told is told again.
fn put_policy(
    objects: &Objects<Certificates>,
    txn: Txn,
    head: &Head<CertificateListing>,
    policy: CertificatePolicy,
) -> Result<Txn, OpError> {
    let operation = layout::operation(objects.vault, head.incarnation);
    let txn = txn.require(operation, Condition::Absent);
    schedule::put(objects, txn, head, Schedule::new(policy), None)
}
