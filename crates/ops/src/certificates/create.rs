//! Making a certificate by a policy.

use strongroom_authz::Admitted;
use strongroom_crypto::random;
use strongroom_model::certificates::{
    CertificateListing, CertificateOperation, CertificatePolicy, OperationStatus, PolicyChange,
};
use strongroom_model::{
    Attributes, AttributesChange, Head, ObjectName, RequestId, Tags, Timestamp, VaultResource,
    Version,
};
use strongroom_pki::Validity;
use strongroom_store::{Store, Txn};

use super::OperationView;
use super::complete::{self, Complete, Completion, NewVersion};
use super::issue::{Answer, Asked, Maker, Requested, end, provider_of};
use super::pending::{self, Pending};
use super::schedule::{self, Schedule};
use super::standing::{self, Standing};
use crate::objects::{Certificates, Draft, Next, Objects, new_version};
use crate::request::about_object;
use crate::{Call, NewKey, OpError, Ops};

/// Makes a certificate's next version by a policy.
pub struct CreateCertificate {
    /// The name.
    pub name: ObjectName,
    /// The policy, in place of the certificate's; `None` keeps the one it has.
    pub policy: Option<PolicyChange>,
    /// Attributes of the new version: only whether it is enabled counts.
    pub attributes: AttributesChange,
    /// Tags of the new version.
    pub tags: Option<Tags>,
    /// Whether the chain is kept in the order in which it comes.
    pub preserve_order: Option<bool>,
}

about_object! { CreateCertificate }

/// An operation that has begun, and the transaction that begins it, or already ends it.
pub(super) struct Begun {
    /// The transaction.
    pub(super) txn: Txn,
    /// The certificate's head after it.
    pub(super) head: Head<CertificateListing>,
    /// The operation after it.
    pub(super) operation: CertificateOperation,
}

/// An operation that is about to begin.
pub(super) struct Beginning<'a> {
    /// The vault.
    pub(super) vault: &'a VaultResource,
    /// The certificate's name.
    pub(super) name: &'a ObjectName,
    /// What stands there.
    pub(super) standing: &'a Standing,
    /// The operation, its key and request in it.
    pub(super) pending: &'a Pending,
    /// The certificate, if it is self-signed.
    pub(super) certificate: Option<&'a [u8]>,
    /// The certificate that it renews.
    pub(super) replaced: Option<&'a [u8]>,
    /// For whom.
    pub(super) maker: Maker,
    /// The request that begins it.
    pub(super) request: RequestId,
}

impl<S: Store> Ops<S> {
    /// `POST /certificates/{name}/create`: begins the operation that makes the next version. The
    /// answer is the operation as it begins; where nobody outside is asked, the version is there.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::DeletedButRecoverable`], [`OpError::NameInUse`],
    /// [`OpError::PendingExists`], [`OpError::IssuerNotFound`], [`OpError::Busy`], or that the
    /// service cannot.
    pub async fn create_certificate(
        &self,
        admitted: Admitted<CreateCertificate>,
        call: &mut Call,
    ) -> Result<OperationView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (name, now) = (&request.name, call.now());
        let objects = self.objects::<Certificates>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let before = standing::settable(&objects, &snapshot, name).await?;
        before.check_no_pending()?;
        let policy = policy_of(&before, request.policy.as_ref(), now)?;
        self.check_new(policy.key.key_type, &NewKey::default())?;
        let provider = provider_of(&objects, &snapshot, &policy).await?;
        self.charge_creation(&authorized, policy.key.key_type)?;
        let kept = before.kept_key(&objects, &snapshot, &policy).await?;
        let (vault, principal) = (objects.vault, Some(authorized.caller().object_id));
        let maker = Maker { vault, principal, now };
        let requested = Box::pin(self.request(maker, &policy, provider, kept)).await?;
        let certificate = requested.certificate.clone();
        // Whether the key or the policy was taken from what stood there before.
        let follows = request.policy.is_none() || policy.key.reuse_key;
        let mut pending = operation_of(policy, requested, now)?;
        pending.enabled = request.attributes.enabled.unwrap_or(true);
        pending.tags.clone_from(&request.tags);
        pending.preserve_order = request.preserve_order.unwrap_or(false);
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let standing = standing::settable(&objects, &moment.snapshot, name).await?;
            standing.check_no_pending()?;
            if follows && current(&standing) != current(&before) {
                return Err(OpError::Contended);
            }
            let beginning = Beginning {
                vault: authorized.vault(),
                name,
                standing: &standing,
                pending: &pending,
                certificate: certificate.as_deref(),
                replaced: None,
                maker,
                request: call.id(),
            };
            let (snapshot, txn) = (&moment.snapshot, moment.txn());
            let begun = Box::pin(self.begin(&objects, snapshot, txn, &beginning)).await?;
            if deciding.commit(call, begun.txn).await? {
                return Ok(OperationView {
                    name: begun.head.name,
                    has_ended: begun.operation.status != OperationStatus::InProgress,
                    operation: as_begun(begun.operation),
                });
            }
        }
    }

    /// Asks the issuer, and puts what comes of it: the version, or the operation that waits for
    /// it, or the one that failed.
    pub(super) async fn begin(
        &self,
        objects: &Objects<Certificates>,
        snapshot: &S::Snapshot,
        txn: Txn,
        beginning: &Beginning<'_>,
    ) -> Result<Begun, OpError> {
        let Beginning { vault, name, standing, pending, maker, request, .. } = *beginning;
        let Beginning { certificate, replaced, .. } = *beginning;
        let asked = Asked { name, pending, certificate, replaced, maker };
        let (txn, step, pending) = match self.ask(vault, objects, snapshot, txn, &asked).await? {
            Answer::Issued(txn, chain, authority) => {
                let complete = self.complete(maker, pending, &chain, &chain).await?;
                let new = new_of(pending, standing, request, maker.now);
                let new = NewVersion { authority, ..new };
                let (txn, head) = complete::put(objects, txn, name, standing, &complete, &new)?;
                let mut operation = pending.operation.clone();
                operation.status = OperationStatus::Completed;
                return Ok(Begun { txn, head, operation });
            }
            Answer::Waits(txn, order) => {
                let step = order.is_some().then_some(maker.now);
                (txn, step, Pending { order, ..pending.clone() })
            }
            Answer::Failed(txn, error) => {
                let mut pending = pending.clone();
                end(&mut pending, OperationStatus::Failed, Some(error));
                (txn, None, pending)
            }
        };
        let (txn, head) = put_begun(objects, txn, beginning, &pending, step)?;
        Ok(Begun { txn, head, operation: pending.operation })
    }

    /// Puts together the version that an operation makes.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a chain of another key, or one too large.
    pub(super) async fn complete(
        &self,
        maker: Maker,
        pending: &Pending,
        chain: &[Vec<u8>],
        shown: &[Vec<u8>],
    ) -> Result<Complete, OpError> {
        let hsm_platform = self.work.provider.hsm_platform;
        let (policy, key) = (pending.policy.clone(), pending.key.clone());
        let (chain, shown) = (chain.to_vec(), shown.to_vec());
        let job = move || {
            let Some(key) = &key else {
                return Err(OpError::Internal("an operation without a key".into()));
            };
            let (policy, chain, shown) = (&policy, &chain, &shown);
            Complete::new(&Completion { policy, key, chain, shown, hsm_platform })
        };
        match maker.principal {
            Some(_) => job(),
            None => self.work.pool.run(maker.vault, job).await?,
        }
    }
}

/// What becomes of the version that an operation has made.
pub(super) fn new_of<'a>(
    pending: &'a Pending,
    standing: &Standing,
    request: RequestId,
    now: Timestamp,
) -> NewVersion<'a> {
    // A policy that was changed while the operation went on stays as it was changed.
    let changed = standing.certificate.as_ref().map(|c| &c.schedule.0.policy);
    let policy = match changed.filter(|changed| changed.updated > pending.policy.updated) {
        Some(changed) => changed.clone(),
        None => pending.policy.clone(),
    };
    NewVersion {
        version: pending.operation.version,
        enabled: pending.enabled,
        tags: pending.tags.clone(),
        preserve_order: pending.preserve_order,
        authority: None,
        policy,
        operation: Some(pending),
        request,
        now,
    }
}

/// The policy by which a version is made: what the client sends, or the certificate's own.
fn policy_of(
    standing: &Standing,
    sent: Option<&PolicyChange>,
    now: Timestamp,
) -> Result<CertificatePolicy, OpError> {
    let own = standing.certificate.as_ref().map(|c| &c.schedule.0.policy);
    Ok(match (sent, own) {
        (None, Some(own)) => own.clone(),
        (Some(sent), Some(own)) => {
            CertificatePolicy { created: own.created, ..CertificatePolicy::new(sent, now)? }
        }
        (sent, None) => CertificatePolicy::new(&sent.cloned().unwrap_or_default(), now)?,
    })
}

/// A new operation, in progress.
pub(super) fn operation_of(
    policy: CertificatePolicy,
    requested: Requested,
    now: Timestamp,
) -> Result<Pending, OpError> {
    let operation = CertificateOperation {
        request_id: random::bytes()?,
        version: new_version()?,
        issuer: policy.issuer.clone(),
        csr: requested.csr,
        status: OperationStatus::InProgress,
        status_details: None,
        error: None,
        cancellation_requested: false,
        created: now,
    };
    Ok(Pending {
        operation,
        policy,
        key: Some(requested.key),
        enabled: true,
        tags: None,
        preserve_order: false,
        renewal: false,
        order: None,
    })
}

/// What a new version follows: the current one, and the policy.
fn current(standing: &Standing) -> Option<(Version, &CertificatePolicy)> {
    let certificate = standing.certificate.as_ref()?;
    Some((certificate.found.head.current.version, &certificate.schedule.0.policy))
}

/// Puts an operation whose version is still to come, or never will. A certificate that has no
/// version yet gets a head all the same: its name is taken.
pub(super) fn put_begun(
    objects: &Objects<Certificates>,
    txn: Txn,
    beginning: &Beginning<'_>,
    pending: &Pending,
    step: Option<Timestamp>,
) -> Result<(Txn, Head<CertificateListing>), OpError> {
    let certificate = beginning.standing.certificate.as_ref();
    let found = certificate.map(|certificate| &certificate.found);
    let (txn, head) = match found.filter(|found| !found.head.current.listing.is_pending()) {
        Some(found) => {
            let folded = found.head.name.folded();
            (objects.require_active(txn, &folded, Some(found)), found.head.clone())
        }
        None => {
            let at = Next {
                found,
                name: beginning.name,
                version: pending.operation.version,
                request: beginning.request,
            };
            objects.put_next_version(
                txn,
                &at,
                &without_version(pending, beginning.maker.now),
                None,
            )?
        }
    };
    let before = certificate.map(|certificate| &certificate.schedule);
    let mut schedule = match before {
        Some((before, _)) => before.clone().with(pending.policy.clone()),
        None => Schedule::new(pending.policy.clone()),
    };
    schedule.step = step;
    let txn = schedule::put(objects, txn, &head, schedule, before.map(|(_, at)| *at))?;
    let before = certificate.and_then(|c| c.pending.as_ref()).map(|(_, revision)| *revision);
    let txn = pending::require(objects, txn, head.incarnation, before);
    let txn = pending::put(objects, txn, (&head.name, head.incarnation), pending)?;
    Ok((txn, head))
}

/// What is said of a certificate that has no version yet: disabled, with the life that it would
/// have if it were made now, as the real service says.
fn without_version(pending: &Pending, now: Timestamp) -> Draft<CertificateListing> {
    let life = Validity::months(now, pending.policy.x509.validity_months).ok();
    let change = AttributesChange {
        enabled: Some(false),
        not_before: life.map(|life| life.not_before),
        expires: life.map(|life| life.not_after),
    };
    Draft {
        attributes: Attributes::new(&change, now),
        tags: pending.tags.clone(),
        listing: CertificateListing {
            thumbprint: None,
            preserve_order: pending.preserve_order,
            authority: None,
        },
    }
}

/// The real service always takes a while: an operation that it accepts is in progress, and what
/// came of it is seen at the next look. Python's client shows nothing of one that ends at once.
fn as_begun(operation: CertificateOperation) -> CertificateOperation {
    CertificateOperation {
        status: OperationStatus::InProgress,
        status_details: None,
        error: None,
        ..operation
    }
}
