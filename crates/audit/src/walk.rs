//! The walk along a chain, frame by frame.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_store::disk::Disk;

use crate::checkpoint::Checkpoint;
use crate::frame::{Chain, Found, Frame, Head, Opened, Step};
use crate::report::{Finding, Report};
use crate::segment::{self, HEADER_LEN, Header, Segment, raw_name};
use crate::{AuditError, AuditKeys, NodeId};

/// A position in a chain: epoch and seq.
type Position = (u64, u64);

/// The verification of one journal's chain.
pub(crate) struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a str,
    keys: &'a AuditKeys,
    node: NodeId,
    anchor: Option<Head>,
    anchor_met: bool,
    /// The segments that are there.
    numbers: BTreeSet<u64>,
    /// Where a life of the journal ended uncleanly, by segment, and where the next one began.
    ends: BTreeMap<u64, (Found, u64)>,
    /// The segment that began the chain: not the first one if the power went before that was
    /// synced.
    first: Option<u64>,
    /// The chain's end so far.
    head: Head,
    /// Whether the next segment begins another epoch.
    resumed: bool,
    /// Everything up to here was durable.
    floor: Position,
    /// Damage, and from which position on: beyond `floor` a crash explains it.
    suspects: Vec<(Position, Finding)>,
    /// What no crash explains.
    tamperings: Vec<Finding>,
    records: u64,
    segments: u64,
    epochs: BTreeSet<u64>,
}

/// Damage of which it is not yet known whether frames follow.
struct Hurt {
    before: Head,
    offset: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        disk: &'a dyn Disk,
        dir: &'a str,
        keys: &'a AuditKeys,
        node: NodeId,
        anchor: Option<Head>,
    ) -> Self {
        Self {
            disk,
            dir,
            keys,
            node,
            anchor,
            anchor_met: false,
            numbers: BTreeSet::new(),
            ends: BTreeMap::new(),
            first: None,
            head: Head::default(),
            resumed: true,
            floor: anchor.map_or((0, 0), |anchor| anchor.position()),
            suspects: Vec::new(),
            tamperings: Vec::new(),
            records: 0,
            segments: 0,
            epochs: BTreeSet::new(),
        }
    }

    /// Walks from the beginning, or from the checkpoint, to the end.
    pub(crate) fn run(
        mut self,
        begin: Option<Checkpoint>,
        report: &mut Report,
    ) -> Result<(), AuditError> {
        self.numbers = segment::list(self.disk, self.dir)?.into_keys().collect();
        self.find_ends()?;
        let mut next = Some(self.start(begin));
        while let Some(number) = next {
            next = self.segment(number)?;
        }
        self.settle(begin, report);
        Ok(())
    }

    /// Finds where each life of the journal began after an unclean stop. Only what the audit key
    /// has signed counts.
    fn find_ends(&mut self) -> Result<(), AuditError> {
        for number in self.numbers.clone() {
            let Some(mut segment) = segment::open(self.disk, self.dir, number)? else { continue };
            let Some(header) = segment.header else { continue };
            let Step::Frame(frame) = segment.step()? else { continue };
            let Some(opened) = segment.opened(frame).filter(|opened| !opened.clean) else {
                continue;
            };
            if self.chain(&header)?.fits(header.before(), frame, segment.payload()) {
                self.floor = self.floor.max((header.epoch, frame.seq));
                match opened.found {
                    Some(found) => drop(self.ends.insert(found.segment, (found, number))),
                    None => drop(self.first.get_or_insert(number)),
                }
                self.check_opening(&segment.name, &opened);
            }
        }
        Ok(())
    }

    fn check_opening(&mut self, file: &str, opened: &Opened) {
        let found = opened.found.map_or((0, 0), |found| found.head.position());
        if let Some(anchored) = opened.anchored.filter(|anchored| *anchored > found) {
            let what = format!(
                "when the journal was opened, its end was record {} and the store's anchor named \
                 record {}: records were missing",
                found.1, anchored.1
            );
            self.tampered(file, HEADER_LEN as u64, Some(anchored.1), what);
        }
    }

    /// The first segment to read.
    fn start(&mut self, begin: Option<Checkpoint>) -> u64 {
        let Some(Checkpoint { segment, before }) = begin else { return self.first.unwrap_or(1) };
        (self.head, self.resumed) = (before, false);
        let set_aside =
            |(found, resume): &&(Found, u64)| found.segment < segment && segment < *resume;
        let Some((found, resume)) = self.ends.values().find(set_aside).copied() else {
            return segment;
        };
        (self.head, self.resumed) = (found.head, true);
        resume
    }

    /// Reads one segment, and gives the number of the next.
    fn segment(&mut self, number: u64) -> Result<Option<u64>, AuditError> {
        let name = raw_name(number);
        let Some(mut segment) = segment::open(self.disk, self.dir, number)? else {
            self.suspect(&name, 0, "the segment is missing");
            return Ok(self.skip(number));
        };
        let Some(header) = segment.header else {
            self.suspect(&segment.name, 0, "the segment's header is torn or missing");
            return Ok(self.skip(number));
        };
        self.segments += 1;
        self.epochs.insert(header.epoch);
        self.enter(&segment.name, number, &header);
        let (hurt, stopped) = self.frames(&mut segment, &header)?;
        if let Some((found, resume)) = self.ends.get(&number).copied() {
            self.reach_end(&mut segment, hurt, stopped, &found)?;
            for aside in self.numbers.range(number + 1..resume).copied().collect::<Vec<_>>() {
                self.set_aside(aside)?;
            }
            return Ok(Some(resume));
        }
        let next = self.next(number);
        self.leave(&mut segment, hurt, next)?;
        Ok(next)
    }

    /// Goes on behind a segment that cannot be read, without an expectation.
    fn skip(&mut self, number: u64) -> Option<u64> {
        if let Some((found, resume)) = self.ends.get(&number).copied() {
            (self.head, self.resumed) = (found.head, true);
            return Some(resume);
        }
        let next = self.numbers.range(number + 1..).next().copied()?;
        let header = segment::open(self.disk, self.dir, next).ok().flatten()?.header;
        if let Some(header) = header {
            (self.head, self.resumed) = (header.before(), true);
        }
        Some(next)
    }

    /// The number of the segment that must follow, if any segment does.
    fn next(&self, number: u64) -> Option<u64> {
        self.numbers.range(number + 1..).next().map(|_| number + 1)
    }

    fn enter(&mut self, file: &str, number: u64, header: &Header) {
        if (header.number, header.node) != (number, self.node) {
            let what = format!("this is segment {} of node {}", header.number, header.node);
            self.tampered(file, 0, Some(header.first_seq), what);
        }
        let before = header.before();
        let follows = (before.seq, before.mac) == (self.head.seq, self.head.mac)
            && (before.epoch == self.head.epoch || self.resumed);
        if !follows {
            let what = format!(
                "the segment begins after record {}, the one before ended with record {}",
                before.seq, self.head.seq
            );
            self.suspect(file, 0, what);
        }
        (self.head, self.resumed) = (before, false);
    }

    /// Reads the frames of a segment. Gives damage that no frame follows, and whether the place
    /// was reached at which a life of the journal ended.
    fn frames(
        &mut self,
        segment: &mut Segment,
        header: &Header,
    ) -> Result<(Option<Hurt>, bool), AuditError> {
        let chain = self.chain(header)?;
        let end = self.ends.get(&header.number).map(|(found, _)| found.offset);
        let is_last = self.next(header.number).is_none();
        let mut hurt: Option<Hurt> = None;
        let mut blank_from = None;
        loop {
            let offset = segment.offset();
            if Some(offset) == end {
                return Ok((hurt, true));
            }
            match segment.step()? {
                Step::Frame(frame) => {
                    // Behind damage the MAC before is not known.
                    let checked = hurt.is_none();
                    if let Some(hurt) = hurt.take() {
                        self.damaged(&segment.name, &hurt);
                    }
                    self.frame(segment, chain, frame, offset, checked);
                }
                Step::Damaged(mac) => {
                    hurt.get_or_insert(Hurt { before: self.head, offset });
                    let Some(mac) = mac else { return Ok((hurt, false)) };
                    self.head = Head { seq: self.head.seq + 1, mac, ..self.head };
                }
                Step::End if !is_last || segment.is_blank_behind()? => return Ok((hurt, false)),
                // What follows may just have been written: it is read once more.
                Step::End if blank_from != Some(offset) => blank_from = Some(offset),
                Step::End => {
                    hurt.get_or_insert(Hurt { before: self.head, offset });
                    return Ok((hurt, false));
                }
            }
        }
    }

    fn frame(
        &mut self,
        segment: &Segment,
        chain: Chain<'_>,
        frame: Frame,
        offset: u64,
        checked: bool,
    ) {
        let seq = frame.seq;
        if seq != self.head.seq + 1 {
            let what = format!("record {seq} follows record {}", self.head.seq);
            self.tampered(&segment.name, offset, Some(seq), what);
        } else if checked && !chain.fits(self.head, frame, segment.payload()) {
            let what = "its MAC does not fit: it, or one before it, was changed".to_owned();
            self.tampered(&segment.name, offset, Some(seq), what);
        }
        self.head = Head { seq, mac: frame.mac, ..self.head };
        self.records += u64::from(segment.record(frame).is_some());
        if segment.opened(frame).is_some() {
            self.floor = self.floor.max(self.head.position());
        }
        if self.anchor.is_some_and(|anchor| anchor.position() == self.head.position()) {
            self.anchor_met = true;
            if self.anchor != Some(self.head) {
                let what = "it is not the record that the store's anchor names".to_owned();
                self.tampered(&segment.name, offset, Some(seq), what);
            }
        }
    }

    /// At the place, or short of it, where a life of the journal ended.
    fn reach_end(
        &mut self,
        segment: &mut Segment,
        hurt: Option<Hurt>,
        stopped: bool,
        found: &Found,
    ) -> Result<(), AuditError> {
        let offset = segment.offset();
        if let Some(hurt) = hurt {
            self.damaged(&segment.name, &hurt);
        } else if !stopped || self.head != found.head {
            let what = format!(
                "it ends with record {}, but when the journal was opened it ended with record {}",
                self.head.seq, found.head.seq
            );
            self.tampered(&segment.name, offset, Some(self.head.seq + 1), what);
        } else if let Step::Frame(frame) = segment.step()? {
            let what = "it stands where no record was found when the journal was opened".to_owned();
            self.tampered(&segment.name, offset, Some(frame.seq), what);
        }
        (self.head, self.resumed) = (found.head, true);
        Ok(())
    }

    /// A segment between the end of one life and the beginning of the next: it had not been
    /// synced and is no part of the chain. It may hold whole frames, and those are genuine.
    fn set_aside(&mut self, number: u64) -> Result<(), AuditError> {
        let Some(mut segment) = segment::open(self.disk, self.dir, number)? else { return Ok(()) };
        let Some(header) = segment.header else { return Ok(()) };
        let chain = self.chain(&header)?;
        let mut head = header.before();
        while let Step::Frame(frame) = segment.step()? {
            if !chain.fits(head, frame, segment.payload()) {
                let what = "it stands among records that were not synced, and was changed";
                self.tampered(&segment.name, segment.offset(), Some(frame.seq), what.to_owned());
            }
            head = Head { seq: frame.seq, mac: frame.mac, ..head };
        }
        Ok(())
    }

    /// At the end of what can be read of a segment.
    fn leave(
        &mut self,
        segment: &mut Segment,
        hurt: Option<Hurt>,
        next: Option<u64>,
    ) -> Result<(), AuditError> {
        let Some(hurt) = hurt else { return Ok(()) };
        let next = match next {
            Some(next) => segment::open(self.disk, self.dir, next)?.and_then(|next| next.header),
            None => None,
        };
        // A write that the disk cut short was made good in the next segment.
        let made_good = next.is_some_and(|next| next.before() == hurt.before);
        if made_good && !segment.is_compressed() {
            self.head = hurt.before;
        } else {
            self.damaged(&segment.name, &hurt);
        }
        Ok(())
    }

    fn chain(&self, header: &Header) -> Result<Chain<'a>, AuditError> {
        Ok(Chain { key: self.keys.chain(header.generation)?, node: self.node })
    }

    fn damaged(&mut self, file: &str, hurt: &Hurt) {
        let position = (hurt.before.epoch, hurt.before.seq + 1);
        let what = "what stands here is not a whole record".to_owned();
        let finding = Finding {
            file: file.to_owned(),
            offset: hurt.offset,
            seq: Some(position.1),
            what,
            tampered: false,
        };
        self.suspects.push((position, finding));
    }

    fn suspect(&mut self, file: &str, offset: u64, what: impl Into<String>) {
        let position = (self.head.epoch, self.head.seq + 1);
        let (file, seq, what) = (file.to_owned(), Some(position.1), what.into());
        self.suspects.push((position, Finding { file, offset, seq, what, tampered: false }));
    }

    fn tampered(&mut self, file: &str, offset: u64, seq: Option<u64>, what: String) {
        let file = file.to_owned();
        self.tamperings.push(Finding { file, offset, seq, what, tampered: true });
    }

    /// Judges the damage, now that it is known what was durable, and fills in the report.
    fn settle(mut self, begin: Option<Checkpoint>, report: &mut Report) {
        let pruned = begin.map_or((0, 0), |begin| begin.before.position());
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.position() > pruned)
            && !self.anchor_met
        {
            let what = format!(
                "the store's anchor names record {}; the journal ends with record {}, or skips it",
                anchor.seq, self.head.seq
            );
            self.tampered(self.dir, 0, Some(anchor.seq), what);
        }
        for (position, mut finding) in self.suspects {
            finding.tampered = position <= self.floor;
            report.add(finding);
        }
        self.tamperings.into_iter().for_each(|finding| report.add(finding));
        report.segments = self.segments;
        report.records = self.records;
        report.epochs = self.epochs.len() as u64;
        report.first_seq = pruned.1 + 1;
        report.last_seq = self.head.seq;
        report.anchored_seq = self.anchor.map(|anchor| anchor.seq);
    }
}
