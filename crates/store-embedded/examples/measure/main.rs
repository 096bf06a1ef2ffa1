//! Measures the embedded engine with the real record shape, next to what the disk can do in the
//! same run.
//!
//! `measure DIR [SECRETS] [SECONDS] [embedded|redb]` — the engine runs in a child process, which
//! is killed by SIGKILL while it writes; then the store is opened again.

mod floor;
mod plain;
mod shape;

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_store::disk::RealDisk;
use strongroom_store::{Freshness, Snapshot, Store};
use strongroom_store_embedded::{EmbeddedStore, Options};

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    dir: PathBuf,
    secrets: u64,
    time: Duration,
    engine: String,
    child: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = parse() else {
        eprintln!("usage: measure DIR [SECRETS] [SECONDS] [embedded|redb]");
        return ExitCode::from(2);
    };
    let done = if arguments.child { child(&arguments) } else { parent(&arguments) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Option<Arguments> {
    let mut words = std::env::args().skip(1);
    let arguments = Arguments {
        dir: words.next()?.into(),
        secrets: words.next().map_or(Some(100_000), |word| word.parse().ok())?,
        time: Duration::from_secs(words.next().map_or(Some(8), |word| word.parse().ok())?),
        engine: words.next().unwrap_or_else(|| "embedded".to_owned()),
        child: std::env::var_os("MEASURE_CHILD").is_some(),
    };
    matches!(&*arguments.engine, "embedded" | "redb").then_some(arguments)
}

/// Measures the floor, lets a child measure the engine, kills it, and opens what it left.
fn parent(arguments: &Arguments) -> Result<(), Failure> {
    println!("== {} at {} secrets", arguments.engine, arguments.secrets);
    floor::print(&arguments.dir, Duration::from_secs(3))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("MEASURE_CHILD", "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("the child has no output")?;
    for line in BufReader::new(out).lines() {
        let line = line?;
        if line == "kill me" {
            break;
        }
        println!("{line}");
    }
    std::thread::sleep(Duration::from_millis(1700));
    child.kill()?;
    child.wait()?;
    if arguments.engine == "embedded" {
        reopen(arguments)?;
    }
    Ok(())
}

fn open(arguments: &Arguments) -> Result<EmbeddedStore, Failure> {
    let disk = RealDisk::open(arguments.dir.join("embedded"))?;
    Ok(EmbeddedStore::open(Arc::new(disk), &Options::default())?)
}

fn reopen(arguments: &Arguments) -> Result<(), Failure> {
    let begun = Instant::now();
    let store = open(arguments)?;
    let opened = begun.elapsed();
    tokio::runtime::Runtime::new()?.block_on(async {
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let first = shape::head(1 + arguments.secrets / 2);
        let found = snapshot.get(&first).await?.is_some();
        println!(
            "reopen after SIGKILL: {opened:?}, first GET after {:?} (found: {found}), revision {}",
            begun.elapsed(),
            snapshot.revision().0
        );
        Ok(())
    })
}

fn child(arguments: &Arguments) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        if arguments.engine == "redb" {
            let store = plain::PlainRedb::open(&arguments.dir.join("plain.redb"))?;
            return measure(&store, arguments, String::new).await;
        }
        let store = open(arguments)?;
        let stats = store.clone();
        measure(&store, arguments, move || {
            let s = stats.stats();
            format!(
                "syncs {}, mean {:?}; checkpoints {}, mean {:?}; segments {}; memtable {} KiB",
                s.syncs,
                s.sync_time / u32::try_from(s.syncs.max(1)).unwrap_or(1),
                s.checkpoints,
                s.checkpoint_time / u32::try_from(s.checkpoints.max(1)).unwrap_or(1),
                s.log_segments,
                s.active_bytes / 1024,
            )
        })
        .await
    })
}

async fn measure<S: Store>(
    store: &S,
    arguments: &Arguments,
    stats: impl Fn() -> String,
) -> Result<(), Failure> {
    let begun = Instant::now();
    shape::load(store, arguments.secrets).await?;
    println!("load: {:?}; {}; {}", begun.elapsed(), resident(), stats());
    let drain = tokio::spawn(shape::drain(store.clone()));
    for writers in [64, 1] {
        let times = shape::set(store, arguments.secrets, writers, arguments.time).await?;
        println!("SET, {writers} writers: {times}; {}; {}", resident(), stats());
    }
    for (name, work) in [("GET head+body", shape::Read::Get), ("LIST 25", shape::Read::List)] {
        for tasks in [1, 2] {
            let times = shape::read(store, arguments.secrets, tasks, work, arguments.time / 2);
            println!("{name}, {tasks} tasks: {}; {}", times.await?, resident());
        }
    }
    println!("kill me");
    std::io::stdout().flush()?;
    shape::set(store, arguments.secrets, 64, Duration::from_secs(60)).await?;
    drain.abort();
    Ok(())
}

/// The resident set, now and at its highest.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    };
    format!("RSS {} MiB (peak {})", field("VmRSS:"), field("VmHWM:"))
}
