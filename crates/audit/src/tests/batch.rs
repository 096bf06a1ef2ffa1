//! Records of many requests in one write: polled by hand, so that every interleaving is chosen.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use strongroom_store::disk::{FaultDisk, RealDisk};
use strongroom_store::memory::MemoryStore;

use crate::journal::Journal;
use crate::testing::{
    DIR, append, found, keys, number, open, open_with, options, record, segments, verified,
};
use crate::{Audit, AuditError, Options, ReadDisk, Start, Tail, Verdict};

type HandOver<'a> = Pin<Box<dyn Future<Output = Result<u64, AuditError>> + 'a>>;

fn poll(handed: &mut HandOver<'_>) -> Poll<Result<u64, AuditError>> {
    handed.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn seq(handed: &mut HandOver<'_>) -> Result<u64, AuditError> {
    match poll(handed) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

/// Hands over the records of `numbers`: each has been polled once.
fn begin(journal: &Journal, numbers: std::ops::Range<u32>) -> Vec<HandOver<'_>> {
    let start = |n| {
        let mut handed: HandOver<'_> = Box::pin(async move { journal.hand_over(&record(n)).await });
        assert!(poll(&mut handed).is_pending(), "others may join");
        handed
    };
    numbers.map(start).collect()
}

#[test]
fn the_first_to_run_again_writes_all_in_one_write() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    let mut handed = begin(&journal, 0..5);
    assert!(found(&disk).is_empty());
    // The second change is refused.
    disk.cut_power_after(2);
    let seqs = [3, 1, 0, 2, 4].map(|at: usize| seq(&mut handed[at]).unwrap());
    assert_eq!(seqs, [5, 3, 2, 4, 6], "after the frame that tells of the opening");
    assert!(journal.append(&record(9)).is_err());
}

#[test]
fn a_lone_record_is_written_when_it_runs_again() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    for n in 0..30 {
        assert_eq!(seq(&mut begin(&journal, n..n + 1)[0]).unwrap(), u64::from(n) + 2);
        assert_eq!(found(&disk).last(), Some(&n));
    }
}

#[test]
fn one_that_is_dropped_leaves_nobody_waiting_and_its_record_written() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    let mut handed = begin(&journal, 0..3);
    drop(handed.remove(0));
    assert_eq!(found(&disk), [0, 1, 2]);
    assert_eq!(seq(&mut handed[0]).unwrap(), 3);
    drop(handed);
    drop(begin(&journal, 3..4));
    assert_eq!(found(&disk), [0, 1, 2, 3]);
}

#[test]
fn a_plain_append_comes_after_what_was_handed_over_before() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    let mut handed = begin(&journal, 0..2);
    assert_eq!(journal.append(&record(2)).unwrap(), 4);
    let mut later = begin(&journal, 3..4);
    assert_eq!(seq(&mut handed[1]).unwrap(), 3);
    assert_eq!(found(&disk), [0, 1, 2], "the next batch is not this one's to write");
    assert_eq!(seq(&mut later[0]).unwrap(), 5);
    assert_eq!(found(&disk), [0, 1, 2, 3]);
}

#[test]
fn a_batch_goes_on_in_the_next_segments() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    journal.maintain().unwrap();
    let mut handed = begin(&journal, 0..100);
    let seqs: Vec<u64> = handed.iter_mut().map(|one| seq(one).unwrap()).collect();
    assert_eq!(seqs, (2..102).collect::<Vec<_>>());
    let anchor = journal.sync().unwrap();
    assert_eq!(found(&disk), (0..100).collect::<Vec<_>>());
    assert!(segments(&disk).len() > 10, "about eight records each");
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
}

#[test]
fn what_is_pending_is_bounded() {
    let disk = FaultDisk::new();
    let options = Options { segment_bytes: 1024 * 1024, ..options() };
    let journal = open_with(&disk, None, keys(), options).unwrap();
    let mut handed = begin(&journal, 0..255);
    assert!(found(&disk).is_empty());
    let mut full: HandOver<'_> = Box::pin(async { journal.hand_over(&record(255)).await });
    assert_eq!(seq(&mut full).unwrap(), 257, "without waiting for others");
    assert_eq!(found(&disk), (0..256).collect::<Vec<_>>());
    assert_eq!(seq(&mut handed[254]).unwrap(), 256);
}

/// Which of the batch were taken: the first ones; the others all know that the disk is full.
fn taken(handed: &mut [HandOver<'_>]) -> usize {
    let outcomes: Vec<_> = handed.iter_mut().map(seq).collect();
    let taken = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    assert!(outcomes[taken..].iter().all(|outcome| matches!(outcome, Err(AuditError::Full))));
    taken
}

#[test]
fn of_a_batch_that_the_disk_has_no_room_for_those_that_fit_are_taken() {
    for room in [0, 300, 900, 1300] {
        let disk = FaultDisk::new();
        // The first megabyte is preallocated; then the segment grows.
        let large = Options { segment_bytes: 4 * 1024 * 1024, ..options() };
        let journal = open_with(&disk, None, keys(), large).unwrap();
        let preallocated = disk.used();
        let mut count = 0;
        while disk.used() == preallocated {
            append(&journal, [count]);
            count += 1;
        }
        disk.set_capacity(disk.used() + room);
        let kept = taken(&mut begin(&journal, count..count + 5));
        assert!((kept == 0) == (room < 400) && kept < 4, "{kept} records of about 500 bytes");
        let mut expected: Vec<u32> = (0..count + u32::try_from(kept).unwrap()).collect();
        assert_eq!(found(&disk), expected);
        disk.set_capacity(u64::MAX / 2);
        journal.maintain().unwrap();
        append(&journal, [9000]);
        expected.push(9000);
        let anchor = journal.sync().unwrap();
        assert_eq!(found(&disk), expected);
        assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
    }
}

#[test]
fn those_that_fit_the_last_segment_are_taken_when_there_is_no_next_one() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    disk.set_capacity(disk.used());
    let kept = taken(&mut begin(&journal, 0..20));
    assert!((6..10).contains(&kept), "about eight records: {kept}");
    disk.set_capacity(u64::MAX / 2);
    journal.maintain().unwrap();
    append(&journal, [100]);
    let anchor = journal.sync().unwrap();
    assert_eq!(found(&disk).len(), kept + 1);
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
}

#[test]
fn a_failed_write_reaches_everybody_in_the_batch() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    let mut handed = begin(&journal, 0..4);
    disk.cut_power_after(0);
    for one in &mut handed {
        let error = seq(one).unwrap_err();
        assert!(matches!(&error, AuditError::Io { file, .. } if file == "0000000001.log"));
        assert!(error.to_string().ends_with("the power is off"), "{error}");
    }
}

#[test]
fn a_stop_takes_what_was_handed_over_before_and_refuses_what_comes_after() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    let mut before = begin(&journal, 0..2);
    journal.close().unwrap();
    let mut after = begin(&journal, 2..4);
    assert_eq!(seq(&mut before[1]).unwrap(), 3);
    for one in &mut after {
        assert!(matches!(seq(one), Err(AuditError::Closed)));
    }
    assert_eq!(found(&disk), [0, 1]);
    journal.sync().unwrap();
    drop((before, after));
    drop(journal);
    open(&disk, None).close().unwrap();
    assert_eq!(verified(&disk, None).epochs, 1, "the stop was a clean one");
}

/// What `kill -9` leaves is what another process reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_record_is_taken_another_process_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(dir.path()).unwrap());
    let large = Options { segment_bytes: 64 * 1024, ..options() };
    let audit = Audit::open(MemoryStore::new(), disk, keys(), large).await.unwrap();
    let outside = Arc::new(ReadDisk::new(dir.path()));
    let run = |task: u32| {
        let (audit, outside) = (audit.clone(), outside.clone());
        tokio::spawn(async move {
            for n in 0..20 {
                let own = task * 1000 + n;
                audit.record(&record(own)).await.unwrap();
                let mut tail = Tail::new(outside.clone(), DIR, Start::Newest(300)).unwrap();
                let mut all = std::iter::from_fn(|| tail.poll().unwrap());
                assert!(all.any(|found| number(&found) == own), "{own} is missing");
            }
        })
    };
    for task in (0..32).map(run).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    audit.close().await.unwrap();
    let report = audit.verify().await.unwrap();
    assert_eq!((report.verdict(), report.records), (Verdict::Intact, 640));
}
