//! The disk's floor: append and fdatasync, with nothing around it.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use crate::Result;
use crate::histogram::Histogram;

/// The size of one record: about that of a secret's rows in a commit.
const RECORD_BYTES: usize = 600;

/// Records in a group: what one fdatasync serves with 64 writers.
const GROUP: usize = 48;

#[derive(Args)]
pub(crate) struct Options {
    /// A directory on the disk to measure.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// How long each of the three measurements takes.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) seconds: f64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// One record appended to a growing file, then fdatasync.
    pub(crate) append_p50_us: f64,
    pub(crate) append_p99_us: f64,
    /// One record written into a file that has its size already, then fdatasync.
    pub(crate) preallocated_p50_us: f64,
    pub(crate) preallocated_p99_us: f64,
    /// Records a second when 48 share one append and one fdatasync.
    pub(crate) group_rows_per_second: f64,
}

pub(crate) fn measure(options: &Options) -> Result<Figures> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let time = Duration::try_from_secs_f64(options.seconds)?;
    let append = single(&dir.path().join("append"), time, false)?;
    let preallocated = single(&dir.path().join("preallocated"), time, true)?;
    Ok(Figures {
        append_p50_us: append.micros(500),
        append_p99_us: append.micros(990),
        preallocated_p50_us: preallocated.micros(500),
        preallocated_p99_us: preallocated.micros(990),
        group_rows_per_second: groups(&dir.path().join("groups"), time)?,
    })
}

fn single(path: &Path, time: Duration, preallocated: bool) -> Result<Histogram> {
    const FILE_BYTES: usize = 64 << 20;
    let record = [0xA5; RECORD_BYTES];
    let mut file = File::create_new(path)?;
    if preallocated {
        file.write_all(&vec![0; FILE_BYTES])?;
        file.sync_all()?;
    }
    let mut latencies = Histogram::new();
    let mut at = 0;
    let end = Instant::now() + time;
    while Instant::now() < end {
        let begun = Instant::now();
        file.write_all_at(&record, at as u64)?;
        file.sync_data()?;
        latencies.record(begun.elapsed());
        at = if preallocated {
            (at + RECORD_BYTES) % (FILE_BYTES - RECORD_BYTES)
        } else {
            at + RECORD_BYTES
        };
    }
    Ok(latencies)
}

fn groups(path: &Path, time: Duration) -> Result<f64> {
    let group = [0xA5; RECORD_BYTES * GROUP];
    let mut file = File::create_new(path)?;
    let (begun, mut rows) = (Instant::now(), 0);
    while begun.elapsed() < time {
        file.write_all(&group)?;
        file.sync_data()?;
        rows += GROUP;
    }
    Ok(rows as f64 / begun.elapsed().as_secs_f64())
}
