//! The real record shape: a SET puts a head, a body and an outbox row; a drain deletes the
//! outbox rows in batches.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_store::{Condition, Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn};

const HEAD: usize = 300;
const BODY: usize = 350;
const OUTBOX: usize = 450;

/// What one SET writes, in bytes (values only).
pub(crate) const SET_BYTES: usize = HEAD + BODY + OUTBOX;

/// The most outbox rows that one transaction of the drain deletes.
const DRAIN: usize = 60;

const OUTBOX_PREFIX: &[u8] = b"v/0123456789abcdef/o/";

static NEXT: AtomicU64 = AtomicU64::new(0);

fn mix(n: u64) -> u64 {
    let z = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bytes that do not compress, as sealed values do not.
fn sealed(seed: u64, len: usize) -> Bytes {
    let words = (0..len.div_ceil(8) as u64).flat_map(|n| mix(seed ^ mix(n + 1)).to_le_bytes());
    words.take(len).collect()
}

pub(crate) fn head(n: u64) -> Bytes {
    format!("v/0123456789abcdef/s/h/secret-{:016x}", mix(n)).into()
}

/// The first version's body; each later one is beside it.
fn body(n: u64, version: u64) -> Bytes {
    format!("v/0123456789abcdef/s/b/{:016x}{:016x}/{version:032x}", mix(n ^ 77), mix(n)).into()
}

fn outbox() -> (Bytes, u64) {
    let sequence = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut key = OUTBOX_PREFIX.to_vec();
    key.extend_from_slice(&sequence.to_be_bytes());
    (key.into(), sequence)
}

/// Writes `secrets` secrets, without outbox rows, twenty to a transaction.
pub(crate) async fn load<S: Store>(store: &S, secrets: u64) -> Result<(), StoreError> {
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for first in (task * 20..secrets).step_by(16 * 20) {
                    let mut txn = Txn::new();
                    for n in first..(first + 20).min(secrets) {
                        txn = txn.put(head(n), sealed(n, HEAD)).put(body(n, 0), sealed(n, BODY));
                    }
                    store.commit(txn).await?;
                }
                Ok(())
            })
        })
        .collect();
    join(tasks).await.map(drop)
}

/// Sets random secrets from `writers` tasks for `time`.
pub(crate) async fn set<S: Store>(
    store: &S,
    secrets: u64,
    writers: u64,
    time: Duration,
) -> Result<Times, StoreError> {
    let begun = Instant::now();
    let tasks = (0..writers).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut times = Times::default();
            while begun.elapsed() < time {
                let start = Instant::now();
                while !set_once(&store, secrets).await? {}
                times.add(start.elapsed());
            }
            Ok(times)
        })
    });
    let mut times = Times::merge(join(tasks.collect()).await?);
    times.over(begun.elapsed());
    Ok(times)
}

async fn set_once<S: Store>(store: &S, secrets: u64) -> Result<bool, StoreError> {
    let (key, sequence) = outbox();
    let n = mix(sequence ^ 0xabcd) % secrets;
    let snapshot = store.snapshot(Freshness::Linearizable).await?;
    let found = snapshot.get(&head(n)).await?.map_or(Revision(0), |found| found.revision);
    let txn = Txn::new()
        .require(head(n), Condition::AtRevision(found))
        .put(head(n), sealed(sequence, HEAD))
        .put(body(n, sequence + 1), sealed(sequence, BODY))
        .put(key, sealed(sequence, OUTBOX));
    Ok(matches!(store.commit(txn).await?, Outcome::Committed(_)))
}

/// Deletes outbox rows as they come, for ever.
pub(crate) async fn drain<S: Store>(store: S) -> Result<(), StoreError> {
    loop {
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let rows = snapshot.scan(OUTBOX_PREFIX, None, DRAIN).await?;
        if rows.len() < DRAIN / 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if !rows.is_empty() {
            let txn = rows.into_iter().fold(Txn::new(), |txn, (key, _)| txn.delete(key));
            store.commit(txn).await?;
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// A head, and the body it names.
    Get,
    /// A page of 25 heads.
    List,
}

/// Reads random secrets from `tasks` tasks for `time`.
pub(crate) async fn read<S: Store>(
    store: &S,
    secrets: u64,
    tasks: u64,
    work: Read,
    time: Duration,
) -> Result<Times, StoreError> {
    let begun = Instant::now();
    let tasks = (0..tasks).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut times, mut n) = (Times::default(), task);
            while begun.elapsed() < time {
                let start = Instant::now();
                n = mix(n + 1);
                let snapshot = store.snapshot(Freshness::Linearizable).await?;
                match work {
                    Read::Get => {
                        snapshot.get(&head(n % secrets)).await?;
                        snapshot.get(&body(n % secrets, 0)).await?;
                    }
                    Read::List => {
                        let after = head(n % secrets);
                        snapshot.scan(b"v/0123456789abcdef/s/h/", Some(&after), 25).await?;
                    }
                }
                times.add(start.elapsed());
            }
            Ok(times)
        })
    });
    let mut times = Times::merge(join(tasks.collect()).await?);
    times.over(begun.elapsed());
    Ok(times)
}

async fn join<T>(
    tasks: Vec<tokio::task::JoinHandle<Result<T, StoreError>>>,
) -> Result<Vec<T>, StoreError> {
    let mut done = Vec::new();
    for task in tasks {
        let ended = task.await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        done.push(ended?);
    }
    Ok(done)
}

/// How long each of many operations took.
#[derive(Default)]
pub(crate) struct Times {
    nanos: Vec<u64>,
    wall: Duration,
}

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.nanos.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn over(&mut self, wall: Duration) {
        self.nanos.sort_unstable();
        self.wall = wall;
    }

    pub(crate) fn rate(&self) -> f64 {
        self.nanos.len() as f64 / self.wall.as_secs_f64()
    }

    fn merge(all: Vec<Self>) -> Self {
        let nanos = all.into_iter().flat_map(|times| times.nanos).collect();
        Self { nanos, wall: Duration::ZERO }
    }

    /// The share `thousandths` of all took no longer than this.
    fn quantile(&self, thousandths: usize) -> Duration {
        let at = (self.nanos.len() * thousandths / 1000).min(self.nanos.len().saturating_sub(1));
        Duration::from_nanos(self.nanos.get(at).copied().unwrap_or(0))
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0}/s, p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, max {:.1?}",
            self.rate(),
            self.quantile(500),
            self.quantile(990),
            self.quantile(999),
            self.quantile(1000)
        )
    }
}
