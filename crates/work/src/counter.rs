//! What is used up in a window of time, by many at once.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Counters are spread over so many maps, each with a lock of its own.
const SHARDS: usize = 16;

/// A map is looked through for counters of past windows whenever so many have been added.
const SWEEP: usize = 256;

/// The counters of everybody who did anything in the present window, and of a bounded number more.
#[derive(Debug)]
pub(crate) struct Counters<K> {
    shards: [RwLock<Shard<K>>; SHARDS],
    hasher: RandomState,
}

#[derive(Debug)]
struct Shard<K> {
    counters: HashMap<K, Counter>,
    sweep_at: usize,
}

impl<K: Copy + Eq + Hash> Counters<K> {
    pub(crate) fn new() -> Self {
        let shard = |_| RwLock::new(Shard { counters: HashMap::new(), sweep_at: SWEEP });
        Self { shards: std::array::from_fn(shard), hasher: RandomState::new() }
    }

    /// Adds `cost` to what `key` has used in `window`, unless that is more than `budget`.
    pub(crate) fn spend(&self, key: K, window: u32, cost: u32, budget: u32) -> bool {
        if let Some(spent) = self.read(&key, |counter| counter.spend(window, cost, budget)) {
            return spent;
        }
        let mut shard = self.shard(&key).write().unwrap_or_else(PoisonError::into_inner);
        if shard.counters.len() >= shard.sweep_at {
            shard.counters.retain(|_, counter| counter.used(window) > 0);
            shard.sweep_at = shard.counters.len() + SWEEP;
        }
        shard.counters.entry(key).or_default().spend(window, cost, budget)
    }

    /// Takes back what was spent.
    pub(crate) fn give_back(&self, key: &K, window: u32, cost: u32) {
        self.read(key, |counter| counter.give_back(window, cost));
    }

    /// What `key` has used in `window`.
    pub(crate) fn used(&self, key: &K, window: u32) -> u32 {
        self.read(key, |counter| counter.used(window)).unwrap_or(0)
    }

    /// What everybody has used in `window` who used any.
    pub(crate) fn all_used(&self, window: u32) -> Vec<(K, u32)> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let used = shard.counters.iter().map(|(key, counter)| (*key, counter.used(window)));
            all.extend(used.filter(|(_, used)| *used > 0));
        }
        all
    }

    fn read<T>(&self, key: &K, with: impl FnOnce(&Counter) -> T) -> Option<T> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        shard.counters.get(key).map(with)
    }

    fn shard(&self, key: &K) -> &RwLock<Shard<K>> {
        let index = self.hasher.hash_one(key) % SHARDS as u64;
        // A remainder of a division by their number.
        &self.shards[usize::try_from(index).unwrap_or(0)]
    }
}

/// A window's number in the high half, what is used in it in the low half.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn spend(&self, window: u32, cost: u32, budget: u32) -> bool {
        let spent = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let window = current(state, window);
            let used = used_in(state, window).checked_add(cost)?;
            (used <= budget).then(|| packed(window, used))
        });
        spent.is_ok()
    }

    fn give_back(&self, window: u32, cost: u32) {
        // A window that has passed in between took the cost with it.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (high(state) == window).then(|| packed(window, low(state).saturating_sub(cost)))
        });
    }

    fn used(&self, window: u32) -> u32 {
        let state = self.0.load(Ordering::Acquire);
        used_in(state, current(state, window))
    }
}

/// The window that counts: the later one, since a call that was overtaken at a boundary must not
/// turn it back; but a clock that was set back begins anew.
fn current(state: u64, window: u32) -> u32 {
    let stored = high(state);
    if stored == window.wrapping_add(1) { stored } else { window }
}

fn used_in(state: u64, window: u32) -> u32 {
    if high(state) == window { low(state) } else { 0 }
}

fn packed(window: u32, used: u32) -> u64 {
    u64::from(window) << 32 | u64::from(used)
}

#[allow(clippy::cast_possible_truncation, reason = "each is one half")]
fn high(state: u64) -> u32 {
    (state >> 32) as u32
}

#[allow(clippy::cast_possible_truncation, reason = "each is one half")]
fn low(state: u64) -> u32 {
    state as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_costs_nothing() {
        let counters = Counters::new();
        assert!(counters.spend("a", 7, 60, 100));
        assert!(!counters.spend("a", 7, 41, 100));
        assert!(counters.spend("a", 7, 40, 100));
        assert!(!counters.spend("a", 7, 1, 100));
        assert_eq!(counters.used(&"a", 7), 100);
        assert_eq!(counters.used(&"b", 7), 0);
        counters.give_back(&"a", 7, 40);
        assert_eq!(counters.all_used(7), vec![("a", 60)]);
        counters.give_back(&"a", 6, 40);
        assert_eq!(counters.used(&"a", 7), 60, "another window's cost is not this one's");
    }

    #[test]
    fn windows_roll_and_are_not_turned_back() {
        let counters = Counters::new();
        assert!(counters.spend("a", 7, 100, 100));
        assert!(counters.spend("a", 8, 70, 100), "a new window");
        assert!(!counters.spend("a", 7, 31, 100), "a late one counts in the new window");
        assert!(counters.spend("a", 7, 30, 100));
        assert_eq!(counters.used(&"a", 8), 100);
        assert!(counters.spend("a", 3, 100, 100), "a clock that was set back");
        assert_eq!(counters.used(&"a", 3), 100);
    }

    #[test]
    fn idle_ones_are_forgotten() {
        let counters = Counters::new();
        for key in 0..200_000_u32 {
            assert!(counters.spend(key, key / 1_000, 1, 1));
        }
        let kept: usize = counters.shards.iter().map(|s| s.read().unwrap().counters.len()).sum();
        // Those of the last window, and at most what may be added before the next look.
        assert!(kept <= 1_000 + SHARDS * SWEEP, "{kept}");
    }

    #[test]
    fn many_threads_spend_exactly_the_budget() {
        let counters = Counters::new();
        let spend = || (0..1_000).filter(|_| counters.spend("a", 1, 3, 3_000)).count();
        let spent: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(spend)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(spent, 1_000);
    }
}
