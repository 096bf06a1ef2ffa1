//! How many answers are looked at at once, so that no vault keeps the others from being validated.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_model::VaultId;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// Answers that a node looks at, at once.
const AT_ONCE: usize = 64;

/// Of these, the most of one vault: looking at one takes up to half a minute when its host says
/// nothing.
const AT_ONCE_OF_VAULT: usize = 8;

/// The most answers of one vault that wait behind those: an order's, so that a client that says at
/// once that all its answers are there is not refused.
const WAITING_OF_VAULT: usize = strongroom_ops::MAX_IDENTIFIERS;

/// The places of a node.
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    node: Semaphore,
    vaults: Mutex<HashMap<VaultId, OfVault>>,
}

/// What a vault has of them.
struct OfVault {
    looking: Arc<Semaphore>,
    taken: usize,
}

/// A place in a vault's line, given back when it is dropped.
pub(super) struct Place {
    shared: Arc<Shared>,
    vault: VaultId,
    looking: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new() -> Self {
        let (node, vaults) = (Semaphore::new(AT_ONCE), Mutex::default());
        Self(Arc::new(Shared { node, vaults }))
    }

    /// A place in a vault's line; `None` when there is no more.
    pub(super) fn take(&self, vault: VaultId) -> Option<Place> {
        let mut vaults = self.0.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        let of_vault = vaults.entry(vault).or_insert_with(|| OfVault {
            looking: Arc::new(Semaphore::new(AT_ONCE_OF_VAULT)),
            taken: 0,
        });
        if of_vault.taken >= AT_ONCE_OF_VAULT + WAITING_OF_VAULT {
            return None;
        }
        of_vault.taken += 1;
        let looking = Arc::clone(&of_vault.looking);
        Some(Place { shared: Arc::clone(&self.0), vault, looking })
    }
}

impl Place {
    /// Waits until it is its turn: first among the vault's own, so that a vault has no more than
    /// its share of those who wait for the node, who come in turn.
    pub(super) async fn turn(
        &self,
    ) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), AcquireError> {
        let of_vault = self.looking.acquire().await?;
        Ok((of_vault, self.shared.node.acquire().await?))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut vaults = self.shared.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = vaults.entry(self.vault) {
            entry.get_mut().taken -= 1;
            if entry.get().taken == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a place's turn is now.
    macro_rules! is_now {
        ($place:expr) => {
            futures_util::FutureExt::now_or_never($place.turn()).is_some()
        };
    }

    #[test]
    fn a_vault_whose_hosts_say_nothing_keeps_nobody_else_waiting() {
        let places = Places::new();
        let (greedy, other) = (VaultId::from_bytes([1; 16]), VaultId::from_bytes([2; 16]));
        let lines: Vec<Place> =
            (0..8 + 100).map(|_| places.take(greedy).expect("it is an order's")).collect();
        let mut turns = Vec::new();
        for place in lines.iter().take(8) {
            turns.push(futures_util::FutureExt::now_or_never(place.turn()).expect("its turn"));
        }
        assert!(!is_now!(lines[8]), "it waits for the vault's own");
        assert!(places.take(greedy).is_none(), "and more are refused");
        assert!(is_now!(places.take(other).expect("it is another vault's")));
        drop(turns);
        assert!(is_now!(lines[8]));
        drop(lines);
        assert!(places.take(greedy).is_some());
        assert!(places.0.vaults.lock().unwrap().is_empty(), "nothing is kept of idle vaults");
    }
}
