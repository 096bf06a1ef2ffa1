//! The life of a token-signing key, planned. The caller carries a step out in the directory.
//!
//! A key is shown for a day before it signs, so that every verifier has it; signs for 30 days; and
//! is accepted until the last token it may have signed has ended.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::CryptoError;
use strongroom_crypto::digest::sha256;
use strongroom_crypto::sign::{RsaPublicComponents, RsaSigningKey};
use strongroom_directory::TokenKey;
use strongroom_directory::row::TokenKeyRow;
use strongroom_model::Timestamp;

use crate::issue::LIFETIME;

/// How long a key is shown before it signs, in seconds.
pub const SHOWN_FIRST: i64 = 86_400;

/// How long a key signs, in seconds: 30 days.
pub const SIGNS: i64 = 30 * 86_400;

/// How long a key may go on signing when its successor is late, in seconds: a day.
const GRACE: i64 = 86_400;

/// How long a key is accepted past the end of its last token, in seconds.
const SLACK: i64 = 300;

/// The times of a key that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From when on JWKS shows it.
    pub created: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// From when on it is neither shown nor accepted.
    pub expires: Timestamp,
}

/// One step that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// Make a key with these times, and write it to the directory.
    Add(Schedule),
    /// Delete the key; its tokens have all ended.
    Remove {
        /// Its id.
        kid: String,
    },
}

impl Schedule {
    fn new(created: Timestamp, signs_from: Timestamp) -> Self {
        let expires = signs_from.plus_seconds(SIGNS + GRACE + LIFETIME + SLACK);
        Self { created, signs_from, expires }
    }

    /// Draws the key. Takes some 70 ms of CPU: call it on a blocking thread.
    ///
    /// # Errors
    /// [`CryptoError`] when the library refuses.
    pub fn generate(&self) -> Result<TokenKeyRow, CryptoError> {
        let key = RsaSigningKey::generate()?;
        Ok(TokenKeyRow {
            kid: thumbprint(&key.public()),
            pkcs8: key.to_pkcs8()?,
            created: self.created,
            signs_from: self.signs_from,
            expires: self.expires,
        })
    }
}

/// The step that is due now, if any. Carry it out and ask again.
pub fn due(keys: &[TokenKey], now: Timestamp) -> Option<RotationStep> {
    let Some(newest) = keys.iter().max_by_key(|key| key.signs_from) else {
        return Some(RotationStep::Add(Schedule::new(now, now)));
    };
    let successor_from = newest.signs_from.plus_seconds(SIGNS);
    if successor_from.plus_seconds(-SHOWN_FIRST) <= now {
        // A late successor is shown for a day too, unless the old key cannot sign that long.
        let last_signature = newest.expires.plus_seconds(-(LIFETIME + SLACK));
        let shown = successor_from.max(now.plus_seconds(SHOWN_FIRST));
        let signs_from = shown.min(last_signature).max(now);
        return Some(RotationStep::Add(Schedule::new(now, signs_from)));
    }
    let ended = keys.iter().find(|key| key.expires <= now);
    ended.map(|key| RotationStep::Remove { kid: key.kid.clone() })
}

/// A key that signs at once, for an operator. The older keys are accepted until they expire; one
/// that leaked must be removed from the directory, which ends all of its tokens.
pub fn rotate_now(now: Timestamp) -> Schedule {
    Schedule::new(now, now)
}

/// The `kid`: the key's thumbprint (RFC 7638).
fn thumbprint(public: &RsaPublicComponents) -> String {
    let (n, e) = (URL_SAFE_NO_PAD.encode(&public.n), URL_SAFE_NO_PAD.encode(&public.e));
    let json = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(json.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use super::*;
    use crate::issue::signing_key;

    const DAY: i64 = 86_400;
    const START: Timestamp = Timestamp(1_800_000_000);

    static KEY: LazyLock<Arc<RsaSigningKey>> =
        LazyLock::new(|| Arc::new(RsaSigningKey::generate().unwrap()));

    /// Carries out what is due, as the sweeper does.
    fn sweep(keys: &mut Vec<TokenKey>, now: Timestamp) {
        for _ in 0..10 {
            match due(keys, now) {
                Some(RotationStep::Add(Schedule { created, signs_from, expires })) => {
                    let kid = format!("made-{}", created.0);
                    let key = Arc::clone(&KEY);
                    keys.push(TokenKey { kid, key, created, signs_from, expires });
                }
                Some(RotationStep::Remove { kid }) => keys.retain(|key| key.kid != kid),
                None => return,
            }
        }
        panic!("rotation does not come to rest");
    }

    #[test]
    fn over_a_year_of_hourly_sweeps_keys_are_shown_before_they_sign_and_outlive_their_tokens() {
        let mut keys = Vec::new();
        let mut signers: Vec<TokenKey> = Vec::new();
        for hour in 0..366 * 24 {
            let now = START.plus_seconds(hour * 3600);
            sweep(&mut keys, now);
            let signer = signing_key(&keys, now).unwrap();
            assert!(signer.expires >= now.plus_seconds(LIFETIME));
            let shown = keys.iter().filter(|key| now < key.expires).count();
            assert!((1..=3).contains(&shown), "{shown} keys");
            if signers.last().is_none_or(|last| last.kid != signer.kid) {
                signers.push(signer.clone());
            }
        }
        assert_eq!(signers.len(), 13);
        for pair in signers.windows(2) {
            assert!(pair[1].signs_from.seconds_since(pair[1].created) >= DAY);
            assert_eq!(pair[1].signs_from.seconds_since(pair[0].signs_from), 30 * DAY);
        }
    }

    #[test]
    fn after_any_pause_there_is_a_key_that_signs() {
        for hours in (0..90 * 24).step_by(7) {
            let mut keys = Vec::new();
            sweep(&mut keys, START);
            let mut now = START.plus_seconds(hours * 3600);
            // Two more days of sweeps after the pause: never a moment without a signer.
            for _ in 0..48 {
                sweep(&mut keys, now);
                assert!(signing_key(&keys, now).is_some(), "{hours} h, at {}", now.0);
                now = now.plus_seconds(3600);
            }
        }
    }

    #[test]
    fn nothing_is_due_between_rotations() {
        let mut keys = Vec::new();
        sweep(&mut keys, START);
        assert_eq!(due(&keys, START.plus_seconds(28 * DAY)), None);
        let Some(RotationStep::Add(next)) = due(&keys, START.plus_seconds(29 * DAY)) else {
            panic!("no successor");
        };
        assert_eq!(next.signs_from, START.plus_seconds(30 * DAY));
    }

    #[test]
    fn an_operators_key_signs_at_once() {
        let mut keys = Vec::new();
        sweep(&mut keys, START);
        let now = START.plus_seconds(DAY);
        let Schedule { created, signs_from, expires } = rotate_now(now);
        let key = Arc::clone(&KEY);
        keys.push(TokenKey { kid: "new".into(), key, created, signs_from, expires });
        assert_eq!(signing_key(&keys, now).unwrap().kid, "new");
        assert_eq!(due(&keys, now), None);
    }

    // RFC 7638, section 3.1.
    #[test]
    fn the_thumbprint_of_the_rfcs_key() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR\
                 1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0\
                 h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91\
                 CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44\
                 -csFCur-kEgU8awapJzKnqDKgw";
        let n = URL_SAFE_NO_PAD.decode(n).unwrap();
        let public = RsaPublicComponents { n, e: vec![1, 0, 1] };
        assert_eq!(thumbprint(&public), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
