//! Opening: reads back from the log what the base does not hold yet.
//!
//! A frame is written only after the one before it is synced, so a crash can tear none but the
//! last frame of the last segment, which nobody was told of. Anything else that is amiss is
//! damage, and is named, with its place.

use std::collections::VecDeque;
use std::sync::Arc;

use strongroom_store::disk::{self, Disk, DiskFile, SECTOR};
use strongroom_store::{Revision, StoreError, Write};

use crate::failed;
use crate::frame::Frame;
use crate::log::{Tail, segment_name};
use crate::spares;

/// What was found in the log's directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The first revisions of the segments in use, oldest first.
    pub(crate) segments: VecDeque<u64>,
    /// The names of spare segments.
    pub(crate) spares: Vec<String>,
    /// Where appending goes on.
    pub(crate) tail: Option<Tail>,
}

/// One pass over the log of a store.
pub(crate) struct Recovery<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: &'a str,
    id: u64,
    /// What the base holds already.
    base: Revision,
    /// The revision that the next transaction must have.
    next: u64,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(disk: &'a Arc<dyn Disk>, dir: &'a str, id: u64, base: Revision) -> Self {
        Self { disk, dir, id, base, next: base.0 + 1 }
    }

    /// Hands every transaction after the base to `apply`, in order.
    pub(crate) fn run(
        mut self,
        apply: &mut impl FnMut(Revision, Vec<Write>) -> Result<(), StoreError>,
    ) -> Result<Found, StoreError> {
        let mut found = self.list()?;
        let Some(first) = found.segments.front().copied() else { return Ok(found) };
        self.next = first;
        let mut firsts = found.segments.iter().copied().peekable();
        while let Some(first) = firsts.next() {
            let bytes = self.read(first)?;
            let end = self.replay(&bytes, apply)?;
            match firsts.peek() {
                Some(next) if *next == self.next => {}
                Some(_) => return Err(self.damage(first, end.at)),
                None => {
                    self.check_torn(first, &bytes, end.at)?;
                    found.tail = Some(self.mend(first, &bytes, &end)?);
                }
            }
        }
        if self.next <= self.base.0 {
            return Err(StoreError::Corrupt(format!(
                "{} ends at revision {}, before the last checkpoint at {}",
                self.dir,
                self.next - 1,
                self.base.0
            )));
        }
        Ok(found)
    }

    /// Lists the directory and removes the segments that the base has made superfluous.
    fn list(&self) -> Result<Found, StoreError> {
        let names = self.disk.list(self.dir).map_err(|e| failed(self.dir, &e))?;
        let (spares, names): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.starts_with(spares::PREFIX));
        let mut segments: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        segments.sort_unstable();
        let needed = segments.partition_point(|first| *first <= self.base.0 + 1);
        let Some(needed) = needed.checked_sub(1) else {
            if segments.is_empty() && self.base == Revision(0) {
                return Ok(Found { spares, ..Found::default() });
            }
            let missing = format!("{} lacks the segment of revision {}", self.dir, self.next);
            return Err(StoreError::Corrupt(missing));
        };
        for first in segments.drain(..needed) {
            let path = self.path(first);
            self.disk.remove(&path).map_err(|e| failed(&path, &e))?;
        }
        Ok(Found { segments: segments.into(), spares, tail: None })
    }

    /// Applies the frames of one segment; tells where the last one begins and ends.
    fn replay(
        &mut self,
        bytes: &[u8],
        apply: &mut impl FnMut(Revision, Vec<Write>) -> Result<(), StoreError>,
    ) -> Result<End, StoreError> {
        let mut end = End { last: 0, at: 0 };
        while let Some(frame) = bytes.get(end.at..).and_then(|rest| Frame::parse(self.id, rest)) {
            if frame.first != self.next {
                break;
            }
            end = End { last: end.at, at: end.at + frame.len };
            for writes in frame.transactions {
                let revision = Revision(self.next);
                self.next += 1;
                if revision > self.base {
                    apply(revision, writes)?;
                }
            }
        }
        Ok(end)
    }

    /// Refuses a log that goes on, soundly, after a place where it does not.
    fn check_torn(&self, first: u64, bytes: &[u8], at: usize) -> Result<(), StoreError> {
        let later = (at..bytes.len()).step_by(SECTOR).any(|at| {
            let frame = bytes.get(at..).and_then(|rest| Frame::parse(self.id, rest));
            frame.is_some_and(|frame| frame.first >= self.next)
        });
        if later { Err(self.damage(first, at)) } else { Ok(()) }
    }

    /// Makes the end of the log fit to go on from: writes and syncs the last frame again.
    ///
    /// It may be in the kernel's cache only, after a kill or a failed sync, and nobody may read
    /// it before it is durable. What follows it, the torn frame of a commit that was never
    /// acknowledged, can stay: it will never be sound.
    fn mend(&self, first: u64, bytes: &[u8], end: &End) -> Result<Tail, StoreError> {
        let path = self.path(first);
        let mended = |file: &dyn DiskFile| {
            let last = bytes.get(end.last..end.at.min(bytes.len())).unwrap_or_default();
            file.write_at(last, end.last as u64)?;
            file.sync_data()?;
            self.disk.sync_dir(self.dir)
        };
        let file = self.disk.open(&path).map_err(|e| failed(&path, &e))?;
        mended(&*file).map_err(|e| failed(&path, &e))?;
        Ok(Tail { file, at: end.at as u64, len: bytes.len() as u64 })
    }

    fn read(&self, first: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.path(first);
        let found = disk::read(&**self.disk, &path).map_err(|e| failed(&path, &e))?;
        found.ok_or_else(|| StoreError::Corrupt(format!("{path} is missing")))
    }

    fn damage(&self, first: u64, at: usize) -> StoreError {
        let path = self.path(first);
        StoreError::Corrupt(format!("{path}, byte {at}: revision {} should be here", self.next))
    }

    fn path(&self, first: u64) -> String {
        disk::join(self.dir, &segment_name(first))
    }
}

/// Where in a segment the last sound frame begins, and where it ends.
struct End {
    last: usize,
    at: usize,
}
