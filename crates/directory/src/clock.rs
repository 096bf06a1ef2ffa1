//! The installation's clock: the system's, or one that moves only by command.
//!
//! Time never runs backwards here: the highest time seen is kept in the store, so a step back of
//! the system's clock revives neither a token nor a retention. A jump forward pauses what cannot
//! be undone (purges) until an operator accepts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use minicbor::{Decode, Encode};
use strongroom_model::Timestamp;
use strongroom_seal::{DataKeys, Place};
use strongroom_store::{Freshness, Snapshot, Store, Txn, layout};

use crate::DirectoryError;

/// A jump of the running system's clock beyond this many seconds pauses the sweeper.
const JUMP_SECONDS: i64 = 3_600;

/// How old the high-water mark in the store may grow, in milliseconds.
const SAVE_EVERY_MS: i64 = 60_000;

/// A stop longer than this many seconds pauses the sweeper.
const STOP_SECONDS: i64 = 7 * 86_400;

const PLACE: Place<'static> = Place::Row("clock", b"");

#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    high_water_ms: i64,
    #[n(1)]
    paused: bool,
}

/// The time of this installation.
pub struct Clock<S> {
    store: S,
    keys: Arc<DataKeys>,
    manual: bool,
    now_ms: AtomicI64,
    paused: AtomicBool,
    started: Instant,
    /// The trusted time at `started`, so that the passing of time tells what the time should be.
    anchor_ms: AtomicI64,
    saved_ms: AtomicI64,
    /// Held while the mark is written, so that an older one never follows a newer one.
    saving: tokio::sync::Mutex<()>,
}

impl<S: Store> Clock<S> {
    /// Opens the clock of the store; `manual` is the installation's mark.
    ///
    /// # Errors
    /// [`DirectoryError`] when its row cannot be read.
    pub async fn open(store: S, keys: Arc<DataKeys>, manual: bool) -> Result<Self, DirectoryError> {
        let system = system_ms();
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let (now_ms, paused) = match snapshot.get(layout::CLOCK).await? {
            None => (system, false),
            Some(row) => {
                let plain = keys.open(&PLACE, &row.value)?;
                let row: Row = minicbor::decode(plain.expose())
                    .map_err(|_| DirectoryError::Malformed("clock".into()))?;
                let stopped = system.saturating_sub(row.high_water_ms);
                let jumped = !manual && stopped > STOP_SECONDS * 1_000;
                if jumped {
                    tracing::error!(
                        "the clock is {} days ahead of the last start: purges pause until \
                         `strongroom clock accept`",
                        stopped / 86_400_000
                    );
                }
                let trusted = if manual || jumped { row.high_water_ms } else { system };
                (trusted.max(row.high_water_ms), row.paused || jumped)
            }
        };
        let clock = Self {
            store,
            keys,
            manual,
            now_ms: AtomicI64::new(now_ms),
            paused: AtomicBool::new(paused),
            started: Instant::now(),
            anchor_ms: AtomicI64::new(now_ms),
            saved_ms: AtomicI64::new(0),
            saving: tokio::sync::Mutex::default(),
        };
        clock.save().await?;
        Ok(clock)
    }

    /// Whether it moves only by command.
    pub fn is_manual(&self) -> bool {
        self.manual
    }

    /// The time, in milliseconds since 1970. Never less than the highest time that was trusted.
    ///
    /// After a jump it is the system's time still, since clients judge by that; but it is not
    /// remembered, so that a clock that is set right again leaves no trace.
    pub fn now_ms(&self) -> i64 {
        if self.manual {
            return self.now_ms.load(Ordering::Acquire);
        }
        let system = system_ms();
        // The first look spares nearly every call the second clock.
        let leap = system.saturating_sub(self.now_ms.load(Ordering::Acquire));
        if leap > JUMP_SECONDS * 1_000 && self.is_ahead(system) {
            return system;
        }
        self.now_ms.fetch_max(system, Ordering::AcqRel).max(system)
    }

    /// Whether the system's time is further ahead than the passing of time explains.
    fn is_ahead(&self, system: i64) -> bool {
        let expected = self.anchor_ms.load(Ordering::Acquire).saturating_add(self.passed_ms());
        let expected = expected.max(self.now_ms.load(Ordering::Acquire));
        system.saturating_sub(expected) > JUMP_SECONDS * 1_000
    }

    fn passed_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// From now on the system's time is the trusted one.
    fn trust(&self, system: i64) {
        self.anchor_ms.store(system.saturating_sub(self.passed_ms()), Ordering::Release);
        self.now_ms.fetch_max(system, Ordering::AcqRel);
    }

    /// The time, in whole seconds.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms().div_euclid(1_000))
    }

    /// Whether a jump of the clock has paused what cannot be undone.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Compares the system's clock with the passing of time, and keeps the high-water mark.
    /// Call it about once a second.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] when the mark cannot be kept.
    pub async fn tick(&self) -> Result<(), DirectoryError> {
        if self.manual {
            return Ok(());
        }
        let system = system_ms();
        let jumped = self.is_ahead(system);
        if !jumped {
            self.trust(system);
        } else if !self.paused.swap(true, Ordering::AcqRel) {
            tracing::error!(
                "the system's clock jumped: purges pause until `strongroom clock accept`"
            );
            return self.save().await;
        }
        let trusted = self.now_ms.load(Ordering::Acquire);
        if trusted - self.saved_ms.load(Ordering::Acquire) > SAVE_EVERY_MS {
            self.save().await?;
        }
        Ok(())
    }

    /// Moves a manual clock; `None` if this is not one.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] when the new time cannot be kept.
    pub async fn advance(&self, seconds: u32) -> Result<Option<Timestamp>, DirectoryError> {
        if !self.manual {
            return Ok(None);
        }
        self.now_ms.fetch_add(i64::from(seconds) * 1_000, Ordering::AcqRel);
        self.save().await?;
        Ok(Some(self.now()))
    }

    /// Accepts the system's time after a jump.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] when it cannot be kept.
    pub async fn accept(&self) -> Result<(), DirectoryError> {
        if !self.manual {
            self.trust(system_ms());
        }
        self.paused.store(false, Ordering::Release);
        self.save().await
    }

    async fn save(&self) -> Result<(), DirectoryError> {
        let _saving = self.saving.lock().await;
        let high_water_ms = self.now_ms.load(Ordering::Acquire);
        let row = Row { high_water_ms, paused: self.is_paused() };
        let plain =
            minicbor::to_vec(&row).map_err(|_| DirectoryError::Malformed("clock".into()))?;
        let sealed = self.keys.seal(&PLACE, &plain)?;
        self.store.commit(Txn::new().put(layout::CLOCK, sealed)).await?;
        self.saved_ms.store(row.high_water_ms, Ordering::Release);
        Ok(())
    }
}

/// The system's time, for what the outside world judges by it: certificates.
pub fn system_now() -> Timestamp {
    Timestamp(system_ms().div_euclid(1_000))
}

fn system_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}
