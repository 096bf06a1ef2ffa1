//! Random transactions against a plain map, with the store closed and opened in between.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use strongroom_store::disk::FaultDisk;
use strongroom_store::{Condition, Freshness, Outcome, Revision, Snapshot, Store, Txn, Versioned};
use strongroom_store_embedded::{EmbeddedStore, Options};

type Model = BTreeMap<Bytes, Versioned>;

#[derive(Clone, Debug)]
enum Step {
    /// Requires (key, hold or not) and writes (key, length of the value or delete).
    Commit(Vec<(u8, bool)>, BTreeMap<u8, Option<u16>>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let requires = prop::collection::vec((0..24_u8, prop::bool::weighted(0.9)), 0..3);
    let value = prop::option::weighted(0.7, 0..400_u16);
    let writes = prop::collection::btree_map(0..24_u8, value, 0..6);
    prop_oneof![
        20 => (requires, writes).prop_map(|(requires, writes)| Step::Commit(requires, writes)),
        1 => Just(Step::Reopen),
    ]
}

fn key(n: u8) -> Bytes {
    // Prefixes of one another, and neighbours.
    Bytes::from(format!("k{}", "x".repeat(usize::from(n % 4)) + &(n / 4).to_string()))
}

fn open(disk: &FaultDisk) -> EmbeddedStore {
    let options = Options { memtable_bytes: 6000, segment_bytes: 8 * 1024, ..Options::default() };
    EmbeddedStore::open(Arc::new(disk.clone()), &options).unwrap()
}

async fn commit(
    store: &EmbeddedStore,
    model: &mut Model,
    requires: &[(u8, bool)],
    writes: &BTreeMap<u8, Option<u16>>,
) {
    let mut txn = Txn::new();
    for (n, hold) in requires {
        let condition = match (model.get(&key(*n)), hold) {
            (None, true) => Condition::Absent,
            (Some(found), true) => Condition::AtRevision(found.revision),
            (None, false) => Condition::AtRevision(Revision(1)),
            (Some(found), false) => Condition::AtRevision(Revision(found.revision.0 + 1)),
        };
        txn = txn.require(key(*n), condition);
    }
    for (n, value) in writes {
        txn = match value {
            Some(len) => txn.put(key(*n), vec![*n; usize::from(*len)]),
            None => txn.delete(key(*n)),
        };
    }
    let outcome = store.commit(txn.clone()).await.unwrap();
    let Outcome::Committed(revision) = outcome else {
        assert!(requires.iter().any(|(_, hold)| !hold));
        return;
    };
    assert!(requires.iter().all(|(_, hold)| *hold));
    for write in txn.writes {
        match write.value {
            Some(value) => drop(model.insert(write.key, Versioned { revision, value })),
            None => drop(model.remove(&write.key)),
        }
    }
}

async fn compare(store: &EmbeddedStore, model: &Model) {
    let snapshot = store.snapshot(Freshness::Linearizable).await.unwrap();
    let rows = snapshot.scan(b"", None, usize::MAX).await.unwrap();
    assert_eq!(rows.into_iter().collect::<Model>(), *model);
    for n in 0..24 {
        assert_eq!(snapshot.get(&key(n)).await.unwrap(), model.get(&key(n)).cloned());
        let after = snapshot.scan(b"kx", Some(&key(n)), 3).await.unwrap();
        let expected = model.range(key(n)..).filter(|(k, _)| **k != key(n));
        let expected = expected.filter(|(k, _)| k.starts_with(b"kx")).take(3);
        assert_eq!(after, expected.map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_a_map(steps in prop::collection::vec(step(), 1..150)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let disk = FaultDisk::new();
            let (mut store, mut model) = (open(&disk), Model::new());
            for step in steps {
                match step {
                    Step::Commit(requires, writes) => {
                        commit(&store, &mut model, &requires, &writes).await;
                    }
                    Step::Reopen => {
                        drop(store);
                        store = open(&disk);
                        compare(&store, &model).await;
                    }
                }
            }
            compare(&store, &model).await;
            drop(store);
            compare(&open(&disk), &model).await;
        });
    }
}
