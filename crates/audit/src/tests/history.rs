//! Records read backwards.

use std::sync::Arc;

use strongroom_store::disk::FaultDisk;

use crate::testing::{DIR, append, open};
use crate::{History, Record, Search, Spot};

const START: i64 = 1_700_000_000_000;

fn search() -> Search {
    Search { from_ms: START, to_ms: i64::MAX, before: None, records: 7, read: usize::MAX }
}

/// Every page of a search, as the numbers of its records.
fn pages(disk: &FaultDisk, mut search: Search, wanted: impl Fn(&Record) -> bool) -> Vec<Vec<i64>> {
    let history = History::new(Arc::new(disk.clone()), DIR);
    let mut pages = Vec::new();
    loop {
        let found = history.search(&search, &wanted).unwrap();
        pages.push(found.records.iter().map(|record| record.time_ms - START).collect());
        match found.next {
            None => return pages,
            // As a client brings it back.
            Some(next) => search.before = Some(next.to_string().parse::<Spot>().unwrap()),
        }
    }
}

#[test]
fn every_record_comes_once_and_the_newest_first() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 1..=60);
    journal.sync().unwrap();
    let all: Vec<i64> = (1..=60).rev().collect();
    let found = pages(&disk, search(), |_| true);
    assert!(found.iter().all(|page| page.len() <= 7));
    assert_eq!(found.concat(), all);
    // Compressed segments keep their places.
    journal.maintain().unwrap();
    assert_eq!(pages(&disk, search(), |_| true).concat(), all);
    let large = Search { records: 1_000, ..search() };
    assert_eq!(pages(&disk, large, |_| true), [all]);
}

#[test]
fn time_and_wishes_narrow_it() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 1..=60);
    journal.sync().unwrap();
    let narrow = Search { from_ms: START + 20, to_ms: START + 40, ..search() };
    let even = |record: &Record| record.time_ms % 2 == 0;
    let expected: Vec<i64> = (20..=40).rev().filter(|n| n % 2 == 0).collect();
    assert_eq!(pages(&disk, narrow, even).concat(), expected);
    assert_eq!(pages(&disk, search(), |_| false).concat(), [0; 0]);
}

#[test]
fn little_is_read_at_once() {
    let disk = FaultDisk::new();
    let journal = open(&disk, None);
    append(&journal, 1..=60);
    journal.sync().unwrap();
    let little = Search { read: 1, records: 1_000, ..search() };
    let found = pages(&disk, little, |_| true);
    assert!(found.len() > 3, "a page for each segment");
    assert_eq!(found.concat(), (1..=60).rev().collect::<Vec<i64>>());
    assert!(pages(&disk, little, |_| false).len() > 3, "pages without a record, too");
}

#[test]
fn what_is_no_spot_is_none() {
    for text in ["", "1", "1.", ".1", "1.x", "-1.0", "1.2.3"] {
        assert!(text.parse::<Spot>().is_err(), "{text}");
    }
}
