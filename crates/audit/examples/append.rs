//! Measures what one record costs: `cargo run --release -p strongroom-audit --example append`.
//!
//! Prints what a record costs the tasks of a runtime with two workers, upkeep included, in CPU
//! time of the process; nanoseconds per append with one thread and with several; and what a strict
//! append waits, with the raw write and the raw sync of the same bytes beside them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_audit::{Audit, AuditError, AuditKey, AuditKeys, Options, Record};
use strongroom_crypto::SymmetricKey;
use strongroom_model::RequestId;
use strongroom_store::disk::{Disk, RealDisk};
use strongroom_store::memory::MemoryStore;

const RECORDS: u32 = 200_000;

fn record(n: u32) -> Record {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    let id = RequestId::from_bytes(bytes);
    let mut record = Record::new(id, 1_700_000_000_000 + i64::from(n), "SecretGet");
    record.resource_id = "/subscriptions/361da5d4-a47a-4c79-afdd-1951950a2581/resourceGroups/dev/\
        providers/Microsoft.KeyVault/vaults/main"
        .into();
    record.api_version = "7.4".into();
    record.success = true;
    record.signature = "OK".into();
    record.caller_ip = Some([127, 0, 0, 1].into());
    record.identity.object_id = Some("d9da5048-2737-4770-bd64-1951950a2581".into());
    record.client_info = "azsdk-python-keyvault-secrets/4.9.0 Python/3.12.3".into();
    record.request_uri = "https://main.vault.test:8443/secrets/name/?api-version=7.4".into();
    record.object_id = "https://main.vault.test:8443/secrets/name".into();
    record.http_status = 200;
    record.tls_version = "TLS1_3".into();
    record
}

fn nanoseconds_each(start: Instant, count: u32) -> u128 {
    start.elapsed().as_nanos() / u128::from(count)
}

/// `RECORDS` appends shared out among `threads`: nanoseconds of wall time for each.
fn append(audit: &Audit<MemoryStore>, threads: u32) -> Result<u128, AuditError> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let spawn = |_| {
            scope.spawn(|| {
                let record = record(7);
                (0..RECORDS / threads).try_for_each(|_| audit.append(&record))
            })
        };
        let running: Vec<_> = (0..threads).map(spawn).collect();
        running.into_iter().try_for_each(|t| t.join().unwrap_or(Err(AuditError::Stopped)))
    })?;
    Ok(nanoseconds_each(start, RECORDS))
}

/// The CPU time that this process has taken, in nanoseconds: the kernel's on its behalf too.
fn cpu() -> i64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or(0, |usage| (usage.user_time() + usage.system_time()).num_microseconds() * 1000)
}

/// `total` records handed over by `tasks`: nanoseconds of CPU time for each. Between two records
/// a task lets others run, as a connection does that waits for its next request.
async fn hand_over(audit: &Audit<MemoryStore>, tasks: u32, total: u32) -> Result<(), AuditError> {
    let (start, begun) = (Instant::now(), cpu());
    let run = |_| {
        let audit = audit.clone();
        tokio::spawn(async move {
            let record = record(7);
            for _ in 0..total / tasks {
                audit.record(&record).await?;
                tokio::task::yield_now().await;
            }
            Ok::<(), AuditError>(())
        })
    };
    let running: Vec<_> = (0..tasks).map(run).collect();
    for task in running {
        task.await.map_err(|_| AuditError::Stopped)??;
    }
    let each = (cpu() - begun) / i64::from(total);
    let wall = nanoseconds_each(start, total);
    println!("{tasks} tasks: {each} ns of CPU per record, {wall} ns of wall time");
    Ok(())
}

async fn strict(audit: &Audit<MemoryStore>, tasks: u32) -> Result<(), AuditError> {
    let start = Instant::now();
    let each = 2000 / tasks;
    let run = |_| {
        let audit = audit.clone();
        tokio::spawn(async move {
            for n in 0..each {
                audit.append_strict(&record(n)).await?;
            }
            Ok::<(), AuditError>(())
        })
    };
    let running: Vec<_> = (0..tasks).map(run).collect();
    for task in running {
        task.await.map_err(|_| AuditError::Stopped)??;
    }
    let rate = f64::from(each * tasks) / start.elapsed().as_secs_f64();
    println!("strict, {tasks} tasks: {rate:.0} appends/s");
    Ok(())
}

/// What one caller of a strict append waits.
async fn strict_wait(audit: &Audit<MemoryStore>) -> Result<(), AuditError> {
    let mut times = Vec::new();
    for n in 0..400 {
        let start = Instant::now();
        audit.append_strict(&record(n)).await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("strict, one caller: p50 {:?}", times.get(200).copied().unwrap_or_default());
    Ok(())
}

/// The floor: the same bytes written, and written and synced, without anything else.
fn floor(disk: &RealDisk) -> std::io::Result<()> {
    let file = disk.create("floor")?;
    let bytes = [7; 500];
    let total = u64::from(RECORDS) * bytes.len() as u64;
    file.preallocate(total)?;
    let start = Instant::now();
    for n in 0..RECORDS {
        file.write_at(&bytes, u64::from(n) * bytes.len() as u64)?;
    }
    println!("floor: a write of 500 bytes: {} ns", nanoseconds_each(start, RECORDS));
    file.sync_data()?;
    let mut times: Vec<Duration> = (0..200)
        .map(|n| {
            let start = Instant::now();
            file.write_at(&bytes, n * 500).and_then(|()| file.sync_data()).map(|()| start.elapsed())
        })
        .collect::<Result<_, _>>()?;
    times.sort_unstable();
    println!("floor: a write and its sync: p50 {:?}", times.get(100).copied().unwrap_or_default());
    disk.remove("floor")
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::temp_dir().join(format!("strongroom-append-{}", std::process::id()));
    let disk = Arc::new(RealDisk::open(&root)?);
    floor(&disk)?;
    let keys = AuditKeys::new(&[AuditKey { generation: 1, key: SymmetricKey::generate()? }])?;
    let audit = Audit::open(MemoryStore::new(), disk, keys, Options::default()).await?;
    while audit.stats().spare_segments < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (tasks, total) in [(1, RECORDS), (8, RECORDS), (32, RECORDS), (32, 5 * RECORDS)] {
        hand_over(&audit, tasks, total).await?;
    }
    strict_wait(&audit).await?;
    for threads in [1, 1, 2, 16] {
        println!("{threads} threads: {} ns per append", append(&audit, threads)?);
    }
    for tasks in [1, 64] {
        strict(&audit, tasks).await?;
    }
    let start = Instant::now();
    let report = audit.verify().await?;
    println!("verify: {} records, {} in {:?}", report.records, report.verdict(), start.elapsed());
    audit.close().await?;
    std::fs::remove_dir_all(root)?;
    Ok(())
}
