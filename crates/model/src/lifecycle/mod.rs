//! The life of an object: deleted, recovered, purged. The same rules for every kind.
//!
//! State × operation:
//!
//! | | delete | recover | purge | set |
//! |---|---|---|---|---|
//! | active | deleted | not found | not found | a new version |
//! | deleted | not found | active | gone, unless protected | refused: recover or purge first |

mod table;

use crate::{Head, RequestId, SoftDelete, State, Timestamp};

pub use table::{Refusal, Verb, check};

/// The head of an active object after its deletion.
///
/// # Errors
/// [`Refusal::NotActive`] if it is deleted already.
pub fn delete<L: Clone>(
    head: &Head<L>,
    rules: SoftDelete,
    request: RequestId,
    now: Timestamp,
) -> Result<Head<L>, Refusal> {
    check(Verb::Delete, &head.state, rules)?;
    let scheduled_purge = now.plus_days(rules.retention_days());
    let state = State::Deleted { deleted: now, scheduled_purge };
    Ok(Head { state, last_request: request, ..head.clone() })
}

/// The head of a deleted object after its recovery.
///
/// # Errors
/// [`Refusal::NotDeleted`] if it is active.
pub fn recover<L: Clone>(
    head: &Head<L>,
    rules: SoftDelete,
    request: RequestId,
) -> Result<Head<L>, Refusal> {
    check(Verb::Recover, &head.state, rules)?;
    Ok(Head { state: State::Active, last_request: request, ..head.clone() })
}

/// Whether a client may purge the object now.
///
/// # Errors
/// [`Refusal::NotDeleted`] if it is active, [`Refusal::PurgeProtected`] under purge protection.
pub fn purge<L>(head: &Head<L>, rules: SoftDelete) -> Result<(), Refusal> {
    check(Verb::Purge, &head.state, rules)
}

/// Whether the service itself must purge the object: its retention has ended.
pub fn is_due<L>(head: &Head<L>, now: Timestamp) -> bool {
    matches!(head.state, State::Deleted { scheduled_purge, .. } if scheduled_purge <= now)
}
