//! The one seam beneath the engine and the audit journal.
//!
//! Everything durable goes through a [`Disk`], so that a test can put a [`FaultDisk`] there that
//! drops, tears and reorders what was not synced, fails a sync, or runs full.
//!
//! What callers may rely on, and nothing more (POSIX promises no more either):
//! - bytes survive a power loss once [`DiskFile::sync_data`] has returned `Ok`;
//! - a created, renamed or removed name survives once [`Disk::sync_dir`] of its directory has;
//! - a rename is atomic: afterwards the target is the old file or the new one, never a mixture;
//! - 512 aligned bytes are written whole or not at all;
//! - after a failed sync, the bytes it covered may be lost for good: a later sync that succeeds
//!   says nothing about them.

mod fault;
mod real;

use std::fmt::Debug;
use std::io;

pub use fault::FaultDisk;
pub use real::RealDisk;

/// The unit that a disk writes whole or not at all, in bytes.
pub const SECTOR: usize = 512;

/// A tree of files. Paths are relative to its root, `/`-separated, without `.` or `..`; the root
/// directory itself is `""`.
pub trait Disk: Send + Sync + Debug {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if it is absent.
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Creates an empty file. Its name is durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Creates a directory and its missing parents, and makes their names durable. An existing
    /// directory is no error.
    ///
    /// # Errors
    /// Those of the file system.
    fn create_dir(&self, dir: &str) -> io::Result<()>;

    /// The names (not paths) of the files directly in `dir`, sorted. Directories are left out.
    ///
    /// # Errors
    /// `NotFound` if the directory is absent.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Gives the file `from` the name `to`, replacing a file of that name.
    ///
    /// # Errors
    /// `NotFound` if `from` is absent.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name. Files already open stay usable.
    ///
    /// # Errors
    /// `NotFound` if it is absent.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in `dir` durable: creations, renames and removals.
    ///
    /// # Errors
    /// Those of the device.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// How many bytes may still be written before the disk is full, as far as can be told.
    ///
    /// # Errors
    /// Those of the file system.
    fn free_space(&self) -> io::Result<u64>;
}

/// An open file. All methods take `&self` and may be called from several threads.
pub trait DiskFile: Send + Sync + Debug {
    /// Fills `buffer` from `offset` (bytes from the start).
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends first.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, extending the file if it must. After an error, any
    /// part of it may have been written.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// Those of the file system.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// Those of [`DiskFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or extends it with zeros that may be a hole.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends the file to `len` bytes with zeros that are really written, and syncs them:
    /// overwriting them later needs no space, and syncing that needs no metadata. A file that is
    /// already as long is left alone.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full; the file is then cut back to its old length.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// As [`DiskFile::preallocate`], but the zeros may be a promise of the file system: quick, and
    /// for files whose sync may now and then need metadata.
    ///
    /// # Errors
    /// As [`DiskFile::preallocate`].
    fn reserve(&self, len: u64) -> io::Result<()> {
        self.preallocate(len)
    }

    /// Makes every byte written so far, and the file's length, durable.
    ///
    /// # Errors
    /// Those of the device; what was written since the last good sync may then be lost.
    fn sync_data(&self) -> io::Result<()>;
}

/// Replaces (or creates) the file `path` in `dir` so that, whatever happens, it holds either its
/// old bytes or all of `bytes`.
///
/// # Errors
/// Those of the disk; the old bytes are then still there.
pub fn replace(disk: &dyn Disk, dir: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = join(dir, name);
    let fresh = format!("{path}.new");
    match disk.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(&fresh)?;
    file.write_at(bytes, 0)?;
    file.sync_data()?;
    disk.rename(&fresh, &path)?;
    disk.sync_dir(dir)
}

/// The whole of the file `path`, or `None` if there is no such file.
///
/// # Errors
/// Those of the disk.
pub fn read(disk: &dyn Disk, path: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_at(&mut bytes, 0)?;
    Ok(Some(bytes))
}

/// The path of `name` in `dir`.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}
