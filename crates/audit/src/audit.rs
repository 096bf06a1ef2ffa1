//! The audit of one node: what requests are handed to.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use strongroom_model::VaultId;
use strongroom_store::disk::Disk;
use strongroom_store::{Freshness, Store};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::denials::Denials;
use crate::drain::{Drain, Work};
use crate::error::at;
use crate::frame::Head;
use crate::journal::Journal;
use crate::{
    AuditError, AuditKeys, History, NodeId, Options, Record, Report, Start, Tail, anchor, outbox,
    verify,
};

/// How long a close waits for the outbox to be drained.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// The audit of one node. Clones are the same audit; when the last one is dropped without
/// [`Audit::close`], the next start sees an unclean stop.
pub struct Audit<S: Store>(Arc<Inner<S>>);

struct Inner<S> {
    store: S,
    journal: Arc<Journal>,
    anchors: Arc<Anchors<S>>,
    denials: Arc<Denials>,
    work: mpsc::UnboundedSender<Work>,
    depth: Arc<AtomicUsize>,
    closing: watch::Sender<bool>,
    tasks: Vec<AbortHandle>,
}

/// Figures for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// The newest frame's number: records and marks, since the journal began.
    pub seq: u64,
    /// The newest durable frame's number.
    pub synced_seq: u64,
    /// Committed changes whose outbox row is not deleted yet.
    pub queue: usize,
    /// Preallocated segments at hand.
    pub spare_segments: usize,
    /// The disk was full when a spare segment was last wanted.
    pub disk_full: bool,
}

impl<S: Store> Audit<S> {
    /// Opens the journal in `options.dir` of `disk`, drains what an earlier run left in the
    /// outbox, and starts the tasks that sync, anchor and keep the files. Call it on a tokio
    /// runtime.
    ///
    /// # Errors
    /// Those of the disk and the store; [`AuditError::UnknownKey`] if a needed generation of the
    /// key is missing.
    pub async fn open(
        store: S,
        disk: Arc<dyn Disk>,
        keys: AuditKeys,
        options: Options,
    ) -> Result<Self, AuditError> {
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let node = find_node(disk.clone(), options.dir.clone()).await?;
        let anchored = anchor::read(&snapshot, &keys, node).await?;
        let open = move || Journal::open(disk, node, keys, anchored, options);
        let journal = Arc::new(spawn_blocking(open).await.map_err(|_| AuditError::Stopped)??);
        let (work, queue) = mpsc::unbounded_channel();
        let depth = Arc::new(AtomicUsize::new(0));
        let (closing, is_closing) = watch::channel(false);
        let mut drain =
            Drain::new(store.clone(), journal.clone(), queue, depth.clone(), is_closing);
        drain.reconcile().await?;
        let (store2, journal2) = (store.clone(), journal.clone());
        let anchors = Anchors { store: store2, journal: journal2, anchored: Mutex::default() };
        let (anchors, denials) = (Arc::new(anchors), Arc::<Denials>::default());
        let tasks = vec![
            tokio::spawn(sync_task(journal.clone())).abort_handle(),
            tokio::spawn(upkeep_task(journal.clone())).abort_handle(),
            tokio::spawn(anchor_task(anchors.clone(), denials.clone())).abort_handle(),
            tokio::spawn(drain.run()).abort_handle(),
        ];
        let inner = Inner { store, journal, anchors, denials, work, depth, closing, tasks };
        Ok(Self(Arc::new(inner)))
    }

    /// Appends the record of a request that changed nothing. When it returns, the kernel has it:
    /// `kill -9` loses nothing, a power loss at most the last 50 ms.
    ///
    /// # Errors
    /// [`AuditError::Full`] when the reserve is used up, [`AuditError::Closed`],
    /// [`AuditError::Failed`] or an I/O error: the request must then be refused with 503.
    pub fn append(&self, record: &Record) -> Result<(), AuditError> {
        self.0.journal.append(record).map(drop)
    }

    /// Appends and waits until the record is durable. Records appended meanwhile share the sync.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub async fn append_strict(&self, record: &Record) -> Result<(), AuditError> {
        let seq = self.0.journal.hand_over(record).await?;
        self.synced(seq).await
    }

    /// [`Audit::append_strict`] if the options say so, else what [`Audit::append`] does, in one
    /// write with the records of other requests that are ready.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub async fn record(&self, record: &Record) -> Result<(), AuditError> {
        if self.0.journal.options.strict {
            self.append_strict(record).await
        } else {
            self.0.journal.hand_over(record).await.map(drop)
        }
    }

    /// Takes the record of a request that was refused before anybody was known: for want of a
    /// token, or a sign-in that failed. Above ten a second from one address (IPv6: one /64) they
    /// are summed into one record with a `count`. Refusals of authenticated callers do not belong
    /// here.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub async fn denied(&self, record: Record) -> Result<(), AuditError> {
        match self.0.denials.offer(record) {
            Some(record) => self.record(&record).await,
            None => Ok(()),
        }
    }

    /// The row to be put into the transaction that decides a change: key and value.
    ///
    /// # Errors
    /// [`AuditError::Coding`], a defect.
    pub fn outbox_row(
        &self,
        vault: VaultId,
        record: &Record,
    ) -> Result<(Bytes, Bytes), AuditError> {
        outbox::row(&self.0.journal.keys, vault, record)
    }

    /// Hands over a row that was committed. Never waits; whoever forgets it loses nothing, a
    /// later scan finds the row.
    pub fn committed(&self, key: Bytes, record: Record) {
        self.0.depth.fetch_add(1, Ordering::Relaxed);
        if self.0.work.send(Work::Row(key, Box::new(record))).is_err() {
            tracing::warn!("the audit is closed: a record stays in the outbox");
        }
    }

    /// Whether changes may be made: the drain keeps up and the disk has room. If not, refuse
    /// them with 503; it passes by itself.
    pub fn writes_allowed(&self) -> bool {
        let keeps_up = self.0.depth.load(Ordering::Relaxed) < self.0.journal.options.queue_bound;
        keeps_up && self.0.journal.is_sound()
    }

    /// Verifies the whole journal, its anchor and the outbox, while it is in use.
    ///
    /// # Errors
    /// Those of the disk and the store. What is wrong with the journal stands in the report.
    pub async fn verify(&self) -> Result<Report, AuditError> {
        let journal = &self.0.journal;
        let snapshot = self.0.store.snapshot(Freshness::Linearizable).await?;
        let (disk, dir) = (journal.disk.clone(), journal.options.dir.clone());
        verify(disk, dir, &snapshot, journal.keys.clone()).await
    }

    /// A reader of the journal's records.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn tail(&self, start: Start) -> Result<Tail, AuditError> {
        let journal = &self.0.journal;
        Tail::new(journal.disk.clone(), &journal.options.dir, start)
    }

    /// A reader of the journal's records, newest first.
    pub fn history(&self) -> History {
        let journal = &self.0.journal;
        History::new(journal.disk.clone(), &journal.options.dir)
    }

    /// The journal's node.
    pub fn node(&self) -> NodeId {
        self.0.journal.node
    }

    /// Figures for the metrics.
    pub fn stats(&self) -> Stats {
        let (spare_segments, disk_full) = {
            let state = self.0.journal.lock();
            (state.spares.len(), state.full)
        };
        Stats {
            seq: self.0.journal.seq(),
            synced_seq: self.0.journal.progress().synced.seq,
            queue: self.0.depth.load(Ordering::Relaxed),
            spare_segments,
            disk_full,
        }
    }

    /// Pauses or resumes the retention by days, for when the clock is not trusted.
    pub fn pause_retention(&self, paused: bool) {
        self.0.journal.pause_retention(paused);
    }

    /// Drains the outbox, marks a clean stop, syncs, anchors, and ends the tasks. Later appends
    /// are refused with [`AuditError::Closed`].
    ///
    /// # Errors
    /// Those of the disk and the store; the next start then sees an unclean stop.
    pub async fn close(&self) -> Result<(), AuditError> {
        let (done, drained) = oneshot::channel();
        if self.0.work.send(Work::Flush(done)).is_ok()
            && timeout(CLOSE_PATIENCE, drained).await.is_err()
        {
            tracing::warn!("records stay in the outbox until the next start");
        }
        self.0.closing.send_replace(true);
        for sum in self.0.denials.end_window() {
            self.append(&sum)?;
        }
        let marked = self.0.journal.close();
        self.synced(self.0.journal.seq()).await?;
        self.0.anchors.renew().await?;
        self.0.stop();
        marked.map(drop)
    }

    async fn synced(&self, seq: u64) -> Result<(), AuditError> {
        self.0.journal.urgent.notify_one();
        self.0.journal.synced(seq).await
    }
}

impl<S: Store> Clone for Audit<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Store> fmt::Debug for Audit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("node", &self.node()).finish_non_exhaustive()
    }
}

impl<S> Inner<S> {
    fn stop(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn find_node(disk: Arc<dyn Disk>, dir: String) -> Result<NodeId, AuditError> {
    let find = move || {
        disk.create_dir(&dir).map_err(at(&dir))?;
        NodeId::find_or_draw(&*disk, &dir)
    };
    spawn_blocking(find).await.map_err(|_| AuditError::Stopped)?
}

/// Keeps the node's anchor in the store.
struct Anchors<S> {
    store: S,
    journal: Arc<Journal>,
    /// Held while an anchor is written, so that none goes back.
    anchored: Mutex<Head>,
}

impl<S: Store> Anchors<S> {
    /// Anchors the newest durable frame, if it is not anchored yet.
    async fn renew(&self) -> Result<(), AuditError> {
        let mut anchored = self.anchored.lock().await;
        let synced = self.journal.progress().synced;
        if *anchored != synced {
            anchor::write(&self.store, &self.journal.keys, self.journal.node, synced).await?;
            *anchored = synced;
        }
        Ok(())
    }
}

async fn anchor_task<S: Store>(anchors: Arc<Anchors<S>>, denials: Arc<Denials>) {
    let mut ticks = interval(anchors.journal.options.anchor_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for sum in denials.end_window() {
            if let Err(error) = anchors.journal.append(&sum) {
                tracing::error!(%error, count = sum.count, "a sum of refusals is lost");
            }
        }
        if let Err(error) = anchors.renew().await {
            tracing::warn!(%error, "the audit journal could not be anchored");
        }
    }
}

async fn sync_task(journal: Arc<Journal>) {
    loop {
        journal.dirty.notified().await;
        tokio::select! {
            () = sleep(journal.options.sync_interval) => {}
            () = journal.urgent.notified() => {}
        }
        let blocking = journal.clone();
        match spawn_blocking(move || blocking.sync()).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return,
            // Whoever waits must not wait for ever.
            Err(_) => return drop(journal.fail(&io::Error::other("the sync was interrupted"))),
        }
    }
}

async fn upkeep_task(journal: Arc<Journal>) {
    loop {
        let blocking = journal.clone();
        match spawn_blocking(move || blocking.maintain()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "upkeep of the audit journal failed"),
            Err(_) => return,
        }
        tokio::select! {
            () = sleep(journal.options.upkeep_interval) => {}
            () = journal.rolled.notified() => {}
        }
    }
}
