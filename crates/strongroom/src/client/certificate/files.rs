//! Files that are replaced together, as far as a file system can: each one whole, and what is
//! unfinished is found again.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::CliError;

/// A file as it ought to be.
pub(super) struct Wanted {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
}

/// Files that belong together.
pub(super) struct Files(pub(super) Vec<Wanted>);

impl Wanted {
    /// What a file ought to hold.
    pub(super) fn new(path: &Path, bytes: &[u8]) -> Self {
        Self { path: path.to_owned(), bytes: Zeroizing::new(bytes.to_vec()) }
    }

    fn is_there(&self) -> Result<bool, CliError> {
        match fs::read(&self.path).map(Zeroizing::new) {
            Ok(found) => Ok(found == self.bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&self.path, &error)),
        }
    }

    /// Writes it beside its place, whole and synced, for its owner only.
    fn prepare(&self) -> std::io::Result<()> {
        let mut file = create(&beside(&self.path, "new"))?;
        file.write_all(&self.bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.sync_all()
    }

    fn put(&self) -> std::io::Result<()> {
        fs::rename(beside(&self.path, "new"), &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Files {
    /// Whether they are not what they ought to be, or nobody was told that they are.
    pub(super) fn differ(&self) -> Result<bool, CliError> {
        if self.mark().is_some_and(|mark| mark.exists()) {
            return Ok(true);
        }
        for wanted in &self.0 {
            if !wanted.is_there()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts all of them in place, one after the other. Until [`Files::done`] a mark lies beside
    /// the first, so that a command that failed is run again, by another process too.
    pub(super) fn write(&self) -> Result<(), CliError> {
        for wanted in &self.0 {
            wanted.prepare().map_err(|error| failed(&wanted.path, &error))?;
        }
        if let Some(mark) = self.mark() {
            create(&mark).map_err(|error| failed(&mark, &error))?;
        }
        for wanted in &self.0 {
            wanted.put().map_err(|error| failed(&wanted.path, &error))?;
        }
        Ok(())
    }

    /// Takes the mark away: everybody knows of the files.
    pub(super) fn done(&self) -> Result<(), CliError> {
        let Some(mark) = self.mark() else { return Ok(()) };
        fs::remove_file(&mark).map_err(|error| failed(&mark, &error))
    }

    fn mark(&self) -> Option<PathBuf> {
        self.0.first().map(|first| beside(&first.path, "unfinished"))
    }
}

/// A new file for its owner only, in place of whatever has its name: a link is never followed.
fn create(path: &Path) -> std::io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// `.{name}.{word}` in the same folder, so that a rename is one step.
fn beside(path: &Path, word: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{word}"))
}

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_change_only_when_they_must() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key"), folder.path().join("cert"));
        let files =
            |k: &[u8], c: &[u8]| Files(vec![Wanted::new(&key, k), Wanted::new(&certificate, c)]);
        let first = files(b"k1", b"c1");
        assert!(first.differ().unwrap());
        first.write().unwrap();
        assert!(first.differ().unwrap(), "nobody has been told yet");
        first.done().unwrap();
        assert!(!first.differ().unwrap());
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
        assert!(files(b"k1", b"c2").differ().unwrap());
        assert!(files(b"k2", b"c1").differ().unwrap());
    }

    #[test]
    fn a_file_that_others_could_read_is_replaced_by_one_that_they_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "old").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let mut reader = File::open(&key).unwrap();
        let files = Files(vec![Wanted::new(&key, b"new")]);
        files.write().unwrap();
        let mut seen = String::new();
        std::io::Read::read_to_string(&mut reader, &mut seen).unwrap();
        assert_eq!(seen, "old", "whoever has the old one open sees no half of the new one");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn links_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = (folder.path().join("key"), folder.path().join("other"));
        fs::write(&other, "kept").unwrap();
        for word in ["new", "unfinished"] {
            std::os::unix::fs::symlink(&other, beside(&key, word)).unwrap();
        }
        std::os::unix::fs::symlink(&other, &key).unwrap();
        Files(vec![Wanted::new(&key, b"k")]).write().unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"kept");
        assert_eq!(fs::read(&key).unwrap(), b"k");
    }

    #[test]
    fn nothing_is_put_in_place_when_one_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        let nowhere = folder.path().join("nowhere/cert");
        let files = Files(vec![Wanted::new(&key, b"k"), Wanted::new(&nowhere, b"c")]);
        assert!(files.write().is_err());
        assert!(!key.exists());
    }
}
