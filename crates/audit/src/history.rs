//! Reading records backwards: the newest first, as those ask who want to know what happened.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use strongroom_store::disk::Disk;

use crate::frame::Step;
use crate::{AuditError, Record, segment};

/// How far a record's time may be from its place in the journal, in milliseconds: a record is
/// written when its request ends, or after a crash.
const SLACK_MS: i64 = 3_600_000;

/// Where a record ends in a journal. It stays there as long as the record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    segment: u64,
    offset: u64,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.segment, self.offset)
    }
}

impl FromStr for Spot {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (segment, offset) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { segment: segment.parse()?, offset: offset.parse()? })
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The earliest time, in Unix milliseconds.
    pub from_ms: i64,
    /// The latest time, in Unix milliseconds.
    pub to_ms: i64,
    /// Only records before this one.
    pub before: Option<Spot>,
    /// The most records that are found at once.
    pub records: usize,
    /// The most records that are read at once; the segment in which that is reached is still read
    /// to its end.
    pub read: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The records, the newest first.
    pub records: Vec<Record>,
    /// Where to go on; `None`: there are no more.
    pub next: Option<Spot>,
}

/// Reads a journal's records, newest first. Like [`crate::Tail`] it takes no lock, changes
/// nothing, and leaves it to [`crate::verify()`] to say whether records are genuine.
pub struct History {
    disk: Arc<dyn Disk>,
    dir: String,
}

impl History {
    /// A reader of the journal in `dir` of `disk`.
    pub fn new(disk: Arc<dyn Disk>, dir: &str) -> Self {
        Self { disk, dir: dir.to_owned() }
    }

    /// The records of a time that `is_wanted`, which is shown every one of them, those of a segment
    /// oldest first. It blocks for as long as reading the files takes.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn search(
        &self,
        search: &Search,
        mut is_wanted: impl FnMut(&Record) -> bool,
    ) -> Result<Findings, AuditError> {
        let mut findings = Findings::default();
        let mut read = 0;
        let numbers = segment::list(&*self.disk, &self.dir)?.into_keys().rev();
        let last = search.before.map_or(u64::MAX, |spot| spot.segment);
        for number in numbers.filter(|number| *number <= last) {
            let room = search.records.saturating_sub(findings.records.len());
            if read >= search.read || room == 0 {
                findings.next = Some(Spot { segment: number, offset: u64::MAX });
                return Ok(findings);
            }
            let Some(opened_ms) = self.opened_ms(number)? else { continue };
            if opened_ms > search.to_ms.saturating_add(SLACK_MS) {
                continue;
            }
            let (found, more) = self.segment(number, search, room, &mut is_wanted, &mut read)?;
            let oldest = found.front().map(|(spot, _)| *spot);
            findings.records.extend(found.into_iter().rev().map(|(_, record)| record));
            if more {
                findings.next = oldest;
                return Ok(findings);
            }
            if opened_ms < search.from_ms.saturating_sub(SLACK_MS) {
                break;
            }
        }
        Ok(findings)
    }

    /// The time of a segment's first record.
    fn opened_ms(&self, number: u64) -> Result<Option<i64>, AuditError> {
        let segment = segment::open(&*self.disk, &self.dir, number)?;
        Ok(segment.and_then(|segment| segment.header).map(|header| header.opened_ms))
    }

    /// The last `room` wanted records of a segment, oldest first, and whether there are more.
    fn segment(
        &self,
        number: u64,
        search: &Search,
        room: usize,
        is_wanted: &mut impl FnMut(&Record) -> bool,
        read: &mut usize,
    ) -> Result<(VecDeque<(Spot, Record)>, bool), AuditError> {
        let mut found = VecDeque::new();
        let mut more = false;
        let Some(mut segment) = segment::open(&*self.disk, &self.dir, number)? else {
            return Ok((found, more));
        };
        while let Step::Frame(frame) = segment.step()? {
            let spot = Spot { segment: number, offset: segment.offset() };
            if search.before.is_some_and(|before| spot >= before) {
                break;
            }
            let Some(record) = segment.record(frame) else { continue };
            *read += 1;
            let is_timely = (search.from_ms..=search.to_ms).contains(&record.time_ms);
            if is_timely && is_wanted(&record) {
                found.push_back((spot, record));
                if found.len() > room {
                    found.pop_front();
                    more = true;
                }
            }
        }
        Ok((found, more))
    }
}
