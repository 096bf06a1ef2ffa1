//! Failed syncs, full disks, decayed bits and foreign files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io;
use std::sync::Arc;

use futures_util::StreamExt;
use strongroom_store::disk::{self, Disk, DiskFile, FaultDisk};
use strongroom_store::{Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn, Versioned};
use strongroom_store_embedded::{EmbeddedStore, Options};

fn options() -> Options {
    Options {
        memtable_bytes: 40_000,
        segment_bytes: 8 * 1024,
        base_cache_bytes: 1024 * 1024,
        ..Options::default()
    }
}

fn open(disk: &FaultDisk) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open(Arc::new(disk.clone()), &options())
}

fn put(n: usize) -> Txn {
    Txn::new().put(format!("k{n:05}"), vec![7; 300])
}

async fn commit(store: &EmbeddedStore, n: usize) -> Revision {
    let Outcome::Committed(revision) = store.commit(put(n)).await.unwrap() else {
        panic!("nothing was required")
    };
    revision
}

async fn rows(store: &EmbeddedStore) -> Vec<(bytes::Bytes, Versioned)> {
    let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
    snapshot.scan(b"", None, usize::MAX).await.unwrap()
}

/// Commits until one fails, and returns how many did not.
async fn fill(store: &EmbeddedStore, from: usize) -> (usize, StoreError) {
    for n in from..from + 100_000 {
        match store.commit(put(n)).await {
            Ok(outcome) => assert!(matches!(outcome, Outcome::Committed(_))),
            Err(error) => return (n, error),
        }
    }
    panic!("the disk is never full");
}

#[tokio::test]
async fn after_a_failed_sync_the_outcome_is_unknown_and_nothing_more_is_taken() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    commit(&store, 1).await;
    disk.fail_next_sync_below("store/log/0");
    let unknown = store.commit(put(2)).await.unwrap_err();
    assert!(matches!(unknown, StoreError::Indeterminate(_)), "{unknown}");
    for n in 3..6 {
        let refused = store.commit(put(n)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    }
    assert_eq!(rows(&store).await.len(), 1, "what is not durable is not shown");
    assert!(store.stats().trouble.is_some());
    drop(store);
    let store = open(&disk).unwrap();
    commit(&store, 7).await;
}

#[tokio::test]
async fn what_a_reopened_store_shows_is_durable_though_a_sync_had_failed() {
    let mut unlucky = 0;
    for round in 0..40 {
        let disk = FaultDisk::new();
        let store = open(&disk).unwrap();
        commit(&store, 1).await;
        disk.fail_next_sync_below("store/log/0");
        store.commit(put(2 + round)).await.unwrap_err();
        drop(store);
        unlucky += usize::from(rows(&open(&disk.power_loss(7)).unwrap()).await.len() == 1);
        let reopened = open(&disk).unwrap();
        let shown = rows(&reopened).await;
        let found = open(&disk.power_loss(round as u64)).unwrap();
        assert_eq!(rows(&found).await, shown);
    }
    assert!(unlucky > 0, "the failed sync never lost anything: the test proves nothing");
}

#[tokio::test]
async fn a_failed_sync_of_the_base_stops_commits_and_loses_nothing() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    commit(&store, 0).await;
    disk.fail_next_sync_below("store/base");
    let (committed, error) = fill(&store, 1).await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(rows(&store).await.len() >= committed, "reads go on");
    drop(store);
    for seed in 0..20 {
        let store = open(&disk.power_loss(seed)).unwrap();
        assert_eq!(rows(&store).await.len(), committed);
    }
    assert_eq!(rows(&open(&disk).unwrap()).await.len(), committed);
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_space_and_reads_go_on() {
    for spare in [0, 9_000, 30_000, 200_000, 6_000_000] {
        let disk = FaultDisk::new();
        let store = open(&disk).unwrap();
        commit(&store, 0).await;
        disk.set_capacity(disk.used() + spare);
        let (committed, error) = fill(&store, 1).await;
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert_eq!(rows(&store).await.len(), committed, "refused means not written");
        let again = store.commit(put(committed)).await.unwrap_err();
        assert!(matches!(again, StoreError::Unavailable(_)), "{again}");
        disk.set_capacity(1 << 40);
        recover(&store, committed).await;
        assert_eq!(rows(&store).await.len(), committed + 1);
        drop(store);
        assert_eq!(rows(&open(&disk.power_loss(spare)).unwrap()).await.len(), committed + 1);
    }
}

/// A disk that never says that it is nearly full, so that checkpoints run into its end.
#[derive(Debug)]
struct Optimist(FaultDisk);

impl Disk for Optimist {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(path)
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.create(path)
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.0.create_dir(dir)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.0.sync_dir(dir)
    }

    fn free_space(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

#[tokio::test]
async fn a_checkpoint_that_runs_into_a_full_disk_is_made_good_later() {
    for spare in [150_000, 400_000, 900_000] {
        let disk = FaultDisk::new();
        let store = EmbeddedStore::open(Arc::new(Optimist(disk.clone())), &options()).unwrap();
        commit(&store, 0).await;
        disk.set_capacity(disk.used() + spare);
        let (committed, error) = fill(&store, 1).await;
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert_eq!(count(&store).await, committed);
        disk.set_capacity(1 << 40);
        for n in committed..committed + 400 {
            recover(&store, n).await;
        }
        assert!(store.stats().base_revision.0 > committed as u64, "checkpoints go on");
        assert_eq!(count(&store).await, committed + 400);
        drop(store);
        let found = open(&disk.power_loss(spare)).unwrap();
        assert_eq!(rows(&found).await.len(), committed + 400);
    }
}

/// How many rows there are, asked again while the base is being opened again.
async fn count(store: &EmbeddedStore) -> usize {
    for _ in 0..500 {
        let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
        match snapshot.scan(b"", None, usize::MAX).await {
            Ok(rows) => return rows.len(),
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the base stays unreadable");
}

/// Commits `n` as soon as the store takes it, which must be soon.
async fn recover(store: &EmbeddedStore, n: usize) {
    for _ in 0..500 {
        match store.commit(put(n)).await {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the store did not recover");
}

/// A disk with a closed store of `commits` commits, and what it holds.
async fn closed(commits: usize) -> (FaultDisk, Vec<(bytes::Bytes, Versioned)>) {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    for n in 0..commits {
        commit(&store, n).await;
    }
    let held = rows(&store).await;
    store.close().await;
    (disk, held)
}

#[tokio::test]
async fn a_flipped_bit_in_the_log_of_a_closed_store_is_never_a_wrong_answer() {
    let (disk, held) = closed(20).await;
    let mut found = 0;
    for segment in log_segments(&disk) {
        let len = disk.open(&segment).unwrap().len().unwrap();
        for at in (0..len).step_by(13) {
            let damaged = disk.power_loss(0);
            damaged.flip_bit(&segment, at).unwrap();
            match open(&damaged) {
                Err(StoreError::Corrupt(what)) => {
                    assert!(what.contains(&segment), "{what}");
                    found += 1;
                }
                Err(other) => panic!("{other}"),
                Ok(store) => assert!(rows(&store).await == held, "not padding, nor beyond the end"),
            }
        }
    }
    assert!(found > 100);
}

#[tokio::test]
async fn a_flipped_bit_after_a_crash_costs_at_most_the_last_commit() {
    let (disk, held) = {
        let disk = FaultDisk::new();
        let store = open(&disk).unwrap();
        for n in 0..20 {
            commit(&store, n).await;
        }
        let held = rows(&store).await;
        (disk.power_loss(0), held)
    };
    for segment in log_segments(&disk) {
        let len = disk.open(&segment).unwrap().len().unwrap();
        for at in (0..len).step_by(13) {
            let damaged = disk.power_loss(0);
            damaged.flip_bit(&segment, at).unwrap();
            match open(&damaged) {
                Err(error) => assert!(matches!(error, StoreError::Corrupt(_)), "{error}"),
                Ok(store) => {
                    let shown = rows(&store).await;
                    assert!(shown == held || shown == held[..held.len() - 1]);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_missing_segment_is_corruption_and_is_named() {
    let (disk, _) = closed(60).await;
    let segments = log_segments(&disk);
    assert!(segments.len() > 2);
    for missing in &segments[..segments.len() - 1] {
        let damaged = disk.power_loss(0);
        damaged.remove(missing).unwrap();
        assert!(matches!(open(&damaged), Err(StoreError::Corrupt(_))), "{missing}");
    }
}

fn log_segments(disk: &FaultDisk) -> Vec<String> {
    let names = disk.list("store/log").unwrap().into_iter();
    names.filter(|n| !n.starts_with("spare")).map(|n| format!("store/log/{n}")).collect()
}

#[tokio::test]
async fn a_newer_format_and_a_lost_format_file_are_refused() {
    let (disk, _) = closed(3).await;
    let newer = b"strongroom embedded store\nformat 9\nid 0\n";
    disk::replace(&disk, "store", "format", newer).unwrap();
    let refused = open(&disk).unwrap_err();
    assert!(matches!(refused, StoreError::NewerFormat { found: 9, supported: 1 }));
    disk.remove("store/format").unwrap();
    assert!(matches!(open(&disk), Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_closed_store_refuses_commits_and_ends_watches() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    let watch = store.watch("k".into(), Revision(0));
    let revision = commit(&store, 1).await;
    store.close().await;
    store.close().await;
    let refused = store.commit(put(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    let seen: Vec<_> = watch.map(|change| change.revision).collect().await;
    assert_eq!(seen, [revision]);
}

#[tokio::test]
async fn what_lives_shortly_never_reaches_the_base() {
    let disk = FaultDisk::new();
    let store = open(&disk).unwrap();
    for n in 0..2000 {
        let txn = put(n % 10).put(format!("outbox/{n}"), vec![1; 400]);
        store.commit(txn).await.unwrap();
        store.commit(Txn::new().delete(format!("outbox/{n}"))).await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.revision, stats.checkpoints), (Revision(4000), 0));
    assert!(stats.active_bytes < 10 * 500, "{} bytes", stats.active_bytes);
    assert_eq!(rows(&store).await.len(), 10);
}
