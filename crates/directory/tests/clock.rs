//! Time: never backwards, never forward by surprise, and by command where a test asks for it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use minicbor::Encode;
use strongroom_crypto::SymmetricKey;
use strongroom_directory::Clock;
use strongroom_model::InstallationId;
use strongroom_seal::{DataKeys, KeyRing, Place, Protector};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, Txn, layout};

const DAY_MS: i64 = 86_400_000;

/// The clock's row, as its format lays it out.
#[derive(Encode)]
struct Row {
    #[n(0)]
    high_water_ms: i64,
    #[n(1)]
    paused: bool,
}

struct Installation {
    store: MemoryStore,
    keys: Arc<DataKeys>,
}

impl Installation {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let protector = Protector::Key(SymmetricKey::generate().unwrap());
        let id = InstallationId::from_bytes([1; 16]);
        KeyRing::initialise(&store, id, &protector).await.unwrap();
        let ring = KeyRing::open(store.clone(), &protector).await.unwrap();
        Self { keys: Arc::clone(ring.system()), store }
    }

    async fn clock(&self, manual: bool) -> Clock<MemoryStore> {
        Clock::open(self.store.clone(), Arc::clone(&self.keys), manual).await.unwrap()
    }

    /// What an earlier run has kept.
    async fn keep(&self, high_water_ms: i64, paused: bool) {
        let row = minicbor::to_vec(Row { high_water_ms, paused }).unwrap();
        let sealed = self.keys.seal(&Place::Row("clock", b""), &row).unwrap();
        self.store.commit(Txn::new().put(layout::CLOCK, sealed)).await.unwrap();
    }
}

fn system_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(elapsed.as_millis()).unwrap()
}

#[tokio::test]
async fn the_systems_clock_runs() {
    let installation = Installation::new().await;
    let before = system_ms();
    let clock = installation.clock(false).await;
    let (shown, seconds) = (clock.now_ms(), clock.now().0);
    let after = system_ms();
    assert!((before..=after).contains(&shown));
    assert!((before / 1_000..=after / 1_000).contains(&seconds));
    assert!(!clock.is_manual() && !clock.is_paused());
    assert_eq!(clock.advance(60).await.unwrap(), None, "it moves by itself alone");
    clock.tick().await.unwrap();
    assert!(!clock.is_paused());
}

/// The system's clock was put back: here it stands still until it is caught up.
#[tokio::test]
async fn a_step_back_revives_nothing() {
    let installation = Installation::new().await;
    let ahead = system_ms() + DAY_MS;
    installation.keep(ahead, false).await;
    let clock = installation.clock(false).await;
    assert_eq!(clock.now_ms(), ahead);
    clock.tick().await.unwrap();
    assert_eq!(clock.now_ms(), ahead);
    assert!(!clock.is_paused());
    drop(clock);
    assert_eq!(installation.clock(false).await.now_ms(), ahead, "after a restart, too");
}

#[tokio::test]
async fn a_long_stop_pauses_what_cannot_be_undone_until_it_is_accepted() {
    for (stopped_ms, paused) in
        [(0, false), (6 * DAY_MS, false), (7 * DAY_MS - 60_000, false), (8 * DAY_MS, true)]
    {
        let installation = Installation::new().await;
        installation.keep(system_ms() - stopped_ms, false).await;
        let clock = installation.clock(false).await;
        assert_eq!(clock.is_paused(), paused, "{stopped_ms}");
        let (before, shown) = (system_ms(), clock.now_ms());
        assert!((before..=system_ms()).contains(&shown), "the time itself is the system's");
        drop(clock);
        let clock = installation.clock(false).await;
        assert_eq!(clock.is_paused(), paused, "a restart accepts nothing");
        clock.accept().await.unwrap();
        assert!(!clock.is_paused());
        drop(clock);
        assert!(!installation.clock(false).await.is_paused(), "accepted for good");
    }
}

#[tokio::test]
async fn a_manual_clock_moves_by_command_and_remembers() {
    let installation = Installation::new().await;
    let clock = installation.clock(true).await;
    assert!(clock.is_manual());
    let start = clock.now();
    clock.tick().await.unwrap();
    assert_eq!(clock.now(), start);
    assert_eq!(clock.advance(90 * 86_400).await.unwrap(), Some(start.plus_days(90)));
    assert_eq!(clock.now(), start.plus_days(90));
    drop(clock);
    let clock = installation.clock(true).await;
    assert_eq!(clock.now(), start.plus_days(90));
    assert!(!clock.is_paused(), "its jumps are asked for");
    assert_eq!(clock.advance(0).await.unwrap(), Some(start.plus_days(90)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_of_many_advances_is_kept() {
    let installation = Installation::new().await;
    let clock = Arc::new(installation.clock(true).await);
    let start = clock.now();
    let moves: Vec<_> = (0..100)
        .map(|_| {
            let clock = Arc::clone(&clock);
            tokio::spawn(async move { clock.advance(1).await.unwrap().unwrap() })
        })
        .collect();
    for moved in moves {
        assert!(moved.await.unwrap() > start);
    }
    assert_eq!(installation.clock(true).await.now(), start.plus_seconds(100));
}

#[tokio::test]
async fn a_damaged_or_foreign_row_is_refused() {
    let installation = Installation::new().await;
    installation.clock(true).await;
    let snapshot = installation.store.snapshot(Freshness::Linearizable).await.unwrap();
    let mut row = snapshot.get(layout::CLOCK).await.unwrap().unwrap().value.to_vec();
    row[40] ^= 1;
    installation.store.commit(Txn::new().put(layout::CLOCK, row)).await.unwrap();
    let opened =
        Clock::open(installation.store.clone(), Arc::clone(&installation.keys), true).await;
    assert!(opened.is_err());
}
