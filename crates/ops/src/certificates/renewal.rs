//! What certificates do by themselves: they are renewed, their issuers are asked again, and it is
//! recorded and told that they near their end.

use strongroom_crypto::random;
use strongroom_directory::Vault;
use strongroom_model::certificates::{
    CertificateListing, CertificateOperation, IssuerProvider, OperationError, OperationStatus,
};
use strongroom_model::{Head, KeySpec, Timestamp};
use strongroom_store::{Outcome, Store, Txn, layout};

use super::complete;
use super::create::{Beginning, operation_of};
use super::issue::{Maker, provider_of};
use super::notice::NoticeKind;
use super::pending::{self, Pending};
use super::schedule::{self, Duty};
use super::standing::{self, Certificate};
use crate::access::in_vault;
use crate::objects::{Certificates, Objects, new_version};
use crate::sweeper::{Ran, Timer};
use crate::{OpError, Ops};

/// How long a renewal waits for an operation that a client began, in seconds.
const AFTER_CLIENT: i64 = 3_600;

/// What may hold up others, and so is done apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What takes milliseconds.
    Quick,
    /// What waits for an RSA key.
    Slow,
}

/// A certificate's timer that is due, and everything known of the certificate.
pub(super) struct Due<'a, S: Store> {
    pub(super) vault: &'a Vault,
    pub(super) timer: &'a Timer,
    pub(super) objects: &'a Objects<Certificates>,
    pub(super) snapshot: &'a S::Snapshot,
    pub(super) certificate: Certificate,
    pub(super) now: Timestamp,
}

impl<S: Store> Due<'_, S> {
    pub(super) fn head(&self) -> &Head<CertificateListing> {
        &self.certificate.found.head
    }

    /// A transaction that holds only while nobody has run the timer, and the certificate is as it
    /// was found.
    pub(super) fn txn(&self) -> Txn {
        in_vault(self.vault).require(self.timer.key.clone(), self.timer.condition())
    }
}

impl<S: Store> Ops<S> {
    /// Does what is due for a certificate.
    ///
    /// # Errors
    /// That the service cannot; the timer stays, and the next round tries again.
    pub(crate) async fn run_certificate_timer(
        &self,
        vault: &Vault,
        timer: &Timer,
        now: Timestamp,
        lane: Lane,
    ) -> Result<Ran, OpError> {
        let objects = self.certificates_of(vault.resource.id).await?;
        let snapshot = self.snapshot().await?;
        let is_it = |head: &Head<CertificateListing>| head.incarnation == timer.subject.incarnation;
        let found = objects.active(&snapshot, &timer.folded).await?;
        let Some(found) = found.filter(|found| is_it(&found.head)) else {
            let deleted = objects.deleted(&snapshot, &timer.folded).await?;
            return Ok(match deleted.filter(|found| is_it(&found.head)) {
                Some(_) => Ran::Nothing, // Its purge, which is another round's.
                None => Ran::Stale,
            });
        };
        let certificate = standing::of(&objects, &snapshot, found).await?;
        let (schedule, _) = &certificate.schedule;
        if schedule.timer != layout::due_time(&timer.key) {
            return Ok(Ran::Stale);
        }
        let duty = schedule.due(&certificate.found.head, now);
        let (objects, snapshot) = (&objects, &snapshot);
        let due = Due { vault, timer, objects, snapshot, certificate, now };
        match duty {
            Some(duty) if lane_of(duty, &due.certificate) != lane => Ok(Ran::Nothing),
            Some(Duty::Renew) => self.renew(&due).await,
            Some(Duty::Step) => self.step(due).await,
            Some(Duty::Ask) => self.ask_when(due).await,
            Some(duty) => self.tell(&due, duty).await,
            None => self.move_timer(&due).await,
        }
    }

    /// The timer stood too early: it is moved, and nothing has happened.
    async fn move_timer(&self, due: &Due<'_, S>) -> Result<Ran, OpError> {
        let (schedule, at) = due.certificate.schedule.clone();
        let folded = due.head().name.folded();
        let txn = due.objects.require_active(due.txn(), &folded, Some(&due.certificate.found));
        let txn = schedule::put(due.objects, txn, due.head(), schedule, Some(at))?;
        self.store.commit(txn).await?;
        Ok(Ran::Nothing)
    }

    /// Makes the next version by the policy.
    async fn renew(&self, due: &Due<'_, S>) -> Result<Ran, OpError> {
        if due.certificate.in_progress().is_some() {
            return self.postpone(due).await;
        }
        match self.try_to_renew(due).await {
            Ok(Ok(ran)) => Ok(ran),
            Ok(Err(error)) => self.record_failure(due, error).await,
            Err(error) => match reason(&error) {
                Some(reason) => self.record_failure(due, reason).await,
                None => Err(error),
            },
        }
    }

    async fn postpone(&self, due: &Due<'_, S>) -> Result<Ran, OpError> {
        let (mut schedule, at) = due.certificate.schedule.clone();
        schedule.retry = Some(due.now.plus_seconds(AFTER_CLIENT));
        let folded = due.head().name.folded();
        let txn = due.objects.require_active(due.txn(), &folded, Some(&due.certificate.found));
        let txn = schedule::put(due.objects, txn, due.head(), schedule, Some(at))?;
        self.store.commit(txn).await?;
        Ok(Ran::Nothing)
    }

    /// Renews; the inner error is why the issuer does not.
    async fn try_to_renew(&self, due: &Due<'_, S>) -> Result<Result<Ran, OperationError>, OpError> {
        let Due { vault, objects, snapshot, now, .. } = *due;
        let head = due.head();
        let name = &head.name;
        let standing = standing::settable(objects, snapshot, name).await?;
        let policy = due.certificate.schedule.0.policy.clone();
        let kept = standing.kept_key(objects, snapshot, &policy).await?;
        let maker = Maker { vault: objects.vault, principal: None, now };
        let provider = provider_of(objects, snapshot, &policy).await?;
        let requested = Box::pin(self.request(maker, &policy, provider, kept)).await?;
        let certificate = requested.certificate.clone();
        let mut pending = operation_of(policy, requested, now)?;
        pending.renewal = true;
        pending.enabled = head.current.attributes.enabled;
        pending.tags.clone_from(&head.current.tags);
        pending.preserve_order = head.current.listing.preserve_order;
        let replaced = match provider {
            Some(IssuerProvider::Acme) => {
                complete::decode(objects.body(snapshot, head, &head.current).await?.expose())?
            }
            _ => Vec::new(),
        };
        let mut call = self.sweeper_call("CertificateRenew", vault, &due.timer.folded)?;
        let beginning = Beginning {
            vault: &vault.resource,
            name,
            standing: &standing,
            pending: &pending,
            certificate: certificate.as_deref(),
            replaced: replaced.first().map(Vec::as_slice),
            maker,
            request: call.id(),
        };
        let begun = Box::pin(self.begin(objects, snapshot, due.txn(), &beginning)).await?;
        let status = begun.operation.status;
        if let (OperationStatus::Failed, Some(error)) = (status, begun.operation.error) {
            return Ok(Err(error));
        }
        call.set_property("newVersion", begun.operation.version.to_string());
        let outcome = self.commit_recorded(&mut call, objects.vault, 200, begun.txn).await?;
        let renewed = status == OperationStatus::Completed;
        Ok(Ok(match outcome {
            Outcome::Committed(_) if renewed => {
                self.notify(vault, objects, &begun.head, NoticeKind::Renewed).await?;
                Ran::Renewed
            }
            _ => Ran::Nothing,
        }))
    }

    /// Records why a version was not renewed, where the client looks for it, and when it is tried
    /// again.
    async fn record_failure(
        &self,
        due: &Due<'_, S>,
        error: OperationError,
    ) -> Result<Ran, OpError> {
        let (mut schedule, at) = due.certificate.schedule.clone();
        let first = schedule.failures == 0;
        let next = schedule.failed(due.now);
        let (objects, head) = (due.objects, due.head());
        let mut call = self.sweeper_call("CertificateRenew", due.vault, &due.timer.folded)?;
        call.set_property("reason", error.message.clone());
        call.set_property("nextTry", next.0.to_string());
        let message = error.message.clone();
        let before = due.certificate.pending.as_ref();
        let pending = match before.filter(|(pending, _)| pending.is_mergeable()) {
            // Its request may be certified by now: whoever merges that needs its key.
            Some((kept, _)) => kept.clone().failed_again(error),
            None => failed(&schedule.policy, error, due.now)?,
        };
        let folded = head.name.folded();
        let txn = objects.require_active(due.txn(), &folded, Some(&due.certificate.found));
        let txn = schedule::put(objects, txn, head, schedule, Some(at))?;
        let before = before.map(|(_, revision)| *revision);
        let txn = pending::require(objects, txn, head.incarnation, before);
        let txn = pending::put(objects, txn, (&head.name, head.incarnation), &pending)?;
        let outcome = self.commit_recorded(&mut call, objects.vault, 400, txn).await?;
        if first && matches!(outcome, Outcome::Committed(_)) {
            let kind = NoticeKind::RenewalFailed(message);
            self.notify(due.vault, objects, head, kind).await?;
        }
        Ok(Ran::Failed)
    }

    /// Records what is to be told of a version, and tells it.
    async fn tell(&self, due: &Due<'_, S>, duty: Duty) -> Result<Ran, OpError> {
        let (mut schedule, at) = due.certificate.schedule.clone();
        let (objects, head) = (due.objects, due.head());
        let version = Some(head.current.version);
        let (operation, kind) = match duty {
            Duty::Expired => {
                (schedule.expired, schedule.near_expiry) = (version, version);
                ("CertificateExpiredEventGridNotification", Some(NoticeKind::Expired))
            }
            Duty::Tell => {
                schedule.told = version;
                ("CertificateContactsNotification", Some(NoticeKind::NearExpiry))
            }
            _ => {
                schedule.near_expiry = version;
                ("CertificateNearExpiryEventGridNotification", None)
            }
        };
        let mut call = self.sweeper_call(operation, due.vault, &due.timer.folded)?;
        call.set_property("version", head.current.version.to_string());
        let folded = head.name.folded();
        let txn = objects.require_active(due.txn(), &folded, Some(&due.certificate.found));
        let txn = schedule::put(objects, txn, head, schedule, Some(at))?;
        match (self.commit_recorded(&mut call, objects.vault, 200, txn).await?, kind) {
            (Outcome::Committed(_), Some(kind)) => {
                self.notify(due.vault, objects, head, kind).await?;
                Ok(Ran::Noticed)
            }
            (Outcome::Committed(_), None) => Ok(Ran::Noticed),
            (Outcome::Conflict, _) => Ok(Ran::Nothing),
        }
    }
}

/// How long something takes.
fn lane_of(duty: Duty, certificate: &Certificate) -> Lane {
    let key = &certificate.schedule.0.policy.key;
    let generates_rsa = matches!(key.spec, KeySpec::Rsa { .. }) && !key.reuse_key;
    // A step of an order is slow too, but runs beside: here it is begun, or what came of it is put.
    match duty {
        Duty::Renew if generates_rsa => Lane::Slow,
        _ => Lane::Quick,
    }
}

/// Why a version cannot be made, for its owner; `None` for what passes by itself.
pub(super) fn reason(error: &OpError) -> Option<OperationError> {
    let message = match error {
        OpError::Busy { .. }
        | OpError::Throttled { .. }
        | OpError::Contended
        | OpError::VaultGone
        | OpError::AuditFull
        | OpError::Unavailable(_) => return None,
        OpError::Internal(why) => {
            tracing::error!(%why, "a certificate could not be renewed");
            "The service could not make the certificate. Its log says why.".to_owned()
        }
        OpError::NameInUse { .. } | OpError::DeletedButRecoverable { .. } => {
            format!("The certificate's key or secret cannot get a new version: {error}.")
        }
        other => other.to_string(),
    };
    Some(OperationError { code: "RenewalFailed".into(), message })
}

/// An operation that failed before there was anything of it.
fn failed(
    policy: &strongroom_model::CertificatePolicy,
    error: OperationError,
    now: Timestamp,
) -> Result<Pending, OpError> {
    let operation = CertificateOperation {
        request_id: random::bytes()?,
        version: new_version()?,
        issuer: policy.issuer.clone(),
        csr: Vec::new(),
        status: OperationStatus::Failed,
        status_details: None,
        error: Some(error),
        cancellation_requested: false,
        created: now,
    };
    Ok(Pending {
        operation,
        policy: policy.clone(),
        key: None,
        enabled: true,
        tags: None,
        preserve_order: false,
        renewal: true,
        order: None,
    })
}
