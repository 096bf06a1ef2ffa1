//! Records that share a write.
//!
//! A request pushes its record's frame and lets others run once; whoever runs again first writes
//! the frames of all. So a lone request waits for nothing, and many are written at once without
//! any of them waking another.

use std::sync::{Arc, OnceLock};

use crate::AuditError;
use crate::frame::{Chain, Draft, Head, Kind, finish};

/// How many frames, or bytes of frames, may be pending: beyond it, who pushes writes them.
const MAX_FRAMES: usize = 256;
const MAX_BYTES: usize = 512 * 1024;

/// Frames in the order they will have in the journal.
#[derive(Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// One of the [`Frames`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    kind: Kind,
    pub(crate) time_ms: i64,
    /// The offset behind it, in bytes.
    end: usize,
    /// The chain's end once it is written.
    pub(crate) head: Head,
}

impl Frames {
    /// One frame.
    pub(crate) fn one(draft: &Draft, kind: Kind, time_ms: i64) -> Self {
        let mut frames = Self::default();
        frames.push(draft, kind, time_ms);
        frames
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, draft: &Draft, kind: Kind, time_ms: i64) {
        self.bytes.extend_from_slice(draft.bytes());
        self.marks.push(Mark { kind, time_ms, end: self.bytes.len(), head: Head::default() });
    }

    /// Gives the frames their places in the chain that ends with `head`.
    pub(crate) fn continue_chain(&mut self, chain: Chain<'_>, mut head: Head) {
        let mut rest = self.bytes.as_mut_slice();
        let mut start = 0;
        for mark in &mut self.marks {
            let (frame, behind) = rest.split_at_mut(mark.end - start);
            (rest, start) = (behind, mark.end);
            head = finish(frame, chain, head, mark.kind);
            mark.head = head;
        }
    }

    /// The frame at `index`.
    pub(crate) fn mark(&self, index: usize) -> Option<Mark> {
        self.marks.get(index).copied()
    }

    /// How many frames from `first` on have room in `room` bytes.
    pub(crate) fn fitting(&self, first: usize, room: u64) -> usize {
        let start = self.start(first);
        let rest = self.marks.get(first..).unwrap_or_default();
        rest.partition_point(|mark| (mark.end - start) as u64 <= room)
    }

    /// The bytes of `count` frames from `first` on.
    pub(crate) fn slice(&self, first: usize, count: usize) -> &[u8] {
        self.bytes.get(self.start(first)..self.start(first + count)).unwrap_or_default()
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.marks.get(before)).map_or(0, |mark| mark.end)
    }
}

/// What is pushed and not written yet.
#[derive(Default)]
pub(crate) struct Pending {
    frames: Frames,
    batch: Arc<Batch>,
}

impl Pending {
    /// Adds a record's frame.
    pub(crate) fn push(&mut self, draft: &Draft, time_ms: i64) -> Ticket {
        let index = self.frames.marks.len();
        self.frames.push(draft, Kind::Record, time_ms);
        let full = index + 1 >= MAX_FRAMES || self.frames.bytes.len() >= MAX_BYTES;
        Ticket { batch: self.batch.clone(), index, full }
    }

    /// Exchanges the frames of `batch` for the empty `frames`; false if somebody took them.
    pub(crate) fn take(&mut self, batch: &Arc<Batch>, frames: &mut Frames) -> bool {
        let ours = Arc::ptr_eq(&self.batch, batch);
        if ours {
            std::mem::swap(&mut self.frames, frames);
            self.batch = Arc::default();
        }
        ours
    }

    /// The batch that is next pushed to.
    pub(crate) fn batch(&self) -> Arc<Batch> {
        self.batch.clone()
    }
}

/// A record's place in its batch.
pub(crate) struct Ticket {
    pub(crate) batch: Arc<Batch>,
    index: usize,
    /// The batch is to be written without waiting for further records.
    pub(crate) full: bool,
}

impl Ticket {
    /// The record's seq.
    ///
    /// # Errors
    /// Why it is not in the journal.
    pub(crate) fn outcome(&self) -> Result<u64, AuditError> {
        let outcome = self.batch.0.get().ok_or(AuditError::Stopped)?;
        match &outcome.error {
            Some(error) if self.index >= outcome.written => Err(error.again()),
            _ => Ok(outcome.first_seq + self.index as u64),
        }
    }
}

/// Records that share a write, and how it went.
#[derive(Default)]
pub(crate) struct Batch(OnceLock<Outcome>);

/// How a write went.
pub(crate) struct Outcome {
    /// The seq of the first frame.
    pub(crate) first_seq: u64,
    /// How many frames are in the kernel's hands.
    pub(crate) written: usize,
    /// Why the others are not.
    pub(crate) error: Option<AuditError>,
}

impl Outcome {
    /// The seq of the one frame that was to be written.
    pub(crate) fn into_seq(self) -> Result<u64, AuditError> {
        self.error.map_or(Ok(self.first_seq), Err)
    }
}

impl Batch {
    /// Tells all whose records are in the batch.
    pub(crate) fn settle(&self, outcome: Outcome) {
        // It is settled once, by whoever took its frames.
        let _first = self.0.set(outcome);
    }

    /// Whether it has been written, or failed to be.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.get().is_some()
    }
}
