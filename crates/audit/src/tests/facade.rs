//! The audit as requests use it: journal, outbox, anchors and tasks together.

use std::sync::Arc;
use std::time::Duration;

use strongroom_model::VaultId;
use strongroom_store::disk::{FaultDisk, RealDisk};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, Txn};
use uuid::Uuid;

use crate::testing::{DIR, found, keys, number, options, record};
use crate::{Audit, AuditError, Evidence, Options, ReadDisk, Start, Tail, Verdict, verify_journal};

const VAULT: VaultId = VaultId(Uuid::from_u128(77));

async fn open(store: &MemoryStore, disk: &FaultDisk, options: Options) -> Audit<MemoryStore> {
    Audit::open(store.clone(), Arc::new(disk.clone()), keys(), options).await.unwrap()
}

async fn rows(store: &MemoryStore) -> usize {
    let snapshot = store.snapshot(Freshness::Cached).await.unwrap();
    snapshot.scan(b"o/", None, 10_000).await.unwrap().len()
}

/// Commits a change with its row, as an operation does.
async fn change(audit: &Audit<MemoryStore>, store: &MemoryStore, n: u32) -> bytes::Bytes {
    let (key, value) = audit.outbox_row(VAULT, &record(n)).unwrap();
    store.commit(Txn::new().put(key.clone(), value)).await.unwrap();
    key
}

#[tokio::test]
async fn committed_changes_reach_the_journal_and_leave_the_outbox() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let audit = open(&store, &disk, options()).await;
    for n in 0..200 {
        let key = change(&audit, &store, n).await;
        audit.committed(key, record(n));
    }
    audit.close().await.unwrap();
    assert_eq!(found(&disk), (0..200).collect::<Vec<_>>());
    assert_eq!(rows(&store).await, 0);
    assert_eq!(audit.stats().queue, 0);
    let report = audit.verify().await.unwrap();
    assert_eq!((report.verdict(), report.records, report.undrained), (Verdict::Intact, 200, 0));
    assert_eq!(report.anchored_seq, Some(report.last_seq));
    assert!(matches!(audit.append(&record(1)), Err(AuditError::Closed)));
}

#[tokio::test]
async fn rows_left_by_a_crash_are_drained_once_at_the_next_start() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let audit = open(&store, &disk, options()).await;
    // Committed, but the process died before the drain took them: the first two reached the
    // journal, their rows were not deleted yet.
    for n in 0..5 {
        change(&audit, &store, n).await;
    }
    audit.append(&record(0)).unwrap();
    audit.append(&record(1)).unwrap();
    for n in 10..40 {
        audit.append(&record(n)).unwrap();
    }
    drop(audit);
    let audit = open(&store, &disk, options()).await;
    assert_eq!(rows(&store).await, 0);
    let mut all = found(&disk);
    all.sort_unstable();
    assert_eq!(all, (0..5).chain(10..40).collect::<Vec<_>>());
    let report = audit.verify().await.unwrap();
    assert_eq!((report.verdict(), report.epochs), (Verdict::Intact, 2));
}

#[tokio::test]
async fn a_row_that_nobody_hands_over_is_found_by_the_scans_and_only_counted_once() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let options = Options { scan_interval: Duration::from_millis(20), ..options() };
    let audit = open(&store, &disk, options).await;
    let key = change(&audit, &store, 1).await;
    while rows(&store).await > 0 {
        tokio::task::yield_now().await;
    }
    // Its owner comes late.
    audit.committed(key, record(1));
    audit.close().await.unwrap();
    assert_eq!(found(&disk), [1]);
}

#[tokio::test]
async fn a_forged_row_is_neither_journaled_nor_deleted_and_is_reported() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let audit = open(&store, &disk, options()).await;
    let (key, value) = audit.outbox_row(VAULT, &record(1)).unwrap();
    let (other, _) = audit.outbox_row(VAULT, &record(2)).unwrap();
    drop(audit);
    store.commit(Txn::new().put(key, value.clone()).put(other, value)).await.unwrap();
    let audit = open(&store, &disk, options()).await;
    assert_eq!((found(&disk), rows(&store).await), (vec![1], 1));
    let report = audit.verify().await.unwrap();
    assert_eq!(report.verdict(), Verdict::Tampered);
    assert!(report.findings[0].file.starts_with("store row 6f2f"));
}

#[tokio::test]
async fn a_forged_frame_does_not_make_an_undrained_record_pass_for_written() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let audit = open(&store, &disk, options()).await;
    change(&audit, &store, 1).await;
    drop(audit);
    // The frame of a record with the same id, from another node's journal.
    let foreign = FaultDisk::new();
    let journal = crate::testing::open(&foreign, None);
    crate::testing::append(&journal, [1]);
    let name = crate::testing::segments(&foreign)[0].clone();
    crate::testing::put(&disk, "0000000009.log", &crate::testing::contents(&foreign, &name));
    let audit = open(&store, &disk, options()).await;
    assert_eq!(rows(&store).await, 0);
    let genuine = audit.verify().await.unwrap();
    assert_eq!((genuine.records, genuine.verdict()), (1, Verdict::Tampered));
}

#[tokio::test]
async fn a_strict_append_is_durable_when_it_returns() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let hour = Duration::from_secs(3600);
    let slow = Options { sync_interval: hour, strict: true, ..options() };
    let audit = open(&store, &disk, slow).await;
    for n in 0..20 {
        audit.record(&record(n)).await.unwrap();
        let stats = audit.stats();
        assert_eq!(stats.seq, stats.synced_seq);
        assert_eq!(found(&disk.power_loss(u64::from(n))).last(), Some(&n));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appends_become_durable_by_themselves_and_the_head_is_anchored() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let quick = Options { anchor_interval: Duration::from_millis(20), ..options() };
    let audit = open(&store, &disk, quick).await;
    for n in 0..30 {
        audit.append(&record(n)).unwrap();
    }
    let anchored = async || {
        let snapshot = store.snapshot(Freshness::Cached).await.unwrap();
        Evidence::collect(&snapshot, &keys()).await.unwrap()
    };
    let seq = audit.stats().seq;
    let report = loop {
        let report = verify_journal(&disk, DIR, Some(&anchored().await), &keys()).unwrap();
        if report.anchored_seq == Some(seq) {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(report.verdict(), Verdict::Intact);
    let lost = disk.power_loss(5);
    assert_eq!(found(&lost), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn writes_are_refused_while_the_drain_is_behind_or_the_disk_is_full() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let hour = Duration::from_secs(3600);
    let narrow = Options {
        queue_bound: 3,
        sync_interval: hour,
        upkeep_interval: Duration::from_millis(5),
        ..options()
    };
    let audit = open(&store, &disk, narrow).await;
    assert!(audit.writes_allowed());
    for n in 0..3 {
        let key = change(&audit, &store, n).await;
        audit.committed(key, record(n));
    }
    assert!(!audit.writes_allowed());
    // A strict append brings the sync that the drain waits for.
    while audit.stats().queue > 0 {
        audit.append_strict(&record(100)).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(audit.writes_allowed());
    disk.set_capacity(disk.used());
    while audit.writes_allowed() {
        // The spares may be used up before the upkeep finds that there is room for no other.
        if let Err(error) = audit.append(&record(101)) {
            assert!(matches!(error, AuditError::Full), "{error}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(audit.stats().disk_full);
    disk.set_capacity(u64::MAX / 2);
    while !audit.writes_allowed() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn refusals_without_a_token_are_summed_and_their_sum_is_written_at_the_close() {
    let (store, disk) = (MemoryStore::new(), FaultDisk::new());
    let calm = Options { anchor_interval: Duration::from_secs(3600), ..options() };
    let audit = open(&store, &disk, calm).await;
    // The first tick of the interval comes at once: let it pass.
    tokio::time::sleep(Duration::from_millis(20)).await;
    for n in 0..100 {
        audit.denied(record(n)).await.unwrap();
    }
    audit.close().await.unwrap();
    let mut tail = Tail::new(Arc::new(disk), DIR, Start::Oldest).unwrap();
    let counts: Vec<u32> = std::iter::from_fn(|| tail.poll().unwrap()).map(|r| r.count).collect();
    assert_eq!(counts, [vec![1; 10], vec![90]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_process_follows_and_verifies_while_records_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let disk = Arc::new(RealDisk::open(dir.path()).unwrap());
    let busy = Options { upkeep_interval: Duration::from_millis(1), ..options() };
    let audit = Audit::open(store.clone(), disk, keys(), busy).await.unwrap();
    let total = 3000;
    let writer = audit.clone();
    let writing = std::thread::spawn(move || {
        for n in 0..total {
            writer.append(&record(n)).unwrap();
            std::thread::yield_now();
        }
    });
    let outside = Arc::new(ReadDisk::new(dir.path()));
    let mut tail = Tail::new(outside.clone(), DIR, Start::Oldest).unwrap();
    let mut seen = Vec::new();
    while seen.len() < total as usize {
        match tail.poll().unwrap() {
            Some(record) => seen.push(number(&record)),
            None => {
                let report = verify_journal(&*outside, DIR, None, &keys()).unwrap();
                assert_eq!(report.tamperings, 0, "{:#?}", report.findings);
                let report = audit.verify().await.unwrap();
                assert_eq!(report.tamperings, 0, "{:#?}", report.findings);
            }
        }
    }
    writing.join().unwrap();
    assert_eq!(seen, (0..total).collect::<Vec<_>>());
    audit.close().await.unwrap();
    assert_eq!(audit.verify().await.unwrap().verdict(), Verdict::Intact);
}
