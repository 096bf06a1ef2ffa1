//! The suite that every engine passes. A failed assertion is a failed engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test suite: an error is a failure")]

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::{
    Change, Condition, Freshness, MAX_TXN_BYTES, MAX_TXN_ENTRIES, Outcome, Revision, Snapshot,
    Store, StoreError, Txn,
};

/// How many tasks compete in the test of lost updates.
const TASKS: u64 = 64;

/// How often each of them counts.
const ROUNDS: u64 = 5;

/// Runs every test, each on a fresh, empty store from `open`. Needs a tokio runtime.
pub async fn run<S: Store, F: AsyncFn() -> S>(open: F) {
    an_empty_store_is_at_revision_zero(open().await).await;
    a_commit_is_read_back_with_its_revision(open().await).await;
    conditions_hold_or_conflict(open().await).await;
    a_conflict_writes_nothing(open().await).await;
    each_commit_takes_one_revision(open().await).await;
    a_recreated_key_has_a_new_revision(open().await).await;
    a_snapshot_does_not_move(open().await).await;
    a_fresh_snapshot_sees_what_was_acknowledged(open().await).await;
    a_scan_is_in_key_order_within_its_prefix(open().await).await;
    a_scan_pages_without_gaps(open().await).await;
    a_watch_delivers_in_order_and_without_gaps(open().await).await;
    a_watch_from_the_past_catches_up(open().await).await;
    a_txn_over_the_limits_is_refused(open().await).await;
    concurrent_counting_loses_nothing(open().await).await;
}

async fn commit<S: Store>(store: &S, txn: Txn) -> Revision {
    let outcome = store.commit(txn).await.unwrap();
    let Outcome::Committed(revision) = outcome else { panic!("its requires hold: {outcome:?}") };
    revision
}

async fn latest<S: Store>(store: &S) -> S::Snapshot {
    store.snapshot(Freshness::Linearizable).await.unwrap()
}

async fn value<S: Store>(store: &S, key: &str) -> Option<Bytes> {
    latest(store).await.get(key.as_bytes()).await.unwrap().map(|found| found.value)
}

async fn keys(snapshot: &impl Snapshot, prefix: &str) -> Vec<Bytes> {
    let rows = snapshot.scan(prefix.as_bytes(), None, usize::MAX).await.unwrap();
    rows.into_iter().map(|(key, _)| key).collect()
}

async fn an_empty_store_is_at_revision_zero(store: impl Store) {
    let snapshot = latest(&store).await;
    assert_eq!(snapshot.revision(), Revision(0));
    assert_eq!(snapshot.get(b"a").await.unwrap(), None);
    assert_eq!(snapshot.scan(b"", None, 10).await.unwrap(), []);
}

async fn a_commit_is_read_back_with_its_revision(store: impl Store) {
    let first = commit(&store, Txn::new().put("a", "1").put("b", "")).await;
    let second = commit(&store, Txn::new().put("a", "2")).await;
    assert!(Revision(0) < first && first < second);
    let snapshot = latest(&store).await;
    let a = snapshot.get(b"a").await.unwrap().unwrap();
    assert_eq!((a.revision, a.value), (second, Bytes::from("2")));
    let b = snapshot.get(b"b").await.unwrap().unwrap();
    assert_eq!((b.revision, b.value), (first, Bytes::new()), "an empty value is a value");
    assert_eq!(snapshot.get(b"").await.unwrap(), None);
    assert_eq!(snapshot.revision(), second);
}

async fn conditions_hold_or_conflict(store: impl Store) {
    let created = commit(&store, Txn::new().require("a", Condition::Absent).put("a", "1")).await;
    let cases = [
        ("a", Condition::Absent, false),
        ("a", Condition::AtRevision(created), true),
        ("a", Condition::AtRevision(Revision(created.0 + 1)), false),
        ("a", Condition::AtRevision(Revision(0)), false),
        ("b", Condition::Absent, true),
        ("b", Condition::AtRevision(created), false),
    ];
    for (key, condition, holds) in cases {
        let outcome = store.commit(Txn::new().require(key, condition).put("c", "x")).await;
        let committed = matches!(outcome.unwrap(), Outcome::Committed(_));
        assert_eq!(committed, holds, "{key} {condition:?}");
    }
    let both = Txn::new().require("a", Condition::AtRevision(created));
    let both = both.require("c", Condition::Absent).put("d", "x");
    assert_eq!(store.commit(both).await.unwrap(), Outcome::Conflict, "every require must hold");
    commit(&store, Txn::new().delete("a")).await;
    let gone = Txn::new().require("a", Condition::AtRevision(created)).put("a", "2");
    assert_eq!(
        store.commit(gone).await.unwrap(),
        Outcome::Conflict,
        "deleted is not at a revision"
    );
}

async fn a_conflict_writes_nothing(store: impl Store) {
    let before = commit(&store, Txn::new().put("a", "1").put("b", "1")).await;
    let txn = Txn::new().require("a", Condition::Absent).put("b", "2").put("c", "2").delete("a");
    assert_eq!(store.commit(txn).await.unwrap(), Outcome::Conflict);
    assert_eq!(value(&store, "a").await, Some("1".into()));
    assert_eq!(value(&store, "b").await, Some("1".into()));
    assert_eq!(value(&store, "c").await, None);
    assert_eq!(latest(&store).await.revision(), before, "a conflict takes no revision");
}

async fn each_commit_takes_one_revision(store: impl Store) {
    let before = latest(&store).await.revision();
    let tasks = (0..20).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { commit(&store, Txn::new().put(format!("k{n}"), "v")).await })
    });
    let mut taken = BTreeSet::new();
    for task in tasks.collect::<Vec<_>>() {
        taken.insert(task.await.unwrap());
    }
    assert_eq!(taken.len(), 20, "no two commits share a revision");
    let snapshot = latest(&store).await;
    assert_eq!(Some(&snapshot.revision()), taken.last());
    assert!(taken.first() > Some(&before));
    for (_, found) in snapshot.scan(b"k", None, 100).await.unwrap() {
        assert!(taken.contains(&found.revision));
    }
}

async fn a_recreated_key_has_a_new_revision(store: impl Store) {
    let first = commit(&store, Txn::new().put("a", "1")).await;
    commit(&store, Txn::new().delete("a").delete("never-there")).await;
    assert_eq!(value(&store, "a").await, None);
    assert!(keys(&latest(&store).await, "").await.is_empty());
    let second = commit(&store, Txn::new().require("a", Condition::Absent).put("a", "1")).await;
    assert!(second > first);
    let stale = Txn::new().require("a", Condition::AtRevision(first)).put("a", "2");
    assert_eq!(store.commit(stale).await.unwrap(), Outcome::Conflict);
}

async fn a_snapshot_does_not_move(store: impl Store) {
    let first = commit(&store, Txn::new().put("a", "1").put("b", "1")).await;
    let snapshot = latest(&store).await;
    commit(&store, Txn::new().put("a", "2").delete("b").put("c", "2")).await;
    for view in [snapshot.clone(), snapshot] {
        assert_eq!(view.revision(), first);
        assert_eq!(view.get(b"a").await.unwrap().unwrap().value, "1");
        assert_eq!(view.get(b"c").await.unwrap(), None);
        assert_eq!(keys(&view, "").await, ["a", "b"]);
    }
    assert_eq!(keys(&latest(&store).await, "").await, ["a", "c"]);
}

async fn a_fresh_snapshot_sees_what_was_acknowledged(store: impl Store) {
    for n in 0..50_u32 {
        let revision = commit(&store, Txn::new().put("a", n.to_string())).await;
        for freshness in [Freshness::Linearizable, Freshness::AtLeast(revision)] {
            let snapshot = store.snapshot(freshness).await.unwrap();
            assert!(snapshot.revision() >= revision);
            assert_eq!(snapshot.get(b"a").await.unwrap().unwrap().value, n.to_string());
        }
    }
    store.snapshot(Freshness::Cached).await.unwrap();
    let newest = latest(&store).await.revision();
    let beyond = store.snapshot(Freshness::AtLeast(Revision(newest.0 + 1))).await;
    assert!(matches!(beyond, Err(StoreError::Unavailable(_))));
}

async fn a_scan_is_in_key_order_within_its_prefix(store: impl Store) {
    let ends: [&[u8]; 7] = [b"p", b"p\x00", b"p/a", b"p/a\xff", b"p/b", b"p\xff\xff", b"q"];
    for key in ends.iter().rev() {
        commit(&store, Txn::new().put(Bytes::copy_from_slice(key), "v")).await;
    }
    commit(&store, Txn::new().put("o", "v").put("p/dead", "v")).await;
    commit(&store, Txn::new().delete("p/dead")).await;
    let snapshot = latest(&store).await;
    assert_eq!(keys(&snapshot, "p").await, ends.get(..6).unwrap());
    assert_eq!(keys(&snapshot, "p/").await, ends.get(2..5).unwrap());
    assert_eq!(keys(&snapshot, "").await.len(), 8);
    let high = snapshot.scan(b"p\xff", None, 10).await.unwrap();
    assert_eq!(high.len(), 1);
    assert_eq!(keys(&snapshot, "r").await, Vec::<Bytes>::new());
    let cases: [(&[u8], usize); 6] =
        [(b"", 6), (b"p", 5), (b"p/a", 3), (b"p/aa", 3), (b"p\xff\xff", 0), (b"z", 0)];
    for (after, left) in cases {
        let rows = snapshot.scan(b"p", Some(after), 10).await.unwrap();
        assert_eq!(rows.len(), left, "after {after:?}");
    }
    assert_eq!(snapshot.scan(b"p", None, 0).await.unwrap(), []);
}

async fn a_scan_pages_without_gaps(store: impl Store) {
    for n in 0..60_u32 {
        commit(&store, Txn::new().put(format!("k/{n:03}"), n.to_string())).await;
    }
    let snapshot = latest(&store).await;
    let (mut seen, mut after) = (Vec::new(), None::<Bytes>);
    loop {
        let page = snapshot.scan(b"k/", after.as_deref(), 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.into_iter().map(|(_, found)| found.value));
    }
    assert_eq!(seen, (0..60).map(|n: u32| Bytes::from(n.to_string())).collect::<Vec<_>>());
}

async fn a_watch_delivers_in_order_and_without_gaps(store: impl Store) {
    let start = latest(&store).await.revision();
    let watch = store.watch("w/".into(), start);
    let mut expected = Vec::new();
    for n in 0..100_u32 {
        let txn = match n % 3 {
            0 => Txn::new().put("elsewhere", n.to_string()),
            1 => Txn::new().put("w/b", n.to_string()).put("w/a", "x").put("elsewhere", "x"),
            _ => Txn::new().delete("w/b"),
        };
        let mut writes: Vec<_> =
            txn.writes.iter().map(|w| (w.key.clone(), w.value.clone())).collect();
        let revision = commit(&store, txn).await;
        writes.retain(|(key, _)| key.starts_with(b"w/"));
        writes.sort();
        if !writes.is_empty() {
            expected.push(Change { revision, writes });
        }
    }
    let seen: Vec<_> = watch.take(expected.len()).collect().await;
    assert_eq!(seen, expected);
}

async fn a_watch_from_the_past_catches_up(store: impl Store) {
    let first = commit(&store, Txn::new().put("w", "1")).await;
    let second = commit(&store, Txn::new().put("w", "2")).await;
    // It may end at once (too far back for this engine), but it must never begin with a gap.
    if let Some(change) = store.watch("w".into(), Revision(0)).next().await {
        assert_eq!(change.revision, first);
    }
    if let Some(change) = store.watch("w".into(), first).next().await {
        assert_eq!(change.revision, second);
    }
    let mut waiting = store.watch("w".into(), second);
    let third = commit(&store, Txn::new().put("w", "3")).await;
    assert_eq!(waiting.next().await.unwrap().revision, third);
}

async fn a_txn_over_the_limits_is_refused(store: impl Store) {
    let mut full = Txn::new();
    for n in 0..MAX_TXN_ENTRIES {
        full = full.put(format!("k{n:02}"), "v");
    }
    let over = full.clone().require("x", Condition::Absent);
    assert!(matches!(store.commit(over).await, Err(StoreError::TooLarge { entries: 65, .. })));
    let fat = Txn::new().put("fat", vec![7; MAX_TXN_BYTES]);
    assert!(matches!(store.commit(fat).await, Err(StoreError::TooLarge { .. })));
    assert!(keys(&latest(&store).await, "").await.is_empty(), "refused means not written");
    commit(&store, full).await;
    let value = Bytes::from(vec![7; MAX_TXN_BYTES - 3]);
    commit(&store, Txn::new().put("fat", value.clone())).await;
    let snapshot = latest(&store).await;
    assert_eq!(keys(&snapshot, "k").await.len(), MAX_TXN_ENTRIES);
    assert_eq!(snapshot.get(b"fat").await.unwrap().unwrap().value, value);
}

async fn concurrent_counting_loses_nothing(store: impl Store) {
    let tasks = (0..TASKS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                count_once(&store).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(value(&store, "counter").await, Some((TASKS * ROUNDS).to_string().into()));
}

/// Adds one to the counter by compare-and-set, however often it takes.
async fn count_once(store: &impl Store) {
    loop {
        let found = latest(store).await.get(b"counter").await.unwrap();
        let (condition, old) = match &found {
            None => (Condition::Absent, 0),
            Some(found) => {
                let text = std::str::from_utf8(&found.value).unwrap();
                (Condition::AtRevision(found.revision), text.parse::<u64>().unwrap())
            }
        };
        let txn = Txn::new().require("counter", condition).put("counter", (old + 1).to_string());
        if matches!(store.commit(txn).await.unwrap(), Outcome::Committed(_)) {
            return;
        }
    }
}
