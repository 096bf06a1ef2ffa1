//! The table of states and verbs.

use crate::{SoftDelete, State};

/// What a client may ask of an object's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Give it a new version.
    Set,
    /// Delete it.
    Delete,
    /// Recover it after deletion.
    Recover,
    /// Purge it after deletion.
    Purge,
}

/// Why the state of an object does not allow what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The object is deleted: for reads and deletes it is not there.
    #[error("the object is deleted")]
    NotActive,
    /// The object is active: there is no deleted object of the name.
    #[error("the object is not deleted")]
    NotDeleted,
    /// The name is taken by a deleted object.
    #[error("the object is deleted but recoverable")]
    DeletedButRecoverable,
    /// The vault's purge protection keeps it until its retention ends.
    #[error("purge protection is enabled")]
    PurgeProtected,
}

/// Whether `verb` is allowed on an object in `state`.
///
/// # Errors
/// The [`Refusal`] that says why not.
pub fn check(verb: Verb, state: &State, rules: SoftDelete) -> Result<(), Refusal> {
    match (verb, state) {
        (Verb::Set | Verb::Delete, State::Active) => Ok(()),
        (Verb::Recover | Verb::Purge, State::Active) => Err(Refusal::NotDeleted),
        (Verb::Set, State::Deleted { .. }) => Err(Refusal::DeletedButRecoverable),
        (Verb::Delete, State::Deleted { .. }) => Err(Refusal::NotActive),
        (Verb::Recover, State::Deleted { .. }) => Ok(()),
        (Verb::Purge, State::Deleted { .. }) if rules.purge_protection() => {
            Err(Refusal::PurgeProtected)
        }
        (Verb::Purge, State::Deleted { .. }) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn every_state_verb_and_protection() {
        let active = State::Active;
        let deleted = State::Deleted { deleted: Timestamp(1), scheduled_purge: Timestamp(2) };
        use Refusal::*;
        use Verb::*;
        for (verb, state, protected, expected) in [
            (Set, active, false, Ok(())),
            (Set, active, true, Ok(())),
            (Set, deleted, false, Err(DeletedButRecoverable)),
            (Set, deleted, true, Err(DeletedButRecoverable)),
            (Delete, active, false, Ok(())),
            (Delete, active, true, Ok(())),
            (Delete, deleted, false, Err(NotActive)),
            (Delete, deleted, true, Err(NotActive)),
            (Recover, active, false, Err(NotDeleted)),
            (Recover, active, true, Err(NotDeleted)),
            (Recover, deleted, false, Ok(())),
            (Recover, deleted, true, Ok(())),
            (Purge, active, false, Err(NotDeleted)),
            (Purge, active, true, Err(NotDeleted)),
            (Purge, deleted, false, Ok(())),
            (Purge, deleted, true, Err(PurgeProtected)),
        ] {
            for days in [7, 30, 90] {
                let rules = SoftDelete::new(days, protected).unwrap();
                assert_eq!(check(verb, &state, rules), expected, "{verb:?} {state:?} {protected}");
            }
        }
    }
}
