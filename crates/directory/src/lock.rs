//! Locks on resources: against deletion, or against any change.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use minicbor::{Decode, Encode};
use strongroom_model::{Scope, scope};

/// What a lock forbids, on its scope and on all that lies below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum LockLevel {
    /// `CanNotDelete`: deletion.
    #[n(0)]
    CanNotDelete,
    /// `ReadOnly`: deletion and every change.
    #[n(1)]
    ReadOnly,
}

impl LockLevel {
    /// A level by its name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::CanNotDelete, Self::ReadOnly]
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CanNotDelete => "CanNotDelete",
            Self::ReadOnly => "ReadOnly",
        }
    }
}

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Lock {
    /// What it is on: a subscription, a resource group or a resource.
    #[n(0)]
    pub scope: Scope,
    /// Its name, as it was spelt.
    #[n(1)]
    pub name: String,
    /// What it forbids.
    #[n(2)]
    pub level: LockLevel,
    /// Why it is there, for people.
    #[n(3)]
    pub notes: Option<String>,
    /// The applications that own it, by their ids.
    #[n(4)]
    pub owners: Vec<String>,
}

/// A lock's row id: its scope and its name, in lower case.
pub fn lock_id(scope: &Scope, name: &str) -> Vec<u8> {
    [scope.folded().as_bytes(), b"\n", name.to_ascii_lowercase().as_bytes()].concat()
}

/// All locks, by scope and then by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Locks(OrdMap<(String, String), Arc<Lock>>);

impl Locks {
    /// A lock by its scope and its name, in any case.
    pub fn get(&self, scope: &Scope, name: &str) -> Option<&Arc<Lock>> {
        self.0.get(&(scope.folded().to_owned(), name.to_ascii_lowercase()))
    }

    /// The locks on exactly this scope, given in lower case.
    pub fn at<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = &'a Arc<Lock>> {
        self.from(folded.to_owned())
            .take_while(move |((scope, _), _)| scope == folded)
            .map(|(_, lock)| lock)
    }

    /// The locks on what lies below this scope, given in lower case.
    pub fn below(&self, folded: &str) -> impl Iterator<Item = &Arc<Lock>> {
        let prefix = [folded.trim_end_matches('/'), "/"].concat();
        self.from(prefix.clone())
            .take_while(move |((scope, _), _)| scope.starts_with(&prefix))
            .map(|(_, lock)| lock)
    }

    /// The locks that forbid a change of what is at a scope: those on it and above it that are
    /// `ReadOnly`; for a deletion every one of them, and those below it, too.
    pub fn against<'a>(&'a self, at: &'a Scope, deletes: bool) -> Vec<&'a Arc<Lock>> {
        let forbids = move |lock: &&Arc<Lock>| deletes || lock.level == LockLevel::ReadOnly;
        let above = scope::ancestors(at.folded()).flat_map(|scope| self.at(scope));
        let below = self.below(at.folded()).filter(|_| deletes);
        above.filter(forbids).chain(below).collect()
    }

    fn from(&self, scope: String) -> impl Iterator<Item = (&(String, String), &Arc<Lock>)> {
        self.0.range((Bound::Included((scope, String::new())), Bound::Unbounded))
    }

    /// Puts the lock of a row id, or takes it away.
    pub(crate) fn apply(&mut self, id: &[u8], row: Option<Lock>) {
        let id = String::from_utf8_lossy(id);
        let Some((scope, name)) = id.split_once('\n') else { return };
        let key = (scope.to_owned(), name.to_owned());
        match row {
            Some(lock) => self.0.insert(key, Arc::new(lock)),
            None => self.0.remove(&key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

    fn lock(scope: &str, name: &str) -> Lock {
        Lock {
            scope: Scope::parse(scope).unwrap(),
            name: name.to_owned(),
            level: LockLevel::ReadOnly,
            notes: None,
            owners: Vec::new(),
        }
    }

    #[test]
    fn locks_are_found_at_and_below_a_scope() {
        let group = format!("{SUB}/resourceGroups/Rg");
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/v");
        let sibling = format!("{SUB}/resourceGroups/rg-2");
        let mut locks = Locks::default();
        for (scope, name) in
            [(SUB, "s"), (&group, "A"), (&group, "b"), (&vault, "v"), (&sibling, "other")]
        {
            let lock = lock(scope, name);
            locks.apply(&lock_id(&lock.scope, name), Some(lock));
        }
        let folded = group.to_ascii_lowercase();
        let names =
            |found: Vec<&Arc<Lock>>| found.iter().map(|lock| lock.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(locks.at(&folded).collect()), ["A", "b"]);
        assert_eq!(names(locks.below(&folded).collect()), ["v"]);
        assert_eq!(
            names(locks.below(&SUB.to_ascii_lowercase()).collect()),
            ["A", "b", "other", "v"]
        );
        let scope = Scope::parse(&group.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions"));
        assert!(locks.get(&scope.unwrap(), "a").is_some());
        locks.apply(&lock_id(&Scope::parse(&group).unwrap(), "A"), None);
        assert_eq!(names(locks.at(&folded).collect()), ["b"]);
    }
}
