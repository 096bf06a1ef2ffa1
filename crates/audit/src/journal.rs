//! The journal: records appended by many threads, made durable in groups.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use strongroom_store::disk::{Disk, DiskFile, join};
use tokio::sync::{Notify, watch};
use tokio::task::yield_now;

use crate::batch::{Batch, Frames, Outcome, Pending, Ticket};
use crate::error::at;
use crate::frame::{Chain, Draft, Head, Kind, Opened};
use crate::maintain::spares;
use crate::recover::{Recovered, recover};
use crate::segment::{HEADER_LEN, Header, raw_name};
use crate::{AuditError, AuditKeys, NodeId, Options, Record};

/// How often a record gives way to others while the journal's state is taken.
const MOST_YIELDS: u32 = 8;

/// How much of the very first segment is preallocated before the first append, in bytes: little,
/// so that a first start is quick.
const FIRST_BYTES: u64 = 1024 * 1024;

thread_local! {
    static DRAFT: RefCell<Draft> = RefCell::default();
}

/// One node's journal, open for appending.
pub(crate) struct Journal {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) node: NodeId,
    pub(crate) keys: AuditKeys,
    pub(crate) options: Options,
    /// Locked before `pending` when both are.
    state: Mutex<State>,
    pending: Mutex<Pending>,
    progress: watch::Sender<Progress>,
    retention_paused: AtomicBool,
    /// A frame was appended after everything had been taken for a sync.
    pub(crate) dirty: Notify,
    /// Somebody waits for the next sync.
    pub(crate) urgent: Notify,
    /// A segment was closed, or a spare one used.
    pub(crate) rolled: Notify,
}

/// How far the journal is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The newest durable frame.
    pub(crate) synced: Head,
    /// A sync failed: it will go no further.
    pub(crate) failed: bool,
}

pub(crate) struct State {
    active: Active,
    head: Head,
    /// Memory for the frames being written; empty between two writes.
    frames: Frames,
    /// Preallocated segments, by file name.
    pub(crate) spares: Vec<Spare>,
    /// Closed segments that no compressor has seen, by number, with their last seq.
    pub(crate) closed: Vec<(u64, u64)>,
    /// Closed segments whose bytes the next sync must cover.
    unsynced: Vec<Arc<dyn DiskFile>>,
    names_changed: bool,
    dirty: bool,
    /// No further segment could be allocated.
    pub(crate) full: bool,
    status: Status,
    /// The newest time of any record, in Unix milliseconds.
    pub(crate) newest_ms: i64,
    /// The newest time when retention was last looked at; `None`: look again.
    pub(crate) pruned_ms: Option<i64>,
}

struct Active {
    number: u64,
    file: Arc<dyn DiskFile>,
    end: u64,
}

pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) file: Box<dyn DiskFile>,
}

#[derive(Clone, Debug)]
enum Status {
    Running,
    Closed,
    Failed(String),
}

impl Journal {
    /// Opens the journal, or begins one, and makes durable what was found. `anchor` is the head
    /// that the store remembers. After an unclean stop a new epoch begins.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        node: NodeId,
        keys: AuditKeys,
        anchor: Option<Head>,
        options: Options,
    ) -> Result<Self, AuditError> {
        let dir = &options.dir;
        let found = recover(&*disk, dir, node, &keys, anchor)?;
        let spares = spares(&*disk, &options, found.is_clean())?;
        let (active, head) = resume(&*disk, node, &keys, &options, &found)?;
        let state = State {
            active,
            head,
            frames: Frames::default(),
            spares,
            closed: found.raw.iter().map(|number| (*number, 0)).collect(),
            unsynced: found.open_raw(&*disk, dir)?,
            names_changed: true,
            dirty: false,
            full: false,
            status: Status::Running,
            newest_ms: found.newest_ms,
            pruned_ms: None,
        };
        let journal = Self {
            progress: watch::Sender::new(Progress { synced: Head::default(), failed: false }),
            retention_paused: AtomicBool::new(false),
            disk,
            node,
            keys,
            options,
            state: Mutex::new(state),
            pending: Mutex::default(),
            dirty: Notify::new(),
            urgent: Notify::new(),
            rolled: Notify::new(),
        };
        journal.begin(&found, anchor)?;
        Ok(journal)
    }

    /// Writes the frame that says how the journal was found, and syncs.
    fn begin(&self, found: &Recovered, anchor: Option<Head>) -> Result<(), AuditError> {
        let opened = Opened {
            clean: found.is_clean(),
            found: found.found,
            anchored: anchor.map(|head| head.position()),
        };
        let mut draft = Draft::default();
        minicbor::encode(&opened, draft.start())
            .map_err(|error| AuditError::Coding(error.to_string()))?;
        let mut state = self.lock();
        let active = state.active.number;
        state.closed.retain(|(number, _)| *number != active);
        let mut frames = Frames::one(&draft, Kind::Opened, found.newest_ms);
        self.write(&mut state, &mut frames).into_seq()?;
        drop(state);
        self.sync().map(drop)
    }

    /// Appends a record; it is in the kernel's hands when this returns its seq.
    ///
    /// # Errors
    /// [`AuditError::Full`], [`AuditError::Closed`], [`AuditError::Failed`] or an I/O error; then
    /// the record is not in the journal.
    pub(crate) fn append(&self, record: &Record) -> Result<u64, AuditError> {
        let ticket = self.push(record)?;
        self.write_batch(&ticket.batch);
        ticket.outcome()
    }

    /// [`Journal::append`], in one write with the records of others that are ready to run. One
    /// that is dropped meanwhile is written all the same.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub(crate) async fn hand_over(&self, record: &Record) -> Result<u64, AuditError> {
        let pushed = Pushed { journal: self, ticket: self.push(record)? };
        if !pushed.ticket.full {
            yield_now().await;
        }
        // While another worker writes, this one has better things to do than to wait for it.
        for _ in 0..MOST_YIELDS {
            if self.try_write_batch(&pushed.ticket.batch) {
                return pushed.ticket.outcome();
            }
            yield_now().await;
        }
        self.write_batch(&pushed.ticket.batch);
        pushed.ticket.outcome()
    }

    fn push(&self, record: &Record) -> Result<Ticket, AuditError> {
        DRAFT.with_borrow_mut(|draft| {
            record.write_to(draft.start())?;
            Ok(self.pending().push(draft, record.time_ms))
        })
    }

    /// Writes the frames of `batch`, unless that has been done.
    fn write_batch(&self, batch: &Arc<Batch>) {
        if !batch.is_settled() {
            self.write_pending(&mut self.lock(), batch);
        }
    }

    /// [`Journal::write_batch`], unless the state is taken; answers whether the batch is settled.
    fn try_write_batch(&self, batch: &Arc<Batch>) -> bool {
        if batch.is_settled() {
            return true;
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        self.write_pending(&mut state, batch);
        true
    }

    /// Who took a batch's frames settles it before unlocking the state: afterwards it is settled
    /// in any case.
    fn write_pending(&self, state: &mut State, batch: &Arc<Batch>) {
        let mut frames = std::mem::take(&mut state.frames);
        if self.pending().take(batch, &mut frames) {
            batch.settle(self.write(state, &mut frames));
            frames.clear();
        }
        state.frames = frames;
    }

    /// Appends the frame that marks a clean stop; no record can follow it.
    pub(crate) fn close(&self) -> Result<u64, AuditError> {
        let mut draft = Draft::default();
        draft.start();
        let mut state = self.lock();
        let pending = self.pending().batch();
        self.write_pending(&mut state, &pending);
        let mut frames = Frames::one(&draft, Kind::Closed, state.newest_ms);
        let seq = self.write(&mut state, &mut frames).into_seq()?;
        state.status = Status::Closed;
        Ok(seq)
    }

    /// Appends `frames`, as many as can be.
    fn write(&self, state: &mut State, frames: &mut Frames) -> Outcome {
        let first_seq = state.head.seq + 1;
        let placed = state.check_running().and_then(|()| {
            let chain = Chain { key: self.keys.chain(self.keys.current())?, node: self.node };
            frames.continue_chain(chain, state.head);
            self.place(state, frames)
        });
        let written = usize::try_from(state.head.seq + 1 - first_seq).unwrap_or(usize::MAX);
        if written > 0 && !std::mem::replace(&mut state.dirty, true) {
            self.dirty.notify_one();
        }
        Outcome { first_seq, written, error: placed.err() }
    }

    /// Writes the frames' bytes into the active segment and, if need be, into the next ones.
    fn place(&self, state: &mut State, frames: &Frames) -> Result<(), AuditError> {
        let (mut next, mut most) = (0, usize::MAX);
        while let Some(mark) = frames.mark(next) {
            let begun = state.active.end > HEADER_LEN as u64;
            let room = self.options.segment_bytes.saturating_sub(state.active.end);
            let count = frames.fitting(next, room).max(usize::from(!begun)).min(most);
            if count == 0 {
                self.roll(state, mark.time_ms)?;
                continue;
            }
            match state.active.file.write_at(frames.slice(next, count), state.active.end) {
                Ok(()) => state.advance(frames, next, count),
                // Of several frames those are taken that can be.
                Err(_) if count > 1 => {
                    most = 1;
                    continue;
                }
                // This segment was not preallocated; a spare one may be there.
                Err(error) if error.kind() == io::ErrorKind::StorageFull && begun => {
                    self.roll(state, mark.time_ms)?;
                    continue;
                }
                Err(error) => return Err(AuditError::io(&raw_name(state.active.number), error)),
            }
            next += count;
        }
        Ok(())
    }

    /// Goes on in a new segment.
    fn roll(&self, state: &mut State, time_ms: i64) -> Result<(), AuditError> {
        let (number, last_seq) = (state.active.number, state.head.seq);
        let old = state.active.file.clone();
        self.start_segment(state, number + 1, time_ms)?;
        state.unsynced.push(old);
        state.closed.push((number, last_seq));
        self.rolled.notify_one();
        Ok(())
    }

    fn start_segment(
        &self,
        state: &mut State,
        number: u64,
        opened_ms: i64,
    ) -> Result<(), AuditError> {
        let generation = self.keys.current();
        let header = header(self.node, generation, state.head, number, opened_ms);
        let (disk, dir) = (&*self.disk, &self.options.dir);
        state.active = match state.spares.pop() {
            Some(spare) => {
                let name = raw_name(number);
                disk.rename(&join(dir, &spare.name), &join(dir, &name)).map_err(at(&name))?;
                start(spare.file, &header)?
            }
            None if state.full => return Err(AuditError::Full),
            None => {
                let created = create_segment(disk, &self.options, &header);
                state.full |= matches!(created, Err(AuditError::Full));
                created?
            }
        };
        state.names_changed = true;
        Ok(())
    }

    /// Makes every frame appended so far durable. Blocks; one caller at a time.
    ///
    /// # Errors
    /// [`AuditError::Failed`]; from then on nothing is taken.
    pub(crate) fn sync(&self) -> Result<Head, AuditError> {
        let (files, names_changed, head) = self.lock().take_unsynced();
        let names = || match names_changed {
            true => self.disk.sync_dir(&self.options.dir),
            false => Ok(()),
        };
        match files.iter().try_for_each(|file| file.sync_data()).and_then(|()| names()) {
            Ok(()) => {
                self.progress.send_replace(Progress { synced: head, failed: false });
                Ok(head)
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Takes no more: what was appended may be lost.
    pub(crate) fn fail(&self, error: &io::Error) -> AuditError {
        let reason = error.to_string();
        tracing::error!(%reason, "the audit journal could not be made durable");
        self.lock().status = Status::Failed(reason.clone());
        self.progress.send_modify(|progress| progress.failed = true);
        AuditError::Failed(reason)
    }

    /// Waits until the frame `seq` is durable.
    ///
    /// # Errors
    /// [`AuditError::Failed`] if it never will be.
    pub(crate) async fn synced(&self, seq: u64) -> Result<(), AuditError> {
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.failed || progress.synced.seq >= seq)
            .await
            .map_err(|_| AuditError::Stopped)?;
        let done = reached.synced.seq >= seq;
        drop(reached);
        if done { Ok(()) } else { self.lock().check_running().and(Err(AuditError::Stopped)) }
    }

    /// How far the journal is durable.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The newest frame's seq.
    pub(crate) fn seq(&self) -> u64 {
        self.lock().head.seq
    }

    /// Whether records are taken and room for further ones could be allocated.
    pub(crate) fn is_sound(&self) -> bool {
        let state = self.lock();
        !state.full && state.check_running().is_ok()
    }

    pub(crate) fn pause_retention(&self, paused: bool) {
        self.retention_paused.store(paused, Ordering::Relaxed);
        self.lock().pruned_ms = None;
    }

    pub(crate) fn retention_is_paused(&self) -> bool {
        self.retention_paused.load(Ordering::Relaxed)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record that is pushed; written at the latest when this is dropped.
struct Pushed<'a> {
    journal: &'a Journal,
    ticket: Ticket,
}

impl Drop for Pushed<'_> {
    fn drop(&mut self) {
        self.journal.write_batch(&self.ticket.batch);
    }
}

impl State {
    /// The number of the segment being written.
    pub(crate) fn active_number(&self) -> u64 {
        self.active.number
    }

    fn check_running(&self) -> Result<(), AuditError> {
        match &self.status {
            Status::Running => Ok(()),
            Status::Closed => Err(AuditError::Closed),
            Status::Failed(reason) => Err(AuditError::Failed(reason.clone())),
        }
    }

    /// Accounts for `count` of `frames`, from `first` on, that were written.
    fn advance(&mut self, frames: &Frames, first: usize, count: usize) {
        self.active.end += frames.slice(first, count).len() as u64;
        for mark in (first..first + count).filter_map(|index| frames.mark(index)) {
            self.head = mark.head;
            self.newest_ms = self.newest_ms.max(mark.time_ms);
        }
    }

    /// What a sync must cover now, and the head it then makes durable.
    fn take_unsynced(&mut self) -> (Vec<Arc<dyn DiskFile>>, bool, Head) {
        let mut files = std::mem::take(&mut self.unsynced);
        files.push(self.active.file.clone());
        self.dirty = false;
        (files, std::mem::take(&mut self.names_changed), self.head)
    }
}

/// The segment to go on in and the chain's end: where a clean stop left them, or else at the
/// beginning of a new segment.
fn resume(
    disk: &dyn Disk,
    node: NodeId,
    keys: &AuditKeys,
    options: &Options,
    recovered: &Recovered,
) -> Result<(Active, Head), AuditError> {
    let mut head = recovered.found.map(|found| found.head).unwrap_or_default();
    if recovered.is_clean()
        && recovered.generation == keys.current()
        && let Some(found) = recovered.found
    {
        let name = raw_name(found.segment);
        let file = disk.open(&join(&options.dir, &name)).map_err(at(&name))?;
        let active = Active { number: found.segment, file: file.into(), end: found.offset };
        return Ok((active, head));
    }
    if !recovered.is_clean() {
        head.epoch = recovered.last_epoch + 1;
    }
    let number = recovered.last_number + 1;
    let header = header(node, keys.current(), head, number, recovered.newest_ms);
    Ok((create_segment(disk, options, &header)?, head))
}

fn header(node: NodeId, generation: u32, head: Head, number: u64, opened_ms: i64) -> Header {
    let Head { epoch, seq, mac } = head;
    Header { node, number, epoch, first_seq: seq + 1, previous: mac, generation, opened_ms }
}

/// A segment in a new file; the file is gone again if there is no room for it.
fn create_segment(
    disk: &dyn Disk,
    options: &Options,
    header: &Header,
) -> Result<Active, AuditError> {
    let name = raw_name(header.number);
    let path = join(&options.dir, &name);
    let file = disk.create(&path).map_err(at(&name))?;
    // Not the whole segment: a first start is to be quick, and a roll not to wait.
    let made = file.reserve(FIRST_BYTES.min(options.segment_bytes)).map_err(at(&name));
    made.and_then(|()| start(file, header)).inspect_err(|_| {
        if let Err(error) = disk.remove(&path) {
            tracing::warn!(%path, %error, "an unused audit segment stays");
        }
    })
}

fn start(file: Box<dyn DiskFile>, header: &Header) -> Result<Active, AuditError> {
    let name = raw_name(header.number);
    file.write_at(&header.encode(), 0).map_err(at(&name))?;
    Ok(Active { number: header.number, file: file.into(), end: HEADER_LEN as u64 })
}
