//! Log segments made ready before they are needed, so that a commit seldom waits for one.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strongroom_store::disk::{self, Disk};

/// How many segments are kept ready.
const READY: usize = 2;

/// How many used segments are kept for reuse rather than removed.
const KEPT: usize = 8;

/// How long a commit waits for a segment that is being made.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names of spare segments begin with this.
pub(crate) const PREFIX: &str = "spare-";

/// Spare segments in the log's directory.
#[derive(Debug)]
pub(crate) struct Spares {
    disk: Arc<dyn Disk>,
    dir: String,
    segment_bytes: u64,
    stock: Mutex<Stock>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stock {
    ready: VecDeque<String>,
    /// The number of the next spare's name.
    next: u64,
    /// Why the last attempt to make one failed; cleared by the next attempt.
    failure: Option<io::Error>,
    stopped: bool,
}

impl Spares {
    /// Those found in `dir`: `names`, in any state; they are used again.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: u64,
        names: Vec<String>,
    ) -> Self {
        let numbers = names.iter().filter_map(|n| n.strip_prefix(PREFIX)?.parse::<u64>().ok());
        let next = numbers.max().map_or(0, |newest| newest + 1);
        let stock = Stock { ready: names.into(), next, ..Stock::default() };
        Self {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            stock: Mutex::new(stock),
            changed: Condvar::new(),
        }
    }

    /// Makes spares whenever they run low, until [`Spares::stop`].
    pub(crate) fn run(&self) {
        let mut stock = self.lock();
        while !stock.stopped {
            if stock.ready.len() >= READY || stock.failure.is_some() {
                stock = self.changed.wait(stock).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let name = stock.name();
            drop(stock);
            let made = self.make(&name);
            stock = self.lock();
            match made {
                Ok(()) => stock.ready.push_back(name),
                Err(error) => stock.failure = Some(error),
            }
            self.changed.notify_all();
        }
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// A spare's name, waiting for one if it must.
    ///
    /// An error means that there is none now (the disk is full, most likely); the next call
    /// tries again.
    pub(crate) fn take(&self) -> io::Result<String> {
        let mut stock = self.lock();
        if stock.ready.is_empty() {
            stock.failure = None;
            self.changed.notify_all();
            let waiting = |stock: &mut Stock| {
                stock.ready.is_empty() && stock.failure.is_none() && !stock.stopped
            };
            let waited = self.changed.wait_timeout_while(stock, PATIENCE, waiting);
            stock = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match (stock.ready.pop_front(), &stock.failure) {
            (Some(name), _) => {
                self.changed.notify_all();
                Ok(name)
            }
            (None, Some(error)) => Err(io::Error::new(error.kind(), error.to_string())),
            (None, None) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Takes back the used segment `name`, or removes it if there are enough.
    pub(crate) fn give(&self, name: &str) -> io::Result<()> {
        let mut stock = self.lock();
        if stock.ready.len() >= KEPT {
            drop(stock);
            return self.disk.remove(&disk::join(&self.dir, name));
        }
        let spare = stock.name();
        drop(stock);
        self.disk.rename(&disk::join(&self.dir, name), &disk::join(&self.dir, &spare))?;
        self.lock().ready.push_back(spare);
        self.changed.notify_all();
        Ok(())
    }

    fn make(&self, name: &str) -> io::Result<()> {
        let path = disk::join(&self.dir, name);
        let made = self.disk.create(&path)?.preallocate(self.segment_bytes);
        if made.is_err() {
            self.disk.remove(&path)?;
        }
        made
    }

    fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    fn name(&mut self) -> String {
        self.next += 1;
        format!("{PREFIX}{}", self.next - 1)
    }
}
