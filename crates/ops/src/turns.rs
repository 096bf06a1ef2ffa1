//! Turns: on one node, the mutations of one object wait for each other instead of conflicting.
//!
//! Correctness never rests on it: every mutation still requires the revision that it has read, so
//! another node's change is met as a conflict and decided again. But a commit waits for the disk,
//! and of many writers of one name only one could win each round.

use std::hash::{BuildHasher, RandomState};

use strongroom_model::{ObjectName, VaultId};
use tokio::sync::{Mutex, MutexGuard};

/// Two names share a lock by chance alone, and then only wait.
const STRIPES: usize = 1_024;

/// The locks of a node. The hasher is keyed, so that nobody can choose names that collide.
pub(crate) struct Turns {
    hasher: RandomState,
    stripes: Box<[Mutex<()>]>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let stripes = std::iter::repeat_with(Mutex::default).take(STRIPES).collect();
        Self { hasher: RandomState::new(), stripes }
    }

    /// Waits for the turn to change an object; first come, first served. The kinds of a name
    /// share a turn: a certificate changes three of them at once.
    pub(crate) async fn of(&self, vault: VaultId, name: &ObjectName) -> Option<MutexGuard<'_, ()>> {
        let hash = self.hasher.hash_one((vault, name.folded()));
        let at = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        match self.stripes.get(at) {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        }
    }
}
