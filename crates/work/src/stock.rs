//! RSA keys made before they are needed, while the machine has nothing better to do.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strongroom_crypto::provider::{KeyMaterial, KeyProvider};
use strongroom_crypto::{CryptoError, SymmetricKey, aead};
use strongroom_model::keys::DEFAULT_EXPONENT;
use strongroom_model::{KeySpec, PublicKey};

use crate::idle::Ticks;

/// How long the machine must have been idle before a key is made.
const LOOK: Duration = Duration::from_secs(1);

/// How many RSA keys of each size are kept ready, with the exponent 65537.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockSizes {
    /// RSA-2048.
    pub rsa_2048: usize,
    /// RSA-3072.
    pub rsa_3072: usize,
    /// RSA-4096.
    pub rsa_4096: usize,
}

impl StockSizes {
    /// No stock: every key is made when it is asked for.
    pub const NONE: Self = Self { rsa_2048: 0, rsa_3072: 0, rsa_4096: 0 };
}

impl Default for StockSizes {
    fn default() -> Self {
        Self { rsa_2048: 4, rsa_3072: 2, rsa_4096: 1 }
    }
}

/// How well one size is stocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockLevel {
    /// The size of the keys, in bits.
    pub bits: u16,
    /// Keys that are ready.
    pub held: usize,
    /// Keys that are meant to be ready.
    pub wanted: usize,
}

/// The stock: private halves are sealed under a key that this process drew for itself.
pub(crate) struct Stock {
    keys: Arc<dyn KeyProvider>,
    process_key: SymmetricKey,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    shelves: [Shelf; 3],
    /// Nonces used under the process key: the next one's number.
    nonces: u64,
    closed: bool,
}

struct Shelf {
    bits: u16,
    wanted: usize,
    sealed: Vec<SealedKey>,
}

struct SealedKey {
    public: PublicKey,
    nonce: u64,
    private: Vec<u8>,
}

impl Stock {
    /// An empty stock of keys that `keys` makes.
    ///
    /// # Errors
    /// [`CryptoError::Random`] when the system has no random numbers.
    pub(crate) fn new(keys: Arc<dyn KeyProvider>, sizes: StockSizes) -> Result<Self, CryptoError> {
        let shelf = |bits, wanted| Shelf { bits, wanted, sealed: Vec::new() };
        let shelves =
            [shelf(2048, sizes.rsa_2048), shelf(3072, sizes.rsa_3072), shelf(4096, sizes.rsa_4096)];
        Ok(Self {
            keys,
            process_key: SymmetricKey::generate()?,
            state: Mutex::new(State { shelves, nonces: 0, closed: false }),
            changed: Condvar::new(),
        })
    }

    /// Whether its keys are of `keys`' making.
    pub(crate) fn is_of(&self, keys: &Arc<dyn KeyProvider>) -> bool {
        Arc::ptr_eq(&self.keys, keys)
    }

    /// Takes out a key, for good: `None` if there is none of this kind.
    pub(crate) fn take(&self, spec: KeySpec) -> Option<KeyMaterial> {
        let KeySpec::Rsa { bits, exponent: DEFAULT_EXPONENT } = spec else { return None };
        let mut state = self.lock();
        let shelf = state.shelves.iter_mut().find(|shelf| shelf.bits == bits)?;
        let key = shelf.sealed.pop()?;
        drop(state);
        self.changed.notify_all();
        let nonce = nonce(key.nonce);
        let private =
            aead::open(self.process_key.expose(), nonce, &bits.to_be_bytes(), &key.private).ok()?;
        Some(KeyMaterial { public: key.public, private })
    }

    /// Makes one key, of the size that lacks most. Nothing to do is no error.
    ///
    /// # Errors
    /// [`CryptoError`] when it cannot be made or sealed.
    pub(crate) fn add(&self) -> Result<(), CryptoError> {
        let Some(bits) = self.lock().scarcest() else { return Ok(()) };
        let key = self.keys.generate(KeySpec::Rsa { bits, exponent: DEFAULT_EXPONENT })?;
        let mut state = self.lock();
        let number = state.nonces;
        state.nonces += 1;
        let mut private = Vec::new();
        let process_key = self.process_key.expose();
        let plain = key.private.expose();
        aead::seal(process_key, nonce(number), &bits.to_be_bytes(), plain, &mut private)?;
        if let Some(shelf) = state.shelves.iter_mut().find(|shelf| shelf.bits == bits) {
            shelf.sealed.push(SealedKey { public: key.public, nonce: number, private });
        }
        Ok(())
    }

    /// Fills the stock until it is closed, one key whenever `idle` says so. The life of a thread.
    pub(crate) fn tend(&self, idle: impl Fn(&Self) -> bool) {
        while self.wait_until_short() {
            // A key that cannot be made now is asked for by somebody later, and then it is told.
            let _ = idle(self) && self.add().is_ok();
        }
    }

    /// Looks on for a second; whether the machine was idle in it. False when closed meanwhile,
    /// and where the system does not say.
    pub(crate) fn machine_is_idle(&self) -> bool {
        let before = Ticks::now();
        let state = self.lock();
        let open = |state: &mut State| !state.closed;
        let waited = self.changed.wait_timeout_while(state, LOOK, open);
        let closed = waited.unwrap_or_else(PoisonError::into_inner).0.closed;
        !closed && before.zip(Ticks::now()).is_some_and(|(before, now)| now.idle_since(before))
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn levels(&self) -> [StockLevel; 3] {
        self.lock().shelves.each_ref().map(|shelf| StockLevel {
            bits: shelf.bits,
            held: shelf.sealed.len(),
            wanted: shelf.wanted,
        })
    }

    /// False when it was closed instead.
    fn wait_until_short(&self) -> bool {
        let full = |state: &mut State| !state.closed && state.scarcest().is_none();
        let waited = self.changed.wait_while(self.lock(), full);
        !waited.unwrap_or_else(PoisonError::into_inner).closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The size of which the smallest part is there; of two alike, the quicker one.
    fn scarcest(&self) -> Option<u16> {
        let short = self.shelves.iter().filter(|shelf| shelf.sealed.len() < shelf.wanted);
        short.min_by_key(|shelf| shelf.sealed.len() * 1_000 / shelf.wanted).map(|shelf| shelf.bits)
    }
}

/// Counted, so that none comes twice under the process key.
fn nonce(number: u64) -> [u8; aead::NONCE_BYTES] {
    let mut nonce = [0; aead::NONCE_BYTES];
    let (_, low) = nonce.split_at_mut(4);
    low.copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slow::Slow;

    const RSA_2048: KeySpec = KeySpec::Rsa { bits: 2048, exponent: 65_537 };
    const RSA_3072: KeySpec = KeySpec::Rsa { bits: 3072, exponent: 65_537 };
    const RSA_4096: KeySpec = KeySpec::Rsa { bits: 4096, exponent: 65_537 };

    fn stock() -> (Arc<Slow>, Stock) {
        let slow = Arc::new(Slow::default());
        slow.open();
        let keys = Arc::clone(&slow) as Arc<dyn KeyProvider>;
        (slow, Stock::new(keys, StockSizes::default()).unwrap())
    }

    #[test]
    fn private_halves_lie_sealed() {
        let (_, stock) = stock();
        for _ in 0..7 {
            stock.add().unwrap();
        }
        let state = stock.lock();
        let sealed: Vec<&SealedKey> = state.shelves.iter().flat_map(|s| &s.sealed).collect();
        let name = b"Rsa { bits: ";
        for key in &sealed {
            assert!(!key.private.windows(name.len()).any(|window| window == name));
        }
        let mut nonces: Vec<u64> = sealed.iter().map(|key| key.nonce).collect();
        nonces.sort_unstable();
        assert_eq!(nonces, [0, 1, 2, 3, 4, 5, 6], "none twice");
    }

    #[test]
    fn it_is_filled_and_refilled_until_it_is_closed() {
        let (slow, stock) = stock();
        let held = || stock.levels().iter().map(|level| level.held).sum::<usize>();
        let wait_until_full = || {
            while held() < 7 {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| stock.tend(|_idle| true));
            wait_until_full();
            assert!(stock.take(RSA_4096).is_some());
            wait_until_full();
            stock.close();
        });
        assert_eq!(slow.made().len(), 8);
        // Each size has its first key before the cheapest has all.
        assert_eq!(slow.made()[..3], [RSA_2048, RSA_3072, RSA_4096]);
        assert!(stock.take(RSA_4096).is_some());
        assert!(stock.take(RSA_4096).is_none());
    }

    #[test]
    fn a_busy_machine_gets_none() {
        let (slow, stock) = stock();
        let looks = std::cell::Cell::new(0);
        stock.tend(|stock| {
            looks.set(looks.get() + 1);
            if looks.get() == 10 {
                stock.close();
            }
            false
        });
        assert_eq!(looks.get(), 10);
        assert!(slow.made().is_empty());
    }
}
