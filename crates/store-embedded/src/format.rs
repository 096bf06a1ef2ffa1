//! The file that says what the directory is, in which format, and which store.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use strongroom_store::StoreError;
use strongroom_store::disk::{self, Disk};

use crate::failed;

/// The newest format this release reads, and the one it writes.
const FORMAT: u32 = 1;

const NAME: &str = "format";
const TITLE: &str = "strongroom embedded store";

/// The id of the store in `dir`, or `None` if there is none yet.
pub(crate) fn read(disk: &dyn Disk, dir: &str) -> Result<Option<u64>, StoreError> {
    let path = disk::join(dir, NAME);
    let Some(bytes) = disk::read(disk, &path).map_err(|e| failed(&path, &e))? else {
        return Ok(None);
    };
    let damaged = || StoreError::Corrupt(format!("{path} is not what the engine writes there"));
    let text = String::from_utf8(bytes).map_err(|_| damaged())?;
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err(damaged());
    }
    let format = lines.next().and_then(|line| line.strip_prefix("format ")?.parse().ok());
    match format.ok_or_else(damaged)? {
        FORMAT => {}
        found => return Err(StoreError::NewerFormat { found, supported: FORMAT }),
    }
    let id = lines.next().and_then(|line| line.strip_prefix("id "));
    let id = id.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or_else(damaged)?;
    Ok(Some(id))
}

/// Writes the file for a new store, and returns the store's id.
pub(crate) fn create(disk: &dyn Disk, dir: &str) -> Result<u64, StoreError> {
    // Only tells this store's frames from those of another: need not be secret.
    let id = RandomState::new().build_hasher().finish();
    let text = format!("{TITLE}\nformat {FORMAT}\nid {id:016x}\n");
    disk::replace(disk, dir, NAME, text.as_bytes()).map_err(|e| failed(NAME, &e))?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use strongroom_store::disk::FaultDisk;

    use super::*;

    #[test]
    fn the_id_is_read_back_and_a_newer_format_is_refused() {
        let disk = FaultDisk::new();
        assert_eq!(read(&disk, "").unwrap(), None);
        let id = create(&disk, "").unwrap();
        assert_eq!(read(&disk, "").unwrap(), Some(id));
        let newer = format!("{TITLE}\nformat 2\nsomething else\n");
        disk::replace(&disk, "", NAME, newer.as_bytes()).unwrap();
        let refused = read(&disk, "").unwrap_err();
        assert!(matches!(refused, StoreError::NewerFormat { found: 2, supported: 1 }));
        for damaged in ["", "else\nformat 1\nid 1\n", "strongroom embedded store\nformat 1\n"] {
            disk::replace(&disk, "", NAME, damaged.as_bytes()).unwrap();
            assert!(matches!(read(&disk, "").unwrap_err(), StoreError::Corrupt(_)), "{damaged}");
        }
    }
}
