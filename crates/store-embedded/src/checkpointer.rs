//! The thread that moves frozen memtables into the base, and then lets go of their log segments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_store::StoreError;
use strongroom_store::disk::Disk;

use crate::base::{BaseView, Readers};
use crate::log::Segments;
use crate::shared::{Shared, add, nanos};
use crate::snapshot::{Below, Frozen, State};
use crate::spares::Spares;

/// How long to wait after a failed checkpoint.
const PAUSE: Duration = Duration::from_secs(1);

/// How often to look whether there is something to do, unasked.
const IDLE: Duration = Duration::from_secs(3600);

/// What one row may cost in fresh pages of the base, in bytes: its leaf, copied, and its share
/// of the branches above.
const ROW_PAGES: u64 = 6 * 1024;

/// What any checkpoint may need besides.
const SLACK: u64 = 4 * 1024 * 1024;

/// The checkpointer's own belongings.
pub(crate) struct Checkpointer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<dyn Disk>,
    /// The store's directory, and how much of the base is kept in memory, in bytes.
    pub(crate) dir: String,
    pub(crate) cache: usize,
    pub(crate) segments: Arc<Segments>,
    pub(crate) spares: Arc<Spares>,
    /// Who still reads through an opening of the base that had to be replaced.
    pub(crate) former: Readers,
}

impl Checkpointer {
    /// Writes checkpoints until the engine stops.
    pub(crate) fn run(mut self) {
        while let Some(frozen) = self.wait() {
            let begun = Instant::now();
            match self.checkpoint(&frozen) {
                Ok(base) => {
                    add(&self.shared.counters.checkpoints, 1);
                    add(&self.shared.counters.checkpoint_nanos, nanos(begun.elapsed()));
                    self.finish(&frozen, base);
                }
                Err(error) => self.fail(&error),
            }
        }
    }

    /// The next memtable to write; `None` when the engine stops.
    fn wait(&self) -> Option<Frozen> {
        let mut control = self.shared.control();
        loop {
            if control.stopping || control.broken.is_some() {
                return None;
            }
            if let Some(frozen) = &self.shared.state().below.frozen {
                return Some(frozen.clone());
            }
            control = self.shared.wait(control, IDLE);
        }
    }

    fn checkpoint(&self, frozen: &Frozen) -> Result<BaseView, StoreError> {
        if self.former.any() {
            let reason = "the base was opened again and old readers have not let go of it yet";
            return Err(StoreError::Unavailable(reason.to_owned()));
        }
        self.check_space(frozen)?;
        self.shared.state().below.base.write(&frozen.rows, frozen.through)
    }

    /// Running full inside a checkpoint would cost readers the base until it is opened again.
    fn check_space(&self, frozen: &Frozen) -> Result<(), StoreError> {
        let rows = frozen.rows.len() as u64 * ROW_PAGES;
        let all = 2 * (self.shared.state().below.base.len() + frozen.rows.bytes() as u64);
        let needed = rows.min(all) + SLACK;
        match self.disk.free_space() {
            Ok(free) if free < needed => Err(StoreError::Unavailable(format!(
                "the disk is nearly full: {free} bytes are free, {needed} are needed"
            ))),
            _ => Ok(()),
        }
    }

    fn finish(&self, frozen: &Frozen, base: BaseView) {
        self.shared.publish(|current| State {
            revision: current.revision,
            active: current.active.clone(),
            below: Below { frozen: None, base },
        });
        self.shared.control().lagging = None;
        self.shared.notify();
        if let Err(error) = self.segments.recycle(frozen.through, &self.spares) {
            tracing::warn!(%error, "a log segment could not be recycled");
        }
    }

    fn fail(&mut self, error: &StoreError) {
        tracing::warn!(%error, "a checkpoint failed");
        let base = self.shared.state().below.base.clone();
        if base.sync_failed() {
            let reason = format!("the base could not be synced ({error}); restart strongroom");
            self.shared.break_down(reason);
            return;
        }
        self.shared.control().lagging = Some(error.to_string());
        self.shared.notify();
        if base.write_failed() && !self.former.any() {
            self.reopen(&base);
        }
        let deadline = Instant::now() + PAUSE;
        let mut control = self.shared.control();
        while !control.stopping && Instant::now() < deadline {
            control = self.shared.wait(control, deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// After a failed write redb refuses to go on, even to read what is not cached.
    fn reopen(&mut self, base: &BaseView) {
        base.retire();
        match BaseView::open(&*self.disk, &self.dir, self.cache) {
            Ok(fresh) if fresh.revision() == base.revision() => {
                self.former = base.readers();
                self.shared.publish(|current| State {
                    revision: current.revision,
                    active: current.active.clone(),
                    below: Below { frozen: current.below.frozen.clone(), base: fresh },
                });
            }
            Ok(fresh) => self.shared.break_down(format!(
                "the base is at revision {} instead of {}; restart strongroom",
                fresh.revision().0,
                base.revision().0
            )),
            Err(error) => tracing::warn!(%error, "the base could not be opened again"),
        }
    }
}

/// Tells the engine if the thread that holds it ends by a panic.
pub(crate) struct Alarm(pub(crate) Arc<Shared>, pub(crate) &'static str);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.break_down(format!("the {} failed; restart strongroom", self.1));
        }
    }
}
