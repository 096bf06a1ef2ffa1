//! Nonces: each is good for one request (RFC 8555, section 6.5).
//!
//! A nonce is a number that this process counted up, with a tag that only this process can make;
//! of the last million, one bit each says whether it has been used. So what is kept is bounded,
//! and nothing is ever taken twice: a flood makes older nonces worthless early, and a restart makes
//! all of them so. Clients then take the new one that comes with the refusal.

use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::{CryptoError, MacKey, SymmetricKey};

/// Nonces that are remembered.
const WINDOW: u64 = 1 << 20;

/// The nonces of a process.
pub(crate) struct Nonces {
    key: MacKey,
    window: Mutex<Window>,
}

struct Window {
    /// The number of the next nonce.
    next: u64,
    /// Whether the nonce of a number modulo [`WINDOW`] may still be used.
    usable: Box<[u64]>,
}

impl Nonces {
    /// None yet.
    ///
    /// # Errors
    /// [`CryptoError::Random`] when the system has no random numbers.
    pub(crate) fn new() -> Result<Self, CryptoError> {
        let usable = vec![0; usize::try_from(WINDOW / 64).unwrap_or(0)].into_boxed_slice();
        let window = Mutex::new(Window { next: 0, usable });
        Ok(Self { key: MacKey::new(SymmetricKey::generate()?.expose()), window })
    }

    /// A new nonce: 54 characters of base64url.
    pub(crate) fn draw(&self) -> String {
        let number = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            let number = window.next;
            window.next += 1;
            if let Some((word, bit)) = window.bit(number) {
                *word |= bit;
            }
            number.to_be_bytes()
        };
        let tag = self.key.tag(&[&number]);
        URL_SAFE_NO_PAD.encode([&number[..], &tag].concat())
    }

    /// Uses a nonce up; false if it is none of ours, too old, or was used.
    pub(crate) fn spend(&self, nonce: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((number, tag)) = bytes.split_first_chunk::<8>() else { return false };
        if self.key.verify(&[number], tag).is_err() {
            return false;
        }
        let number = u64::from_be_bytes(*number);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if number >= window.next || window.next - number > WINDOW {
            return false;
        }
        let Some((word, bit)) = window.bit(number) else { return false };
        let usable = *word & bit != 0;
        *word &= !bit;
        usable
    }
}

impl Window {
    fn bit(&mut self, number: u64) -> Option<(&mut u64, u64)> {
        let at = number % WINDOW;
        let word = self.usable.get_mut(usize::try_from(at / 64).ok()?)?;
        Some((word, 1 << (at % 64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once() {
        let nonces = Nonces::new().unwrap();
        let (first, second) = (nonces.draw(), nonces.draw());
        assert_ne!(first, second);
        assert!(nonces.spend(&second));
        assert!(!nonces.spend(&second));
        assert!(nonces.spend(&first), "in any order");
        assert!(!nonces.spend(&first));
    }

    #[test]
    fn nobody_else_makes_one() {
        let nonces = Nonces::new().unwrap();
        let nonce = nonces.draw();
        let other = Nonces::new().unwrap().draw();
        let mut forged = URL_SAFE_NO_PAD.decode(&nonce).unwrap();
        forged[7] ^= 1;
        let forged = URL_SAFE_NO_PAD.encode(forged);
        let short = nonce.get(..30).unwrap();
        let zeros = URL_SAFE_NO_PAD.encode([0; 40]);
        for bad in ["", "=", &other, &forged, short, &format!("{nonce}="), &zeros] {
            assert!(!nonces.spend(bad), "{bad}");
        }
        assert!(nonces.spend(&nonce));
    }

    #[test]
    fn what_falls_out_of_the_window_is_stale_and_stays_so() {
        let nonces = Nonces::new().unwrap();
        let (old, used) = (nonces.draw(), nonces.draw());
        assert!(nonces.spend(&used));
        for _ in 0..WINDOW - 2 {
            nonces.draw();
        }
        let newest = nonces.draw();
        assert!(!nonces.spend(&old));
        assert!(!nonces.spend(&used));
        assert!(nonces.spend(&newest));
    }
}
