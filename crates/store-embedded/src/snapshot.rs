//! The whole store at one revision: the active memtable over the frozen one over the base.

use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_store::{Revision, Snapshot, StoreError, Versioned};

use crate::base::{BaseRows, BaseView};
use crate::memtable::{Memtable, Slot};

/// A memtable that takes no more rows and is on its way into the base.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) rows: Memtable,
    /// The newest commit in it.
    pub(crate) through: Revision,
}

/// The store at one revision. Never changed, only replaced.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) revision: Revision,
    pub(crate) active: Memtable,
    pub(crate) below: Below,
}

/// What lies beneath the active memtable.
#[derive(Clone, Debug)]
pub(crate) struct Below {
    pub(crate) frozen: Option<Frozen>,
    pub(crate) base: BaseView,
}

impl Below {
    fn slot(&self, key: &[u8]) -> Option<&Slot> {
        self.frozen.as_ref()?.rows.get(key)
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        match self.slot(key) {
            Some(slot) => Ok(slot.versioned()),
            None => self.base.get(key),
        }
    }

    pub(crate) fn contains(&self, key: &[u8]) -> Result<bool, StoreError> {
        match self.slot(key) {
            Some(slot) => Ok(slot.value.is_some()),
            None => self.base.contains(key),
        }
    }
}

/// A consistent view of the store. Reads run inline, without a lock; a read of the base may
/// touch the disk.
#[derive(Clone, Debug)]
pub struct EmbeddedSnapshot(pub(crate) Arc<State>);

impl Snapshot for EmbeddedSnapshot {
    fn revision(&self) -> Revision {
        self.0.revision
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        match self.0.active.get(key) {
            Some(slot) => Ok(slot.versioned()),
            None => self.0.below.get(key),
        }
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Versioned)>, StoreError> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let inside = |key: &Bytes| key.starts_with(prefix);
        let frozen = self.0.below.frozen.iter().flat_map(|f| f.rows.from(from));
        let newest = Newest::new(
            self.0.active.from(from).take_while(|(key, _)| inside(key)),
            frozen.take_while(|(key, _)| inside(key)),
        );
        let base = Peeked::new(self.0.below.base.from(from)?);
        page(newest, base, inside, limit)
    }
}

/// Merges memory over the base until `limit` rows are found.
fn page<'a>(
    memory: impl Iterator<Item = (&'a Bytes, &'a Slot)>,
    mut base: Peeked,
    inside: impl Fn(&Bytes) -> bool,
    limit: usize,
) -> Result<Vec<(Bytes, Versioned)>, StoreError> {
    let mut page = Vec::with_capacity(limit.min(64));
    let mut memory = memory.peekable();
    while page.len() < limit {
        let row = match (memory.peek(), base.peek()?.filter(|key| inside(key))) {
            (None, None) => break,
            (None, Some(_)) => base.take(),
            (Some((upper, _)), Some(lower)) if lower < *upper => base.take(),
            (Some((upper, _)), lower) => {
                if lower == Some(*upper) {
                    base.take();
                }
                memory.next().and_then(|(key, slot)| Some((key.clone(), slot.versioned()?)))
            }
        };
        page.extend(row);
    }
    Ok(page)
}

/// The base's rows, with the next one at hand.
struct Peeked {
    rows: BaseRows,
    next: Option<(Bytes, Versioned)>,
}

impl Peeked {
    fn new(rows: BaseRows) -> Self {
        Self { rows, next: None }
    }

    fn peek(&mut self) -> Result<Option<&Bytes>, StoreError> {
        if self.next.is_none() {
            self.next = self.rows.next().transpose()?;
        }
        Ok(self.next.as_ref().map(|(key, _)| key))
    }

    fn take(&mut self) -> Option<(Bytes, Versioned)> {
        self.next.take()
    }
}

/// The union of two ordered runs; where both have a key, the upper one's row.
struct Newest<U: Iterator, L: Iterator> {
    upper: Peekable<U>,
    lower: Peekable<L>,
}

impl<'a, U, L> Newest<U, L>
where
    U: Iterator<Item = (&'a Bytes, &'a Slot)>,
    L: Iterator<Item = (&'a Bytes, &'a Slot)>,
{
    fn new(upper: U, lower: L) -> Self {
        Self { upper: upper.peekable(), lower: lower.peekable() }
    }
}

impl<'a, U, L> Iterator for Newest<U, L>
where
    U: Iterator<Item = (&'a Bytes, &'a Slot)>,
    L: Iterator<Item = (&'a Bytes, &'a Slot)>,
{
    type Item = (&'a Bytes, &'a Slot);

    fn next(&mut self) -> Option<Self::Item> {
        let (upper, lower) = (self.upper.peek(), self.lower.peek());
        match (upper, lower) {
            (Some((upper, _)), Some((lower, _))) if lower < upper => self.lower.next(),
            (Some((upper, _)), Some((lower, _))) => {
                if upper == lower {
                    self.lower.next();
                }
                self.upper.next()
            }
            (Some(_), None) => self.upper.next(),
            (None, _) => self.lower.next(),
        }
    }
}
