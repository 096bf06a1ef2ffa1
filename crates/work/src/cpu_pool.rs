//! The pool for private-key operations too long for a request's own thread: RSA, large curves.

use std::thread::available_parallelism;

use strongroom_model::VaultId;

use crate::fair_queue::Bounds;
use crate::pool::{Pool, PoolStats, Shape};
use crate::{Busy, WorkError};

/// How the pool is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuPoolConfig {
    /// Its threads; 0 for one per core.
    pub threads: usize,
    /// How far its threads yield to the requests' threads: 0 not at all, 19 always.
    pub niceness: u8,
    /// Jobs of one vault that may wait for each thread.
    pub per_vault: usize,
    /// Jobs that may wait for each thread.
    pub total: usize,
}

impl Default for CpuPoolConfig {
    fn default() -> Self {
        Self { threads: 0, niceness: NICENESS, per_vault: PER_VAULT, total: TOTAL }
    }
}

/// A tenth of the weight of a request's thread (sched(7)), so no job starves. In a stand-in for the
/// server, gets beside RSA-4096 signs had a 99th percentile of two to five times that alone at 0,
/// and below twice at 10.
const NICENESS: u8 = 10;

/// RSA-4096 signs at 1.5 ms: the last waits 0.8 s.
const PER_VAULT: usize = 512;

/// RSA-4096 signs at 1.5 ms: the last waits 3 s.
const TOTAL: usize = 2_048;

/// What a job is guessed to take, in nanoseconds, until one was measured: an RSA-2048 sign.
const EXPECTED: u64 = 250_000;

/// A bounded pool of threads, shared fairly between vaults by the time their jobs take.
///
/// Of the vaults with waiting jobs, next is the one that has used the least processor time; a
/// newcomer starts level with the others. So a vault of RSA-4096 signs gets as much time as one
/// of ES384 signs, and a vault that floods delays another's job by about the job that runs.
/// A vault may have [`CpuPoolConfig::per_vault`] jobs waiting, and never more than there is room
/// left for everybody: a flood fills half of the queue, the next a half of the rest.
///
/// ```
/// # use strongroom_model::VaultId;
/// # use strongroom_work::{Busy, CpuPool, CpuPoolConfig};
/// # async fn sign(vault: VaultId) -> Result<(), Busy> {
/// # let pool = CpuPool::new(CpuPoolConfig::default()).unwrap();
/// let signature = pool.run(vault, || 6 * 7).await?;
/// # Ok(())
/// # }
/// ```
pub struct CpuPool(Pool<VaultId>);

impl CpuPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`WorkError::Thread`] when the system gives no more threads.
    pub fn new(config: CpuPoolConfig) -> Result<Self, WorkError> {
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = if config.threads == 0 { cores } else { config.threads };
        let bounds = Bounds {
            per_owner: config.per_vault.saturating_mul(threads),
            total: config.total.saturating_mul(threads),
        };
        let shape = Shape {
            name: "strongroom-keys",
            threads,
            niceness: config.niceness,
            bounds,
            expected: EXPECTED,
        };
        Ok(Self(Pool::new(&shape)?))
    }

    /// Runs `job` on a thread of the pool when it is `vault`'s turn. If the future is dropped
    /// before, because the client went away, the job is dropped unrun. A panic of the job goes on
    /// in the caller.
    ///
    /// # Errors
    /// [`Busy`] when too many jobs wait already, of this vault or of all.
    pub async fn run<T: Send + 'static>(
        &self,
        vault: VaultId,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        self.0.run(vault, job).await
    }

    /// What it has done and has to do.
    pub fn stats(&self) -> PoolStats {
        self.0.stats()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};

    use tokio::task::JoinHandle;
    use uuid::Uuid;

    use super::*;

    const FLOODED: VaultId = VaultId(Uuid::from_u128(1));
    const OTHER: VaultId = VaultId(Uuid::from_u128(2));

    fn pool(per_vault: usize, total: usize) -> Arc<CpuPool> {
        let config = CpuPoolConfig { threads: 1, niceness: 0, per_vault, total };
        Arc::new(CpuPool::new(config).unwrap())
    }

    /// Starts a job and lets it wait; the runtime has one thread, so it is in the queue then.
    async fn start<T: Send + 'static>(
        pool: &Arc<CpuPool>,
        vault: VaultId,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T, Busy>> {
        let pool = Arc::clone(pool);
        let task = tokio::spawn(async move { pool.run(vault, job).await });
        tokio::task::yield_now().await;
        task
    }

    /// Occupies the pool's thread until the sender is used or dropped.
    async fn occupy(pool: &Arc<CpuPool>) -> (mpsc::Sender<()>, JoinHandle<Result<(), Busy>>) {
        let (release, released) = mpsc::channel();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let job = move || {
            begin.send(()).unwrap();
            let _ = released.recv();
        };
        let task = start(pool, FLOODED, job).await;
        begun.await.unwrap();
        (release, task)
    }

    #[tokio::test]
    async fn a_flood_delays_another_vault_by_one_job() {
        let pool = pool(100, 1_000);
        let (release, occupied) = occupy(&pool).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for vault in std::iter::repeat_n(FLOODED, 100).chain([OTHER]) {
            let order = Arc::clone(&order);
            tasks.push(start(&pool, vault, move || order.lock().unwrap().push(vault)).await);
        }
        assert_eq!(pool.stats().queued, 101);
        release.send(()).unwrap();
        occupied.await.unwrap().unwrap();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order.len(), 101);
        let place = order.iter().position(|vault| *vault == OTHER).unwrap();
        assert!(place <= 1, "after {place} others");
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.done, stats.refused), (0, 102, 0));
    }

    #[tokio::test]
    async fn beyond_the_bounds_it_is_busy() {
        let pool = pool(2, 100);
        let (release, _occupied) = occupy(&pool).await;
        let first = start(&pool, FLOODED, || ()).await;
        let second = start(&pool, FLOODED, || ()).await;
        let busy = pool.run(FLOODED, || ()).await.unwrap_err();
        assert_eq!(busy, Busy { retry_after_s: 1 });
        let other = start(&pool, OTHER, || 5).await;
        release.send(()).unwrap();
        assert_eq!(other.await.unwrap(), Ok(5));
        assert_eq!(pool.stats().refused, 1);
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(pool.run(FLOODED, || 7).await, Ok(7), "there is room again");
    }

    #[tokio::test]
    async fn a_job_whose_caller_went_away_is_not_run() {
        let pool = pool(100, 100);
        let (release, _occupied) = occupy(&pool).await;
        let (ran, runs) = mpsc::channel::<()>();
        let task = start(&pool, OTHER, move || ran.send(()).unwrap()).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        pool.run(OTHER, || ()).await.unwrap();
        assert_eq!(runs.recv(), Err(mpsc::RecvError), "dropped with its sender, unused");
        assert_eq!(pool.stats().abandoned, 1);
    }

    #[tokio::test]
    async fn a_panic_goes_on_in_the_caller_and_the_thread_lives() {
        let pool = pool(100, 100);
        let task = start(&pool, OTHER, || panic!("as tested")).await;
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(pool.run(OTHER, || 1).await, Ok(1));
    }
}
