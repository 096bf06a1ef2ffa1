//! A disk in memory that fails as real ones do, repeatably.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, SECTOR};

/// A disk in memory for tests: it can lose power, fail a sync and run full. Clones are the same
/// disk; [`FaultDisk::power_loss`] makes another one.
#[derive(Clone, Debug, Default)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

impl FaultDisk {
    /// An empty disk without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as found after a power loss at this moment: what was synced is there; of what
    /// was not, each 512-byte sector and each change of a name is there or not as `seed` decides,
    /// in any order. This disk goes on as if nothing had happened.
    pub fn power_loss(&self, seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(self.lock().after_power_loss(&mut Dice::new(seed)))) }
    }

    /// Lets `operations` more changes happen (writes, length changes, syncs, names), then refuses
    /// every operation, so that [`FaultDisk::power_loss`] can be asked about exactly that moment.
    pub fn cut_power_after(&self, operations: u64) {
        self.lock().fuse = Some(operations);
    }

    /// Whether the moment of [`FaultDisk::cut_power_after`] has come.
    pub fn is_dead(&self) -> bool {
        self.lock().fuse == Some(0)
    }

    /// Makes the next [`DiskFile::sync_data`] fail. As on Linux, what it covered can still be
    /// read, may or may not be durable, and no later sync will make it so.
    pub fn fail_next_sync(&self) {
        self.fail_next_sync_below("");
    }

    /// As [`FaultDisk::fail_next_sync`], but only of a file whose path starts with `prefix`.
    pub fn fail_next_sync_below(&self, prefix: &str) {
        self.lock().fail_sync = Some(prefix.to_owned());
    }

    /// Limits the sum of all file lengths to `bytes`; beyond it, writes fail with `StorageFull`.
    pub fn set_capacity(&self, bytes: u64) {
        self.lock().capacity = Some(bytes);
    }

    /// The sum of all file lengths, in bytes.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Inverts the lowest bit of the byte at `offset` of the file `path`, as a decaying medium
    /// would.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `UnexpectedEof` if it is shorter.
    pub fn flip_bit(&self, path: &str, offset: u64) -> io::Result<()> {
        let mut state = self.lock();
        let id = state.id(path)?;
        let inode = state.inode(id)?;
        let at = index(offset)?;
        for content in [&mut inode.live, &mut inode.durable] {
            *content.get_mut(at).ok_or(io::ErrorKind::UnexpectedEof)? ^= 1;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: u64) -> Box<dyn DiskFile> {
        Box::new(FaultFile { disk: self.clone(), id })
    }
}

impl Disk for FaultDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let id = self.lock().id(path)?;
        Ok(self.file(id))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        state.spend()?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !state.dirs.iter().any(|dir| dir == parent(path)) && !parent(path).is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let id = state.inodes.len() as u64;
        state.inodes.insert(id, Inode::default());
        state.rename(NameChange { from: None, to: Some(path.to_owned()), id });
        drop(state);
        Ok(self.file(id))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
        state.dirs.extend(ends.filter_map(|end| dir.get(..end)).map(str::to_owned));
        Ok(())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.lock();
        state.alive()?;
        if !dir.is_empty() && !state.dirs.iter().any(|known| known == dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.names.keys().filter(|path| parent(path) == dir);
        Ok(inside.filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let id = state.id(from)?;
        state.rename(NameChange { from: Some(from.to_owned()), to: Some(to.to_owned()), id });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let id = state.id(path)?;
        state.rename(NameChange { from: Some(path.to_owned()), to: None, id });
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.spend()?;
        let changes = std::mem::take(&mut state.unsynced_names);
        let (synced, waiting) = changes.into_iter().partition(|change| change.touches(dir));
        state.unsynced_names = waiting;
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn free_space(&self) -> io::Result<u64> {
        let state = self.lock();
        state.alive()?;
        Ok(state.free())
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    id: u64,
}

impl DiskFile for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.alive()?;
        let from = index(offset)?;
        let live = &state.inode(self.id)?.live;
        let found = live.get(from..from + buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.spend()?;
        let room = state.room(self.id)?;
        let fitting = index(room.saturating_sub(offset))?.min(bytes.len());
        let written = bytes.get(..fitting).unwrap_or_default();
        state.inode(self.id)?.change(Change::Write { at: index(offset)?, bytes: written.to_vec() });
        if fitting < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.lock();
        state.alive()?;
        Ok(state.inode(self.id)?.live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.spend()?;
        if len > state.room(self.id)? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.inode(self.id)?.change(Change::Len(index(len)?));
        Ok(())
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        if self.len()? >= len {
            return Ok(());
        }
        self.set_len(len)?;
        self.sync_data()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.spend()?;
        let failing = state.sync_fails(self.id);
        let mut dice = Dice::new(state.inodes.len() as u64);
        let inode = state.inode(self.id)?;
        if failing {
            inode.settle(&mut dice);
            return Err(io::Error::other("the device reported an error (injected)"));
        }
        for change in std::mem::take(&mut inode.unsynced) {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    dirs: Vec<String>,
    capacity: Option<u64>,
    /// The prefix of the paths whose next sync fails.
    fail_sync: Option<String>,
    fuse: Option<u64>,
}

impl State {
    fn alive(&self) -> io::Result<()> {
        if self.fuse == Some(0) { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Accounts for one change.
    fn spend(&mut self) -> io::Result<()> {
        self.alive()?;
        self.fuse = self.fuse.map(|left| left - 1);
        self.alive()
    }

    fn id(&self, path: &str) -> io::Result<u64> {
        self.alive()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode(&mut self, id: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_fails(&mut self, id: u64) -> bool {
        let mut paths = self.names.iter().filter(|(_, named)| **named == id);
        let fails = self.fail_sync.as_ref().is_some_and(|p| paths.any(|(n, _)| n.starts_with(p)));
        if fails {
            self.fail_sync = None;
        }
        fails
    }

    fn rename(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn used(&self) -> u64 {
        let lens = self.names.values().filter_map(|id| self.inodes.get(id));
        lens.map(|inode| inode.live.len() as u64).sum()
    }

    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX / 2, |capacity| capacity.saturating_sub(self.used()))
    }

    /// How long the file `id` may become.
    fn room(&mut self, id: u64) -> io::Result<u64> {
        let free = self.free();
        Ok(self.inode(id)?.live.len() as u64 + free)
    }

    fn after_power_loss(&self, dice: &mut Dice) -> Self {
        let mut names = self.durable_names.clone();
        for change in &self.unsynced_names {
            if dice.keeps() {
                change.apply(&mut names);
            }
        }
        let found = |(id, inode): (&u64, &Inode)| {
            let mut inode = inode.clone();
            inode.settle(dice);
            inode.live.clone_from(&inode.durable);
            (*id, inode)
        };
        Self {
            inodes: self.inodes.iter().map(found).collect(),
            durable_names: names.clone(),
            names,
            dirs: self.dirs.clone(),
            ..Self::default()
        }
    }
}

/// A file's content as programs see it, and as the medium has it.
#[derive(Clone, Debug, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Inode {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    /// Lets `dice` decide which unsynced sectors reach the medium; the others never will.
    fn settle(&mut self, dice: &mut Dice) {
        dice.choose_odds();
        for change in std::mem::take(&mut self.unsynced) {
            for part in change.sectors() {
                if dice.keeps() {
                    part.apply(&mut self.durable);
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Len(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Len(len) => content.resize(*len, 0),
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(target) = content.get_mut(*at..end) {
                    target.copy_from_slice(bytes);
                }
            }
        }
    }

    /// The parts of the change that are each whole or absent.
    fn sectors(self) -> Vec<Self> {
        let Self::Write { at, bytes } = self else { return vec![self] };
        let first = (SECTOR - at % SECTOR).min(bytes.len());
        let (head, rest) = bytes.split_at(first);
        let mut parts = vec![Self::Write { at, bytes: head.to_vec() }];
        let starts = (at + first..).step_by(SECTOR);
        parts.extend(
            starts.zip(rest.chunks(SECTOR)).map(|(at, c)| Self::Write { at, bytes: c.to_vec() }),
        );
        parts
    }
}

#[derive(Clone, Debug)]
struct NameChange {
    from: Option<String>,
    to: Option<String>,
    id: u64,
}

impl NameChange {
    fn touches(&self, dir: &str) -> bool {
        self.from.iter().chain(&self.to).any(|path| parent(path) == dir)
    }

    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        if let Some(from) = &self.from
            && names.get(from) == Some(&self.id)
        {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.id);
        }
    }
}

/// SplitMix64, and the odds that an unsynced part survives.
struct Dice {
    state: u64,
    odds: u64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self { state: seed, odds: 50 };
        dice.choose_odds();
        dice
    }

    /// None, all, or some share of what was not synced.
    fn choose_odds(&mut self) {
        self.odds = match self.next() % 4 {
            0 => 0,
            1 => 100,
            _ => self.next() % 101,
        };
    }

    fn keeps(&mut self) -> bool {
        self.next() % 100 < self.odds
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::disk::{read, replace};

    fn synced(disk: &FaultDisk, path: &str, bytes: &[u8]) -> Box<dyn DiskFile> {
        let file = disk.create(path).unwrap();
        file.write_at(bytes, 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(parent(path)).unwrap();
        file
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_is_torn_by_sectors() {
        let disk = FaultDisk::new();
        let file = synced(&disk, "f", &[1; 2048]);
        file.write_at(&[2; 2048], 0).unwrap();
        let mut seen = BTreeSet::new();
        for seed in 0..200 {
            let found = read(&disk.power_loss(seed), "f").unwrap().unwrap();
            for sector in found.chunks(SECTOR) {
                assert!(sector == [1; SECTOR] || sector == [2; SECTOR]);
            }
            seen.insert(found.iter().step_by(SECTOR).copied().collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 16, "every subset of four sectors comes up");
        assert_eq!(read(&disk, "f").unwrap().unwrap(), [2; 2048]);
    }

    #[test]
    fn a_name_is_lost_unless_its_directory_was_synced() {
        let disk = FaultDisk::new();
        disk.create_dir("log").unwrap();
        disk.create("log/1").unwrap().sync_data().unwrap();
        let found = |seed| disk.power_loss(seed).list("log").unwrap().len();
        assert_eq!((0..50).map(found).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
        disk.sync_dir("log").unwrap();
        assert!((0..50).all(|seed| disk.power_loss(seed).list("log").unwrap() == ["1"]));
    }

    #[test]
    fn replace_leaves_the_old_or_the_new_at_every_moment() {
        let seen: BTreeSet<Vec<u8>> = (0..8)
            .flat_map(|moment| (0..40).map(move |seed| (moment, seed)))
            .map(|(moment, seed)| {
                let disk = FaultDisk::new();
                replace(&disk, "", "head", &[1; 1000]).unwrap();
                disk.cut_power_after(moment);
                let done = replace(&disk, "", "head", &[2; 1000]).is_ok();
                let found = read(&disk.power_loss(seed), "head").unwrap().unwrap();
                assert!(found == [1; 1000] || found == [2; 1000]);
                assert!(!done || found == [2; 1000]);
                found
            })
            .collect();
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_failed_sync_is_never_made_good_by_a_later_one() {
        let disk = FaultDisk::new();
        let lost = (0..50).any(|round| {
            let path = format!("f{round}");
            let file = synced(&disk, &path, &[1; 512]);
            file.write_at(&[2; 512], 0).unwrap();
            disk.fail_next_sync();
            file.sync_data().unwrap_err();
            file.sync_data().unwrap();
            read(&disk, &path).unwrap().unwrap() == [2; 512]
                && read(&disk.power_loss(1), &path).unwrap().unwrap() == [1; 512]
        });
        assert!(lost);
    }

    #[test]
    fn a_full_disk_refuses_growth_and_still_overwrites() {
        let disk = FaultDisk::new();
        let file = disk.create("f").unwrap();
        file.preallocate(1000).unwrap();
        disk.set_capacity(1100);
        assert_eq!(file.write_at(&[1; 200], 1000).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.len().unwrap(), 1100, "the part that fitted was written");
        file.write_at(&[2; 1000], 0).unwrap();
        assert_eq!(file.set_len(1101).unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.set_len(500).unwrap();
        assert_eq!(disk.used(), 500);
    }
}
