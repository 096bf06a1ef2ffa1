//! The service limits of Key Vault, to rehearse what happens when they are reached.

use std::collections::HashMap;

use strongroom_model::{SubscriptionId, VaultId};

use crate::counter::Counters;
use crate::transaction::{AZURE_BUDGET, OPERATION_COST, Transaction};

/// How long a budget lasts, in milliseconds.
const WINDOW_MS: u64 = 10_000;

/// The limit of a subscription, in limits of a vault.
const VAULTS_PER_SUBSCRIPTION: u32 = 5;

/// How much a vault may do in 10 s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LimitsConfig {
    /// As much as it can.
    #[default]
    Off,
    /// What Azure Key Vault documents, and nothing more.
    Azure,
    /// Numbers of one's own, weighted as Azure weighs.
    Custom(CustomLimits),
}

/// Limits in ordinary operations in 10 s, such as the get of a secret: of those, Azure allows
/// 4,000 in a vault and 20,000 in a subscription. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomLimits {
    /// Of a vault that is not named in `vaults`.
    pub vault: Option<u32>,
    /// Of single vaults.
    pub vaults: HashMap<VaultId, Option<u32>>,
    /// Of a subscription.
    pub subscription: Option<u32>,
}

/// A request beyond a limit: 429 `Throttled`. It was not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service limit is reached: {}", reason.name())]
pub struct Throttled {
    /// When the next 10 s begin, in whole seconds from now, at least 1; `None` where the real
    /// service sends no `Retry-After` (it was in neither recorded answer), so in
    /// [`LimitsConfig::Azure`].
    pub retry_after_s: Option<u32>,
    /// Which limit.
    pub reason: ThrottleReason,
}

/// Which limit is reached. Both names are the real service's; which one it gives when is not
/// documented. Recorded answers to floods of one vault have the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The vault's.
    VaultRequestTypeLimitReached,
    /// The subscription's.
    VaultOperationLimitReached,
}

impl ThrottleReason {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::VaultRequestTypeLimitReached => "VaultRequestTypeLimitReached",
            Self::VaultOperationLimitReached => "VaultOperationLimitReached",
        }
    }
}

/// Counts what vaults and subscriptions do, and refuses what is beyond their limits.
///
/// A vault has one budget for 10 s, and every transaction costs its part of it: a twentieth for
/// the creation of a software key, a four-thousandth for the get of a secret. So 20 creations
/// alone reach the limit, or 4,000 gets, or 10 creations and 2,000 gets, in whole numbers. A
/// subscription has five such budgets for all its vaults. What is refused costs nothing.
///
/// The 10 s are fixed windows from the epoch on. Of the real service's windows nothing is known
/// but their length: neither when they begin nor whether they slide. Each node counts for itself.
///
/// `Off`, a call is one comparison; else two reads of a map and two atomic additions. Memory is
/// for vaults of the last 10 s alone.
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    vaults: Counters<VaultId>,
    subscriptions: Counters<SubscriptionId>,
}

impl Limits {
    /// With nothing counted yet.
    pub fn new(config: LimitsConfig) -> Self {
        Self { config, vaults: Counters::new(), subscriptions: Counters::new() }
    }

    /// Counts a transaction at `now_ms` since the epoch, unless it is beyond a limit.
    ///
    /// # Errors
    /// [`Throttled`], and then nothing is counted. Two that reach the last of a subscription's
    /// budget in the same instant may both be refused.
    pub fn admit(
        &self,
        vault: VaultId,
        subscription: SubscriptionId,
        transaction: Transaction,
        now_ms: i64,
    ) -> Result<(), Throttled> {
        if matches!(self.config, LimitsConfig::Off) {
            return Ok(());
        }
        let (window, cost) = (window(now_ms), transaction.cost());
        let throttled = |reason| Throttled { retry_after_s: self.retry_after(now_ms), reason };
        let of_vault = self.vault_budget(vault);
        if of_vault.is_some_and(|budget| !self.vaults.spend(vault, window, cost, budget)) {
            return Err(throttled(ThrottleReason::VaultRequestTypeLimitReached));
        }
        let spent = self
            .subscription_budget()
            .is_none_or(|budget| self.subscriptions.spend(subscription, window, cost, budget));
        if !spent {
            self.vaults.give_back(&vault, window, cost);
            return Err(throttled(ThrottleReason::VaultOperationLimitReached));
        }
        Ok(())
    }

    /// How much of its budget a vault has used in these 10 s, in per cent, rounded up: 100 is when
    /// nothing is left. 0 for a vault without a limit.
    pub fn saturation(&self, vault: VaultId, now_ms: i64) -> u8 {
        let used = self.vaults.used(&vault, window(now_ms));
        percent(used, self.vault_budget(vault))
    }

    /// What a vault has left of its budget in these 10 s, in per cent, rounded down.
    pub fn headroom(&self, vault: VaultId, now_ms: i64) -> u8 {
        100 - self.saturation(vault, now_ms)
    }

    /// The saturation of every vault that did anything in these 10 s.
    pub fn saturations(&self, now_ms: i64) -> Vec<(VaultId, u8)> {
        let used = self.vaults.all_used(window(now_ms));
        let percent_of = |(vault, used)| (vault, percent(used, self.vault_budget(vault)));
        used.into_iter().map(percent_of).collect()
    }

    fn vault_budget(&self, vault: VaultId) -> Option<u32> {
        match &self.config {
            LimitsConfig::Off => None,
            LimitsConfig::Azure => Some(AZURE_BUDGET),
            LimitsConfig::Custom(custom) => {
                budget(custom.vaults.get(&vault).copied().unwrap_or(custom.vault))
            }
        }
    }

    fn subscription_budget(&self) -> Option<u32> {
        match &self.config {
            LimitsConfig::Off => None,
            LimitsConfig::Azure => Some(AZURE_BUDGET * VAULTS_PER_SUBSCRIPTION),
            LimitsConfig::Custom(custom) => budget(custom.subscription),
        }
    }

    fn retry_after(&self, now_ms: i64) -> Option<u32> {
        if matches!(self.config, LimitsConfig::Azure) {
            return None;
        }
        let left = WINDOW_MS - millis(now_ms) % WINDOW_MS;
        u32::try_from(left.div_ceil(1_000)).ok()
    }
}

/// The number of the window, since the epoch.
fn window(now_ms: i64) -> u32 {
    u32::try_from(millis(now_ms) / WINDOW_MS).unwrap_or(u32::MAX)
}

/// Nothing here happens before the epoch.
fn millis(now_ms: i64) -> u64 {
    u64::try_from(now_ms).unwrap_or(0)
}

/// A number of ordinary operations as a budget.
fn budget(operations: Option<u32>) -> Option<u32> {
    operations.map(|operations| operations.saturating_mul(OPERATION_COST))
}

fn percent(used: u32, budget: Option<u32>) -> u8 {
    match budget.map(u64::from) {
        None => 0,
        Some(0) => 100,
        Some(budget) => {
            let percent = (u64::from(used) * 100).div_ceil(budget);
            u8::try_from(percent).unwrap_or(100).min(100)
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_model::KeyType;
    use uuid::Uuid;

    use super::*;
    use crate::KeySize;

    const SUBSCRIPTION: SubscriptionId = SubscriptionId(Uuid::from_u128(9));
    const HSM_2048: Transaction = Transaction::UseKey { size: KeySize::Small, hsm: true };
    const HSM_4096: Transaction = Transaction::UseKey { size: KeySize::Rsa4096, hsm: true };
    const SOFTWARE: Transaction = Transaction::UseKey { size: KeySize::Small, hsm: false };

    /// A moment 2.5 s into a window.
    const NOW: i64 = 1_800_000_002_500;

    fn vault(number: u128) -> VaultId {
        VaultId(Uuid::from_u128(number))
    }

    fn azure() -> Limits {
        Limits::new(LimitsConfig::Azure)
    }

    /// How many of `most` are admitted in a row.
    fn admitted(limits: &Limits, number: u128, kind: Transaction, most: usize, now: i64) -> usize {
        let admit = |_: &usize| limits.admit(vault(number), SUBSCRIPTION, kind, now).is_ok();
        (0..most).take_while(admit).count()
    }

    #[test]
    fn each_kind_alone_reaches_the_documented_number() {
        let key = |size, hsm| Transaction::UseKey { size, hsm };
        let table = [
            (Transaction::creation_of(KeyType::RsaHsm), 10),
            (Transaction::creation_of(KeyType::Rsa), 20),
            (Transaction::creation_of(KeyType::EcHsm), 10),
            (Transaction::creation_of(KeyType::Ec), 20),
            (key(KeySize::Small, true), 2_000),
            (key(KeySize::Small, false), 4_000),
            (key(KeySize::Rsa3072, true), 500),
            (key(KeySize::Rsa3072, false), 1_000),
            (key(KeySize::Rsa4096, true), 250),
            (key(KeySize::Rsa4096, false), 500),
            (Transaction::Write, 300),
            (Transaction::Other, 4_000),
        ];
        for (kind, documented) in table {
            assert_eq!(admitted(&azure(), 1, kind, 5_000, NOW), documented, "{kind:?}");
        }
    }

    // The examples of the service's documentation: 248 RSA-4096 HSM gets and 16 RSA-2048 HSM gets
    // reach the limit, and so do 100 secrets created, 100 keys and 100 certificates imported.
    #[test]
    fn kinds_are_weighed_and_summed() {
        let limits = azure();
        assert_eq!(admitted(&limits, 1, HSM_4096, 248, NOW), 248);
        assert_eq!(admitted(&limits, 1, HSM_2048, 17, NOW), 16);
        assert_eq!(admitted(&limits, 2, Transaction::Write, 301, NOW), 300);
        assert_eq!(admitted(&limits, 3, HSM_2048, 1_000, NOW), 1_000);
        assert_eq!(admitted(&limits, 3, SOFTWARE, 2_001, NOW), 2_000);
        assert_eq!(admitted(&limits, 4, Transaction::CreateKey { hsm: false }, 10, NOW), 10);
        assert_eq!(admitted(&limits, 4, Transaction::Other, 2_001, NOW), 2_000);
    }

    #[test]
    fn what_is_refused_does_not_count() {
        let limits = azure();
        assert_eq!(admitted(&limits, 1, Transaction::Other, 3_999, NOW), 3_999);
        for _ in 0..100 {
            assert!(limits.admit(vault(1), SUBSCRIPTION, HSM_4096, NOW).is_err());
        }
        assert_eq!(admitted(&limits, 1, Transaction::Other, 2, NOW), 1);
    }

    #[test]
    fn the_next_window_begins_anew() {
        let limits = azure();
        assert_eq!(admitted(&limits, 1, SOFTWARE, 4_001, NOW), 4_000);
        assert_eq!(admitted(&limits, 1, SOFTWARE, 1, NOW + 7_499), 0, "the window's end");
        assert_eq!(admitted(&limits, 1, SOFTWARE, 4_001, NOW + 7_500), 4_000);
    }

    #[test]
    fn a_subscription_has_five_times_as_much() {
        let limits = azure();
        for number in 1..=5 {
            assert_eq!(admitted(&limits, number, HSM_2048, 2_001, NOW), 2_000);
        }
        let throttled = limits.admit(vault(6), SUBSCRIPTION, HSM_2048, NOW).unwrap_err();
        assert_eq!(throttled.reason, ThrottleReason::VaultOperationLimitReached);
        assert_eq!(limits.saturation(vault(6), NOW), 0, "the vault's own budget is untouched");
        let elsewhere = SubscriptionId(Uuid::from_u128(8));
        assert_eq!(limits.admit(vault(6), elsewhere, HSM_2048, NOW), Ok(()));
    }

    #[test]
    fn azure_says_why_and_not_when() {
        let limits = azure();
        admitted(&limits, 1, HSM_4096, 250, NOW);
        let throttled = limits.admit(vault(1), SUBSCRIPTION, HSM_4096, NOW).unwrap_err();
        assert_eq!(throttled.reason.name(), "VaultRequestTypeLimitReached");
        assert_eq!(throttled.retry_after_s, None);
    }

    #[test]
    fn custom_limits_are_in_ordinary_operations() {
        let custom = CustomLimits {
            vault: Some(100),
            vaults: HashMap::from([(vault(2), Some(40)), (vault(3), None)]),
            subscription: None,
        };
        let limits = Limits::new(LimitsConfig::Custom(custom));
        assert_eq!(admitted(&limits, 1, Transaction::Other, 101, NOW), 100);
        assert_eq!(admitted(&limits, 2, HSM_2048, 21, NOW), 20);
        assert_eq!(admitted(&limits, 3, HSM_4096, 10_000, NOW), 10_000);
        let retry_after = |now| {
            let refused = limits.admit(vault(1), SUBSCRIPTION, Transaction::Other, now);
            refused.unwrap_err().retry_after_s
        };
        assert_eq!(retry_after(NOW), Some(8));
        assert_eq!(retry_after(NOW + 7_499), Some(1));
    }

    #[test]
    fn off_counts_and_refuses_nothing() {
        let limits = Limits::new(LimitsConfig::Off);
        assert_eq!(admitted(&limits, 1, HSM_4096, 10_000, NOW), 10_000);
        assert_eq!(limits.headroom(vault(1), NOW), 100);
        assert_eq!(limits.saturations(NOW), vec![]);
    }

    #[test]
    fn headroom_is_visible() {
        let limits = azure();
        admitted(&limits, 1, SOFTWARE, 1_001, NOW);
        admitted(&limits, 2, HSM_4096, 250, NOW);
        assert_eq!((limits.saturation(vault(1), NOW), limits.headroom(vault(1), NOW)), (26, 74));
        assert_eq!((limits.saturation(vault(2), NOW), limits.headroom(vault(2), NOW)), (100, 0));
        let mut all = limits.saturations(NOW);
        all.sort_unstable();
        assert_eq!(all, vec![(vault(1), 26), (vault(2), 100)]);
        assert_eq!(limits.saturations(NOW + 10_000), vec![]);
    }
}
