//! What the disk can do at best: append to a preallocated file and sync, nothing else.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use strongroom_store::disk::{Disk, RealDisk};

use crate::shape::{SET_BYTES, Times};

const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How many SETs a group stands for.
const GROUP: usize = 48;

pub(crate) fn print(dir: &Path, time: Duration) -> Result<(), crate::Failure> {
    let disk = RealDisk::open(dir.join("floor"))?;
    let single = append(&disk, SET_BYTES, time)?;
    println!("floor, single: {single}");
    let group = append(&disk, SET_BYTES * GROUP, time)?;
    println!("floor, groups of {GROUP}: {group} = {:.0} SETs/s", group.rate() * GROUP as f64);
    Ok(())
}

fn append(disk: &RealDisk, len: usize, time: Duration) -> io::Result<Times> {
    let file = disk.create("floor")?;
    file.preallocate(FILE_BYTES)?;
    let bytes = vec![0x5a; len];
    let (begun, mut at, mut times) = (Instant::now(), 0, Times::default());
    while begun.elapsed() < time {
        if at + len as u64 > FILE_BYTES {
            at = 0;
        }
        let start = Instant::now();
        file.write_at(&bytes, at)?;
        file.sync_data()?;
        times.add(start.elapsed());
        at += len as u64;
    }
    times.over(begun.elapsed());
    disk.remove("floor")?;
    Ok(times)
}
