//! The newest rows, in memory: what the log holds and the base does not yet.

use std::ops::Bound;

use bytes::Bytes;
use imbl::OrdMap;
use strongroom_store::{Revision, Versioned};

/// What a row costs beyond its key and value, in bytes: its share of the tree.
const ROW_OVERHEAD: usize = 160;

/// A row: its value and the commit that wrote it, or the mark that it is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) revision: Revision,
    pub(crate) value: Option<Bytes>,
}

impl Slot {
    /// The row as a reader sees it.
    pub(crate) fn versioned(&self) -> Option<Versioned> {
        let value = self.value.clone()?;
        Some(Versioned { revision: self.revision, value })
    }
}

/// An ordered, persistent map: a clone is cheap and does not move when the original does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memtable {
    rows: OrdMap<Bytes, Slot>,
    bytes: usize,
}

impl Memtable {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Slot> {
        self.rows.get(key)
    }

    pub(crate) fn put(&mut self, key: Bytes, slot: Slot) {
        self.bytes += cost(&key, &slot);
        let len = key.len();
        if let Some(old) = self.rows.insert(key, slot) {
            self.bytes -= len + ROW_OVERHEAD + old.value.map_or(0, |value| value.len());
        }
    }

    /// Forgets the row, as if it had never been here.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some((key, slot)) = self.rows.remove_with_key(key) {
            self.bytes -= cost(&key, &slot);
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows in key order, deletions too.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Slot)> {
        self.rows.iter()
    }

    /// The rows from `from` on, in key order, deletions too.
    pub(crate) fn from(&self, from: Bound<&[u8]>) -> impl Iterator<Item = (&Bytes, &Slot)> {
        self.rows.range::<_, [u8]>((from, Bound::Unbounded))
    }
}

fn cost(key: &Bytes, slot: &Slot) -> usize {
    key.len() + slot.value.as_ref().map_or(0, Bytes::len) + ROW_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_size_returns_to_zero_with_its_rows() {
        let mut table = Memtable::default();
        let slot = |value: Option<&'static str>| Slot {
            revision: Revision(1),
            value: value.map(Bytes::from),
        };
        table.put("a".into(), slot(Some("value")));
        assert_eq!(table.bytes(), ROW_OVERHEAD + 6);
        table.put("a".into(), slot(None));
        assert_eq!(table.bytes(), ROW_OVERHEAD + 1);
        table.put("b".into(), slot(Some("")));
        table.remove(b"a");
        table.remove(b"never");
        table.remove(b"b");
        assert_eq!((table.bytes(), table.len()), (0, 0));
    }
}
