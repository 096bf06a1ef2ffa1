//! One record for every request: outbox, journal, hash chain, verification.
//!
//! A request that changes nothing hands its [`Record`] to [`Audit::record`], which returns once
//! the kernel has it: `kill -9` loses none, and a task makes it durable within 50 ms. Requests
//! that are ready at the same time share a write. A request that changes something puts the row
//! of [`Audit::outbox_row`] into its deciding transaction, so that the change and its record
//! commit together, and hands it to [`Audit::committed`] afterwards; the drain copies it to the
//! journal and deletes the row.
//!
//! The journal is a chain of MACs, its head anchored in the store every second: see [`verify()`]
//! for what that shows, and [`Tail`] for reading, both also from another process.

mod anchor;
mod audit;
pub mod azure;
mod batch;
mod checkpoint;
mod denials;
mod drain;
mod error;
mod frame;
mod history;
mod journal;
mod keys;
mod maintain;
mod node;
mod options;
mod outbox;
mod read_disk;
mod record;
mod recover;
mod report;
mod segment;
mod tail;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod uri;
mod verify;
mod walk;

pub use audit::{Audit, Stats};
pub use error::AuditError;
pub use history::{Findings, History, Search, Spot};
pub use keys::{AuditKey, AuditKeys};
pub use node::NodeId;
pub use options::Options;
pub use read_disk::ReadDisk;
pub use record::{Identity, Record, Text};
pub use report::{Finding, Report, Verdict};
pub use tail::{Start, Tail};
pub use uri::audited_uri;
pub use verify::{Evidence, verify, verify_journal};
