//! Files that hold secrets.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::CliError;

/// Reads a file of at most so many bytes.
pub(crate) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => CliError::NotFound(format!("there is no file {shown}")),
        _ => CliError::Failed(format!("{shown} cannot be read: {error}")),
    };
    let file = File::open(path).map_err(failed)?;
    // One byte more than expected, so that the buffer does not grow to find the end. A pipe does
    // not tell its length.
    let facts = file.metadata().map_err(failed)?;
    let length = if facts.is_file() { facts.len() } else { u64::MAX };
    let room = usize::try_from(length).unwrap_or(most).min(most) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > most {
        return Err(CliError::Usage(format!("{shown} is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// Writes a new file that only its owner may read; over an old one only if that is wanted.
pub(crate) fn write(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), CliError> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::Failed(format!(
            "{shown} is there already: take another name, or say --overwrite"
        )),
        _ => CliError::Failed(format!("{shown} cannot be written: {error}")),
    };
    if overwrite
        && let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        let _ = fs::remove_file(path);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_is_private_and_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, b"one", false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(write(&path, b"two", false).unwrap_err().to_string().contains("--overwrite"));
        assert_eq!(read(&path, 3).unwrap().as_slice(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(read(&path, 3).unwrap().as_slice(), b"two");
    }

    #[test]
    fn a_file_has_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        write(&path, b"four", false).unwrap();
        assert!(matches!(read(&path, 3), Err(CliError::Usage(_))));
        assert!(matches!(read(&folder.path().join("none"), 3), Err(CliError::NotFound(_))));
    }
}
