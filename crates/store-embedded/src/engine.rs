//! The engine's threads, and the way to them.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use futures_util::Stream;
use strongroom_store::disk::{self, Disk};
use strongroom_store::feed::Feed;
use strongroom_store::{Change, Outcome, Revision, StoreError, Txn, Write};
use tokio::sync::{Semaphore, oneshot};

use crate::base::{BaseView, Readers};
use crate::checkpointer::{Alarm, Checkpointer};
use crate::committer::{Committer, Request, Waiter, apply, closed, written_bytes};
use crate::log::{Log, Segments};
use crate::memtable::Memtable;
use crate::recovery::{Found, Recovery};
use crate::shared::{Shared, Stats};
use crate::snapshot::{Below, State};
use crate::spares::Spares;
use crate::{Options, failed, format};

/// The unit in which the queue is bounded, in bytes.
const PERMIT_BYTES: usize = 1024;

/// An open store.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    requests: Sender<Request>,
    queue: Arc<Semaphore>,
    queue_permits: usize,
    segments: Arc<Segments>,
    spares: Arc<Spares>,
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    committer: JoinHandle<()>,
    others: Vec<JoinHandle<()>>,
}

impl Engine {
    pub(crate) fn open(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, StoreError> {
        let dir = options.directory.clone();
        let log_dir = disk::join(&dir, "log");
        disk.create_dir(&log_dir).map_err(|e| failed(&log_dir, &e))?;
        let id = open_format(&*disk, &dir, &log_dir)?;
        let base = BaseView::open(&*disk, &dir, options.base_cache_bytes)?;
        let mut state = State {
            revision: base.revision(),
            active: Memtable::default(),
            below: Below { frozen: None, base },
        };
        let found = Recovery::new(&disk, &log_dir, id, state.revision).run(
            &mut |revision, writes: Vec<Write>| {
                state.revision = revision;
                apply(&mut state.active, &state.below, revision, &writes)
            },
        )?;
        Self::start(disk, options, Parts { dir, log_dir, id, state, found })
    }

    fn start(
        disk: Arc<dyn Disk>,
        options: &Options,
        Parts { dir, log_dir, id, state, found }: Parts,
    ) -> Result<Self, StoreError> {
        let feed = Feed::new(state.revision, options.feed_bytes);
        let shared = Arc::new(Shared::new(state, feed));
        let segments = Arc::new(Segments::new(found.segments));
        let spares =
            Arc::new(Spares::new(disk.clone(), &log_dir, options.segment_bytes, found.spares));
        let (requests, receiver) = channel();
        let log = Log::new(disk.clone(), &log_dir, spares.clone(), segments.clone(), found.tail);
        let committer = Committer {
            requests: receiver,
            shared: shared.clone(),
            log,
            id,
            memtable_bytes: options.memtable_bytes,
            buffer: Vec::new(),
        };
        let checkpointer = Checkpointer {
            shared: shared.clone(),
            disk,
            dir,
            cache: options.base_cache_bytes,
            segments: segments.clone(),
            spares: spares.clone(),
            former: Readers::default(),
        };
        let preparer = spares.clone();
        let threads = Threads {
            others: vec![
                spawn("segments", &shared, move || preparer.run())?,
                spawn("checkpointer", &shared, move || checkpointer.run())?,
            ],
            committer: spawn("committer", &shared, move || committer.run())?,
        };
        let queue_permits = (options.queue_bytes / PERMIT_BYTES).max(1);
        Ok(Self {
            shared,
            requests,
            queue: Arc::new(Semaphore::new(queue_permits)),
            queue_permits,
            segments,
            spares,
            threads: Mutex::new(Some(threads)),
        })
    }

    pub(crate) fn state(&self) -> Arc<State> {
        self.shared.state()
    }

    pub(crate) async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let permits = (1 + written_bytes(&txn) / PERMIT_BYTES).min(self.queue_permits);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let queue = self.queue.clone();
        let permit = queue.acquire_many_owned(permits).await.map_err(|_| closed())?;
        let (answer, outcome) = oneshot::channel();
        let request = Request::Commit(Waiter { txn, answer, permit });
        self.requests.send(request).map_err(|_| closed())?;
        outcome.await.unwrap_or_else(|_| {
            let reason = "the committer ended before it answered; restart strongroom";
            Err(StoreError::Indeterminate(reason.to_owned()))
        })
    }

    pub(crate) fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + use<> {
        self.shared.feed.watch(prefix, after)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.stats(self.segments.len())
    }

    pub(crate) fn close(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Threads { committer, others }) = threads.take() else { return };
        // Whoever cannot be reached has ended already; a panic was reported by its `Alarm`.
        let _ = self.requests.send(Request::Close);
        let _ = committer.join();
        self.shared.control().stopping = true;
        self.shared.notify();
        self.spares.stop();
        for thread in others {
            let _ = thread.join();
        }
        self.queue.close();
        self.shared.feed.close();
        self.shared.state().below.base.retire();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// What opening has found, for starting.
struct Parts {
    dir: String,
    log_dir: String,
    id: u64,
    state: State,
    found: Found,
}

fn spawn(
    name: &'static str,
    shared: &Arc<Shared>,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let alarm = Alarm(shared.clone(), name);
    let started = Builder::new().name(format!("store-{name}")).spawn(move || {
        let _alarm = alarm;
        work();
    });
    started.map_err(|e| StoreError::Unavailable(format!("a thread could not be started: {e}")))
}

/// The store's id; a directory without one is a new store, unless it has a log.
fn open_format(disk: &dyn Disk, dir: &str, log_dir: &str) -> Result<u64, StoreError> {
    if let Some(id) = format::read(disk, dir)? {
        return Ok(id);
    }
    let log = disk.list(log_dir).map_err(|e| failed(log_dir, &e))?;
    if log.is_empty() {
        format::create(disk, dir)
    } else {
        Err(StoreError::Corrupt(format!("{dir} has a log but no format file")))
    }
}
