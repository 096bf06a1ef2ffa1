//! Verification: is every record there, as it was written?
//!
//! The journal is read from its beginning (or the signed checkpoint that took a pruned
//! beginning's place) to its end. Each frame must continue the chain. What a crash may have cost
//! is known exactly: nothing that the store's anchor names or that an opening of the journal
//! found; so damage after those is an unsynced tail, and all other damage is tampering (or a
//! decayed medium). A MAC that does not fit its frame is always tampering.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use strongroom_store::Snapshot;
use strongroom_store::disk::Disk;
use tokio::task::spawn_blocking;

use crate::checkpoint::{self, Checkpoint};
use crate::frame::Head;
use crate::report::{Finding, Report};
use crate::walk::Walk;
use crate::{AuditError, AuditKeys, NodeId, anchor, outbox};

/// How often a verification begins again because the journal was pruned meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// How many anchors are read.
const MAX_ANCHORS: usize = 4096;

/// What the store says about journals.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    anchors: BTreeMap<NodeId, Head>,
    undrained: u64,
    findings: Vec<Finding>,
}

impl Evidence {
    /// Reads anchors and outbox. Take it before the journal is read, so that what it names is
    /// there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn collect<N: Snapshot>(snapshot: &N, keys: &AuditKeys) -> Result<Self, AuditError> {
        let mut evidence = Self::default();
        for (key, row) in snapshot.scan(anchor::PREFIX, None, MAX_ANCHORS).await? {
            let node = key.get(anchor::PREFIX.len()..).and_then(|id| id.try_into().ok());
            match (node, anchor::decode(keys, &key, &row.value)) {
                (Some(node), Ok(head)) => {
                    evidence.anchors.insert(NodeId::from_bytes(node), head);
                }
                (_, Err(error @ AuditError::UnknownKey(_))) => return Err(error),
                _ => evidence.forged(&key),
            }
        }
        for (key, value) in outbox::rows(snapshot).await? {
            match outbox::decode(keys, &key, &value) {
                Ok(_) => evidence.undrained += 1,
                Err(error @ AuditError::UnknownKey(_)) => return Err(error),
                Err(_) => evidence.forged(&key),
            }
        }
        Ok(evidence)
    }

    #[cfg(test)]
    pub(crate) fn anchored(node: NodeId, head: Option<Head>) -> Self {
        Self { anchors: head.map(|head| (node, head)).into_iter().collect(), ..Self::default() }
    }

    fn forged(&mut self, key: &[u8]) {
        self.findings.push(Finding {
            file: format!("store row {}", hex::encode(key)),
            offset: 0,
            seq: None,
            what: "the audit key did not sign it".to_owned(),
            tampered: true,
        });
    }
}

/// Verifies the journal in `dir` of `disk` against the store.
///
/// # Errors
/// Those of the disk and the store, and [`AuditError::UnknownKey`]. What is wrong with the
/// journal stands in the report.
pub async fn verify<N: Snapshot>(
    disk: Arc<dyn Disk>,
    dir: String,
    snapshot: &N,
    keys: AuditKeys,
) -> Result<Report, AuditError> {
    let evidence = Evidence::collect(snapshot, &keys).await?;
    let blocking = move || verify_journal(&*disk, &dir, Some(&evidence), &keys);
    spawn_blocking(blocking).await.map_err(|_| AuditError::Stopped)?
}

/// Verifies the journal in `dir` of `disk`. Blocks. Without evidence a cut tail goes unnoticed.
///
/// # Errors
/// As [`verify()`].
pub fn verify_journal(
    disk: &dyn Disk,
    dir: &str,
    evidence: Option<&Evidence>,
    keys: &AuditKeys,
) -> Result<Report, AuditError> {
    for _ in 1..MAX_ATTEMPTS {
        if let Some(report) = attempt(disk, dir, evidence, keys, true)? {
            return Ok(report);
        }
    }
    attempt(disk, dir, evidence, keys, false)?.ok_or(AuditError::Stopped)
}

/// One attempt; with `restart`, `None` if the journal was pruned meanwhile.
fn attempt(
    disk: &dyn Disk,
    dir: &str,
    evidence: Option<&Evidence>,
    keys: &AuditKeys,
    restart: bool,
) -> Result<Option<Report>, AuditError> {
    let node = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => NodeId::find(disk, dir)?,
    };
    let mut report = Report::new(node);
    for (other, head) in evidence.iter().flat_map(|e| &e.anchors) {
        if Some(*other) != node {
            let what = format!("the journal of node {other}, which the store knows, is missing");
            let (file, seq) = (dir.to_owned(), Some(head.seq));
            report.add(Finding { file, offset: 0, seq, what, tampered: true });
        }
    }
    if let Some(node) = node {
        let begin = begin(disk, dir, node, keys, &mut report)?;
        let anchor = evidence.and_then(|e| e.anchors.get(&node)).copied();
        Walk::new(disk, dir, keys, node, anchor).run(begin, &mut report)?;
        if restart && checkpoint::read(disk, dir, node, keys).ok() != Some(begin) {
            return Ok(None);
        }
    }
    if let Some(evidence) = evidence {
        report.undrained = evidence.undrained;
        evidence.findings.iter().cloned().for_each(|finding| report.add(finding));
    }
    Ok(Some(report))
}

/// Where the journal begins; a checkpoint that nobody signed is a finding.
fn begin(
    disk: &dyn Disk,
    dir: &str,
    node: NodeId,
    keys: &AuditKeys,
    report: &mut Report,
) -> Result<Option<Checkpoint>, AuditError> {
    match checkpoint::read(disk, dir, node, keys) {
        Err(AuditError::Damaged { file, what }) => {
            let what = what.to_owned();
            report.add(Finding { file, offset: 0, seq: None, what, tampered: true });
            Ok(None)
        }
        other => other,
    }
}
