//! A certificate's policy, and when it acts.
//!
//! A certificate has one timer, at the time of what comes next: a step of the operation that its
//! issuer works on, a renewal, or something to be told. The policy's row says where the timer
//! stands, and every transaction that may move it requires that row, so that two nodes, or a node
//! that died half-way, never do anything twice.

use minicbor::{Decode, Encode};
use strongroom_model::certificates::{CertificateListing, CertificatePolicy};
use strongroom_model::{Attributes, Head, State, Timestamp, Version};
use strongroom_seal::Part;
use strongroom_store::{Condition, Revision, Snapshot, Txn, layout};

use crate::OpError;
use crate::objects::{Certificates, Objects};

/// How long before its end a version nears it, in seconds: 30 days.
const NEAR_EXPIRY: i64 = 30 * 86_400;

/// A version is not renewed in its first day, or the first half of a shorter life: a policy that
/// wants it renewed as soon as it is made would renew for ever.
const FIRST_DAY: i64 = 86_400;

/// How long after the first failure a renewal is tried again, in seconds; after each further one
/// it is twice as long.
const FIRST_RETRY: i64 = 60;

/// The longest time between two tries, in seconds: a day.
const LAST_RETRY: i64 = 86_400;

/// A policy's row.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct Schedule {
    /// The policy.
    #[n(0)]
    pub(crate) policy: CertificatePolicy,
    /// Where the certificate's timer stands.
    #[n(1)]
    pub(super) timer: Option<Timestamp>,
    /// The version of which the contacts have been told, by the policy.
    #[n(2)]
    pub(super) told: Option<Version>,
    /// The version that was recorded to near its end.
    #[n(3)]
    pub(super) near_expiry: Option<Version>,
    /// The version whose end was recorded.
    #[n(4)]
    pub(super) expired: Option<Version>,
    /// How often the renewal of the current version has failed.
    #[n(5)]
    pub(super) failures: u32,
    /// No renewal is tried before.
    #[n(6)]
    pub(super) retry: Option<Timestamp>,
    /// When the operation's issuer is to be asked again.
    #[n(7)]
    pub(super) step: Option<Timestamp>,
    /// When the issuer wants the current version renewed (RFC 9773).
    #[n(8)]
    pub(super) wanted: Option<Timestamp>,
    /// When the issuer is to be asked again when it wants that.
    #[n(9)]
    pub(super) ask: Option<Timestamp>,
}

/// What a certificate's timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// A step of the operation that its issuer works on.
    Step,
    /// The next version.
    Renew,
    /// The contacts are told, as the policy says.
    Tell,
    /// The version nears its end.
    NearExpiry,
    /// The version has ended.
    Expired,
    /// The issuer is asked when it wants the version renewed.
    Ask,
}

impl Schedule {
    pub(super) fn new(policy: CertificatePolicy) -> Self {
        Self {
            policy,
            timer: None,
            told: None,
            near_expiry: None,
            expired: None,
            failures: 0,
            retry: None,
            step: None,
            wanted: None,
            ask: None,
        }
    }

    /// The same with a policy that was changed: what failed by the old one is tried again.
    #[must_use]
    pub(super) fn with(self, policy: CertificatePolicy) -> Self {
        Self { policy, failures: 0, retry: None, ..self }
    }

    /// What is next due for a certificate, and when; of what is due at once, the most urgent.
    pub(super) fn next(&self, head: &Head<CertificateListing>) -> Option<(Timestamp, Duty)> {
        if head.state != State::Active {
            return None;
        }
        let step = self.step.map(|at| (at, Duty::Step));
        if head.current.listing.is_pending() {
            return step;
        }
        let (version, attributes) = (head.current.version, &head.current.attributes);
        let renewal = self.renewal_due(attributes).map(|at| (at, Duty::Renew));
        let unless = |done: Option<Version>, at: Option<Timestamp>, duty| {
            at.filter(|_| done != Some(version)).map(|at| (at, duty))
        };
        let told = unless(self.told, self.policy.notice_due(attributes), Duty::Tell);
        let near = unless(self.near_expiry, near_expiry(attributes), Duty::NearExpiry);
        let expired = unless(self.expired, attributes.expires, Duty::Expired);
        let ask = renewal.and(self.ask).map(|at| (at, Duty::Ask));
        [step, renewal, told, near, expired, ask].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// What of it is due at `now`, the most urgent first.
    pub(super) fn due(&self, head: &Head<CertificateListing>, now: Timestamp) -> Option<Duty> {
        self.next(head).filter(|(at, _)| *at <= now).map(|(_, duty)| duty)
    }

    fn renewal_due(&self, current: &Attributes) -> Option<Timestamp> {
        if self.step.is_some() || self.policy.issuer.is_unknown() {
            return None;
        }
        let due = self.policy.renewal_due(current)?;
        let due = self.wanted.map_or(due, |wanted| due.min(wanted));
        let begin = current.not_before.unwrap_or(current.created);
        let life = current.expires.map_or(i64::MAX, |end| end.seconds_since(begin).max(0));
        let earliest = current.created.plus_seconds(FIRST_DAY.min(life / 2));
        Some(due.max(earliest).max(self.retry.unwrap_or(due)))
    }

    /// That the current version is a new one, whose issuer may say from `ask` on when it wants it
    /// renewed.
    pub(super) fn renewed(&mut self, ask: Option<Timestamp>) {
        (self.failures, self.retry, self.step) = (0, None, None);
        (self.wanted, self.ask) = (None, ask);
    }

    /// That somebody has given a renewal up: it is not begun again at once.
    pub(super) fn given_up(&mut self, now: Timestamp) {
        self.retry = Some(now.plus_seconds(LAST_RETRY));
    }

    /// That a renewal has failed: when it is tried again.
    pub(super) fn failed(&mut self, now: Timestamp) -> Timestamp {
        let doubled = FIRST_RETRY.checked_shl(self.failures.min(32)).unwrap_or(LAST_RETRY);
        let at = now.plus_seconds(doubled.clamp(FIRST_RETRY, LAST_RETRY));
        self.failures = self.failures.saturating_add(1);
        (self.retry, self.step) = (Some(at), None);
        at
    }
}

/// When a version nears its end: 30 days before, but not in the first half of its life.
fn near_expiry(current: &Attributes) -> Option<Timestamp> {
    let end = current.expires?;
    let begin = current.not_before.unwrap_or(current.created);
    let half = end.seconds_since(begin).max(0) / 2;
    Some(end.plus_seconds(-NEAR_EXPIRY.min(half)))
}

/// Moves a certificate's timer to where its new head wants it.
pub(crate) async fn set_timer(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    txn: Txn,
    head: &Head<CertificateListing>,
) -> Result<Txn, OpError> {
    let (schedule, revision) = of(objects, snapshot, head).await?.ok_or_else(no_policy)?;
    put(objects, txn, head, schedule, Some(revision))
}

/// A certificate's policy row, and what a change of it requires.
pub(crate) async fn of(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    head: &Head<CertificateListing>,
) -> Result<Option<(Schedule, Revision)>, OpError> {
    let key = layout::certificate_policy(objects.vault, head.incarnation);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    let part = Part::CertificatePolicy(head.incarnation);
    let schedule = objects.open(&head.name.folded(), part, &row.value)?;
    Ok(Some((schedule, row.revision)))
}

/// Puts a policy's row, and the certificate's timer where the head wants it.
pub(crate) fn put(
    objects: &Objects<Certificates>,
    txn: Txn,
    head: &Head<CertificateListing>,
    mut schedule: Schedule,
    found: Option<Revision>,
) -> Result<Txn, OpError> {
    let subject = objects.subject(head);
    let key = layout::certificate_policy(objects.vault, head.incarnation);
    let condition = found.map_or(Condition::Absent, Condition::AtRevision);
    let mut txn = txn.require(key.clone(), condition);
    let next = schedule.next(head).map(|(at, _)| at);
    if schedule.timer != next {
        if let Some(old) = schedule.timer {
            txn = txn.delete(layout::due(old, &subject));
        }
        if let Some(new) = next {
            txn = txn.put(layout::due(new, &subject), head.name.folded().into_bytes());
        }
        schedule.timer = next;
    }
    let part = Part::CertificatePolicy(head.incarnation);
    Ok(txn.put(key, objects.seal(&head.name.folded(), part, &schedule)?))
}

pub(super) fn no_policy() -> OpError {
    OpError::Internal("a certificate has no policy".into())
}
