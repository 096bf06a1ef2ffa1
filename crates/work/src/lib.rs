//! Where and when work runs: fair queues, bounded pools, the stock of pre-generated keys, service
//! limits.
//!
//! - [`CpuPool`] runs the private-key operations that would hold up a request's own thread, and
//!   shares its threads fairly between vaults.
//! - [`Generators`] make RSA keys, one after the other and behind all other work, and keep a few
//!   ready.
//! - [`Limits`] refuse what Azure Key Vault would refuse, for those who want that.
//!
//! All of them are bounded: what is too much is refused at once ([`Busy`], [`Throttled`]), and the
//! refusal says when to try again.

mod allowance;
mod counter;
mod cpu_pool;
mod error;
mod fair_queue;
mod generators;
mod idle;
mod limits;
mod pool;
#[cfg(test)]
mod slow;
mod stock;
mod thread;
mod transaction;

pub use allowance::CREATION_WEIGHT;
pub use cpu_pool::{CpuPool, CpuPoolConfig};
pub use error::{Busy, WorkError};
pub use generators::{Charge, GeneratorStats, Generators, GeneratorsConfig};
pub use limits::{CustomLimits, Limits, LimitsConfig, ThrottleReason, Throttled};
pub use pool::PoolStats;
pub use stock::{StockLevel, StockSizes};
pub use transaction::{KeySize, Transaction};
