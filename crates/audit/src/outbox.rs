//! The outbox: records of changes, committed with the change, on their way to the journal.
//!
//! A row lies at `o/<vault id 16 B>/<request id 16 B>`, so that one scan finds all of them.

use std::collections::HashSet;

use bytes::Bytes;
use strongroom_model::{RequestId, VaultId};
use strongroom_store::disk::Disk;
use strongroom_store::{Snapshot, StoreError};

use crate::frame::{Chain, Head, Step};
use crate::keys::Purpose;
use crate::{AuditError, AuditKeys, NodeId, Record, segment};

/// Every row's key begins so.
pub(crate) const PREFIX: &[u8] = b"o/";

/// How many rows are read at once.
const PAGE: usize = 256;

/// How far a row's time may lie before the time of a journal record that was appended earlier,
/// in milliseconds.
const MARGIN_MS: i64 = 60_000;

/// The most segments that are searched for records of undrained rows.
const MAX_SEARCHED: usize = 64;

pub(crate) fn key(vault: VaultId, request: RequestId) -> Bytes {
    [PREFIX, vault.as_bytes(), b"/", request.as_bytes()].concat().into()
}

/// The row of a record.
pub(crate) fn row(
    keys: &AuditKeys,
    vault: VaultId,
    record: &Record,
) -> Result<(Bytes, Bytes), AuditError> {
    let key = key(vault, record.id);
    let mut payload = Vec::with_capacity(512);
    record.write_to(&mut payload)?;
    let value = keys.sign(Purpose::Outbox, &key, &payload)?;
    Ok((key, value))
}

/// The record of a row.
pub(crate) fn decode(keys: &AuditKeys, key: &[u8], value: &[u8]) -> Result<Record, AuditError> {
    Record::read_from(keys.verify(Purpose::Outbox, key, value)?)
}

/// Every row of the outbox.
pub(crate) async fn rows<N: Snapshot>(snapshot: &N) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
    let mut found: Vec<(Bytes, Bytes)> = Vec::new();
    loop {
        let after = found.last().map(|(key, _)| key.clone());
        let page = snapshot.scan(PREFIX, after.as_deref(), PAGE).await?;
        let last = page.len() < PAGE;
        found.extend(page.into_iter().map(|(key, row)| (key, row.value)));
        if last {
            return Ok(found);
        }
    }
}

/// The ids of the records in the newest segments, back to well before `oldest_ms`, the time of
/// the oldest record that is asked about; of two segments at the least. Only frames that continue
/// their segment's chain count: a forged one must not make a record pass for written.
pub(crate) fn journaled(
    disk: &dyn Disk,
    dir: &str,
    node: NodeId,
    keys: &AuditKeys,
    oldest_ms: i64,
) -> Result<HashSet<RequestId>, AuditError> {
    let mut ids = HashSet::new();
    let numbers = segment::list(disk, dir)?.into_keys().rev().take(MAX_SEARCHED);
    for (nth, number) in numbers.enumerate() {
        let Some(mut segment) = segment::open(disk, dir, number)? else { continue };
        let Some(header) = segment.header else { continue };
        let chain = Chain { key: keys.chain(header.generation)?, node };
        let mut head = header.before();
        while let Step::Frame(frame) = segment.step()?
            && chain.fits(head, frame, segment.payload())
        {
            head = Head { seq: frame.seq, mac: frame.mac, ..head };
            ids.extend(segment.record(frame).map(|record| record.id));
        }
        if nth > 0 && header.opened_ms < oldest_ms.saturating_sub(MARGIN_MS) {
            break;
        }
    }
    Ok(ids)
}
