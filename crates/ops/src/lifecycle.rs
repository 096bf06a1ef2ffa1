//! Delete, recover and purge: the rules of `model::lifecycle`, carried out once for every kind.

use strongroom_authz::{Admitted, Authorized, RequestFacts};
use strongroom_model::lifecycle::{self, Refusal};
use strongroom_model::{
    Head, ObjectName, Operation, SecretListing, SoftDelete, State, Timestamp, VersionRecord,
};
use strongroom_store::{Outcome, Store, Txn, layout};

use crate::access::{MAX_DECISIONS, in_vault};
use crate::garbage;
use crate::objects::{Found, ObjectKind, Objects, Secrets};
use crate::{Call, OpError, Ops, SecretView};

/// Deletes a secret; it can be recovered until its purge.
pub struct DeleteSecret {
    /// The name.
    pub name: ObjectName,
}

/// Reads a deleted secret's attributes.
pub struct GetDeletedSecret {
    /// The name.
    pub name: ObjectName,
}

/// Makes a deleted secret active again.
pub struct RecoverDeletedSecret {
    /// The name.
    pub name: ObjectName,
}

/// Removes a deleted secret for ever.
pub struct PurgeDeletedSecret {
    /// The name.
    pub name: ObjectName,
}

macro_rules! facts {
    ($($request:ident)*) => {$(
        impl RequestFacts for $request {
            const OPERATION: Operation = Operation::$request;

            fn object(&self) -> Option<&ObjectName> {
                Some(&self.name)
            }
        }
    )*};
}

facts! { DeleteSecret GetDeletedSecret RecoverDeletedSecret PurgeDeletedSecret }

/// A deleted secret as an answer shows it.
pub struct DeletedSecretView {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// Its current version and what is known of it.
    pub record: VersionRecord<SecretListing>,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// When it will be purged.
    pub scheduled_purge: Timestamp,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

impl DeletedSecretView {
    /// What a deleted head says; `None` for an active one.
    pub(crate) fn of(head: Head<SecretListing>, soft_delete: SoftDelete) -> Option<Self> {
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
        self.heads.forget(objects.vault, &request.name.folded());
        DeletedSecretView::of(head, rules).ok_or_else(not_deleted)
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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let found = find_deleted(&objects, &snapshot, &request.name).await?;
        let rules = authorized.vault().soft_delete;
        DeletedSecretView::of(found.head, rules).ok_or_else(not_deleted)
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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let (head, rules) = self.recover(&authorized, &objects, &request.name, call).await?;
        Ok(SecretView { name: head.name, record: head.current, value: None, soft_delete: rules })
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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let _turn = self.turns.of(objects.vault, &request.name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            let found = find_deleted(&objects, &snapshot, &request.name).await?;
            lifecycle::purge(&found.head, vault.resource.soft_delete)
                .map_err(|r| OpError::refused(r, Secrets::KIND, request.name.as_str()))?;
            let txn = purge_txn(in_vault(&vault), &objects, &found, call.now());
            let committed = self.commit_recorded(call, objects.vault, 204, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok(());
            }
        }
        Err(OpError::Contended)
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
        let _turn = self.turns.of(objects.vault, name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let rules = vault.resource.soft_delete;
            let snapshot = self.snapshot().await?;
            let refused = |r| OpError::refused(r, K::KIND, name.as_str());
            let found = objects
                .active(&snapshot, &folded)
                .await?
                .ok_or_else(|| refused(Refusal::NotActive))?;
            if K::is_managed(&found.head.current.listing) {
                return Err(OpError::Managed);
            }
            let head =
                lifecycle::delete(&found.head, rules, call.id(), call.now()).map_err(refused)?;
            let txn = objects.require_active(in_vault(&vault), &folded, Some(&found));
            let txn = objects.require_deleted(txn, &folded, None);
            let txn = txn.delete(layout::head(objects.vault, K::KIND, &folded));
            let txn = with_timer(objects.put_head(txn, &head)?, objects, &head);
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok((head, rules));
            }
        }
        Err(OpError::Contended)
    }

    /// Moves a deleted head among the active ones, and removes its timer.
    async fn recover<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        objects: &Objects<K>,
        name: &ObjectName,
        call: &mut Call,
    ) -> Result<(Head<K::Listing>, SoftDelete), OpError> {
        let folded = name.folded();
        let _turn = self.turns.of(objects.vault, name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let rules = vault.resource.soft_delete;
            let snapshot = self.snapshot().await?;
            let found = find_deleted(objects, &snapshot, name).await?;
            let head = lifecycle::recover(&found.head, rules, call.id())
                .map_err(|r| OpError::refused(r, K::KIND, name.as_str()))?;
            let txn = objects.require_deleted(in_vault(&vault), &folded, Some(&found));
            let txn = objects.require_active(txn, &folded, None);
            let txn = txn.delete(layout::deleted_head(objects.vault, K::KIND, &folded));
            let txn = without_timer(txn, objects, &found.head);
            let txn = objects.put_head(txn, &head)?;
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok((head, rules));
            }
        }
        Err(OpError::Contended)
    }
}

fn not_deleted() -> OpError {
    OpError::Internal("a deleted head is in the active state".into())
}

async fn find_deleted<K: ObjectKind>(
    objects: &Objects<K>,
    snapshot: &impl strongroom_store::Snapshot,
    name: &ObjectName,
) -> Result<Found<K::Listing>, OpError> {
    objects
        .deleted(snapshot, &name.folded())
        .await?
        .ok_or_else(|| OpError::refused(Refusal::NotDeleted, K::KIND, name.as_str()))
}

/// Removes a deleted head and its timer, and leaves its bodies to the collector.
pub(crate) fn purge_txn<K: ObjectKind>(
    txn: Txn,
    objects: &Objects<K>,
    found: &Found<K::Listing>,
    now: Timestamp,
) -> Txn {
    let folded = found.head.name.folded();
    let txn = objects.require_deleted(txn, &folded, Some(found));
    let txn = txn.delete(layout::deleted_head(objects.vault, K::KIND, &folded));
    let txn = without_timer(txn, objects, &found.head);
    garbage::mark(txn, &objects.subject(&found.head), now)
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
