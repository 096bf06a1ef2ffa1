//! What the engine is compared with: every row in redb at once, one durable commit per group.

use std::ops::Bound;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};
use strongroom_store::{
    Change, Condition, Freshness, Outcome, Revision, Snapshot, Store, StoreError, Txn, Versioned,
};
use tokio::sync::oneshot;

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
const CACHE: usize = 128 * 1024 * 1024;

type Waiter = (Txn, oneshot::Sender<Outcome>);
type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

#[derive(Clone)]
pub(crate) struct PlainRedb {
    newest: Arc<Mutex<PlainSnapshot>>,
    requests: Sender<Waiter>,
}

#[derive(Clone)]
pub(crate) struct PlainSnapshot {
    rows: Arc<Rows>,
    revision: Revision,
}

fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Unavailable(error.into().to_string())
}

impl PlainRedb {
    pub(crate) fn open(path: &Path) -> Result<Self, crate::Failure> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ROWS)?;
        transaction.commit()?;
        let newest = Arc::new(Mutex::new(snapshot(&database, Revision(0))?));
        let (requests, receiver) = channel();
        let published = newest.clone();
        std::thread::spawn(move || commit_all(&database, &receiver, &published));
        Ok(Self { newest, requests })
    }
}

fn snapshot(database: &Database, revision: Revision) -> Result<PlainSnapshot, StoreError> {
    let transaction = database.begin_read().map_err(failed)?;
    let rows = Arc::new(transaction.open_table(ROWS).map_err(failed)?);
    Ok(PlainSnapshot { rows, revision })
}

fn commit_all(database: &Database, requests: &Receiver<Waiter>, published: &Mutex<PlainSnapshot>) {
    let mut revision = 0;
    while let Ok(first) = requests.recv() {
        let group: Vec<_> = std::iter::once(first).chain(requests.try_iter().take(255)).collect();
        let committed = commit(database, group, &mut revision).and_then(|answers| {
            *published.lock().unwrap_or_else(PoisonError::into_inner) =
                snapshot(database, Revision(revision))?;
            Ok(answers)
        });
        let answers = match committed {
            Ok(answers) => answers,
            Err(error) => return eprintln!("{error}"),
        };
        for (answer, outcome) in answers {
            let _ = answer.send(outcome);
        }
    }
}

type Answers = Vec<(oneshot::Sender<Outcome>, Outcome)>;

fn commit(
    database: &Database,
    group: Vec<Waiter>,
    revision: &mut u64,
) -> Result<Answers, StoreError> {
    let transaction = database.begin_write().map_err(failed)?;
    let mut answers = Vec::new();
    let mut rows = transaction.open_table(ROWS).map_err(failed)?;
    for (txn, answer) in group {
        let mut holds = true;
        for require in &txn.requires {
            let found = rows.get(&*require.key).map_err(failed)?;
            let found = found.and_then(|found| versioned(found.value())).map(|row| row.revision);
            holds &= match require.condition {
                Condition::Absent => found.is_none(),
                Condition::AtRevision(at) => found == Some(at),
            };
        }
        if !holds {
            answers.push((answer, Outcome::Conflict));
            continue;
        }
        *revision += 1;
        for write in &txn.writes {
            match &write.value {
                Some(new) => {
                    let value = [&revision.to_le_bytes(), &**new].concat();
                    rows.insert(&*write.key, &*value).map_err(failed)?;
                }
                None => drop(rows.remove(&*write.key).map_err(failed)?),
            }
        }
        answers.push((answer, Outcome::Committed(Revision(*revision))));
    }
    drop(rows);
    transaction.commit().map_err(failed)?;
    Ok(answers)
}

fn versioned(stored: &[u8]) -> Option<Versioned> {
    let (revision, value) = stored.split_first_chunk()?;
    let revision = Revision(u64::from_le_bytes(*revision));
    Some(Versioned { revision, value: Bytes::copy_from_slice(value) })
}

impl Store for PlainRedb {
    type Snapshot = PlainSnapshot;

    async fn snapshot(&self, _freshness: Freshness) -> Result<PlainSnapshot, StoreError> {
        Ok(self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let (answer, outcome) = oneshot::channel();
        let gone = || StoreError::Unavailable("the committer has ended".to_owned());
        self.requests.send((txn, answer)).map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())
    }

    fn watch(
        &self,
        _prefix: Bytes,
        _after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + 'static {
        futures_util::stream::empty()
    }
}

impl Snapshot for PlainSnapshot {
    fn revision(&self) -> Revision {
        self.revision
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        let found = self.rows.get(key).map_err(failed)?;
        Ok(found.and_then(|found| versioned(found.value())))
    }

    async fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Versioned)>, StoreError> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let mut page = Vec::new();
        for row in self.rows.range::<&[u8]>((from, Bound::Unbounded)).map_err(failed)?.take(limit) {
            let (key, value) = row.map_err(failed)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            page.extend(
                versioned(value.value()).map(|row| (Bytes::copy_from_slice(key.value()), row)),
            );
        }
        Ok(page)
    }
}
