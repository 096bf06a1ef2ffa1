//! How many keys a principal may have made in a vault before others who wait go first.

use std::collections::HashMap;
use std::hash::Hash;

/// What the creation of a key weighs, in ordinary operations: of Key Vault's limits, 20 creations
/// stand against 4,000 operations.
pub const CREATION_WEIGHT: u64 = 200;

/// What everybody is allowed in [`PERIOD_MS`], in ordinary operations.
const ALLOWED: u64 = 4_000;

/// In milliseconds.
const PERIOD_MS: u64 = 10_000;

/// An allowance, in operations times milliseconds: the clock's tick adds whole ones.
const FULL: u64 = ALLOWED * PERIOD_MS;

/// One creation, in the same unit.
const CREATION: u64 = CREATION_WEIGHT * PERIOD_MS;

/// Allowances are looked through for full ones, which nobody needs to keep, whenever so many
/// have been added.
const SWEEP: usize = 1_024;

/// The allowances of everybody who has used some: token buckets that fill in 10 s.
#[derive(Debug)]
pub(crate) struct Allowances<K> {
    left: HashMap<K, Left>,
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Left {
    amount: u64,
    at_ms: u64,
}

impl Left {
    fn at(self, now_ms: u64) -> u64 {
        let earned = now_ms.saturating_sub(self.at_ms).saturating_mul(ALLOWED);
        self.amount.saturating_add(earned).min(FULL)
    }
}

impl<K: Copy + Eq + Hash> Allowances<K> {
    pub(crate) fn new() -> Self {
        Self { left: HashMap::new(), sweep_at: SWEEP }
    }

    /// Milliseconds until `owner`'s allowance covers a creation: 0 when it does.
    pub(crate) fn wait_ms(&self, owner: &K, now_ms: u64) -> u64 {
        let left = self.left.get(owner).map_or(FULL, |left| left.at(now_ms));
        CREATION.saturating_sub(left).div_ceil(ALLOWED)
    }

    /// Charges a creation to `owner` as far as the allowance goes, and tells how far.
    pub(crate) fn charge(&mut self, owner: K, now_ms: u64) -> Charged {
        let left = self.left.get(&owner).map_or(FULL, |left| left.at(now_ms));
        let taken = left.min(CREATION);
        self.left.insert(owner, Left { amount: left - taken, at_ms: now_ms });
        if self.left.len() >= self.sweep_at {
            self.left.retain(|_, left| left.at(now_ms) < FULL);
            self.sweep_at = self.left.len() + SWEEP;
        }
        Charged { taken }
    }

    /// Takes a charge back.
    pub(crate) fn refund(&mut self, owner: &K, charged: &Charged, now_ms: u64) {
        if let Some(left) = self.left.get_mut(owner) {
            let amount = left.at(now_ms).saturating_add(charged.taken).min(FULL);
            *left = Left { amount, at_ms: now_ms };
        }
    }
}

/// What was taken from an allowance for a creation.
#[derive(Debug)]
pub(crate) struct Charged {
    taken: u64,
}

impl Charged {
    /// Whether the allowance covered the creation.
    pub(crate) fn is_covered(&self) -> bool {
        self.taken == CREATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_creations_and_one_more_every_half_second() {
        let mut allowances = Allowances::new();
        for _ in 0..20 {
            assert_eq!(allowances.wait_ms(&"a", 1_000), 0);
            allowances.charge("a", 1_000);
        }
        assert_eq!(allowances.wait_ms(&"a", 1_000), 500);
        assert_eq!(allowances.wait_ms(&"a", 1_499), 1);
        assert_eq!(allowances.wait_ms(&"a", 1_500), 0);
        assert_eq!(allowances.wait_ms(&"b", 1_000), 0, "everybody has their own");
        allowances.charge("a", 1_500);
        assert_eq!(allowances.wait_ms(&"a", 1_500), 500);
        // 10 s later it is whole again, and never more than whole.
        for _ in 0..20 {
            assert_eq!(allowances.wait_ms(&"a", 99_000), 0);
            allowances.charge("a", 99_000);
        }
        assert_eq!(allowances.wait_ms(&"a", 99_000), 500);
    }

    #[test]
    fn whole_allowances_are_forgotten() {
        let mut allowances = Allowances::new();
        for owner in 0..100_000_u64 {
            allowances.charge(owner, owner * 10);
        }
        // One creation is earned back in 500 ms: 50 owners are short of something at any time.
        assert!(allowances.left.len() <= SWEEP + 51, "{}", allowances.left.len());
    }

    #[test]
    fn a_refund_gives_back_what_was_taken() {
        let mut allowances = Allowances::new();
        for _ in 0..20 {
            assert!(allowances.charge("a", 0).is_covered());
        }
        let charged = allowances.charge("a", 250);
        assert!(!charged.is_covered(), "half of a creation has been earned");
        assert_eq!(allowances.wait_ms(&"a", 250), 500);
        allowances.refund(&"a", &charged, 250);
        assert_eq!(allowances.wait_ms(&"a", 250), 250);
    }
}
