//! Power is cut at any moment, again and again: what was acknowledged is there, what was not is
//! there whole or not at all, and nothing is out of order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use strongroom_store::disk::FaultDisk;
use strongroom_store::{Freshness, Outcome, Revision, Snapshot, Store, Txn, Versioned, Write};
use strongroom_store_embedded::{EmbeddedStore, Options};

/// How many disks live through it; `STRONGROOM_POWER_LOSS_SEEDS` asks for more.
const SEEDS: u64 = 240;
const CRASHES: u64 = 3;
const WRITERS: u64 = 6;

/// Small enough that checkpoints and new segments happen between any two crashes.
fn options() -> Options {
    Options {
        memtable_bytes: 12_000,
        segment_bytes: 8 * 1024,
        base_cache_bytes: 1024 * 1024,
        ..Options::default()
    }
}

/// What was submitted, by number, and what was acknowledged.
#[derive(Default)]
struct History {
    next: AtomicU64,
    submitted: Mutex<BTreeMap<u64, Vec<Write>>>,
    acknowledged: Mutex<BTreeMap<u64, Revision>>,
}

impl History {
    /// A transaction that tells its number: a row of its own, some shared ones, and the deletion
    /// of an earlier one.
    fn transaction(&self) -> (u64, Txn) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{n}:{}", "x".repeat(usize::try_from(n * 37 % 700).unwrap()));
        let txn = Txn::new()
            .put(format!("t/{n:06}"), mark.clone())
            .put(format!("shared/{}", n % 7), mark.clone())
            .put(format!("outbox/{n:06}"), mark)
            .delete(format!("outbox/{:06}", n.saturating_sub(5)))
            .delete(format!("shared/{}", (n + 3) % 7));
        self.submitted.lock().unwrap().insert(n, txn.writes.clone());
        (n, txn)
    }

    async fn write(&self, store: &EmbeddedStore) {
        loop {
            let (n, txn) = self.transaction();
            match store.commit(txn).await {
                Ok(Outcome::Committed(revision)) => {
                    self.acknowledged.lock().unwrap().insert(n, revision);
                }
                Ok(Outcome::Conflict) => panic!("nothing was required"),
                Err(_) => return,
            }
        }
    }

    /// Checks that `store` holds all that was acknowledged, and a prefix of one order of all.
    async fn check(&self, store: &EmbeddedStore) {
        let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
        let present: BTreeMap<Revision, u64> = snapshot
            .scan(b"t/", None, usize::MAX)
            .await
            .unwrap()
            .into_iter()
            .map(|(key, row)| (row.revision, number(&key)))
            .collect();
        let newest = snapshot.revision();
        assert_eq!(present.len() as u64, newest.0, "no revision is missing");
        assert_eq!(present.keys().next_back().copied().unwrap_or_default(), newest);
        for (n, revision) in self.acknowledged.lock().unwrap().iter() {
            assert_eq!(present.get(revision), Some(n), "an acknowledged commit is lost");
        }
        let mut expected = BTreeMap::new();
        let submitted = self.submitted.lock().unwrap().clone();
        for (revision, n) in present {
            apply(&mut expected, revision, &submitted[&n]);
        }
        let rows = snapshot.scan(b"", None, usize::MAX).await.unwrap();
        assert_eq!(rows.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}

fn number(key: &[u8]) -> u64 {
    std::str::from_utf8(&key[2..]).unwrap().parse().unwrap()
}

fn apply(rows: &mut BTreeMap<Bytes, Versioned>, revision: Revision, writes: &[Write]) {
    for write in writes {
        match &write.value {
            Some(value) => {
                rows.insert(write.key.clone(), Versioned { revision, value: value.clone() });
            }
            None => drop(rows.remove(&write.key)),
        }
    }
}

/// Writes from several tasks until the power fails.
async fn write_until_dark(store: &EmbeddedStore, history: &Arc<History>) {
    let writers = (0..WRITERS).map(|_| {
        let (store, history) = (store.clone(), history.clone());
        tokio::spawn(async move { history.write(&store).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// One disk's life: several power losses, some of them while the store opens.
async fn life(seed: u64) {
    let history = Arc::new(History::default());
    let mut disk = FaultDisk::new();
    for crash in 0..CRASHES {
        let dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) + crash * 101;
        if dice.is_multiple_of(3) {
            disk.cut_power_after(dice % 23);
            drop(EmbeddedStore::open(Arc::new(disk.clone()), &options()));
            disk = disk.power_loss(dice);
        }
        let store = EmbeddedStore::open(Arc::new(disk.clone()), &options()).unwrap();
        history.check(&store).await;
        disk.cut_power_after(dice % 500);
        write_until_dark(&store, &history).await;
        drop(store);
        assert!(disk.is_dead());
        disk = disk.power_loss(dice + 1);
    }
    let store = EmbeddedStore::open(Arc::new(disk), &options()).unwrap();
    history.check(&store).await;
}

fn lives(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lived = std::panic::catch_unwind(|| runtime.block_on(life(seed)));
        assert!(lived.is_ok(), "seed {seed}");
    }
}

fn seeds() -> u64 {
    let asked = std::env::var("STRONGROOM_POWER_LOSS_SEEDS").ok();
    asked.map_or(SEEDS, |seeds| seeds.parse().unwrap())
}

#[test]
fn nothing_acknowledged_is_lost_even_seeds() {
    lives((0..seeds()).step_by(2));
}

#[test]
fn nothing_acknowledged_is_lost_odd_seeds() {
    lives((1..seeds()).step_by(2));
}
