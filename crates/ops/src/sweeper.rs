//! The sweeper: does what has fallen due. Every step is a compare-and-set, so that two nodes, or
//! a node that died half-way, never do anything twice or too early.

use strongroom_directory::Vault;
use strongroom_model::{Kind, Operation, Timestamp, lifecycle};
use strongroom_store::layout::{self, Subject};
use strongroom_store::{Condition, Revision, Snapshot, Store, Txn};

use crate::access::in_vault;
use crate::lifecycle::purge_txn;
use crate::objects::{Objects, Secrets};
use crate::{OpError, Ops};

/// Timers looked at in one scan.
const TIMERS_PER_SCAN: usize = 256;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects purged because their retention ended.
    pub purged: usize,
    /// Purged objects whose bodies were collected.
    pub collected: usize,
    /// Timers that could not be run; they are due at the next sweep again.
    pub failed: usize,
}

/// A timer as it was found.
struct Timer {
    key: Vec<u8>,
    revision: Revision,
    subject: Subject,
    folded: String,
}

impl<S: Store> Ops<S> {
    /// Does everything that is due, and answers when it is done.
    ///
    /// # Errors
    /// [`OpError`] when the store does not answer; what is left is due at the next sweep.
    pub async fn sweep(&self) -> Result<Swept, OpError> {
        let now = self.clock.now();
        let mut swept = Swept::default();
        if self.clock.is_paused() {
            return Ok(swept);
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let snapshot = self.snapshot().await?;
            let rows = snapshot.scan(layout::DUE, after.as_deref(), TIMERS_PER_SCAN).await?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.to_vec());
            let mut reached_future = false;
            for (key, row) in rows {
                if layout::due_time(&key).is_none_or(|at| at > now) {
                    reached_future = true;
                    break;
                }
                let Some(subject) = Subject::read(&key) else { continue };
                let folded = String::from_utf8_lossy(&row.value).into_owned();
                let timer = Timer { key: key.to_vec(), revision: row.revision, subject, folded };
                match self.run_timer(&timer, now).await {
                    Ok(purged) => swept.purged += usize::from(purged),
                    Err(error) => {
                        // One damaged record must not keep all others for ever.
                        let (vault, name) = (timer.subject.vault, &timer.folded);
                        tracing::error!(%error, %vault, %name, "a timer could not be run");
                        swept.failed += 1;
                    }
                }
            }
            if reached_future {
                break;
            }
        }
        swept.collected = self.collect_garbage(now).await?;
        Ok(swept)
    }

    /// Runs one timer; answers whether an object was purged.
    async fn run_timer(&self, timer: &Timer, now: Timestamp) -> Result<bool, OpError> {
        let directory = self.directory.current();
        let Some(vault) = directory.vault_by_id(timer.subject.vault) else {
            return self.drop_timer(timer).await;
        };
        match timer.subject.kind {
            Kind::Secret => self.purge_due(vault, timer, now).await,
            Kind::Key | Kind::Certificate => self.drop_timer(timer).await,
        }
    }

    async fn purge_due(
        &self,
        vault: &Vault,
        timer: &Timer,
        now: Timestamp,
    ) -> Result<bool, OpError> {
        let id = vault.resource.id;
        let objects = Objects::<Secrets>::new(id, self.ring.vault(id).await?);
        let snapshot = self.snapshot().await?;
        let found = objects.deleted(&snapshot, &timer.folded).await?;
        let due = found.filter(|found| {
            found.head.incarnation == timer.subject.incarnation
                && lifecycle::is_due(&found.head, now)
        });
        let Some(found) = due else { return self.drop_timer(timer).await };
        let txn = in_vault(vault).require(timer.key.clone(), condition(timer));
        let txn = purge_txn(txn, &objects, &found, now);
        let operation = Operation::PurgeDeletedSecret.audit_name();
        let mut call = self.own_call(operation, "strongroom sweeper")?;
        vault.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("trigger", "scheduledPurge".into());
        call.set_property("objectName", timer.folded.clone());
        let outcome = self.commit_recorded(&mut call, id, 204, txn).await?;
        Ok(matches!(outcome, strongroom_store::Outcome::Committed(_)))
    }

    /// A timer that no longer means anything.
    async fn drop_timer(&self, timer: &Timer) -> Result<bool, OpError> {
        let txn = Txn::new().require(timer.key.clone(), condition(timer)).delete(timer.key.clone());
        self.store.commit(txn).await?;
        Ok(false)
    }
}

fn condition(timer: &Timer) -> Condition {
    Condition::AtRevision(timer.revision)
}
