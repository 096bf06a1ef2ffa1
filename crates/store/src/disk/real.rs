//! A directory of the operating system.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use super::{Disk, DiskFile};
use crate::StoreError;

/// How much is zeroed per write while preallocating, in bytes.
const ZERO_CHUNK: u64 = 1024 * 1024;

/// How much is zeroed per sync where space cannot be promised: a sync of more would hold others
/// up.
const RESERVE_STEP: u64 = 8 * 1024 * 1024;

/// The file whose lock says that the directory is in use.
const LOCK: &str = "lock";

/// A directory of the operating system, held by this process alone while the value lives. Files
/// have mode 0600, directories 0700.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// Locked; the kernel lets go of it when the process ends, however it ends.
    _lock: File,
}

impl RealDisk {
    /// Opens the directory `root`, creating it if it is absent, and takes its lock.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process (or another `RealDisk`) holds the directory,
    /// [`StoreError::Unavailable`] if it cannot be made or opened.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let unavailable = |error: io::Error| {
            StoreError::Unavailable(format!("the directory {}: {error}", root.display()))
        };
        create_private_dir(&root).map_err(unavailable)?;
        check_private(&root).map_err(unavailable)?;
        let mut options = private();
        options.create(true).custom_flags(nix::libc::O_NOFOLLOW);
        let lock = options.open(root.join(LOCK)).map_err(unavailable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(root.display().to_string())),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        let relative = Path::new(path);
        if relative.components().all(|c| matches!(c, Component::Normal(_))) {
            Ok(self.root.join(relative))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("not a plain path: {path}")))
        }
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(private().open(self.resolve(path)?)?)))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(private().create_new(true).open(self.resolve(path)?)?)))
    }

    fn create_dir(&self, dir: &str) -> io::Result<()> {
        create_private_dir(&self.resolve(dir)?)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for found in std::fs::read_dir(self.resolve(dir)?)? {
            let found = found?;
            if found.file_type()?.is_file()
                && let Ok(name) = found.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.resolve(from)?, self.resolve(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.resolve(path)?)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.resolve(dir)?)?.sync_all()
    }

    fn free_space(&self) -> io::Result<u64> {
        let found = nix::sys::statvfs::statvfs(&self.root)?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }
}

/// Options for a private file, read and write. (The standard library always sets `O_CLOEXEC`.)
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Refuses a directory that another user could put files into, or take them out of.
fn check_private(dir: &Path) -> io::Result<()> {
    let found = dir.metadata()?;
    let owner = nix::unistd::geteuid().as_raw();
    if found.uid() != owner || found.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it must belong to user {owner} and be writable by nobody else (chmod 700)"),
        ));
    }
    Ok(())
}

/// Creates `dir` and its missing parents with mode 0700, syncing each parent.
fn create_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_private_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        let old = self.len()?;
        // fallocate(2), as in `reserve`, would be cheaper now and may be dearer later: ext4 and
        // XFS convert the unwritten extents inside the first fdatasync over them.
        if let Err(error) = self.write_zeros(old, len) {
            self.0.set_len(old)?;
            return Err(error);
        }
        self.0.sync_all()
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        let old = self.len()?;
        if old >= len {
            return Ok(());
        }
        let made = match self.promise(old, len) {
            Ok(true) => self.0.sync_all(),
            Ok(false) => self.preallocate_in_steps(old, len),
            Err(error) => Err(error),
        };
        made.or_else(|error| self.0.set_len(old).and(Err(error)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl RealFile {
    /// Has the file system set the space aside, or says that this one cannot.
    #[cfg(target_os = "linux")]
    fn promise(&self, from: u64, to: u64) -> io::Result<bool> {
        use nix::errno::Errno;
        use nix::fcntl::{FallocateFlags, fallocate};
        let offset = i64::try_from(from).map_err(io::Error::other)?;
        let len = i64::try_from(to - from).map_err(io::Error::other)?;
        loop {
            match fallocate(&self.0, FallocateFlags::empty(), offset, len) {
                Ok(()) => return Ok(true),
                Err(Errno::EINTR) => {}
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn promise(&self, _: u64, _: u64) -> io::Result<bool> {
        Ok(false)
    }

    fn preallocate_in_steps(&self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            at = to.min(at + RESERVE_STEP);
            self.preallocate(at)?;
        }
        Ok(())
    }

    fn write_zeros(&self, from: u64, to: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(ZERO_CHUNK.min(to.saturating_sub(from))).unwrap_or(0)];
        let mut at = from;
        while at < to {
            let chunk = usize::try_from((to - at).min(ZERO_CHUNK)).map_err(io::Error::other)?;
            self.0.write_all_at(zeros.get(..chunk).unwrap_or_default(), at)?;
            at += chunk as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::disk::{read, replace};

    #[test]
    fn a_second_opener_is_told_that_the_directory_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let first = RealDisk::open(dir.path()).unwrap();
        assert!(matches!(RealDisk::open(dir.path()), Err(StoreError::InUse(_))));
        drop(first);
        RealDisk::open(dir.path()).unwrap();
    }

    #[test]
    fn files_and_directories_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path().join("a/b")).unwrap();
        disk.create_dir("log").unwrap();
        disk.create("log/1").unwrap();
        let mode =
            |p: &str| std::fs::metadata(dir.path().join(p)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("a/b"), mode("a/b/log")), (0o700, 0o700, 0o700));
        assert_eq!((mode("a/b/lock"), mode("a/b/log/1")), (0o600, 0o600));
    }

    #[test]
    fn paths_do_not_leave_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        for path in ["../x", "/etc/passwd", "a/../../x", "."] {
            assert_eq!(disk.create(path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn replace_replaces_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        assert_eq!(read(&disk, "head").unwrap(), None);
        replace(&disk, "", "head", b"one, the longer").unwrap();
        replace(&disk, "", "head", b"two").unwrap();
        assert_eq!(read(&disk, "head").unwrap().unwrap(), b"two");
        assert_eq!(disk.list("").unwrap(), ["head", "lock"]);
    }

    #[test]
    fn preallocated_and_reserved_bytes_are_zeros_and_keep_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        let file = disk.create("segment").unwrap();
        file.write_at(b"head", 0).unwrap();
        file.reserve(1000).unwrap();
        assert_eq!(file.len().unwrap(), 1000);
        file.preallocate(2 * 1024 * 1024 + 5).unwrap();
        file.reserve(3 * 1024 * 1024 + 7).unwrap();
        file.reserve(5).unwrap();
        let set_aside = std::fs::metadata(dir.path().join("segment")).unwrap().blocks() * 512;
        assert!(set_aside >= 3 * 1024 * 1024, "only {set_aside} bytes");
        let bytes = read(&disk, "segment").unwrap().unwrap();
        assert_eq!(bytes.len(), 3 * 1024 * 1024 + 7);
        assert_eq!(&bytes[..4], b"head");
        assert!(bytes[4..].iter().all(|b| *b == 0));
    }
}
