//! The base: every row up to the last checkpoint, in a redb file on our [`Disk`].
//!
//! redb is written by checkpoints alone, one transaction each. Its commits are two-phase and
//! record the allocator's state, so opening after a crash reads no more than the header, and a
//! page that a failed sync lost is never referred to: the header is written only after the sync
//! of the pages.
//!
//! redb refuses everything, reads too, after one failed write. So a checkpoint begins only when
//! the disk has room for it; should one fail all the same, the file is opened again at once, and
//! in between a read of what redb has not cached answers "unavailable".

use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend,
    TableDefinition, TableError,
};
use strongroom_store::disk::{self, Disk, DiskFile};
use strongroom_store::{Revision, StoreError, Versioned};

use crate::failed;
use crate::memtable::{Memtable, Slot};

const NAME: &str = "base.redb";

/// Each value begins with the 8 bytes of its revision, little-endian.
const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// `"revision"`: the newest commit that the rows contain.
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const REVISION: &str = "revision";

/// How much is written to the file between two syncs, in bytes. One large flush at the end
/// would make the log's small ones wait for it.
const PACE: u64 = 8 * 1024 * 1024;

/// The base's file, open. Lives until the last view of it is gone.
#[derive(Debug)]
struct BaseFile {
    database: Database,
    gate: Arc<Gate>,
}

impl Drop for BaseFile {
    fn drop(&mut self) {
        // redb would now write that it was closed cleanly; by the time the last reader has let
        // go, another opening of the same file may have moved on.
        self.gate.retired.store(true, Ordering::Release);
    }
}

/// The base as of one checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct BaseView {
    rows: Option<Arc<Rows>>,
    revision: Revision,
    file: Arc<BaseFile>,
}

struct Rows(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}

/// Tells whether anybody still reads through an opening that has been replaced.
#[derive(Debug, Default)]
pub(crate) struct Readers(Weak<BaseFile>);

impl Readers {
    pub(crate) fn any(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl BaseView {
    /// Opens the base in `dir`, creating an empty one if there is none.
    pub(crate) fn open(disk: &dyn Disk, dir: &str, cache: usize) -> Result<Self, StoreError> {
        let path = disk::join(dir, NAME);
        let file = match disk.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(disk, dir).map_err(|e| failed(&path, &e))?;
                disk.open(&path)
            }
            other => other,
        };
        let file = file.map_err(|e| failed(&path, &e))?;
        let gate = Arc::new(Gate::default());
        gate.len.store(file.len().map_err(|e| failed(&path, &e))?, Ordering::Release);
        let backend = Backend { file, gate: gate.clone() };
        let mut builder = Builder::new();
        builder.set_cache_size(cache);
        let database = builder.create_with_backend(backend).map_err(|e| refused(&e.into()))?;
        view(Arc::new(BaseFile { database, gate })).map_err(|e| refused(&e))
    }

    /// Whether a sync of the file has failed: it must not be written any more.
    pub(crate) fn sync_failed(&self) -> bool {
        self.file.gate.sync_failed.load(Ordering::Acquire)
    }

    /// Whether a write has failed: the base must be opened again before the next one.
    pub(crate) fn write_failed(&self) -> bool {
        self.file.gate.write_failed.load(Ordering::Acquire)
    }

    /// The file's length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.file.gate.len.load(Ordering::Acquire)
    }

    pub(crate) fn readers(&self) -> Readers {
        Readers(Arc::downgrade(&self.file))
    }

    /// Stops writing to the file, for good.
    pub(crate) fn retire(&self) {
        self.file.gate.retired.store(true, Ordering::Release);
    }

    /// The newest commit that the base contains.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        let Some(rows) = &self.rows else { return Ok(None) };
        match rows.0.get(key).map_err(|e| refused(&e.into()))? {
            Some(found) => Ok(Some(versioned(found.value())?)),
            None => Ok(None),
        }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        let Some(rows) = &self.rows else { return Ok(false) };
        Ok(rows.0.get(key).map_err(|e| refused(&e.into()))?.is_some())
    }

    /// The rows from `from` on, in key order.
    pub(crate) fn from(&self, from: Bound<&[u8]>) -> Result<BaseRows, StoreError> {
        let Some(rows) = &self.rows else { return Ok(BaseRows { range: None }) };
        let range = rows.0.range::<&[u8]>((from, Bound::Unbounded));
        Ok(BaseRows { range: Some(range.map_err(|e| refused(&e.into()))?) })
    }

    /// Writes `rows`, the newest of which is of `through`, and returns the base with them.
    ///
    /// After an error, open the base again: this opening refuses all further work.
    pub(crate) fn write(&self, rows: &Memtable, through: Revision) -> Result<Self, StoreError> {
        self.write_rows(rows, through).map_err(|e| refused(&e))
    }

    fn write_rows(&self, rows: &Memtable, through: Revision) -> Result<Self, redb::Error> {
        let mut transaction = self.file.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(ROWS)?;
            let mut value = Vec::new();
            for (key, Slot { revision, value: new }) in rows.iter() {
                let Some(new) = new else {
                    table.remove(&**key)?;
                    continue;
                };
                value.clear();
                value.extend_from_slice(&revision.0.to_le_bytes());
                value.extend_from_slice(new);
                table.insert(&**key, &*value)?;
            }
            transaction.open_table(META)?.insert(REVISION, through.0)?;
        }
        transaction.commit()?;
        view(self.file.clone())
    }
}

/// Rows of the base, in key order.
pub(crate) struct BaseRows {
    range: Option<redb::Range<'static, &'static [u8], &'static [u8]>>,
}

impl Iterator for BaseRows {
    type Item = Result<(Bytes, Versioned), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.as_mut()?.next()?;
        Some(row.map_err(|e| refused(&e.into())).and_then(|(key, value)| {
            Ok((Bytes::copy_from_slice(key.value()), versioned(value.value())?))
        }))
    }
}

fn versioned(stored: &[u8]) -> Result<Versioned, StoreError> {
    let (revision, value) = stored
        .split_first_chunk()
        .ok_or_else(|| StoreError::Corrupt(format!("{NAME} holds a row without a revision")))?;
    let revision = Revision(u64::from_le_bytes(*revision));
    Ok(Versioned { revision, value: Bytes::copy_from_slice(value) })
}

fn view(file: Arc<BaseFile>) -> Result<BaseView, redb::Error> {
    let transaction = file.database.begin_read()?;
    let revision = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => 0,
        table => table?.get(REVISION)?.map_or(0, |found| found.value()),
    };
    let rows = match transaction.open_table(ROWS) {
        Err(TableError::TableDoesNotExist(_)) => None,
        table => Some(Arc::new(Rows(table?))),
    };
    Ok(BaseView { rows, revision: Revision(revision), file })
}

/// Makes an empty base under another name first, so that a crash leaves none or a whole one.
fn create(disk: &dyn Disk, dir: &str) -> io::Result<()> {
    let fresh = disk::join(dir, "base.new");
    match disk.remove(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let backend = Backend { file: disk.create(&fresh)?, gate: Arc::default() };
    drop(Builder::new().create_with_backend(backend).map_err(io::Error::other)?);
    disk.open(&fresh)?.sync_data()?;
    disk.rename(&fresh, &disk::join(dir, NAME))?;
    disk.sync_dir(dir)
}

/// redb's words for what went wrong, in ours.
fn refused(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Corrupted(what) => StoreError::Corrupt(format!("{NAME}: {what}")),
        other => StoreError::Unavailable(format!("{NAME}: {other}")),
    }
}

/// What decides whether redb may still touch the file.
#[derive(Debug, Default)]
struct Gate {
    retired: AtomicBool,
    write_failed: AtomicBool,
    sync_failed: AtomicBool,
    len: AtomicU64,
    unsynced: AtomicU64,
}

/// A [`DiskFile`] as redb wants to see it.
#[derive(Debug)]
struct Backend {
    file: Box<dyn DiskFile>,
    gate: Arc<Gate>,
}

impl Backend {
    /// Lets one change through, unless this opening has been replaced.
    fn change(&self, change: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.gate.retired.load(Ordering::Acquire) {
            return Err(io::Error::other("this opening of the base has been replaced"));
        }
        let changed = change();
        if changed.is_err() {
            self.gate.write_failed.store(true, Ordering::Release);
        }
        changed
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|| self.file.set_len(len))?;
        self.gate.len.store(len, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.gate.sync_failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier sync of the base failed"));
        }
        self.gate.unsynced.store(0, Ordering::Release);
        self.change(|| {
            let synced = self.file.sync_data();
            if synced.is_err() {
                self.gate.sync_failed.store(true, Ordering::Release);
            }
            synced
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(|| self.file.write_at(data, offset))?;
        let len = data.len() as u64;
        if self.gate.unsynced.fetch_add(len, Ordering::AcqRel) + len >= PACE {
            self.sync_data()?;
        }
        Ok(())
    }
}
