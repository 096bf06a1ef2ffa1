//! What the committer, the checkpointer and the readers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use strongroom_store::Revision;
use strongroom_store::feed::Feed;

use crate::snapshot::{Frozen, State};

/// The published state, and what decides about the next one.
#[derive(Debug)]
pub(crate) struct Shared {
    state: ArcSwap<State>,
    /// Held by whoever replaces `state`.
    control: Mutex<Control>,
    /// `control`, or the frozen part of `state`, has changed.
    changed: Condvar,
    pub(crate) feed: Feed,
    pub(crate) counters: Counters,
}

#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Why the engine takes no more commits until it is opened again.
    pub(crate) broken: Option<String>,
    /// Why the last checkpoint failed; it is tried again.
    pub(crate) lagging: Option<String>,
    /// The engine is closing.
    pub(crate) stopping: bool,
}

impl Shared {
    pub(crate) fn new(state: State, feed: Feed) -> Self {
        Self {
            state: ArcSwap::from_pointee(state),
            control: Mutex::default(),
            changed: Condvar::new(),
            feed,
            counters: Counters::default(),
        }
    }

    pub(crate) fn state(&self) -> std::sync::Arc<State> {
        self.state.load_full()
    }

    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody calls [`Shared::notify`], or `limit` has passed.
    pub(crate) fn wait<'a>(
        &self,
        control: MutexGuard<'a, Control>,
        limit: Duration,
    ) -> MutexGuard<'a, Control> {
        self.changed.wait_timeout(control, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Replaces the published state by what `next` makes of it.
    pub(crate) fn publish(&self, next: impl FnOnce(&State) -> State) {
        let control = self.control();
        self.state.store(next(&self.state.load()).into());
        drop(control);
    }

    /// Refuses commits from now on, because of `reason`.
    pub(crate) fn break_down(&self, reason: String) {
        tracing::error!(reason, "the store takes no more commits until it is opened again");
        self.control().broken.get_or_insert(reason);
        self.notify();
    }

    pub(crate) fn stats(&self, segments: usize) -> Stats {
        let state = self.state();
        let control = self.control();
        let trouble = control.broken.clone().or_else(|| control.lagging.clone());
        drop(control);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Stats {
            revision: state.revision,
            base_revision: state.below.base.revision(),
            active_bytes: state.active.bytes(),
            frozen_bytes: state.below.frozen.as_ref().map_or(0, |f: &Frozen| f.rows.bytes()),
            log_segments: segments,
            commits: load(&counters.commits),
            conflicts: load(&counters.conflicts),
            syncs: load(&counters.syncs),
            sync_time: Duration::from_nanos(load(&counters.sync_nanos)),
            checkpoints: load(&counters.checkpoints),
            checkpoint_time: Duration::from_nanos(load(&counters.checkpoint_nanos)),
            trouble,
        }
    }
}

/// Counts since the engine was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) checkpoint_nanos: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What the engine has done since it was opened, and what it holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The newest commit.
    pub revision: Revision,
    /// The newest commit that the base contains; the log holds those after it.
    pub base_revision: Revision,
    /// About how much memory the rows since the last checkpoint take, in bytes.
    pub active_bytes: usize,
    /// The same of the rows that a running checkpoint is writing; 0 if none runs.
    pub frozen_bytes: usize,
    /// How many log segments are in use.
    pub log_segments: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Transactions refused because a require did not hold.
    pub conflicts: u64,
    /// Appends to the log, each with one sync.
    pub syncs: u64,
    /// Time spent in those appends.
    pub sync_time: Duration,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Time spent writing them.
    pub checkpoint_time: Duration,
    /// Why commits are refused until the store is opened again, or why the last checkpoint
    /// failed.
    pub trouble: Option<String>,
}
