//! The drain: copies committed records from the outbox to the journal.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use strongroom_model::RequestId;
use strongroom_store::{Freshness, Store, StoreError, Txn};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::journal::Journal;
use crate::{AuditError, Record, outbox};

/// The most deletes in one transaction.
const MAX_DELETES: usize = 60;

/// The most rows that share one sync.
const MAX_BATCH: usize = 4096;

/// How many rows that a scan found are remembered, should their owner hand them over after all.
const MAX_STRAYS: usize = 4096;

const RETRY: Duration = Duration::from_millis(200);

/// What the drain is told.
pub(crate) enum Work {
    /// A row was committed.
    Row(Bytes, Box<Record>),
    /// Answer when everything before this has been done.
    Flush(oneshot::Sender<()>),
}

/// Takes over committed rows; one per node.
pub(crate) struct Drain<S> {
    pub(crate) store: S,
    pub(crate) journal: Arc<Journal>,
    pub(crate) work: mpsc::UnboundedReceiver<Work>,
    /// How many rows were handed over and not yet deleted.
    pub(crate) depth: Arc<AtomicUsize>,
    /// Turns true when the audit closes: then nothing is tried again.
    pub(crate) closing: watch::Receiver<bool>,
    seen: HashSet<Bytes>,
    strays: VecDeque<RequestId>,
}

impl<S: Store> Drain<S> {
    pub(crate) fn new(
        store: S,
        journal: Arc<Journal>,
        work: mpsc::UnboundedReceiver<Work>,
        depth: Arc<AtomicUsize>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let (seen, strays) = Default::default();
        Self { store, journal, work, depth, closing, seen, strays }
    }

    /// Drains what an earlier run left: rows whose record is not in the journal are appended, all
    /// are deleted. Rows that the audit key did not sign stay, for `verify` to find.
    pub(crate) async fn reconcile(&mut self) -> Result<(), AuditError> {
        let rows = self.rows().await?;
        let Some(oldest_ms) = rows.iter().map(|(_, record)| record.time_ms).min() else {
            return Ok(());
        };
        let Journal { disk, node, keys, options, .. } = &*self.journal;
        let journaled = outbox::journaled(&**disk, &options.dir, *node, keys, oldest_ms)?;
        let mut done = Vec::new();
        for (key, record) in rows {
            if !journaled.contains(&record.id) {
                match self.journal.append(&record) {
                    // No reason not to start: a later scan finds the row again.
                    Err(AuditError::Full) => continue,
                    other => other?,
                };
            }
            done.push(key);
        }
        self.journal.sync()?;
        self.delete(done).await;
        Ok(())
    }

    /// Works until the audit is dropped.
    pub(crate) async fn run(mut self) {
        let mut scans = interval(self.journal.options.scan_interval);
        scans.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                taken = self.work.recv_many(&mut batch, MAX_BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    self.settle(std::mem::take(&mut batch)).await;
                }
                _ = scans.tick() => self.look_for_strays().await,
            }
        }
    }

    async fn settle(&mut self, batch: Vec<Work>) {
        let (mut rows, mut waiting) = (Vec::new(), Vec::new());
        for work in batch {
            match work {
                Work::Row(key, record) => rows.push((key, *record)),
                Work::Flush(done) => waiting.push(done),
            }
        }
        let count = rows.len();
        if let Err(error) = self.copy_and_delete(rows).await {
            tracing::error!(%error, "records stay in the outbox until the next start");
        }
        self.depth.fetch_sub(count, Ordering::Relaxed);
        for done in waiting {
            // Who asked may have gone.
            let _gone = done.send(());
        }
    }

    async fn copy_and_delete(&mut self, rows: Vec<(Bytes, Record)>) -> Result<(), AuditError> {
        let mut last = None;
        for (_, record) in &rows {
            if !self.strays.contains(&record.id) {
                last = Some(self.append(record).await?);
            }
        }
        if let Some(seq) = last {
            self.journal.synced(seq).await?;
        }
        self.delete(rows.into_iter().map(|(key, _)| key).collect()).await;
        Ok(())
    }

    /// Appends, waiting for room while the disk is full.
    async fn append(&mut self, record: &Record) -> Result<u64, AuditError> {
        loop {
            match self.journal.append(record) {
                Err(AuditError::Full) if self.pause().await => {}
                other => return other,
            }
        }
    }

    /// Deletes rows, trying again until the store takes it.
    async fn delete(&mut self, mut keys: Vec<Bytes>) {
        while !keys.is_empty() {
            keys = self.try_delete(keys).await;
            if !keys.is_empty() && !self.pause().await {
                return;
            }
        }
    }

    /// Deletes rows in transactions side by side, and gives those that may still be there.
    async fn try_delete(&self, keys: Vec<Bytes>) -> Vec<Bytes> {
        let mut commits = JoinSet::new();
        for chunk in keys.chunks(MAX_DELETES) {
            let (store, chunk) = (self.store.clone(), chunk.to_vec());
            commits.spawn(async move {
                let txn = chunk.iter().cloned().fold(Txn::new(), Txn::delete);
                let outcome = store.commit(txn).await;
                (chunk, outcome)
            });
        }
        let mut left = Vec::new();
        while let Some(joined) = commits.join_next().await {
            if let Ok((chunk, Err(error))) = joined {
                tracing::warn!(%error, "the audit outbox could not be emptied");
                left.extend(chunk);
            }
        }
        left
    }

    /// Waits before another attempt; false if the audit is closing.
    async fn pause(&mut self) -> bool {
        let mut closing = self.closing.clone();
        tokio::select! {
            () = sleep(RETRY) => true,
            _ = closing.wait_for(|closing| *closing) => false,
        }
    }

    /// Drains the rows that two scans have seen: nobody hands those over any more, because their
    /// commit's outcome was unknown or their request was dropped.
    async fn look_for_strays(&mut self) {
        let rows = match self.rows().await {
            Ok(rows) => rows,
            Err(error) => return tracing::warn!(%error, "the audit outbox could not be read"),
        };
        let before: HashSet<Bytes> =
            std::mem::replace(&mut self.seen, rows.iter().map(|(key, _)| key.clone()).collect());
        let old: Vec<_> = rows.into_iter().filter(|(key, _)| before.contains(key)).collect();
        let ids: Vec<RequestId> = old.iter().map(|(_, record)| record.id).collect();
        if old.is_empty() {
            return;
        }
        tracing::info!(rows = old.len(), "records that nobody handed over are drained");
        if let Err(error) = self.copy_and_delete(old).await {
            return tracing::error!(%error, "records stay in the outbox");
        }
        self.strays.extend(ids);
        self.strays.drain(..self.strays.len().saturating_sub(MAX_STRAYS));
    }

    /// The signed rows of the outbox.
    async fn rows(&self) -> Result<Vec<(Bytes, Record)>, StoreError> {
        let snapshot = self.store.snapshot(Freshness::Linearizable).await?;
        let rows = outbox::rows(&snapshot).await?;
        let decode = |(key, value): (Bytes, Bytes)| match outbox::decode(
            &self.journal.keys,
            &key,
            &value,
        ) {
            Ok(record) => Some((key, record)),
            Err(error) => {
                tracing::error!(%error, "an outbox row is forged: run `strongroom audit verify`");
                None
            }
        };
        Ok(rows.into_iter().filter_map(decode).collect())
    }
}
