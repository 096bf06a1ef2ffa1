//! Power losses at every moment: what was synced is there, and the loss of the rest is not taken
//! for tampering.

use std::collections::BTreeSet;

use strongroom_store::disk::FaultDisk;

use crate::frame::Head;
use crate::testing::{found, keys, open_with, options, record, verified};
use crate::{Options, Verdict};

/// What a round of work left behind.
#[derive(Default)]
struct Outcome {
    /// Records that a successful sync covered.
    synced: BTreeSet<u32>,
    anchor: Option<Head>,
}

/// Opens, appends, syncs, maintains, perhaps closes, until the power is cut.
fn work(disk: &FaultDisk, outcome: &mut Outcome, numbers: std::ops::Range<u32>, closes: bool) {
    let options = Options { spare_segments: 1, ..options() };
    let Ok(journal) = open_with(disk, outcome.anchor, keys(), options) else { return };
    let mut pending = BTreeSet::new();
    for n in numbers {
        if journal.append(&record(n)).is_err() {
            return;
        }
        pending.insert(n);
        if n % 7 == 0 {
            let Ok(head) = journal.sync() else { return };
            outcome.synced.append(&mut pending);
            // The anchor follows later, and not every time.
            if n % 3 == 0 {
                outcome.anchor = Some(head);
            }
        }
        if n % 11 == 0 && journal.maintain().is_err() {
            return;
        }
    }
    if closes
        && journal.close().is_ok()
        && let Ok(head) = journal.sync()
    {
        outcome.synced.append(&mut pending);
        outcome.anchor = Some(head);
    }
}

fn check(disk: &FaultDisk, outcome: &Outcome, label: &str) {
    let there: BTreeSet<u32> = found(disk).into_iter().collect();
    let missing: Vec<_> = outcome.synced.difference(&there).collect();
    assert!(missing.is_empty(), "{label}: synced but missing {missing:?}");
    let report = verified(disk, outcome.anchor);
    assert_ne!(report.verdict(), Verdict::Tampered, "{label}: {:#?}", report.findings);
}

#[test]
fn power_lost_at_any_moment_again_and_again() {
    for seed in 0..200 {
        let mut disk = FaultDisk::new();
        let mut outcome = Outcome::default();
        for life in 0..4_u32 {
            let label = format!("seed {seed}, life {life}");
            let moment = (seed * 37 + u64::from(life) * 101) % 230 + 3;
            disk.cut_power_after(moment);
            let numbers = life * 1000..life * 1000 + 60;
            work(&disk, &mut outcome, numbers, (seed + u64::from(life)) % 3 == 0);
            disk = disk.power_loss(seed * 10 + u64::from(life));
            if crate::NodeId::find(&disk, crate::testing::DIR).ok().flatten().is_none() {
                assert!(outcome.synced.is_empty());
                continue;
            }
            check(&disk, &outcome, &label);
        }
        // The last life is a quiet one, and its end is a clean one.
        work(&disk, &mut outcome, 9000..9100, true);
        check(&disk, &outcome, &format!("seed {seed}, at the end"));
        assert!(outcome.synced.contains(&9099));
    }
}

#[test]
fn every_record_after_the_gap_is_in_the_chain() {
    let disk = FaultDisk::new();
    let mut outcome = Outcome::default();
    disk.cut_power_after(150);
    work(&disk, &mut outcome, 0..1000, false);
    let disk = disk.power_loss(3);
    work(&disk, &mut outcome, 2000..2050, true);
    let report = verified(&disk, outcome.anchor);
    assert_eq!(report.verdict(), Verdict::Intact, "{:#?}", report.findings);
    assert_eq!(report.epochs, 2);
    assert!(report.records >= outcome.synced.len() as u64);
}
