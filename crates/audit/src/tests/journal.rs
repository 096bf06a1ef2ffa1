//! The journal in its ordinary life: appended to, rolled, full, compressed, pruned.

use std::collections::BTreeSet;

use strongroom_store::disk::{Disk, FaultDisk, join};

use crate::testing::{
    DIR, append, copy, found, key, keys, open, open_with, options, record, segments, tail, verified,
};
use crate::{AuditError, AuditKeys, Options, Start, Verdict};

#[test]
fn a_killed_process_loses_nothing_that_was_appended() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 1..=10);
    let anchor = journal.sync().unwrap();
    append(&journal, 11..=100);
    drop(journal);
    let journal = open(&disk, Some(anchor));
    append(&journal, 101..=110);
    let anchor = journal.sync().unwrap();
    assert_eq!(found(&disk), (1..=110).collect::<Vec<_>>());
    let report = verified(&disk, Some(anchor));
    assert_eq!((report.verdict(), report.findings.len()), (Verdict::Intact, 0));
    assert_eq!((report.epochs, report.records), (2, 110));
    assert_eq!((report.first_seq, report.last_seq), (1, 112), "two frames tell of openings");
}

#[test]
fn after_a_clean_stop_the_epoch_and_the_segment_go_on() {
    let disk = FaultDisk::new();
    let mut anchor = None;
    for round in 0..3 {
        let journal = open(&disk, anchor);
        append(&journal, [round]);
        journal.close().unwrap();
        assert!(matches!(journal.append(&record(9)), Err(AuditError::Closed)));
        anchor = Some(journal.sync().unwrap());
    }
    let report = verified(&disk, anchor);
    assert_eq!((report.verdict(), report.epochs, report.segments), (Verdict::Intact, 1, 1));
    assert_eq!(found(&disk), [0, 1, 2]);
}

#[test]
fn spare_segments_are_kept_over_a_clean_stop_only() {
    let spares = |disk: &FaultDisk| {
        disk.list(DIR).unwrap().iter().filter(|name| name.starts_with("spare")).count()
    };
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    journal.maintain().unwrap();
    journal.close().unwrap();
    journal.sync().unwrap();
    let journal = open(&disk, None);
    assert_eq!((spares(&disk), journal.lock().spares.len()), (2, 2));
    drop(journal);
    let journal = open(&disk, None);
    assert_eq!((spares(&disk), journal.lock().spares.len()), (0, 0));
}

#[test]
fn a_full_disk_takes_records_while_the_reserve_lasts_and_recovers_by_itself() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    journal.maintain().unwrap();
    disk.set_capacity(disk.used());
    let taken = (0..).take_while(|n| journal.append(&record(*n)).is_ok()).count();
    assert!(matches!(journal.append(&record(999)), Err(AuditError::Full)));
    assert!(taken >= 16, "two spare segments of eight records: {taken}");
    journal.sync().unwrap();
    disk.set_capacity(disk.used() + 100);
    journal.maintain().unwrap();
    assert!(!journal.is_sound());
    disk.set_capacity(1_000_000);
    journal.maintain().unwrap();
    assert!(journal.is_sound());
    append(&journal, [1000]);
    let anchor = journal.sync().unwrap();
    let expected: Vec<u32> = (0..u32::try_from(taken).unwrap()).chain([1000]).collect();
    assert_eq!(found(&disk), expected);
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
}

#[test]
fn the_reserve_is_used_when_a_segment_that_was_not_preallocated_cannot_grow() {
    let disk = FaultDisk::new();
    let options = Options { segment_bytes: 4 * 1024 * 1024, spare_segments: 1, ..options() };
    let journal = open_with(&disk, None, keys(), options).unwrap();
    journal.maintain().unwrap();
    // The first megabyte is preallocated; then the segment grows until the disk is full.
    disk.set_capacity(disk.used() + 1000);
    let taken = (0..12_000).take_while(|n| journal.append(&record(*n)).is_ok()).count();
    assert!(taken > 8000, "1 MiB and 4 MiB of records of 500 bytes: {taken}");
    let anchor = journal.sync().unwrap();
    drop(journal);
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
    assert_eq!(found(&disk).len(), taken);
}

#[test]
fn closed_segments_are_compressed_and_read_as_before() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 0..50);
    journal.maintain().unwrap();
    assert!(segments(&disk).iter().all(|name| name.ends_with(".log")), "nothing is synced yet");
    let anchor = journal.sync().unwrap();
    journal.maintain().unwrap();
    let names = segments(&disk);
    let (zst, raw): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.ends_with(".zst"));
    assert!(zst.len() > 3 && raw.len() == 1, "{names:?}");
    assert_eq!(found(&disk), (0..50).collect::<Vec<_>>());
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
    for (count, first) in [(0, 50), (1, 49), (7, 43), (8, 42), (20, 30), (50, 0), (51, 0)] {
        let newest = tail(&disk, Start::Newest(count));
        assert_eq!(newest, (first..50).collect::<Vec<_>>());
    }
}

#[test]
fn retention_by_bytes_leaves_a_checkpoint_that_verifies() {
    let disk = FaultDisk::new();
    let options = Options { retention_bytes: 10_000, ..options() };
    let journal = open_with(&disk, None, keys(), options).unwrap();
    let mut anchor = None;
    for round in 0..20 {
        append(&journal, round * 20..round * 20 + 20);
        anchor = Some(journal.sync().unwrap());
        journal.maintain().unwrap();
    }
    let report = verified(&disk, anchor);
    assert_eq!(report.verdict(), Verdict::Intact, "{:?}", report.findings);
    assert!(report.first_seq > 1);
    assert_eq!(report.last_seq, 401);
    let left = found(&disk);
    assert_eq!(left.last(), Some(&399));
    assert!(left.len() < 300, "{} records are left", left.len());

    let oldest = segments(&disk)[0].clone();
    for gone in [oldest.as_str(), "checkpoint"] {
        let robbed = copy(&disk);
        robbed.remove(&join(DIR, gone)).unwrap();
        assert_eq!(verified(&robbed, anchor).verdict(), Verdict::Tampered, "without {gone}");
    }
    let len = disk.open(&join(DIR, "checkpoint")).unwrap().len().unwrap();
    for offset in 0..len {
        let forged = copy(&disk);
        forged.flip_bit(&join(DIR, "checkpoint"), offset).unwrap();
        let verdict = crate::verify_journal(&forged, DIR, None, &keys()).map(|r| r.verdict());
        assert!(
            matches!(verdict, Ok(Verdict::Tampered) | Err(AuditError::UnknownKey(_))),
            "byte {offset}"
        );
    }
}

#[test]
fn retention_by_days_goes_by_the_records_and_can_be_paused() {
    let disk = FaultDisk::new();
    let options = Options { retention_days: Some(1), ..options() };
    let journal = open_with(&disk, None, keys(), options).unwrap();
    append(&journal, 0..20);
    let mut late = record(20);
    late.time_ms += 2 * 86_400_000;
    let old: BTreeSet<String> = segments(&disk).into_iter().collect();
    for _ in 0..20 {
        journal.append(&late).unwrap();
    }
    journal.sync().unwrap();
    journal.pause_retention(true);
    journal.maintain().unwrap();
    assert_eq!(found(&disk).len(), 40);
    journal.pause_retention(false);
    journal.maintain().unwrap();
    let left = found(&disk);
    assert!(old.len() > 2 && left.len() >= 20 && left.len() < 30, "{left:?}");
}

#[test]
fn after_a_failed_sync_nothing_is_taken() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 0..3);
    disk.fail_next_sync();
    assert!(matches!(journal.sync(), Err(AuditError::Failed(_))));
    assert!(matches!(journal.append(&record(3)), Err(AuditError::Failed(_))));
    assert!(!journal.is_sound());
}

#[test]
fn sixteen_threads_append_each_in_its_own_order() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let journal = &journal;
            scope.spawn(move || append(journal, thread * 1000..thread * 1000 + 200));
        }
        for _ in 0..20 {
            journal.sync().unwrap();
            journal.maintain().unwrap();
        }
    });
    let anchor = journal.sync().unwrap();
    let all = found(&disk);
    assert_eq!(all.len(), 3200);
    for thread in 0..16 {
        let own: Vec<u32> = all.iter().copied().filter(|n| n / 1000 == thread).collect();
        assert_eq!(own, (thread * 1000..thread * 1000 + 200).collect::<Vec<_>>());
    }
    let report = verified(&disk, Some(anchor));
    assert_eq!((report.verdict(), report.records), (Verdict::Intact, 3200));
}

#[test]
fn a_new_key_generation_begins_a_segment_and_old_ones_stay_verifiable() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 0..5);
    journal.close().unwrap();
    journal.sync().unwrap();
    let both = AuditKeys::new(&[key(2), key(1)]).unwrap();
    let journal = open_with(&disk, None, both.clone(), options()).unwrap();
    append(&journal, 5..10);
    journal.sync().unwrap();
    let report = crate::verify_journal(&disk, DIR, None, &both).unwrap();
    assert_eq!((report.verdict(), report.records), (Verdict::Intact, 10));
    assert_eq!((report.epochs, report.segments), (1, 2));
    let old = crate::verify_journal(&disk, DIR, None, &keys());
    assert!(matches!(old, Err(AuditError::UnknownKey(2))));
    let wrong = AuditKeys::new(&[crate::AuditKey { generation: 1, key: key(3).key }]).unwrap();
    let journal = FaultDisk::new();
    append(&open(&journal, None), 0..1);
    let report = crate::verify_journal(&journal, DIR, None, &wrong).unwrap();
    assert_eq!(report.verdict(), Verdict::Tampered);
}

#[test]
fn a_lost_or_spoilt_node_file_is_replaced_from_the_segments() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 0..3);
    let anchor = journal.sync().unwrap();
    disk.flip_bit(&join(DIR, "node"), 12).unwrap();
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
    disk.remove(&join(DIR, "node")).unwrap();
    assert_eq!(verified(&disk, Some(anchor)).verdict(), Verdict::Intact);
}
