//! Delete, recover and purge: the rules of `model::lifecycle`, carried out once for every kind.

use strongroom_authz::{Admitted, Authorized};
use strongroom_model::lifecycle::{self, Refusal};
use strongroom_model::{
    CertificateListing, Head, KeyListing, ObjectName, SecretListing, SoftDelete, State, Timestamp,
    VersionRecord,
};
use strongroom_store::{Snapshot, Store, Txn, layout};

use crate::certificates::pending;
use crate::garbage;
use crate::keys::KeyView;
use crate::objects::{Certificates, Found, Keys, ObjectKind, Objects, Secrets};
use crate::request::name_only;
use crate::{Call, CertificateView, DeletedCertificateView, OpError, Ops, SecretView};

name_only! {
    /// Deletes a secret; it can be recovered until its purge.
    DeleteSecret
    /// Reads a deleted secret's attributes.
    GetDeletedSecret
    /// Makes a deleted secret active again.
    RecoverDeletedSecret
    /// Removes a deleted secret for ever.
    PurgeDeletedSecret
    /// Deletes a key; it can be recovered until its purge.
    DeleteKey
    /// Reads a deleted key's public half and attributes.
    GetDeletedKey
    /// Makes a deleted key active again.
    RecoverDeletedKey
    /// Removes a deleted key for ever.
    PurgeDeletedKey
    /// Deletes a certificate with its key and secret; they can be recovered until their purge.
    DeleteCertificate
    /// Reads a deleted certificate.
    GetDeletedCertificate
    /// Makes a deleted certificate active again, with its key and secret.
    RecoverDeletedCertificate
    /// Removes a deleted certificate for ever, with its key and secret.
    PurgeDeletedCertificate
}

/// A deleted object as an answer shows it.
pub struct DeletedView<L> {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// Its current version and what is known of it.
    pub record: VersionRecord<L>,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// When it will be purged.
    pub scheduled_purge: Timestamp,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// A deleted secret as an answer shows it.
pub type DeletedSecretView = DeletedView<SecretListing>;

/// A deleted key as an answer shows it.
pub type DeletedKeyView = DeletedView<KeyListing>;

impl<L> DeletedView<L> {
    /// `None` if the head is active.
    pub(crate) fn of(head: Head<L>, soft_delete: SoftDelete) -> Option<Self> {
        let State::Deleted { deleted, scheduled_purge } = head.state else { return None };
        Some(Self { name: head.name, record: head.current, deleted, scheduled_purge, soft_delete })
    }
}

impl<S: Store> Ops<S> {
    /// `DELETE /secrets/{name}`
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Managed`], or that the service cannot.
    pub async fn delete_secret(
        &self,
        admitted: Admitted<DeleteSecret>,
        call: &mut Call,
    ) -> Result<DeletedSecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        let (head, rules) = self.delete(&authorized, &objects, &request.name, call).await?;
        self.secret_heads.forget(objects.vault, &request.name.folded());
        DeletedView::of(head, rules).ok_or_else(not_deleted)
    }

    /// `DELETE /keys/{name}`
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Managed`], or that the service cannot.
    pub async fn delete_key(
        &self,
        admitted: Admitted<DeleteKey>,
        call: &mut Call,
    ) -> Result<DeletedKeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Keys>(&authorized).await?;
        let (head, rules) = self.delete(&authorized, &objects, &request.name, call).await?;
        self.key_heads.forget(objects.vault, &request.name.folded());
        self.opened_keys.forget(head.incarnation);
        DeletedView::of(head, rules).ok_or_else(not_deleted)
    }

    /// `GET /deletedsecrets/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn get_deleted_secret(
        &self,
        admitted: Admitted<GetDeletedSecret>,
    ) -> Result<DeletedSecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.get_deleted::<Secrets>(&authorized, &request.name).await
    }

    /// `GET /deletedkeys/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn get_deleted_key(
        &self,
        admitted: Admitted<GetDeletedKey>,
    ) -> Result<DeletedKeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.get_deleted::<Keys>(&authorized, &request.name).await
    }

    /// `POST /deletedsecrets/{name}/recover`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn recover_deleted_secret(
        &self,
        admitted: Admitted<RecoverDeletedSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (head, soft_delete) = self.recover::<Secrets>(&authorized, &request.name, call).await?;
        Ok(SecretView { name: head.name, record: head.current, value: None, soft_delete })
    }

    /// `POST /deletedkeys/{name}/recover`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn recover_deleted_key(
        &self,
        admitted: Admitted<RecoverDeletedKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (head, soft_delete) = self.recover::<Keys>(&authorized, &request.name, call).await?;
        Ok(KeyView { name: head.name, record: head.current, soft_delete })
    }

    /// `DELETE /deletedsecrets/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], [`OpError::PurgeProtected`], or that the service cannot.
    pub async fn purge_deleted_secret(
        &self,
        admitted: Admitted<PurgeDeletedSecret>,
        call: &mut Call,
    ) -> Result<(), OpError> {
        let (authorized, request) = admitted.into_parts();
        self.purge::<Secrets>(&authorized, &request.name, call).await
    }

    /// `DELETE /deletedkeys/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], [`OpError::PurgeProtected`], or that the service cannot.
    pub async fn purge_deleted_key(
        &self,
        admitted: Admitted<PurgeDeletedKey>,
        call: &mut Call,
    ) -> Result<(), OpError> {
        let (authorized, request) = admitted.into_parts();
        self.purge::<Keys>(&authorized, &request.name, call).await
    }

    /// `DELETE /certificates/{name}`
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn delete_certificate(
        &self,
        admitted: Admitted<DeleteCertificate>,
        call: &mut Call,
    ) -> Result<DeletedCertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let (head, rules) = self.delete(&authorized, &objects, &request.name, call).await?;
        self.forget_certificate(&objects, &request.name).await?;
        let ended = pending::of(&objects, &self.snapshot().await?, &head).await?;
        if let Some((ended, _)) = ended.filter(|(pending, _)| !pending.is_in_progress())
            && let Some(order) = &ended.order
        {
            self.abandon_order(&ended.operation, order);
        }
        self.view_deleted_certificate(&objects, head, rules).await
    }

    /// `GET /deletedcertificates/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn get_deleted_certificate(
        &self,
        admitted: Admitted<GetDeletedCertificate>,
    ) -> Result<DeletedCertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let found = find_deleted(&objects, &self.snapshot().await?, &request.name).await?;
        let rules = authorized.vault().soft_delete;
        self.view_deleted_certificate(&objects, found.head, rules).await
    }

    /// `POST /deletedcertificates/{name}/recover`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], or that the service cannot.
    pub async fn recover_deleted_certificate(
        &self,
        admitted: Admitted<RecoverDeletedCertificate>,
        call: &mut Call,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (head, rules) = self.recover::<Certificates>(&authorized, &request.name, call).await?;
        let objects = self.certificates_of(authorized.vault().id).await?;
        self.view_certificate(&objects, &self.snapshot().await?, &head, None, rules).await
    }

    /// `DELETE /deletedcertificates/{name}`
    ///
    /// # Errors
    /// [`OpError::DeletedNotFound`], [`OpError::PurgeProtected`], or that the service cannot.
    pub async fn purge_deleted_certificate(
        &self,
        admitted: Admitted<PurgeDeletedCertificate>,
        call: &mut Call,
    ) -> Result<(), OpError> {
        let (authorized, request) = admitted.into_parts();
        self.purge::<Certificates>(&authorized, &request.name, call).await
    }

    /// Drops what is known of a certificate that is no longer active, and of its key and secret.
    async fn forget_certificate(
        &self,
        objects: &Objects<Certificates>,
        name: &ObjectName,
    ) -> Result<(), OpError> {
        let (vault, folded) = (objects.vault, name.folded());
        self.certificate_heads.forget(vault, &folded);
        self.secret_heads.forget(vault, &folded);
        self.key_heads.forget(vault, &folded);
        let key = objects.of::<Keys>().deleted(&self.snapshot().await?, &folded).await?;
        if let Some(key) = key {
            self.opened_keys.forget(key.head.incarnation);
        }
        Ok(())
    }

    async fn view_deleted_certificate(
        &self,
        objects: &Objects<Certificates>,
        head: Head<CertificateListing>,
        rules: SoftDelete,
    ) -> Result<DeletedCertificateView, OpError> {
        let State::Deleted { deleted, scheduled_purge } = head.state else {
            return Err(not_deleted());
        };
        let snapshot = self.snapshot().await?;
        let certificate = self.view_certificate(objects, &snapshot, &head, None, rules).await?;
        Ok(DeletedCertificateView { certificate, deleted, scheduled_purge })
    }

    async fn get_deleted<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
    ) -> Result<DeletedView<K::Listing>, OpError> {
        let objects = self.objects::<K>(authorized).await?;
        let found = find_deleted(&objects, &self.snapshot().await?, name).await?;
        DeletedView::of(found.head, authorized.vault().soft_delete).ok_or_else(not_deleted)
    }

    /// Moves an active head among the deleted ones, and sets the timer of its purge.
    async fn delete<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        objects: &Objects<K>,
        name: &ObjectName,
        call: &mut Call,
    ) -> Result<(Head<K::Listing>, SoftDelete), OpError> {
        let folded = name.folded();
        let mut deciding = self.deciding(authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let refused = |r| OpError::refused(r, K::KIND, name.as_str());
            let active = objects.active(&moment.snapshot, &folded).await?;
            let found = active.ok_or_else(|| refused(Refusal::NotActive))?;
            if K::is_managed(&found.head.current.listing) {
                return Err(OpError::Managed(K::KIND));
            }
            let rules = moment.soft_delete();
            let head =
                lifecycle::delete(&found.head, rules, call.id(), call.now()).map_err(refused)?;
            let txn = objects.require_active(moment.txn(), &folded, Some(&found));
            let txn = objects.require_deleted(txn, &folded, None);
            let txn = txn.delete(layout::head(objects.vault, K::KIND, &folded));
            let txn = objects.put_head(txn, &head)?;
            // In this order: a key's own timer may stand at the very second of its purge.
            let txn = K::head_changed(objects, &moment.snapshot, txn, &head).await?;
            let txn = with_timer(txn, objects, &head);
            if deciding.commit(call, txn).await? {
                return Ok((head, rules));
            }
        }
    }

    /// Moves a deleted head among the active ones, and removes its timer.
    async fn recover<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
        call: &mut Call,
    ) -> Result<(Head<K::Listing>, SoftDelete), OpError> {
        let folded = name.folded();
        let objects = &self.objects::<K>(authorized).await?;
        let mut deciding = self.deciding(authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let rules = moment.soft_delete();
            let found = find_own_deleted(objects, &moment.snapshot, name).await?;
            let head = lifecycle::recover(&found.head, rules, call.id())
                .map_err(|r| OpError::refused(r, K::KIND, name.as_str()))?;
            let txn = objects.require_deleted(moment.txn(), &folded, Some(&found));
            let txn = objects.require_active(txn, &folded, None);
            let txn = txn.delete(layout::deleted_head(objects.vault, K::KIND, &folded));
            let txn = without_timer(txn, objects, &found.head);
            let txn = objects.put_head(txn, &head)?;
            let txn = K::head_changed(objects, &moment.snapshot, txn, &head).await?;
            if deciding.commit(call, txn).await? {
                return Ok((head, rules));
            }
        }
    }

    async fn purge<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
        call: &mut Call,
    ) -> Result<(), OpError> {
        let objects = &self.objects::<K>(authorized).await?;
        let mut deciding = self.deciding(authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find_own_deleted(objects, &moment.snapshot, name).await?;
            lifecycle::purge(&found.head, moment.soft_delete())
                .map_err(|r| OpError::refused(r, K::KIND, name.as_str()))?;
            let (txn, snapshot) = (moment.txn(), &moment.snapshot);
            let txn = purge_txn(txn, objects, snapshot, &found, call.now()).await?;
            if deciding.commit(call, txn).await? {
                return Ok(());
            }
        }
    }
}

fn not_deleted() -> OpError {
    OpError::Internal("a deleted head is in the active state".into())
}

async fn find_deleted<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Found<K::Listing>, OpError> {
    objects
        .deleted(snapshot, &name.folded())
        .await?
        .ok_or_else(|| OpError::refused(Refusal::NotDeleted, K::KIND, name.as_str()))
}

/// The deleted object of a name that lives and dies with nothing else.
async fn find_own_deleted<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Found<K::Listing>, OpError> {
    let found = find_deleted(objects, snapshot, name).await?;
    if K::is_managed(&found.head.current.listing) {
        return Err(OpError::Managed(K::KIND));
    }
    Ok(found)
}

/// Removes a deleted head and its timer, and leaves its bodies to the collector.
pub(crate) async fn purge_txn<K: ObjectKind>(
    txn: Txn,
    objects: &Objects<K>,
    snapshot: &impl Snapshot,
    found: &Found<K::Listing>,
    now: Timestamp,
) -> Result<Txn, OpError> {
    let folded = found.head.name.folded();
    let txn = objects.require_deleted(txn, &folded, Some(found));
    let txn = txn.delete(layout::deleted_head(objects.vault, K::KIND, &folded));
    let txn = without_timer(txn, objects, &found.head);
    let txn = garbage::mark(txn, &objects.subject(&found.head), now);
    K::purged(objects, snapshot, txn, &found.head, now).await
}

fn with_timer<K: ObjectKind>(txn: Txn, objects: &Objects<K>, head: &Head<K::Listing>) -> Txn {
    match timer(objects, head) {
        Some(key) => txn.put(key, head.name.folded().into_bytes()),
        None => txn,
    }
}

fn without_timer<K: ObjectKind>(txn: Txn, objects: &Objects<K>, head: &Head<K::Listing>) -> Txn {
    match timer(objects, head) {
        Some(key) => txn.delete(key),
        None => txn,
    }
}

fn timer<K: ObjectKind>(objects: &Objects<K>, head: &Head<K::Listing>) -> Option<Vec<u8>> {
    match head.state {
        State::Deleted { scheduled_purge, .. } => {
            Some(layout::due(scheduled_purge, &objects.subject(head)))
        }
        State::Active => None,
    }
}
