//! What a verification found.

use std::fmt;

use crate::NodeId;

/// The most findings that are kept in words; all are counted.
const MAX_FINDINGS: usize = 200;

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The journal's node; `None` if there is no journal.
    pub node: Option<NodeId>,
    /// The segments read.
    pub segments: u64,
    /// The records in the chain.
    pub records: u64,
    /// The lives of the journal that were met: one more for each unclean stop.
    pub epochs: u64,
    /// The first frame's number; above 1 if the beginning was pruned.
    pub first_seq: u64,
    /// The newest frame's number.
    pub last_seq: u64,
    /// The number of the frame that the store's anchor names; `None` without an anchor.
    pub anchored_seq: Option<u64>,
    /// Records still in the outbox.
    pub undrained: u64,
    /// The findings, in the order they were met; beyond some number only counted.
    pub findings: Vec<Finding>,
    /// Findings that show tampering.
    pub tamperings: u64,
    /// Findings that a crash explains.
    pub unsynced: u64,
}

/// One thing that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, or the row's key.
    pub file: String,
    /// The offset in the (uncompressed) file, in bytes.
    pub offset: u64,
    /// The number of the frame concerned, where it is known.
    pub seq: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// Whether it shows tampering (or a decayed medium); else a crash explains it.
    pub tampered: bool,
}

/// The verification in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is there as it was written.
    Intact,
    /// What was not synced when the power went is missing, and nothing else.
    UnsyncedTail,
    /// Something that was durable is missing or changed.
    Tampered,
}

impl Report {
    pub(crate) fn new(node: Option<NodeId>) -> Self {
        Self {
            node,
            segments: 0,
            records: 0,
            epochs: 0,
            first_seq: 0,
            last_seq: 0,
            anchored_seq: None,
            undrained: 0,
            findings: Vec::new(),
            tamperings: 0,
            unsynced: 0,
        }
    }

    /// The verification in a word.
    pub fn verdict(&self) -> Verdict {
        match (self.tamperings, self.unsynced) {
            (0, 0) => Verdict::Intact,
            (0, _) => Verdict::UnsyncedTail,
            _ => Verdict::Tampered,
        }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        *if finding.tampered { &mut self.tamperings } else { &mut self.unsynced } += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.tampered { "TAMPERED" } else { "not synced" };
        write!(f, "{kind}: {}, offset {}", self.file, self.offset)?;
        if let Some(seq) = self.seq {
            write!(f, ", record {seq}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Intact => "intact",
            Self::UnsyncedTail => "intact up to what was not synced at a crash",
            Self::Tampered => "TAMPERED",
        })
    }
}
