//! What the pool costs: a job that does nothing, with few and many in flight, and the rate of jobs
//! as long as an RSA sign beside a bare loop on as many threads, in the same run.
//!
//! `cargo run --release -p strongroom-work --example overhead`

use std::error::Error;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use strongroom_model::VaultId;
use strongroom_work::{Busy, CpuPool, CpuPoolConfig};
use uuid::Uuid;

const IN_FLIGHT: u32 = 32;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pool = Arc::new(CpuPool::new(CpuPoolConfig::default())?);
    for in_flight in [1, IN_FLIGHT] {
        let jobs = 40_000;
        let time = through(&pool, in_flight, jobs, || ()).await?;
        let each = time.as_secs_f64() * 1e6 / f64::from(jobs);
        println!("a job that does nothing, {in_flight:2} in flight: {each:.1} us");
    }
    let a_million = Instant::now();
    spin(1_000_000);
    let per_micro = 1_000_000 / u32::try_from(a_million.elapsed().as_micros().max(1)).unwrap_or(1);
    for micros in [85, 250, 730, 1_490] {
        let (rounds, jobs) = (per_micro * micros, 1_600_000 / micros);
        let bare = bare(jobs, move || spin(rounds));
        let pooled = through(&pool, IN_FLIGHT, jobs, move || spin(rounds)).await?;
        let ratio = bare.as_secs_f64() / pooled.as_secs_f64();
        println!("jobs of {micros:4} us, {IN_FLIGHT} in flight: {ratio:.2} of a bare loop's rate");
    }
    Ok(())
}

/// The time that `jobs` take, each client sending its next when it has its last back.
async fn through(
    pool: &Arc<CpuPool>,
    in_flight: u32,
    jobs: u32,
    job: impl FnOnce() + Copy + Send + 'static,
) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let client = |number: u32| {
        let pool = Arc::clone(pool);
        let vault = VaultId(Uuid::from_u128(u128::from(number % 4)));
        async move {
            for _ in 0..jobs / in_flight {
                pool.run(vault, job).await?;
            }
            Ok::<(), Busy>(())
        }
    };
    let clients: Vec<_> = (0..in_flight).map(|number| tokio::spawn(client(number))).collect();
    for client in clients {
        client.await??;
    }
    Ok(start.elapsed())
}

/// The time that the same number of jobs takes on as many threads, without a pool.
fn bare(jobs: u32, job: impl FnOnce() + Copy + Send + 'static) -> Duration {
    let threads = u32::try_from(available_parallelism().map_or(1, usize::from)).unwrap_or(1);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || (0..jobs / threads).for_each(|_| job()));
        }
    });
    start.elapsed()
}

/// Work for a processor.
fn spin(rounds: u32) {
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    std::hint::black_box(state);
}
