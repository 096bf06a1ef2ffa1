//! Operations whose issuer is outside and answers in steps: an ACME authority.
//!
//! The timer stays due until a step brings something to be written: what is asked of the authority
//! runs beside, and every round looks what came of it.

use strongroom_acme::RenewalWindow;
use strongroom_model::certificates::{Issuer, IssuerProvider, OperationError, OperationStatus};
use strongroom_model::{Timestamp, Version};
use strongroom_pki::order_chain;
use strongroom_store::{Outcome, Store};

use super::create::new_of;
use super::issue::{Maker, end, find_issuer};
use super::notice::NoticeKind;
use super::pending::{self, Pending};
use super::renewal::{Due, reason};
use super::standing::{self, Certificate};
use super::{complete, schedule};
use crate::access::in_vault;
use crate::issuers::FoundIssuer;
use crate::orders::{OrderStep, Progress};
use crate::sweeper::Ran;
use crate::{OpError, Ops};

/// How soon an authority is asked again when it wants a version renewed, in seconds.
const ASK_AGAIN: i64 = 600;

/// How often the end of a step is decided again when a client came between.
const DECISIONS: usize = 5;

impl<S: Store> Ops<S> {
    /// Goes one step on with an operation.
    pub(super) async fn step(&self, due: Due<'_, S>) -> Result<Ran, OpError> {
        let asked = due.certificate.in_progress().filter(|pending| pending.order.is_some());
        let Some(pending) = asked else { return self.stop_steps(&due).await };
        let progress = match self.progress(&due, pending).await? {
            Progress::Waiting => return Ok(Ran::Nothing),
            Progress::Issued(chain) => {
                let concluded = match ordered(pending, chain) {
                    Ok(chain) => self.conclude(&due, pending, &chain).await,
                    Err(error) => Err(error),
                };
                match concluded {
                    Ok(ran) => return Ok(ran),
                    Err(error) => Progress::Failed(reason(&error).ok_or(error)?),
                }
            }
            progress => progress,
        };
        self.record_step(&due, pending, &progress).await
    }

    /// There is nothing to ask for any more.
    async fn stop_steps(&self, due: &Due<'_, S>) -> Result<Ran, OpError> {
        let (mut schedule, at) = due.certificate.schedule.clone();
        schedule.step = None;
        let folded = due.head().name.folded();
        let txn = due.objects.require_active(due.txn(), &folded, Some(&due.certificate.found));
        let txn = schedule::put(due.objects, txn, due.head(), schedule, Some(at))?;
        self.store.commit(txn).await?;
        Ok(Ran::Nothing)
    }

    /// Learns when the issuer wants the current version renewed, if it says so (RFC 9773).
    pub(super) async fn ask_when(&self, due: Due<'_, S>) -> Result<Ran, OpError> {
        let (mut schedule, at) = due.certificate.schedule.clone();
        let (objects, snapshot, head) = (due.objects, due.snapshot, due.head());
        let issuer = &schedule.policy.issuer.name;
        let found = match find_issuer(objects, snapshot, issuer).await {
            Err(OpError::IssuerNotFound(_) | OpError::Invalid(_)) => None,
            found => Some(found?.row.issuer),
        };
        let asked = |issuer: &Issuer| issuer.provider == IssuerProvider::Acme && issuer.enabled;
        (schedule.ask, schedule.wanted) = match found.filter(asked) {
            None => (None, None),
            Some(issuer) => {
                let body = objects.body(snapshot, head, &head.current).await?;
                let chain = complete::decode(body.expose())?;
                let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
                match self.renewal_window(objects.vault, &issuer, leaf).await {
                    None => (Some(due.now.plus_seconds(ASK_AGAIN)), schedule.wanted),
                    Some(window) => {
                        let again = i64::try_from(window.again_in.as_secs()).unwrap_or(ASK_AGAIN);
                        let within = Some(within(&window, head.current.version));
                        (Some(due.now.plus_seconds(again.max(ASK_AGAIN))), within)
                    }
                }
            }
        };
        let (folded, found) = (head.name.folded(), Some(&due.certificate.found));
        let txn = objects.require_active(due.txn(), &folded, found);
        let txn = schedule::put(objects, txn, head, schedule, Some(at))?;
        self.store.commit(txn).await?;
        Ok(Ran::Nothing)
    }

    async fn progress(&self, due: &Due<'_, S>, pending: &Pending) -> Result<Progress, OpError> {
        let issuer = &pending.policy.issuer.name;
        let found = match find_issuer(due.objects, due.snapshot, issuer).await {
            Err(OpError::IssuerNotFound(name)) => {
                return Ok(refused(format!("The vault has no issuer '{name}'.")));
            }
            found => found?,
        };
        let FoundIssuer { row, .. } = found;
        if row.issuer.provider != IssuerProvider::Acme || !row.issuer.enabled {
            let why = format!("The issuer '{issuer}' is disabled, or no ACME authority any more.");
            return Ok(refused(why));
        }
        let Some(order) = &pending.order else { return Ok(Progress::Waiting) };
        let step = OrderStep {
            vault: due.objects.vault,
            issuer: &row.issuer,
            password: row.password.as_ref(),
            operation: &pending.operation,
            x509: &pending.policy.x509,
            order,
            now: due.now,
        };
        Ok(self.advance_order(&step).await)
    }

    /// Completes the version, if the operation still is what it was.
    async fn conclude(
        &self,
        due: &Due<'_, S>,
        stepped: &Pending,
        chain: &[Vec<u8>],
    ) -> Result<Ran, OpError> {
        let (objects, name) = (due.objects, &due.head().name);
        let mut call = self.sweeper_call("CertificateOrder", due.vault, &due.timer.folded)?;
        for _ in 0..DECISIONS {
            let (snapshot, now) = (self.snapshot().await?, self.clock.now());
            let standing = standing::settable(objects, &snapshot, name).await?;
            let found = standing.certificate.as_ref();
            let Some(pending) = found.and_then(|found| same(found, stepped)) else {
                return Ok(Ran::Nothing);
            };
            let maker = Maker { vault: objects.vault, principal: None, now };
            let complete = self.complete(maker, pending, chain, chain).await?;
            let new = new_of(pending, &standing, call.id(), now);
            let txn = in_vault(due.vault);
            let (txn, head) = complete::put(objects, txn, name, &standing, &complete, &new)?;
            call.set_property("newVersion", head.current.version.to_string());
            let outcome = self.commit_recorded(&mut call, objects.vault, 200, txn).await?;
            if let Outcome::Committed(_) = outcome {
                if pending.renewal {
                    self.notify(due.vault, objects, &head, NoticeKind::Renewed).await?;
                }
                return Ok(Ran::Renewed);
            }
        }
        Err(OpError::Contended)
    }

    /// Writes how far an operation has come without coming to a version.
    async fn record_step(
        &self,
        due: &Due<'_, S>,
        stepped: &Pending,
        progress: &Progress,
    ) -> Result<Ran, OpError> {
        let (objects, name) = (due.objects, &due.head().name);
        let mut call = self.sweeper_call("CertificateOrder", due.vault, &due.timer.folded)?;
        for _ in 0..DECISIONS {
            let (snapshot, now) = (self.snapshot().await?, self.clock.now());
            let found = standing::certificate(objects, &snapshot, name).await?;
            let Some(pending) = same(&found, stepped) else { return Ok(Ran::Nothing) };
            let (mut pending, (mut schedule, at)) = (pending.clone(), found.schedule.clone());
            let ran = moved(&mut pending, progress);
            let mut kind = None;
            if ran != Ran::Nothing {
                schedule.step = None;
                if let Some(error) = &pending.operation.error {
                    call.set_property("reason", error.message.clone());
                    let first = pending.renewal && schedule.failures == 0;
                    kind = first.then(|| NoticeKind::RenewalFailed(error.message.clone()));
                }
                match pending.operation.status {
                    _ if !pending.renewal => {}
                    OperationStatus::Cancelled => schedule.given_up(now),
                    _ => {
                        schedule.failed(now);
                    }
                }
            }
            let head = &found.found.head;
            let (txn, folded) = (in_vault(due.vault), head.name.folded());
            let txn = objects.require_active(txn, &folded, Some(&found.found));
            let txn = schedule::put(objects, txn, head, schedule, Some(at))?;
            let before = found.pending.as_ref().map(|(_, revision)| *revision);
            let txn = pending::require(objects, txn, head.incarnation, before);
            let txn = pending::put(objects, txn, (&head.name, head.incarnation), &pending)?;
            let outcome = match ran {
                // Nothing that anybody would look for in the audit has happened.
                Ran::Nothing => self.store.commit(txn).await?,
                _ => self.commit_recorded(&mut call, objects.vault, 400, txn).await?,
            };
            if let Outcome::Committed(_) = outcome {
                if let Some(kind) = kind {
                    self.notify(due.vault, objects, head, kind).await?;
                }
                return Ok(ran);
            }
        }
        Err(OpError::Contended)
    }
}

/// The operation of a certificate, if it is the one that went a step on, and still in progress.
fn same<'a>(certificate: &'a Certificate, stepped: &Pending) -> Option<&'a Pending> {
    let is_it = |p: &&Pending| p.operation.request_id == stepped.operation.request_id;
    certificate.in_progress().filter(is_it)
}

/// The chain for an operation's key, verified, leaf first.
fn ordered(pending: &Pending, chain: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, OpError> {
    let Some(key) = &pending.key else {
        return Err(OpError::Internal("an operation without a key".into()));
    };
    Ok(order_chain(chain, &key.public)?)
}

/// What a step says of the operation that it did not complete.
fn moved(pending: &mut Pending, progress: &Progress) -> Ran {
    match progress {
        Progress::Waiting | Progress::Issued(_) => Ran::Nothing,
        Progress::Moved { order, details, error } => {
            pending.order = Some(order.clone());
            pending.operation.status_details.clone_from(details);
            pending.operation.error.clone_from(error);
            Ran::Nothing
        }
        Progress::Failed(error) => {
            end(pending, OperationStatus::Failed, Some(error.clone()));
            Ran::Failed
        }
        Progress::Cancelled => {
            end(pending, OperationStatus::Cancelled, None);
            Ran::Noticed
        }
    }
}

/// A time in an authority's window (RFC 9773, 4.2): any, but always the same one for a version,
/// which is itself drawn at random.
fn within(window: &RenewalWindow, version: Version) -> Timestamp {
    let drawn = version.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let length = u64::try_from(window.end.seconds_since(window.start)).unwrap_or(0);
    let after = drawn.checked_rem(length).unwrap_or(0);
    window.start.plus_seconds(i64::try_from(after).unwrap_or(0))
}

fn refused(message: String) -> Progress {
    Progress::Failed(OperationError { code: "BadParameter".into(), message })
}
