//! The one thread that commits: takes all who wait, decides, appends once, syncs once, answers.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use strongroom_store::{Condition, Outcome, Require, Revision, StoreError, Txn, Write};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::frame::FrameBuilder;
use crate::log::{AppendError, Log};
use crate::memtable::{Memtable, Slot};
use crate::shared::{Shared, add, nanos};
use crate::snapshot::{Below, Frozen, State};

/// The most transactions in one batch.
const MAX_BATCH: usize = 1024;

/// The most bytes of payload in one batch, unless its only transaction is larger.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// How long a commit waits for a checkpoint that lags.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a batch is held back when hardly any room is left.
const MAX_PAUSE: Duration = Duration::from_millis(25);

type Answer = Result<Outcome, StoreError>;

/// What reaches the committer.
pub(crate) enum Request {
    /// A transaction, and who waits for its outcome.
    Commit(Waiter),
    /// Everything sent before is to be answered, and nothing after.
    Close,
}

/// A transaction under way.
pub(crate) struct Waiter {
    pub(crate) txn: Txn,
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Its share of the queue's bound, given back when it is answered.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Waiter {
    fn tell(self, answer: Answer) {
        drop(self.permit);
        // Whoever no longer listens has gone away; the outcome stands all the same.
        let _ = self.answer.send(answer);
    }
}

/// The committer's own belongings.
pub(crate) struct Committer {
    pub(crate) requests: Receiver<Request>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Log,
    pub(crate) id: u64,
    /// The size at which the active memtable is frozen, in bytes.
    pub(crate) memtable_bytes: usize,
    pub(crate) buffer: Vec<u8>,
}

/// A batch being decided.
struct Batch {
    revision: Revision,
    active: Memtable,
    below: Below,
    frame: FrameBuilder,
    commits: Vec<Vec<Write>>,
    answers: Vec<(Waiter, Answer)>,
}

impl Committer {
    /// Commits until it is told to close, or everybody who could send has gone.
    pub(crate) fn run(mut self) {
        let mut closing = false;
        while !closing && let Ok(first) = self.requests.recv() {
            let (waiters, close) = self.gather(first);
            closing = close;
            self.commit(waiters);
        }
        self.end_log();
        for request in self.requests.try_iter() {
            if let Request::Commit(waiter) = request {
                waiter.tell(Err(closed()));
            }
        }
    }

    /// All who wait now, within the bounds of a batch; and whether to close after them.
    fn gather(&self, first: Request) -> (Vec<Waiter>, bool) {
        let (mut waiters, mut bytes, mut request) = (Vec::new(), 0, first);
        loop {
            let Request::Commit(waiter) = request else { return (waiters, true) };
            bytes += written_bytes(&waiter.txn);
            waiters.push(waiter);
            if waiters.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
                return (waiters, false);
            }
            match self.requests.try_recv() {
                Ok(next) => request = next,
                Err(_) => return (waiters, false),
            }
        }
    }

    fn commit(&mut self, waiters: Vec<Waiter>) {
        if let Err(reason) = self.make_room() {
            for waiter in waiters {
                waiter.tell(Err(StoreError::Unavailable(reason.clone())));
            }
            return;
        }
        let mut batch = Batch::new(&self.shared.state(), self.id, std::mem::take(&mut self.buffer));
        for waiter in waiters {
            batch.decide(waiter);
        }
        self.finish(batch);
    }

    /// Waits while a checkpoint lags so far behind that memory would grow without bound; and a
    /// little before that, so that commits slow down to its pace instead of running into a wall.
    fn make_room(&self) -> Result<(), String> {
        let begun = Instant::now();
        let mut control = self.shared.control();
        loop {
            if let Some(reason) = &control.broken {
                return Err(reason.clone());
            }
            let pause = self.pause();
            let left = pause.saturating_sub(begun.elapsed());
            if left.is_zero() && pause < PATIENCE {
                return Ok(());
            }
            if pause == PATIENCE
                && let Some(reason) = &control.lagging
            {
                return Err(format!("changes cannot be moved out of the log: {reason}"));
            }
            if left.is_zero() {
                return Err("the disk is too slow for this many changes; try again".to_owned());
            }
            control = self.shared.wait(control, left);
        }
    }

    /// How long to hold back the next batch; [`PATIENCE`] if there is no room for it.
    fn pause(&self) -> Duration {
        let state = self.shared.state();
        let excess = state.active.bytes().saturating_sub(self.memtable_bytes);
        if state.below.frozen.is_none() || excess == 0 {
            return Duration::ZERO;
        }
        if excess >= self.memtable_bytes {
            return PATIENCE;
        }
        let share = u32::try_from(excess * 1000 / self.memtable_bytes).unwrap_or(1000);
        MAX_PAUSE * share / 1000
    }

    /// Makes the batch durable, publishes it, and answers.
    fn finish(&mut self, batch: Batch) {
        let Batch { revision, active, frame, commits, answers, .. } = batch;
        if !commits.is_empty() {
            let first = revision.0 + 1 - commits.len() as u64;
            let frame = frame.finish();
            let begun = Instant::now();
            let appended = self.log.append(first, &frame);
            add(&self.shared.counters.syncs, 1);
            add(&self.shared.counters.sync_nanos, nanos(begun.elapsed()));
            self.buffer = frame;
            if let Err(error) = appended {
                self.fail(answers, &error);
                return;
            }
            add(&self.shared.counters.commits, commits.len() as u64);
            self.publish(revision, active);
            self.shared.feed.publish(commits);
        }
        for (waiter, answer) in answers {
            if matches!(answer, Ok(Outcome::Conflict)) {
                add(&self.shared.counters.conflicts, 1);
            }
            waiter.tell(answer);
        }
    }

    fn fail(&self, answers: Vec<(Waiter, Answer)>, error: &AppendError) {
        let unknown = match error {
            AppendError::NotWritten(error) => {
                tracing::warn!(%error, "a commit could not be written to the log");
                None
            }
            AppendError::Unknown(error) => {
                let reason = format!("the log could not be synced ({error}); restart strongroom");
                self.shared.break_down(reason.clone());
                Some(reason)
            }
        };
        for (waiter, answer) in answers {
            let told = match (answer, &unknown, error) {
                (Ok(Outcome::Committed(_)), Some(reason), _) => {
                    Err(StoreError::Indeterminate(reason.clone()))
                }
                (Ok(_), _, AppendError::NotWritten(error) | AppendError::Unknown(error)) => {
                    Err(StoreError::Unavailable(format!("the log cannot be written: {error}")))
                }
                (Err(error), ..) => Err(error),
            };
            waiter.tell(told);
        }
    }

    /// Shows the new state to readers; freezes its memtable if that has grown enough.
    fn publish(&mut self, revision: Revision, active: Memtable) {
        let mut froze = false;
        self.shared.publish(|current| {
            froze = current.below.frozen.is_none() && active.bytes() >= self.memtable_bytes;
            if !froze {
                return State { revision, active, below: current.below.clone() };
            }
            let frozen = Some(Frozen { rows: active, through: revision });
            let below = Below { frozen, base: current.below.base.clone() };
            State { revision, active: Memtable::default(), below }
        });
        if froze {
            // The checkpoint then makes every segment up to here superfluous.
            self.log.end_segment();
            self.shared.notify();
        }
    }

    /// Writes an empty frame, which tells that the last commit was not torn off.
    fn end_log(&mut self) {
        if self.shared.control().broken.is_some() {
            return;
        }
        let next = self.shared.state().revision.0 + 1;
        let frame = FrameBuilder::new(self.id, next, Vec::new()).finish();
        if let Err(error) = self.log.append(next, &frame) {
            tracing::warn!(?error, "the log was closed without its last mark");
        }
    }
}

impl Batch {
    fn new(state: &State, id: u64, buffer: Vec<u8>) -> Self {
        Self {
            revision: state.revision,
            active: state.active.clone(),
            below: state.below.clone(),
            frame: FrameBuilder::new(id, state.revision.0 + 1, buffer),
            commits: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn decide(&mut self, mut waiter: Waiter) {
        let writes = std::mem::take(&mut waiter.txn.writes);
        let answer = match self.try_apply(&waiter.txn.requires, &writes) {
            Ok(Outcome::Committed(revision)) => {
                self.frame.push(&writes);
                self.commits.push(writes);
                self.revision = revision;
                Ok(Outcome::Committed(revision))
            }
            other => other,
        };
        self.answers.push((waiter, answer));
    }

    fn try_apply(&mut self, requires: &[Require], writes: &[Write]) -> Answer {
        for require in requires {
            if !self.holds(require)? {
                return Ok(Outcome::Conflict);
            }
        }
        let revision = Revision(self.revision.0 + 1);
        apply(&mut self.active, &self.below, revision, writes)?;
        Ok(Outcome::Committed(revision))
    }

    fn holds(&self, require: &Require) -> Result<bool, StoreError> {
        let found = match self.active.get(&require.key) {
            Some(slot) => slot.value.is_some().then_some(slot.revision),
            None => self.below.get(&require.key)?.map(|found| found.revision),
        };
        Ok(match require.condition {
            Condition::Absent => found.is_none(),
            Condition::AtRevision(revision) => found == Some(revision),
        })
    }
}

/// Applies the writes of one transaction, all or, on an error, none.
///
/// A deleted row that only the active memtable knows is forgotten, so that what lives shortly
/// (the audit outbox) never reaches the base.
pub(crate) fn apply(
    active: &mut Memtable,
    below: &Below,
    revision: Revision,
    writes: &[Write],
) -> Result<(), StoreError> {
    let deleted = writes.iter().filter(|write| write.value.is_none());
    let known = deleted.map(|w| below.contains(&w.key)).collect::<Result<Vec<_>, _>>()?;
    let mut known = known.into_iter();
    for write in writes {
        let key = write.key.clone();
        match &write.value {
            Some(value) => active.put(key, Slot { revision, value: Some(value.clone()) }),
            None if known.next() == Some(true) => active.put(key, Slot { revision, value: None }),
            None => active.remove(&key),
        }
    }
    Ok(())
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// What a transaction's writes take, in bytes.
pub(crate) fn written_bytes(txn: &Txn) -> usize {
    txn.writes.iter().map(|w| w.key.len() + w.value.as_ref().map_or(0, |v| v.len()) + 8).sum()
}
