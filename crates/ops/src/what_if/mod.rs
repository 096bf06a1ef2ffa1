//! What a proposed change would have refused, or newly allowed, of what was asked in the last days.
//!
//! ```text
//! journal ─► what was asked ─┬─ decided in the directory as it is ───────┐
//!                            └─ decided in the directory as it would be ─┴─► what differs
//! ```
//! Nothing is decided here: `authz` takes every decision, as it does for a request. The change is
//! made to a copy. Callers have the groups that the directory gives them today.

mod asked;
mod judge;
mod proposal;
mod report;

use std::collections::HashMap;

use strongroom_audit::{AuditError, History, Record, Search, Spot};
use strongroom_store::Store;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::{OpError, Ops};
use asked::{Asked, Reader, Tally};
use judge::Judge;
use proposal::World;

pub use proposal::{Proposal, ProposedAssignment, VaultProposal};
pub use report::{Difference, NotJudged, Report, Seen};

/// Records of the journal that are read at once; the segment in which that is reached is still
/// read to its end.
const MOST_READ: usize = 50_000;

/// Different requests that are kept at once before they are judged.
const MOST_KEPT: usize = 20_000;

/// Readings at once: each keeps a thread and the disk busy.
static READINGS: Semaphore = Semaphore::const_new(1);

/// Which part of the journal is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// The earliest time, in Unix milliseconds.
    pub from_ms: i64,
    /// The latest time, in Unix milliseconds.
    pub to_ms: i64,
    /// Where the reading before this one ended; `None`: this is the first.
    pub before: Option<Spot>,
}

/// What one reading found.
#[derive(Debug)]
pub struct Reading {
    /// What differs in it.
    pub report: Report,
    /// The time of its oldest record, in Unix milliseconds.
    pub reached_ms: i64,
    /// Where to go on; `None`: everything was read.
    pub next: Option<Spot>,
}

impl<S: Store> Ops<S> {
    /// Reads a part of the journal, the newest first, and says what a change would have made of
    /// it. Nothing is changed.
    ///
    /// # Errors
    /// [`OpError::NoSuch`] or [`OpError::Vault`] when what is to change is not there or may not
    /// change so, or that the service cannot.
    pub async fn what_if(&self, proposal: &Proposal, stretch: Stretch) -> Result<Reading, OpError> {
        let today = World::today(self.directory.current());
        let changed = today.after(proposal, self.azure_strict)?;
        let judge = Judge::new(today, changed, self.trusted_services().to_vec());
        let history = self.audit.history();
        let internal = |error: &dyn std::fmt::Display| OpError::Internal(error.to_string());
        let _turn = READINGS.acquire().await.map_err(|error| internal(&error))?;
        spawn_blocking(move || read(&history, stretch, judge))
            .await
            .map_err(|error| internal(&error))?
            .map_err(OpError::from)
    }
}

/// It blocks for as long as reading the files takes.
fn read(history: &History, stretch: Stretch, judge: Judge) -> Result<Reading, AuditError> {
    let Stretch { from_ms, to_ms, before } = stretch;
    // Every record is looked at, and none is kept.
    let search = Search { from_ms, to_ms, before, records: 1, read: MOST_READ };
    let mut pile = Pile::new(judge);
    let mut reached_ms = to_ms;
    let found = history.search(&search, |record| {
        reached_ms = reached_ms.min(record.time_ms);
        pile.add(record);
        false
    })?;
    Ok(Reading { report: pile.judged(), reached_ms, next: found.next })
}

/// Requests by what was asked, so that each is judged once.
struct Pile {
    reader: Reader,
    judge: Judge,
    asked: HashMap<Asked, Tally>,
    report: Report,
}

impl Pile {
    fn new(judge: Judge) -> Self {
        Self { reader: Reader::new(), judge, asked: HashMap::new(), report: Report::default() }
    }

    fn add(&mut self, record: &Record) {
        let count = u64::from(record.count);
        self.report.looked_at = self.report.looked_at.saturating_add(count);
        match self.reader.read(record) {
            Ok(asked) => self.asked.entry(asked).or_default().note(record),
            Err(why) => self.report.leave(why, count),
        }
        if self.asked.len() >= MOST_KEPT {
            self.judge();
        }
    }

    fn judge(&mut self) {
        for (asked, tally) in self.asked.drain() {
            self.judge.judge(&asked, tally, &mut self.report);
        }
    }

    fn judged(mut self) -> Report {
        self.judge();
        self.report
    }
}
