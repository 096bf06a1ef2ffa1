//! Upkeep of the journal's files: spare segments made, closed ones compressed, old ones removed.

use std::io::{self, Write};

use strongroom_store::disk::{Disk, DiskFile, join};

use crate::checkpoint::{self, Checkpoint};
use crate::error::at;
use crate::frame::Step;
use crate::journal::{Journal, Spare, State};
use crate::segment::{self, Header, raw_name, zst_name};
use crate::{AuditError, Options};

/// How much is copied at once, in bytes.
const CHUNK: usize = 128 * 1024;

/// zstd's level: the journal grows by megabytes a second when it matters.
const LEVEL: i32 = -1;

const SPARE: &str = "spare-";
const MS_PER_DAY: i64 = 86_400_000;

/// How much records must age before retention by days is looked at again, in milliseconds.
const PRUNE_INTERVAL_MS: i64 = 600_000;

impl Journal {
    /// Does what upkeep there is. Blocks; one caller at a time.
    pub(crate) fn maintain(&self) -> Result<(), AuditError> {
        self.fill_spares()?;
        self.compress_closed()?;
        self.prune()
    }

    /// Preallocates spare segments until there are as many as the options ask for.
    fn fill_spares(&self) -> Result<(), AuditError> {
        while self.lock().spares.len() < self.options.spare_segments {
            match allocate(&*self.disk, &self.options) {
                Ok(spare) => {
                    let mut state = self.lock();
                    state.spares.push(spare);
                    state.full = false;
                }
                Err(AuditError::Full) => {
                    if !std::mem::replace(&mut self.lock().full, true) {
                        tracing::error!("the disk is full: no further audit segment");
                    }
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Compresses the closed segments that are wholly synced.
    fn compress_closed(&self) -> Result<(), AuditError> {
        let synced = self.progress().synced.seq;
        loop {
            let next = self.lock().closed.first().copied();
            let Some((number, _)) = next.filter(|(_, last_seq)| *last_seq <= synced) else {
                return Ok(());
            };
            match compress(&*self.disk, &self.options.dir, number) {
                Ok(()) => {
                    let mut state = self.lock();
                    state.closed.remove(0);
                    state.pruned_ms = None;
                }
                // Its turn comes again when there is room.
                Err(AuditError::Full) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the oldest segments while the options ask for it, once the checkpoint that takes
    /// their place is durable.
    fn prune(&self) -> Result<(), AuditError> {
        if !self.lock().is_prune_due() {
            return Ok(());
        }
        let (disk, dir) = (&*self.disk, self.options.dir.as_str());
        let doomed = self.doomed()?;
        let Some(last) = doomed.last() else { return Ok(()) };
        let mut after = segment::list(disk, dir)?.into_keys().skip_while(|n| n <= last);
        let kept = after.find_map(|n| header(disk, dir, n).transpose()).transpose()?;
        let Some(kept) = kept else { return Ok(()) };
        let checkpoint = Checkpoint { segment: kept.number, before: kept.before() };
        checkpoint::write(disk, dir, self.node, &self.keys, checkpoint)?;
        for number in doomed {
            for name in [raw_name(number), zst_name(number)] {
                match disk.remove(&join(dir, &name)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => other.map_err(at(&name))?,
                }
            }
        }
        disk.sync_dir(dir).map_err(at(dir))
    }

    /// The segments that the options do not let stay, oldest first.
    fn doomed(&self) -> Result<Vec<u64>, AuditError> {
        let (disk, dir) = (&*self.disk, self.options.dir.as_str());
        let (newest_ms, first_busy) = {
            let state = self.lock();
            let closed = state.closed.first().map(|(number, _)| *number);
            (state.newest_ms, closed.unwrap_or(u64::MAX).min(state.active_number()))
        };
        let days = self.options.retention_days.filter(|_| !self.retention_is_paused());
        let horizon =
            days.map(|days| newest_ms.saturating_sub(i64::from(days).saturating_mul(MS_PER_DAY)));
        let numbers: Vec<u64> = segment::list(disk, dir)?.into_keys().collect();
        let sizes = numbers.iter().map(|number| size(disk, dir, *number));
        let sizes = sizes.collect::<Result<Vec<u64>, AuditError>>()?;
        let mut total: u64 = sizes.iter().sum();
        let mut doomed = Vec::new();
        for (pair, size) in numbers.windows(2).zip(sizes) {
            let &[number, next] = pair else { break };
            // A segment is as old as the next one's beginning.
            let too_old = match horizon {
                Some(horizon) => header(disk, dir, next)?.is_some_and(|h| h.opened_ms < horizon),
                None => false,
            };
            if number >= first_busy || !(too_old || total > self.options.retention_bytes) {
                break;
            }
            total -= size;
            doomed.push(number);
        }
        Ok(doomed)
    }
}

impl State {
    /// Whether retention must be looked at: a segment was closed, or the records have aged.
    fn is_prune_due(&mut self) -> bool {
        let newest = self.newest_ms;
        let fresh = |at: i64| newest.saturating_sub(at) < PRUNE_INTERVAL_MS;
        let due = !self.pruned_ms.is_some_and(fresh);
        if due {
            self.pruned_ms = Some(newest);
        }
        due
    }
}

fn header(disk: &dyn Disk, dir: &str, number: u64) -> Result<Option<Header>, AuditError> {
    Ok(segment::open(disk, dir, number)?.and_then(|segment| segment.header))
}

fn size(disk: &dyn Disk, dir: &str, number: u64) -> Result<u64, AuditError> {
    let mut total = 0;
    for name in [raw_name(number), zst_name(number)] {
        match disk.open(&join(dir, &name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => total += file.and_then(|file| file.len()).map_err(at(&name))?,
        }
    }
    Ok(total)
}

/// The spare segments of the last run: kept after a clean stop, else removed, since frames may
/// have been written to one whose new name was lost.
pub(crate) fn spares(
    disk: &dyn Disk,
    options: &Options,
    keep: bool,
) -> Result<Vec<Spare>, AuditError> {
    let mut spares = Vec::new();
    for name in disk.list(&options.dir).map_err(at(&options.dir))? {
        if !name.starts_with(SPARE) {
            continue;
        }
        let path = join(&options.dir, &name);
        let file = disk.open(&path).map_err(at(&name))?;
        if keep && file.len().map_err(at(&name))? == options.segment_bytes {
            spares.push(Spare { name, file });
        } else {
            disk.remove(&path).map_err(at(&name))?;
        }
    }
    Ok(spares)
}

fn allocate(disk: &dyn Disk, options: &Options) -> Result<Spare, AuditError> {
    let names = disk.list(&options.dir).map_err(at(&options.dir))?;
    let free = (0..).map(|n: u32| format!("{SPARE}{n}")).find(|name| !names.contains(name));
    let name = free.unwrap_or_else(|| SPARE.to_owned());
    let path = join(&options.dir, &name);
    let file = disk.create(&path).map_err(at(&name))?;
    match file.reserve(options.segment_bytes) {
        Ok(()) => Ok(Spare { name, file }),
        Err(error) => {
            disk.remove(&path).map_err(at(&name))?;
            Err(AuditError::io(&name, error))
        }
    }
}

/// Replaces a raw segment by its compressed form. One that ends in anything but zeros stays as
/// it is: an interrupted write, or damage, and then it is evidence.
fn compress(disk: &dyn Disk, dir: &str, number: u64) -> Result<(), AuditError> {
    let (raw, zst) = (raw_name(number), zst_name(number));
    let Some(end) = sound_end(disk, dir, number)? else { return Ok(()) };
    let fresh = join(dir, &format!("{zst}.new"));
    let target = disk.create(&fresh).map_err(at(&zst))?;
    let source = disk.open(&join(dir, &raw)).map_err(at(&raw))?;
    if let Err(error) = copy(&*source, end, &*target) {
        disk.remove(&fresh).map_err(at(&zst))?;
        return Err(AuditError::io(&zst, error));
    }
    disk.rename(&fresh, &join(dir, &zst)).map_err(at(&zst))?;
    disk.sync_dir(dir).map_err(at(dir))?;
    disk.remove(&join(dir, &raw)).map_err(at(&raw))?;
    disk.sync_dir(dir).map_err(at(dir))
}

/// Where the frames of a raw segment end, if only zeros follow.
fn sound_end(disk: &dyn Disk, dir: &str, number: u64) -> Result<Option<u64>, AuditError> {
    let Some(mut segment) = segment::open(disk, dir, number)? else { return Ok(None) };
    if segment.is_compressed() || segment.header.is_none() {
        return Ok(None);
    }
    loop {
        match segment.step()? {
            Step::Frame(_) => {}
            Step::Damaged(_) => return Ok(None),
            Step::End => break,
        }
    }
    let end = segment.offset();
    Ok(segment.rest_is_zero()?.then_some(end))
}

fn copy(source: &dyn DiskFile, end: u64, target: &dyn DiskFile) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(FileWriter { file: target, at: 0 }, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        let part = chunk.get_mut(..wanted).unwrap_or_default();
        source.read_at(part, at)?;
        encoder.write_all(part)?;
        at += wanted as u64;
    }
    encoder.finish()?;
    target.sync_data()
}

struct FileWriter<'a> {
    file: &'a dyn DiskFile,
    at: u64,
}

impl Write for FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
