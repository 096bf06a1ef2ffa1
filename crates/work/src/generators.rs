//! Where keys are generated: RSA in turn, on threads of its own; the rest at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use strongroom_crypto::provider::{CryptoProvider, KeyMaterial};
use strongroom_model::{KeySpec, PrincipalId, VaultId};

use crate::allowance::{Allowances, Charged};
use crate::fair_queue::Bounds;
use crate::pool::{Pool, PoolStats, Shape};
use crate::stock::{Stock, StockLevel, StockSizes};
use crate::{Busy, WorkError, thread};

/// Always behind the requests: nothing waits for a key but the one who asked for it.
const NICENESS: u8 = 19;

/// What a generation is guessed to take, in nanoseconds, until one was measured: RSA-2048.
const EXPECTED: u64 = 66_000_000;

/// How the generators are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorsConfig {
    /// Threads: at least 1.
    pub threads: usize,
    /// Creations of one principal in one vault that may wait.
    pub per_charge: usize,
    /// Creations that may wait.
    pub total: usize,
    /// Keys made in advance.
    pub stock: StockSizes,
}

impl Default for GeneratorsConfig {
    fn default() -> Self {
        Self { threads: 1, per_charge: 32, total: 128, stock: StockSizes::default() }
    }
}

/// Whom the making of a key is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Charge {
    /// Who asked for it.
    pub principal: PrincipalId,
    /// Where it will be.
    pub vault: VaultId,
}

/// What the generators have done and have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratorStats {
    /// The threads, and what waits for them.
    pub pool: PoolStats,
    /// The stock.
    pub stock: [StockLevel; 3],
    /// Keys that came from the stock.
    pub from_stock: u64,
    /// Creations that were refused because their allowance was used up while others waited.
    pub over_allowance: u64,
}

/// Generates keys. An RSA key takes 0.1 to several seconds of a core.
///
/// RSA keys are made one after the other, on a thread that yields to all others. Principals take
/// turns, each in each of their vaults, by the processor time that their keys have taken; a
/// creation beyond 20 in 10 s (it weighs 200 operations of 4,000) is refused while others wait,
/// and gets no key from the stock. On a machine without other work, nobody is held back.
///
/// The stock is a few keys made while the machine was idle, sealed in memory. A key leaves it as
/// the last step of [`Generators::generate`], so no refusal spends one: call that last of all,
/// after every check of the request.
pub struct Generators {
    pool: Arc<Pool<Charge>>,
    stock: Arc<Stock>,
    allowances: Mutex<Allowances<Charge>>,
    now_ms: Box<dyn Fn() -> u64 + Send + Sync>,
    from_stock: AtomicU64,
    over_allowance: AtomicU64,
}

impl Generators {
    /// Starts the threads. The stock is of keys that `software` makes; hand the same provider (or
    /// its clone) to [`Generators::generate`].
    ///
    /// # Errors
    /// [`WorkError::Thread`] when the system gives no more threads, [`WorkError::Key`] when it has
    /// no random numbers.
    pub fn new(config: GeneratorsConfig, software: &CryptoProvider) -> Result<Self, WorkError> {
        let start = Instant::now();
        let now_ms = move || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let generators = Self::without_stocking(config, software, Box::new(now_ms))?;
        if config.stock != StockSizes::NONE {
            let (stock, pool) = (Arc::clone(&generators.stock), Arc::clone(&generators.pool));
            thread::spawn("strongroom-stock", NICENESS, move || {
                stock.tend(|stock| stock.machine_is_idle() && pool.is_idle());
            })?;
        }
        Ok(generators)
    }

    /// Without the thread that fills the stock, and by another clock.
    fn without_stocking(
        config: GeneratorsConfig,
        software: &CryptoProvider,
        now_ms: Box<dyn Fn() -> u64 + Send + Sync>,
    ) -> Result<Self, WorkError> {
        let pool = Pool::new(&Shape {
            name: "strongroom-rsa",
            threads: config.threads,
            niceness: NICENESS,
            bounds: Bounds { per_owner: config.per_charge, total: config.total },
            expected: EXPECTED,
        })?;
        Ok(Self {
            pool: Arc::new(pool),
            stock: Arc::new(Stock::new(Arc::clone(&software.keys), config.stock)?),
            allowances: Mutex::new(Allowances::new()),
            now_ms,
            from_stock: AtomicU64::new(0),
            over_allowance: AtomicU64::new(0),
        })
    }

    /// Generates a key for `provider`: EC, symmetric and ML-DSA keys at once, RSA keys and those
    /// of a device in turn or from the stock. Dropping the future gives the turn back.
    ///
    /// Call it when nothing else can refuse the request.
    ///
    /// # Errors
    /// [`WorkError::Busy`] when too many creations wait, [`WorkError::Key`] when the provider
    /// fails.
    pub async fn generate(
        &self,
        charge: Charge,
        provider: &CryptoProvider,
        spec: KeySpec,
    ) -> Result<KeyMaterial, WorkError> {
        if provider.hsm_platform == 0 && !matches!(spec, KeySpec::Rsa { .. }) {
            return Ok(provider.keys.generate(spec)?);
        }
        let charged = self.admit(charge)?;
        if charged.is_covered()
            && self.stock.is_of(&provider.keys)
            && let Some(key) = self.stock.take(spec)
        {
            self.from_stock.fetch_add(1, Ordering::Relaxed);
            return Ok(key);
        }
        let keys = Arc::clone(&provider.keys);
        match self.pool.run(charge, move || keys.generate(spec)).await {
            Ok(made) => Ok(made?),
            Err(busy) => {
                self.lock().refund(&charge, &charged, (self.now_ms)());
                Err(busy.into())
            }
        }
    }

    /// What they have done and have to do.
    pub fn stats(&self) -> GeneratorStats {
        GeneratorStats {
            pool: self.pool.stats(),
            stock: self.stock.levels(),
            from_stock: self.from_stock.load(Ordering::Relaxed),
            over_allowance: self.over_allowance.load(Ordering::Relaxed),
        }
    }

    /// Charges a creation, unless it is beyond the allowance and others wait.
    fn admit(&self, charge: Charge) -> Result<Charged, Busy> {
        let others_wait = self.pool.others_wait(&charge);
        let now_ms = (self.now_ms)();
        let mut allowances = self.lock();
        let wait_ms = allowances.wait_ms(&charge, now_ms);
        if wait_ms > 0 && others_wait {
            self.over_allowance.fetch_add(1, Ordering::Relaxed);
            return Err(Busy::for_nanos(wait_ms.saturating_mul(1_000_000)));
        }
        Ok(allowances.charge(charge, now_ms))
    }

    fn lock(&self) -> MutexGuard<'_, Allowances<Charge>> {
        self.allowances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Generators {
    fn drop(&mut self) {
        self.stock.close();
    }
}

#[cfg(test)]
mod tests;
