//! Finding the end of the chain when a journal is opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_store::disk::{Disk, DiskFile, join};

use crate::error::at;
use crate::frame::{Chain, Found, Head, Kind, Step};
use crate::segment::{self, Forms, Header, Segment, raw_name, zst_name};
use crate::{AuditError, AuditKeys, NodeId, checkpoint};

/// What was found of a journal.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The end of the chain; `None` if there is no frame.
    pub(crate) found: Option<Found>,
    /// The newest frame marks a clean stop, and nothing follows it.
    clean: bool,
    /// The key generation at the chain's end.
    pub(crate) generation: u32,
    /// The highest segment number in use.
    pub(crate) last_number: u64,
    /// The highest epoch in use.
    pub(crate) last_epoch: u64,
    /// The segments that are not compressed.
    pub(crate) raw: Vec<u64>,
    /// A time no older than the newest segment's first record, in Unix milliseconds.
    pub(crate) newest_ms: i64,
}

impl Recovered {
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// The files that the process before may have left unsynced.
    pub(crate) fn open_raw(
        &self,
        disk: &dyn Disk,
        dir: &str,
    ) -> Result<Vec<Arc<dyn DiskFile>>, AuditError> {
        let open = |number: &u64| {
            let name = raw_name(*number);
            disk.open(&join(dir, &name)).map(Arc::from).map_err(at(&name))
        };
        self.raw.iter().map(open).collect()
    }
}

/// Finds the end of the chain in `dir`.
///
/// Up to `anchor` the frames were durable and are taken as they are (`verify` judges them); from
/// there on each must continue the chain, and the first that does not ends it: what follows was
/// not synced when the power went.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &str,
    node: NodeId,
    keys: &AuditKeys,
    anchor: Option<Head>,
) -> Result<Recovered, AuditError> {
    tidy(disk, dir)?;
    let segments = segment::list(disk, dir)?;
    let mut headers = newest_headers(disk, dir, &segments)?;
    headers.retain(|_, header| header.node == node);
    let mut recovered = Recovered {
        last_epoch: headers.values().map(|header| header.epoch).max().unwrap_or(0),
        raw: segments.iter().filter(|(_, forms)| forms.raw).map(|(number, _)| *number).collect(),
        last_number: segments.keys().next_back().copied().unwrap_or(0),
        ..Recovered::default()
    };
    if let Some(checkpoint) = checkpoint::read(disk, dir, node, keys)? {
        recovered.last_number = recovered.last_number.max(checkpoint.segment - 1);
    }
    let mut epochs: Vec<u64> = headers.values().map(|header| header.epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    for epoch in epochs.into_iter().rev() {
        let mut walk = Walk { disk, dir, keys, anchor: anchor.map(|a| a.position()), end: None };
        walk.follow(headers.values().filter(|header| header.epoch == epoch))?;
        if let Some(end) = walk.end {
            recovered.found = Some(end.found);
            recovered.generation = end.header.generation;
            recovered.newest_ms = end.header.opened_ms;
            let last = end.found.segment == recovered.last_number;
            recovered.clean = end.clean && last && recovered.raw.contains(&end.found.segment);
            break;
        }
    }
    report(&recovered, anchor);
    Ok(recovered)
}

fn report(recovered: &Recovered, anchor: Option<Head>) {
    let found = recovered.found.map_or((0, 0), |found| found.head.position());
    let anchored = anchor.map_or((0, 0), |anchor| anchor.position());
    if found < anchored {
        tracing::error!(
            ?found,
            ?anchored,
            "synced audit records are missing: \
            run `strongroom audit verify`"
        );
    } else if !recovered.clean && recovered.found.is_some() {
        tracing::warn!(?found, "the audit journal was not closed: a new epoch begins");
    }
}

/// Removes what an interrupted compression left behind.
fn tidy(disk: &dyn Disk, dir: &str) -> Result<(), AuditError> {
    for name in disk.list(dir).map_err(at(dir))? {
        if name.ends_with(".new") {
            disk.remove(&join(dir, &name)).map_err(at(&name))?;
        }
    }
    for (number, forms) in segment::list(disk, dir)? {
        if forms == (Forms { raw: true, zst: true }) {
            disk.sync_dir(dir).map_err(at(&zst_name(number)))?;
            disk.remove(&join(dir, &raw_name(number))).map_err(at(&raw_name(number)))?;
        }
    }
    Ok(())
}

/// The headers of the newest compressed segment and of all after it. Compression follows the
/// sync, so that the chain's end is among these.
fn newest_headers(
    disk: &dyn Disk,
    dir: &str,
    segments: &BTreeMap<u64, Forms>,
) -> Result<BTreeMap<u64, Header>, AuditError> {
    let mut headers = BTreeMap::new();
    for (number, forms) in segments.iter().rev() {
        let header = segment::open(disk, dir, *number)?.and_then(|segment| segment.header);
        headers.extend(header.map(|header| (*number, header)));
        if forms.zst {
            break;
        }
    }
    Ok(headers)
}

struct Walk<'a> {
    disk: &'a dyn Disk,
    dir: &'a str,
    keys: &'a AuditKeys,
    anchor: Option<(u64, u64)>,
    end: Option<End>,
}

struct End {
    found: Found,
    header: Header,
    clean: bool,
}

impl Walk<'_> {
    /// Follows the chain through the segments of one epoch.
    fn follow<'h>(&mut self, headers: impl Iterator<Item = &'h Header>) -> Result<(), AuditError> {
        let mut last: Option<(u64, Head)> = None;
        for header in headers {
            let follows = |(number, head): (u64, Head)| {
                header.number == number + 1 && header.before() == head || !self.is_past_anchor(head)
            };
            if !last.is_none_or(follows) {
                break;
            }
            let Some(mut segment) = segment::open(self.disk, self.dir, header.number)? else {
                break;
            };
            let head = self.walk(&mut segment, header)?;
            last = Some((header.number, head));
        }
        Ok(())
    }

    /// Whether the frame after `head` need not have been durable.
    fn is_past_anchor(&self, head: Head) -> bool {
        self.anchor.is_none_or(|anchor| head.position() >= anchor)
    }

    fn walk(&mut self, segment: &mut Segment, header: &Header) -> Result<Head, AuditError> {
        let chain = Chain { key: self.keys.chain(header.generation)?, node: header.node };
        let mut head = header.before();
        loop {
            let past_anchor = self.is_past_anchor(head);
            match segment.step()? {
                Step::Frame(frame) => {
                    let fits = || chain.fits(head, frame, segment.payload());
                    if frame.seq != head.seq + 1 || (past_anchor && !fits()) {
                        self.spoil();
                        return Ok(head);
                    }
                    head = Head { seq: frame.seq, mac: frame.mac, ..head };
                    let found = Found { head, segment: header.number, offset: segment.offset() };
                    let clean = frame.kind == Kind::Closed;
                    self.end = Some(End { found, header: *header, clean });
                }
                Step::Damaged(Some(mac)) if !past_anchor => {
                    head = Head { seq: head.seq + 1, mac, ..head };
                }
                Step::Damaged(_) => {
                    self.spoil();
                    return Ok(head);
                }
                Step::End => break,
            }
        }
        // Zeros where a frame begins can also be a sector that was lost.
        if self.end.as_ref().is_some_and(|end| end.clean) && !segment.rest_is_zero()? {
            self.spoil();
        }
        Ok(head)
    }

    /// What follows the end is not blank.
    fn spoil(&mut self) {
        if let Some(end) = &mut self.end {
            end.clean = false;
        }
    }
}
