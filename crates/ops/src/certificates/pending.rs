//! The row of a pending operation: what makes a certificate's next version, and its private key
//! until the version is there.

use minicbor::{Decode, Encode};
use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::KeyMaterial;
use strongroom_model::certificates::{
    CertificateListing, CertificateOperation, CertificatePolicy, OperationError, OperationStatus,
};
use strongroom_model::{Head, IncarnationId, KeyOperation, ObjectName, PublicKey, State, Tags};
use strongroom_seal::Part;
use strongroom_store::{Condition, Revision, Snapshot, Txn, layout};
use zeroize::Zeroizing;

use crate::OpError;
use crate::objects::{Certificates, Objects};
use crate::orders::Order;

/// An operation's row.
#[derive(Clone, Encode, Decode)]
pub(crate) struct Pending {
    /// The operation, as it is shown.
    #[n(0)]
    pub(crate) operation: CertificateOperation,
    /// The policy with which it began.
    #[n(1)]
    pub(crate) policy: CertificatePolicy,
    /// Its key; `None` when the version is there, or never had one.
    #[n(2)]
    pub(crate) key: Option<PendingKey>,
    /// Whether the version will be enabled.
    #[n(3)]
    pub(crate) enabled: bool,
    /// The version's tags.
    #[n(4)]
    pub(crate) tags: Option<Tags>,
    /// Whether the secret keeps the chain in the order in which it comes.
    #[n(5)]
    pub(crate) preserve_order: bool,
    /// Whether the policy began it, not a client.
    #[n(6)]
    pub(crate) renewal: bool,
    /// Where an order with an ACME authority is.
    #[n(7)]
    pub(crate) order: Option<Order>,
}

/// The key of a version that is being made.
#[derive(Clone, Encode, Decode)]
pub(crate) struct PendingKey {
    /// The public half.
    #[n(0)]
    pub(crate) public: PublicKey,
    #[cbor(n(1), with = "private")]
    private: Zeroizing<Vec<u8>>,
    /// What a key that was there before may be used for; `None` for one that was made for this
    /// certificate.
    #[n(2)]
    pub(crate) key_ops: Option<Vec<KeyOperation>>,
}

impl PendingKey {
    pub(crate) fn new(material: &KeyMaterial) -> Self {
        Self {
            public: material.public.clone(),
            private: Zeroizing::new(material.private.expose().to_vec()),
            key_ops: None,
        }
    }

    /// A key that was there before, and goes on being used for what it was.
    pub(crate) fn kept(material: &KeyMaterial, key_ops: &[KeyOperation]) -> Self {
        Self { key_ops: Some(key_ops.to_vec()), ..Self::new(material) }
    }

    /// The private half as its provider keeps it.
    pub(crate) fn private(&self) -> SecretBytes {
        SecretBytes::new(self.private.to_vec())
    }
}

impl Pending {
    /// Whether the version is still to come.
    pub(crate) fn is_in_progress(&self) -> bool {
        self.operation.status == OperationStatus::InProgress
    }

    /// The same, that a renewal has failed since.
    pub(crate) fn failed_again(mut self, error: OperationError) -> Self {
        self.operation.error = Some(error);
        self
    }

    /// Whether it has failed, but a certificate for its request may still be merged.
    pub(crate) fn is_mergeable(&self) -> bool {
        self.operation.status == OperationStatus::Failed && self.key.is_some()
    }
}

/// A certificate's operation, and what a change of it requires.
pub(crate) async fn of(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    head: &Head<CertificateListing>,
) -> Result<Option<(Pending, Revision)>, OpError> {
    let key = layout::operation(objects.vault, head.incarnation);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    let part = Part::Operation(head.incarnation);
    Ok(Some((objects.open(&head.name.folded(), part, &row.value)?, row.revision)))
}

/// Whether a certificate has an operation.
pub(crate) async fn exists(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    head: &Head<CertificateListing>,
) -> Result<bool, OpError> {
    Ok(snapshot.get(&layout::operation(objects.vault, head.incarnation)).await?.is_some())
}

/// Requires that a certificate's operation is as it was found, or that there is none.
pub(crate) fn require(
    objects: &Objects<Certificates>,
    txn: Txn,
    incarnation: IncarnationId,
    found: Option<Revision>,
) -> Txn {
    let condition = found.map_or(Condition::Absent, Condition::AtRevision);
    txn.require(layout::operation(objects.vault, incarnation), condition)
}

/// Puts a certificate's operation.
pub(crate) fn put(
    objects: &Objects<Certificates>,
    txn: Txn,
    (name, incarnation): (&ObjectName, IncarnationId),
    pending: &Pending,
) -> Result<Txn, OpError> {
    let sealed = objects.seal(&name.folded(), Part::Operation(incarnation), pending)?;
    Ok(txn.put(layout::operation(objects.vault, incarnation), sealed))
}

/// Gives up, with a certificate that is being deleted, what its issuer is still asked for. The row
/// keeps the order's place, so that its answers can be taken back once this is so.
pub(crate) async fn give_up(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    head: &Head<CertificateListing>,
) -> Result<Txn, OpError> {
    let asked = |(p, _): &(Pending, Revision)| p.is_in_progress() && p.order.is_some();
    let found = of(objects, snapshot, head).await?.filter(asked);
    let Some((mut pending, revision)) = found.filter(|_| head.state != State::Active) else {
        return Ok(txn);
    };
    pending.operation.status = OperationStatus::Cancelled;
    pending.operation.status_details =
        Some("The certificate was deleted before its issuer had answered.".into());
    (pending.operation.error, pending.key) = (None, None);
    let txn = require(objects, txn, head.incarnation, Some(revision));
    put(objects, txn, (&head.name, head.incarnation), &pending)
}

/// How a private key lies in the row's plaintext, which is itself zeroized and only ever sealed.
mod private {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use zeroize::Zeroizing;

    pub(super) fn encode<C, W: Write>(
        private: &Zeroizing<Vec<u8>>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(private)?.ok()
    }

    pub(super) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<Zeroizing<Vec<u8>>, DecodeError> {
        Ok(Zeroizing::new(d.bytes()?.to_vec()))
    }
}
