//! What an operator may set of the audit.

use std::time::Duration;

/// How the journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// The journal's directory, relative to the disk's root.
    pub dir: String,
    /// A segment's size in bytes.
    pub segment_bytes: u64,
    /// How many preallocated segments are kept ready: what a full disk leaves for reads.
    pub spare_segments: usize,
    /// How long a record may wait for the sync it shares with others.
    pub sync_interval: Duration,
    /// Whether [`crate::Audit::record`] waits for the sync.
    pub strict: bool,
    /// Closed segments are removed, oldest first, while all segments take more than this many
    /// bytes.
    pub retention_bytes: u64,
    /// Closed segments are removed when their newest record is older than this many days, seen
    /// from the journal's newest record.
    pub retention_days: Option<u32>,
    /// How many committed changes may wait for their record to reach the journal before
    /// [`crate::Audit::writes_allowed`] says no.
    pub queue_bound: usize,
    /// How often the head is anchored, and sums of refusals are written.
    pub anchor_interval: Duration,
    /// How often spare segments are made, closed ones compressed and old ones removed.
    pub upkeep_interval: Duration,
    /// How often the outbox is scanned for rows that nobody handed over. A row is taken when two
    /// scans have seen it.
    pub scan_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: "audit".to_owned(),
            segment_bytes: 64 * 1024 * 1024,
            spare_segments: 2,
            sync_interval: Duration::from_millis(30),
            strict: false,
            retention_bytes: 2 * 1024 * 1024 * 1024,
            retention_days: None,
            queue_bound: 8192,
            anchor_interval: Duration::from_secs(1),
            upkeep_interval: Duration::from_secs(1),
            scan_interval: Duration::from_secs(15),
        }
    }
}
