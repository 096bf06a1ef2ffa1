//! The commit log: frames in segments, each synced before anybody hears of it.
//!
//! A segment is named by the first revision that it may hold. Its end is where the next sound
//! frame is not the successor of the one before: zeros, or what an earlier use left there, whose
//! revisions are lower. Segments that a checkpoint has made superfluous become spares.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_store::Revision;
use strongroom_store::disk::{self, Disk, DiskFile, SECTOR};

use crate::spares::Spares;

/// Why a frame is not in the log.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// It is not there and never will be; the next append may do better.
    NotWritten(io::Error),
    /// It may or may not be there, now or after a crash: nothing more may be appended.
    Unknown(io::Error),
}

/// The segments in use, oldest first: the first revision each may hold.
#[derive(Debug, Default)]
pub(crate) struct Segments(Mutex<VecDeque<u64>>);

impl Segments {
    pub(crate) fn new(firsts: VecDeque<u64>) -> Self {
        Self(Mutex::new(firsts))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Hands every segment that holds nothing after `through` over to `spares`.
    pub(crate) fn recycle(&self, through: Revision, spares: &Spares) -> io::Result<()> {
        while let Some(first) = self.pop_through(through) {
            spares.give(&segment_name(first))?;
        }
        Ok(())
    }

    fn pop_through(&self, through: Revision) -> Option<u64> {
        let mut firsts = self.lock();
        let superfluous = firsts.get(1).is_some_and(|next| *next <= through.0 + 1);
        if superfluous { firsts.pop_front() } else { None }
    }
}

pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}")
}

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Box<dyn DiskFile>,
    /// Where the next frame goes.
    pub(crate) at: u64,
    /// The preallocated length.
    pub(crate) len: u64,
}

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    dir: String,
    spares: Arc<Spares>,
    segments: Arc<Segments>,
    tail: Option<Tail>,
}

impl Log {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: &str,
        spares: Arc<Spares>,
        segments: Arc<Segments>,
        tail: Option<Tail>,
    ) -> Self {
        Self { disk, dir: dir.to_owned(), spares, segments, tail }
    }

    /// Appends `frame`, whose first revision is `first`, and syncs it.
    pub(crate) fn append(&mut self, first: u64, frame: &[u8]) -> Result<(), AppendError> {
        let len = frame.len() as u64;
        let mut tail = match self.tail.take() {
            Some(tail) if tail.at + len <= tail.len => tail,
            _ => self.roll(first)?,
        };
        if let Err(error) = tail.file.write_at(frame, tail.at) {
            erase(&tail).map_err(AppendError::Unknown)?;
            self.tail = Some(tail);
            return Err(AppendError::NotWritten(error));
        }
        tail.file.sync_data().map_err(AppendError::Unknown)?;
        tail.at += len;
        self.tail = Some(tail);
        Ok(())
    }

    /// Makes the next append begin a segment.
    pub(crate) fn end_segment(&mut self) {
        self.tail = None;
    }

    fn roll(&self, first: u64) -> Result<Tail, AppendError> {
        let name = segment_name(first);
        let path = disk::join(&self.dir, &name);
        // Also when the segment is there already, because appending its first frame failed.
        let spare = self.spares.take().map_err(AppendError::NotWritten)?;
        let spare = disk::join(&self.dir, &spare);
        self.disk.rename(&spare, &path).map_err(AppendError::NotWritten)?;
        self.disk.sync_dir(&self.dir).map_err(AppendError::Unknown)?;
        let file = self.disk.open(&path).map_err(AppendError::Unknown)?;
        let len = file.len().map_err(AppendError::Unknown)?;
        let mut segments = self.segments.lock();
        if segments.back() != Some(&first) {
            segments.push_back(first);
        }
        Ok(Tail { file, at: 0, len })
    }
}

/// Makes sure that no part of a frame that could not be written is ever taken for a frame.
fn erase(tail: &Tail) -> io::Result<()> {
    if tail.file.len()? > tail.len {
        tail.file.set_len(tail.len)?;
    }
    if tail.at < tail.len {
        tail.file.write_at(&[0; SECTOR], tail.at)?;
    }
    Ok(())
}
