//! Reading records in order, also while they are written, also from another process.

use std::collections::VecDeque;
use std::sync::Arc;

use strongroom_store::disk::Disk;

use crate::frame::{Frame, Kind, Step};
use crate::segment::{self, HEADER_LEN, Segment};
use crate::{AuditError, Record};

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is kept.
    Oldest,
    /// So many records before the end.
    Newest(usize),
}

/// Reads a journal's records, oldest first. It takes no lock and changes nothing. In a damaged
/// segment it reads up to the damage; whether the records are genuine is for [`crate::verify()`]
/// to say, which checks whatever is shown here.
pub struct Tail {
    disk: Arc<dyn Disk>,
    dir: String,
    /// The segment being read, and the offset to go on at.
    place: Option<(u64, u64)>,
    segment: Option<Segment>,
}

impl Tail {
    /// A reader of the journal in `dir` of `disk`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new(disk: Arc<dyn Disk>, dir: &str, start: Start) -> Result<Self, AuditError> {
        let place = match start {
            Start::Oldest => None,
            Start::Newest(count) => newest(&*disk, dir, count)?,
        };
        Ok(Self { disk, dir: dir.to_owned(), place, segment: None })
    }

    /// The next record, or `None` if there is none yet: ask again later.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn poll(&mut self) -> Result<Option<Record>, AuditError> {
        loop {
            if let Some(record) = self.read_on()? {
                return Ok(Some(record));
            }
            // The successor is looked for first, then the end of this segment once more: what was
            // appended before the successor began is seen.
            let successor = self.successor()?;
            self.segment = None;
            if let Some(record) = self.read_on()? {
                return Ok(Some(record));
            }
            let Some(successor) = successor else { return Ok(None) };
            self.segment = None;
            self.place = Some((successor, HEADER_LEN as u64));
        }
    }

    /// The next record of this segment.
    fn read_on(&mut self) -> Result<Option<Record>, AuditError> {
        let Some((number, offset)) = self.place else { return Ok(None) };
        if self.segment.is_none() {
            self.segment = segment::open(&*self.disk, &self.dir, number)?;
            if let Some(segment) = &mut self.segment {
                segment.skip_to(offset)?;
            }
        }
        let Some(segment) = &mut self.segment else { return Ok(None) };
        loop {
            match segment.step()? {
                Step::Frame(frame) => {
                    self.place = Some((number, segment.offset()));
                    if let Some(record) = segment.record(frame) {
                        return Ok(Some(record));
                    }
                }
                Step::Damaged(_) | Step::End => return Ok(None),
            }
        }
    }

    /// The number of the next segment that is there.
    fn successor(&self) -> Result<Option<u64>, AuditError> {
        let numbers = segment::list(&*self.disk, &self.dir)?.into_keys();
        let after = self.place.map_or(0, |(number, _)| number);
        Ok(numbers.into_iter().find(|number| *number > after))
    }
}

/// The place of the record that is `count` before the end; `None` for the journal's beginning.
fn newest(disk: &dyn Disk, dir: &str, count: usize) -> Result<Option<(u64, u64)>, AuditError> {
    let mut missing = count;
    for number in segment::list(disk, dir)?.into_keys().rev() {
        let mut offsets = VecDeque::new();
        let end = record_offsets(disk, dir, number, missing, &mut offsets)?;
        if missing == 0 {
            return Ok(Some((number, end)));
        }
        if offsets.len() >= missing {
            return Ok(offsets.front().map(|offset| (number, *offset)));
        }
        missing -= offsets.len();
    }
    Ok(None)
}

/// Collects the offsets of the last `keep` records of a segment, and gives its end.
fn record_offsets(
    disk: &dyn Disk,
    dir: &str,
    number: u64,
    keep: usize,
    offsets: &mut VecDeque<u64>,
) -> Result<u64, AuditError> {
    let Some(mut segment) = segment::open(disk, dir, number)? else {
        return Ok(HEADER_LEN as u64);
    };
    loop {
        let offset = segment.offset();
        match segment.step()? {
            Step::Frame(Frame { kind: Kind::Record, .. }) => {
                offsets.push_back(offset);
                offsets.drain(..offsets.len().saturating_sub(keep));
            }
            Step::Frame(_) => {}
            Step::Damaged(_) | Step::End => return Ok(offset),
        }
    }
}
