//! The sweeper: does what has fallen due. Every step is a compare-and-set, so that two nodes, or
//! a node that died half-way, never do anything twice or too early.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use strongroom_directory::Vault;
use strongroom_model::{Kind, Operation, Timestamp, VaultId, lifecycle};
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Condition, Revision, Snapshot, Store, Txn};

use crate::access::in_vault;
use crate::certificates::renewal::Lane;
use crate::keys::rotation::KeyTimer;
use crate::lifecycle::purge_txn;
use crate::objects::{Certificates, Keys, ObjectKind, Objects, Secrets};
use crate::{Call, OpError, Ops};

/// Timers looked at in one scan.
const TIMERS_PER_SCAN: usize = 256;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects and vaults purged because their retention ended.
    pub purged: usize,
    /// Keys that got a new version by their rotation policy.
    pub rotated: usize,
    /// Certificates that got a new version by their policy, or that their issuer answered.
    pub renewed: usize,
    /// Keys and certificates whose owner was told that they near their end, or have ended.
    pub noticed: usize,
    /// Purged objects and vaults of which everything was collected.
    pub collected: usize,
    /// Timers that could not be run; they are due at the next sweep again.
    pub failed: usize,
}

impl Swept {
    /// Adds what another round did.
    pub fn add(&mut self, other: Self) {
        self.purged += other.purged;
        self.rotated += other.rotated;
        self.renewed += other.renewed;
        self.noticed += other.noticed;
        self.collected += other.collected;
        self.failed += other.failed;
    }
}

/// A timer as it was found.
pub(crate) struct Timer {
    pub(crate) key: Vec<u8>,
    revision: Revision,
    pub(crate) subject: Subject,
    pub(crate) folded: String,
}

impl Timer {
    /// That nobody has run it yet.
    pub(crate) fn condition(&self) -> Condition {
        Condition::AtRevision(self.revision)
    }
}

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// An object was purged.
    Purged,
    /// A key has a new version.
    Rotated,
    /// A certificate has a new version.
    Renewed,
    /// Something was recorded, and told to whoever is to know.
    Noticed,
    /// It could not be done, which is written where its owner looks.
    Failed,
    /// It is another round's, or another node was first.
    Nothing,
    /// It means nothing any more.
    Stale,
}

/// What a round of the sweeper does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Everything but making keys and certificates.
    Prompt,
    /// Rotations: a key takes up to seconds to make.
    Rotations,
    /// What certificates do by themselves.
    Certificates(Lane),
}

/// Certificates worked on at a time: enough to share the disk's commits, too few to hold up
/// requests.
const IN_FLIGHT: usize = 16;

/// Certificates worked on slowly in one round; what is left is due at the next.
const SLOW_PER_ROUND: usize = 256;

/// Rotations of one vault in one round; what is left is due at the next.
const ROTATIONS_PER_VAULT: usize = 64;

impl<S: Store> Ops<S> {
    /// Does everything that is due, and answers when it is done.
    ///
    /// # Errors
    /// [`OpError`] when the store does not answer; what is left is due at the next sweep.
    pub async fn sweep(&self) -> Result<Swept, OpError> {
        let mut swept = self.sweep_promptly().await?;
        swept.add(self.rotate_due_keys().await?);
        swept.add(self.renew_due_certificates().await?);
        swept.add(self.renew_slow_certificates().await?);
        Ok(swept)
    }

    /// Does everything that is due but rotations and renewals: nobody's keys and certificates may
    /// hold up others' purges.
    ///
    /// # Errors
    /// As [`Ops::sweep`].
    pub async fn sweep_promptly(&self) -> Result<Swept, OpError> {
        let now = self.clock.now();
        let mut swept = Swept::default();
        if self.clock.is_paused() {
            return Ok(swept);
        }
        let mut after = None;
        while let Some(timers) = self.due_timers(now, &mut after).await? {
            for timer in timers {
                self.count_timer(&timer, now, Round::Prompt, &mut swept).await;
            }
        }
        self.prune_ledgers(now).await?;
        swept.purged += self.purge_due_vaults(now).await?;
        self.collect_issuers().await?;
        swept.collected = self.collect_garbage(now).await? + self.collect_vaults().await?;
        Ok(swept)
    }

    /// Rotates the keys whose policies say so: those of a vault one after the other, those of
    /// several vaults side by side, so that the generators can be fair between them.
    ///
    /// # Errors
    /// As [`Ops::sweep`].
    pub async fn rotate_due_keys(&self) -> Result<Swept, OpError> {
        let now = self.clock.now();
        let mut vaults: BTreeMap<VaultId, Vec<Timer>> = BTreeMap::new();
        if self.clock.is_paused() {
            return Ok(Swept::default());
        }
        let mut after = None;
        while let Some(timers) = self.due_timers(now, &mut after).await? {
            for timer in timers.into_iter().filter(|timer| timer.subject.kind == Kind::Key) {
                let of_vault = vaults.entry(timer.subject.vault).or_default();
                if of_vault.len() < ROTATIONS_PER_VAULT {
                    of_vault.push(timer);
                }
            }
        }
        let rotations = vaults.into_values().map(|timers| self.rotate_vault(timers, now));
        let mut swept = Swept::default();
        for rotated in futures_util::future::join_all(rotations).await {
            swept.add(rotated);
        }
        Ok(swept)
    }

    /// Renews the certificates whose policies say so, and records and tells what is due of others;
    /// all but what may take longer than milliseconds.
    ///
    /// # Errors
    /// As [`Ops::sweep`].
    pub async fn renew_due_certificates(&self) -> Result<Swept, OpError> {
        self.sweep_certificates(Lane::Quick, usize::MAX).await
    }

    /// As [`Ops::renew_due_certificates`], for those that need a new RSA key.
    ///
    /// # Errors
    /// As [`Ops::sweep`].
    pub async fn renew_slow_certificates(&self) -> Result<Swept, OpError> {
        self.sweep_certificates(Lane::Slow, SLOW_PER_ROUND).await
    }

    async fn sweep_certificates(&self, lane: Lane, most: usize) -> Result<Swept, OpError> {
        let now = self.clock.now();
        let mut swept = Swept::default();
        if self.clock.is_paused() {
            return Ok(swept);
        }
        let mut after = None;
        while let Some(timers) = self.due_timers(now, &mut after).await? {
            let timers = timers.into_iter().filter(|t| t.subject.kind == Kind::Certificate);
            let mut done = stream::iter(timers)
                .map(|timer| async move {
                    let mut one = Swept::default();
                    self.count_timer(&timer, now, Round::Certificates(lane), &mut one).await;
                    one
                })
                .buffer_unordered(IN_FLIGHT);
            while let Some(one) = done.next().await {
                swept.add(one);
            }
            if swept.renewed + swept.failed >= most {
                break;
            }
        }
        Ok(swept)
    }

    async fn rotate_vault(&self, timers: Vec<Timer>, now: Timestamp) -> Swept {
        let mut swept = Swept::default();
        for timer in timers {
            self.count_timer(&timer, now, Round::Rotations, &mut swept).await;
        }
        swept
    }

    /// The next page of timers that are due; `None` when there are no more.
    async fn due_timers(
        &self,
        now: Timestamp,
        after: &mut Option<Vec<u8>>,
    ) -> Result<Option<Vec<Timer>>, OpError> {
        let snapshot = self.snapshot().await?;
        let rows = snapshot.scan(layout::DUE, after.as_deref(), TIMERS_PER_SCAN).await?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        *after = Some(last.to_vec());
        let due =
            rows.iter().take_while(|(key, _)| layout::due_time(key).is_some_and(|at| at <= now));
        let timers: Vec<Timer> = due
            .filter_map(|(key, row)| {
                let folded = String::from_utf8_lossy(&row.value).into_owned();
                let (key, revision) = (key.to_vec(), row.revision);
                Some(Timer { subject: Subject::read(&key)?, key, revision, folded })
            })
            .collect();
        Ok(if timers.is_empty() { None } else { Some(timers) })
    }

    async fn count_timer(&self, timer: &Timer, now: Timestamp, round: Round, swept: &mut Swept) {
        match self.run_timer(timer, now, round).await {
            Ok(Ran::Purged) => swept.purged += 1,
            Ok(Ran::Rotated) => swept.rotated += 1,
            Ok(Ran::Renewed) => swept.renewed += 1,
            Ok(Ran::Noticed) => swept.noticed += 1,
            Ok(Ran::Failed) => swept.failed += 1,
            Ok(Ran::Nothing | Ran::Stale) => {}
            Err(error) => {
                // One damaged record must not keep all others for ever.
                let (vault, name) = (timer.subject.vault, &timer.folded);
                tracing::error!(%error, %vault, %name, "a timer could not be run");
                swept.failed += 1;
            }
        }
    }

    async fn run_timer(&self, timer: &Timer, now: Timestamp, round: Round) -> Result<Ran, OpError> {
        let directory = self.directory.current();
        let id = timer.subject.vault;
        let Some(vault) = directory.vault_by_id(id) else {
            // Time stands still in a deleted vault: it may be recovered.
            return match directory.deleted_vault_by_id(id) {
                Some(_) => Ok(Ran::Nothing),
                None => self.drop_timer(timer).await,
            };
        };
        match timer.subject.kind {
            Kind::Secret => {
                let purge = Operation::PurgeDeletedSecret;
                if self.purge_due::<Secrets>(vault, timer, now, purge).await? {
                    return Ok(Ran::Purged);
                }
            }
            Kind::Key => {
                let purge = Operation::PurgeDeletedKey;
                if self.purge_due::<Keys>(vault, timer, now, purge).await? {
                    return Ok(Ran::Purged);
                }
                let rotations = round == Round::Rotations;
                match self.run_key_timer(vault, timer, now, rotations).await? {
                    KeyTimer::Rotated => return Ok(Ran::Rotated),
                    KeyTimer::Noticed => return Ok(Ran::Noticed),
                    KeyTimer::Moved => return Ok(Ran::Nothing),
                    KeyTimer::Stale => {}
                }
            }
            Kind::Certificate => {
                let purge = Operation::PurgeDeletedCertificate;
                let Round::Certificates(lane) = round else {
                    let purged = self.purge_due::<Certificates>(vault, timer, now, purge).await?;
                    return Ok(if purged { Ran::Purged } else { Ran::Nothing });
                };
                match self.run_certificate_timer(vault, timer, now, lane).await? {
                    Ran::Stale => {}
                    ran => return Ok(ran),
                }
            }
        }
        self.drop_timer(timer).await
    }

    /// Purges the object of a timer, if that is what is due.
    async fn purge_due<K: ObjectKind>(
        &self,
        vault: &Vault,
        timer: &Timer,
        now: Timestamp,
        operation: Operation,
    ) -> Result<bool, OpError> {
        let id = vault.resource.id;
        let objects = Objects::<K>::new(id, self.ring.vault(id).await?);
        let snapshot = self.snapshot().await?;
        let found = objects.deleted(&snapshot, &timer.folded).await?;
        let due = found.filter(|found| {
            found.head.incarnation == timer.subject.incarnation
                && lifecycle::is_due(&found.head, now)
        });
        let Some(found) = due else { return Ok(false) };
        let txn = in_vault(vault).require(timer.key.clone(), timer.condition());
        let txn = purge_txn(txn, &objects, &snapshot, &found, now).await?;
        let mut call = self.sweeper_call(operation.audit_name(), vault, &timer.folded)?;
        call.set_property("trigger", "scheduledPurge".into());
        let outcome = self.commit_recorded(&mut call, id, 204, txn).await?;
        Ok(matches!(outcome, strongroom_store::Outcome::Committed(_)))
    }

    /// A call of the sweeper about an object.
    pub(crate) fn sweeper_call(
        &self,
        operation: &'static str,
        vault: &Vault,
        folded: &str,
    ) -> Result<Call, OpError> {
        let mut call = self.own_call(operation, "strongroom sweeper")?;
        vault.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("objectName", folded.to_owned());
        Ok(call)
    }

    /// A timer that no longer means anything. If another node has run it, it is gone or another
    /// one, and the transaction does nothing.
    async fn drop_timer(&self, timer: &Timer) -> Result<Ran, OpError> {
        let txn = Txn::new().require(timer.key.clone(), timer.condition());
        self.store.commit(txn.delete(timer.key.clone())).await?;
        Ok(Ran::Nothing)
    }
}
