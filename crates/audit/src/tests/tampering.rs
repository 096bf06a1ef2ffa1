//! Whatever is done to a journal behind its back is found.

use strongroom_store::disk::{Disk, FaultDisk, join};

use crate::frame::Head;
use crate::segment::HEADER_LEN;
use crate::testing::{DIR, append, contents, copy, found, open, put, segments, verified};
use crate::{Evidence, Verdict, verify_journal};

/// A journal of three lives, one of which ended uncleanly, with compressed segments and one that
/// is not, all of it anchored.
fn journal() -> (FaultDisk, Head) {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 0..30);
    journal.close().unwrap();
    let anchor = journal.sync().unwrap();
    let journal = open(&disk, Some(anchor));
    append(&journal, 30..45);
    let anchor = journal.sync().unwrap();
    drop(journal);
    let journal = open(&disk, Some(anchor));
    append(&journal, 45..50);
    journal.sync().unwrap();
    journal.maintain().unwrap();
    append(&journal, 50..70);
    let anchor = journal.sync().unwrap();
    (disk, anchor)
}

fn verdict(disk: &FaultDisk, anchor: Head) -> Verdict {
    verified(disk, Some(anchor)).verdict()
}

/// The frames of a raw segment: offsets and lengths.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = HEADER_LEN;
    std::iter::from_fn(|| {
        let len = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()) as usize;
        let frame = (at, len + 8);
        at += frame.1;
        (len > 0).then_some(frame)
    })
    .collect()
}

fn used(bytes: &[u8]) -> usize {
    frames(bytes).last().map_or(HEADER_LEN, |(at, len)| at + len)
}

fn raw_segments(disk: &FaultDisk) -> Vec<String> {
    segments(disk).into_iter().filter(|name| name.ends_with(".log")).collect()
}

#[test]
fn nothing_is_found_where_nothing_was_done() {
    let (disk, anchor) = journal();
    let report = verified(&disk, Some(anchor));
    assert_eq!((report.verdict(), report.findings.clone()), (Verdict::Intact, vec![]));
    assert_eq!((report.records, report.epochs), (70, 2));
    assert!(raw_segments(&disk).len() >= 3, "{:?}", segments(&disk));
    assert!(segments(&disk).len() > raw_segments(&disk).len() + 3);
}

#[test]
fn a_flipped_bit_in_any_byte_of_a_raw_segment() {
    let (disk, anchor) = journal();
    for name in raw_segments(&disk) {
        let bytes = contents(&disk, &name);
        for offset in (0..used(&bytes)).step_by(3) {
            let forged = copy(&disk);
            forged.flip_bit(&join(DIR, &name), offset as u64).unwrap();
            assert_eq!(verdict(&forged, anchor), Verdict::Tampered, "{name}, byte {offset}");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_compressed_segment_is_found_or_changes_no_record() {
    let (disk, anchor) = journal();
    let intact = found(&disk);
    let name = segments(&disk)[1].clone();
    assert!(name.ends_with(".zst"));
    let len = contents(&disk, &name).len() as u64;
    let mut tampered = 0;
    for offset in 0..len {
        let forged = copy(&disk);
        forged.flip_bit(&join(DIR, &name), offset).unwrap();
        match verdict(&forged, anchor) {
            Verdict::Tampered => tampered += 1,
            _ => assert_eq!(found(&forged), intact, "byte {offset}"),
        }
    }
    assert!(tampered > len - 10, "{tampered} of {len}");
}

#[test]
fn a_changed_record_with_a_right_checksum() {
    let (disk, anchor) = journal();
    for name in raw_segments(&disk) {
        let bytes = contents(&disk, &name);
        for (at, len) in frames(&bytes) {
            let mut forged = bytes.clone();
            forged[at + len - 1] ^= 1;
            let crc = crc32c::crc32c(&forged[at + 8..at + len]);
            forged[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
            let other = copy(&disk);
            put(&other, &name, &forged);
            assert_eq!(verdict(&other, anchor), Verdict::Tampered, "{name}, frame at {at}");
        }
    }
}

#[test]
fn a_record_cut_out_swapped_doubled_or_moved() {
    let (disk, anchor) = journal();
    let name = raw_segments(&disk)[1].clone();
    let bytes = contents(&disk, &name);
    let all = frames(&bytes);
    let part = |(at, len): (usize, usize)| bytes[at..at + len].to_vec();
    let rebuilt = |order: &[usize]| {
        let mut forged = bytes[..HEADER_LEN].to_vec();
        order.iter().for_each(|nth| forged.extend(part(all[*nth])));
        forged.resize(bytes.len().max(forged.len()), 0);
        let other = copy(&disk);
        put(&other, &name, &forged);
        verdict(&other, anchor)
    };
    let order: Vec<usize> = (0..all.len()).collect();
    assert_eq!(rebuilt(&order), Verdict::Intact, "the test itself changes nothing");
    for nth in 0..all.len() {
        let mut cut = order.clone();
        cut.remove(nth);
        assert_eq!(rebuilt(&cut), Verdict::Tampered, "cut {nth}");
        let mut doubled = order.clone();
        doubled.insert(nth, nth);
        assert_eq!(rebuilt(&doubled), Verdict::Tampered, "doubled {nth}");
        for other in 0..nth {
            let mut swapped = order.clone();
            swapped.swap(nth, other);
            assert_eq!(rebuilt(&swapped), Verdict::Tampered, "swapped {nth} {other}");
        }
    }
}

#[test]
fn a_segment_removed_or_swapped_with_another() {
    let (disk, anchor) = journal();
    let names = segments(&disk);
    for name in &names {
        let robbed = copy(&disk);
        robbed.remove(&join(DIR, name)).unwrap();
        assert_eq!(verdict(&robbed, anchor), Verdict::Tampered, "without {name}");
    }
    for first in &names {
        for second in
            names.iter().filter(|n| *n > first && n.ends_with(".zst") == first.ends_with(".zst"))
        {
            let swapped = copy(&disk);
            put(&swapped, first, &contents(&disk, second));
            put(&swapped, second, &contents(&disk, first));
            assert_eq!(verdict(&swapped, anchor), Verdict::Tampered, "{first} and {second}");
        }
    }
}

#[test]
fn a_segment_cut_short_at_any_record() {
    let (disk, anchor) = journal();
    for name in raw_segments(&disk) {
        let bytes = contents(&disk, &name);
        for (at, _) in frames(&bytes) {
            let cut = copy(&disk);
            cut.open(&join(DIR, &name)).unwrap().set_len(at as u64).unwrap();
            assert_eq!(verdict(&cut, anchor), Verdict::Tampered, "{name} cut at {at}");
            let mut blanked = bytes.clone();
            blanked[at..].fill(0);
            let other = copy(&disk);
            put(&other, &name, &blanked);
            assert_eq!(verdict(&other, anchor), Verdict::Tampered, "{name} blanked at {at}");
        }
    }
}

#[test]
fn the_whole_journal_removed_or_replaced_by_an_older_copy() {
    let (disk, anchor) = journal();
    let older = copy(&disk);
    let journal = open(&disk, Some(anchor));
    let node = journal.node;
    append(&journal, 70..71);
    let later = journal.sync().unwrap();
    assert_eq!(verdict(&older, later), Verdict::Tampered);
    let evidence = Evidence::anchored(node, Some(later));
    let blank = FaultDisk::new();
    let report = verify_journal(&blank, DIR, Some(&evidence), &crate::testing::keys()).unwrap();
    assert_eq!(report.verdict(), Verdict::Tampered);
    // And begun anew, as a start of the server would.
    append(&open(&blank, None), 0..100);
    let report = verify_journal(&blank, DIR, Some(&evidence), &crate::testing::keys()).unwrap();
    assert_eq!(report.verdict(), Verdict::Tampered);
}

#[test]
fn a_cut_tail_stays_visible_after_the_next_start_has_moved_the_anchor() {
    let (disk, anchor) = journal();
    let name = raw_segments(&disk).pop().unwrap();
    let (at, _) = frames(&contents(&disk, &name)).pop().unwrap();
    disk.open(&join(DIR, &name)).unwrap().set_len(at as u64).unwrap();
    let journal = open(&disk, Some(anchor));
    append(&journal, 100..110);
    let moved = journal.sync().unwrap();
    let report = verified(&disk, Some(moved));
    assert_eq!(report.verdict(), Verdict::Tampered);
    assert!(report.findings.iter().any(|f| f.what.contains("records were missing")));
}

#[test]
fn frames_after_the_anchor_may_be_missing_but_not_forged() {
    let (disk, anchor) = journal();
    let journal = open(&disk, Some(anchor));
    let anchor = journal.sync().unwrap();
    append(&journal, 70..75);
    drop(journal);
    let name = raw_segments(&disk).pop().unwrap();
    let bytes = contents(&disk, &name);
    let (at, len) = frames(&bytes).pop().unwrap();

    let torn = copy(&disk);
    torn.flip_bit(&join(DIR, &name), (at + len - 1) as u64).unwrap();
    assert_eq!(verdict(&torn, anchor), Verdict::UnsyncedTail);

    let mut forged = bytes;
    forged[at + len - 1] ^= 1;
    let crc = crc32c::crc32c(&forged[at + 8..at + len]);
    forged[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    let other = copy(&disk);
    put(&other, &name, &forged);
    assert_eq!(verdict(&other, anchor), Verdict::Tampered);
}

#[test]
fn a_record_forged_after_a_kill_does_not_enter_the_chain() {
    let (disk, anchor) = journal();
    let name = raw_segments(&disk).pop().unwrap();
    let mut bytes = contents(&disk, &name);
    let end = used(&bytes);
    let (at, len) = frames(&bytes).pop().unwrap();
    let mut forged = bytes[at..at + len].to_vec();
    let seq = u64::from_le_bytes(forged[9..17].try_into().unwrap()) + 1;
    forged[9..17].copy_from_slice(&seq.to_le_bytes());
    let crc = crc32c::crc32c(&forged[8..]);
    forged[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes.truncate(end);
    bytes.extend(forged);
    put(&disk, &name, &bytes);
    assert_eq!(verdict(&disk, anchor), Verdict::Tampered);
    let journal = open(&disk, Some(anchor));
    append(&journal, 70..80);
    let moved = journal.sync().unwrap();
    let report = verified(&disk, Some(moved));
    assert_eq!((report.verdict(), report.tamperings), (Verdict::Tampered, 1));
    assert!(report.findings[0].what.contains("where no record was found"));
    assert_eq!(report.records, 80);
}
