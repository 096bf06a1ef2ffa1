//! Key derivation: HKDF-SHA-256 (RFC 5869) from keys, argon2id (RFC 9106) from passwords.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::{CryptoError, SymmetricKey};

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `N` bytes of HKDF-SHA-256 output.
///
/// # Errors
/// [`CryptoError::Internal`] when `N` is more than 255 × 32.
pub fn hkdf_sha256<const N: usize>(
    key: &SymmetricKey,
    salt: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    let mut out = Zeroizing::new([0; N]);
    Salt::new(HKDF_SHA256, salt)
        .extract(key.expose())
        .expand(&[info], Length(N))
        .and_then(|okm| okm.fill(&mut *out))
        .map_err(|_| CryptoError::Internal)?;
    Ok(out)
}

/// The cost of argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Argon2Cost {
    /// The least that is accepted: OWASP's 19 MiB, two passes, one lane.
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// The most that is accepted, so that a forged header cannot exhaust the machine.
    pub const CAP: Self = Self { memory_kib: 1024 * 1024, passes: 16, lanes: 8 };

    fn check(self) -> Result<(), CryptoError> {
        let within = |low: u32, x: u32, high: u32| (low..=high).contains(&x);
        let sound = within(Self::FLOOR.memory_kib, self.memory_kib, Self::CAP.memory_kib)
            && within(Self::FLOOR.passes, self.passes, Self::CAP.passes)
            && within(Self::FLOOR.lanes, self.lanes, Self::CAP.lanes);
        if sound { Ok(()) } else { Err(CryptoError::Parameters) }
    }
}

/// A 256-bit key from a password. Slow by design: call it on a blocking thread.
///
/// # Errors
/// [`CryptoError::Parameters`] for a cost outside floor and cap, or a salt under 8 bytes.
pub fn argon2id(
    password: &[u8],
    salt: &[u8],
    cost: Argon2Cost,
) -> Result<SymmetricKey, CryptoError> {
    use argon2::{Algorithm, Argon2, Params, Version};
    cost.check()?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| CryptoError::Parameters)?;
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut *out)
        .map_err(|_| CryptoError::Parameters)?;
    SymmetricKey::from_slice(&*out)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with pyca/cryptography's HKDF: key 32 × 0x0b, salt 00..0c, info f0..f9, 42 bytes.
    // (RFC 5869's own cases use keys of 22 and 80 bytes; ours are always 32.)
    #[test]
    fn hkdf_agrees_with_an_independent_implementation() {
        let key = SymmetricKey::from_slice(&[0x0b; 32]).unwrap();
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let okm = hkdf_sha256::<42>(&key, &salt, &info).unwrap();
        assert_eq!(hex::encode(*okm), HKDF_EXPECTED);
    }

    const HKDF_EXPECTED: &str =
        "d4100799f26a09615a72af3e58fa3841a2ff20d5ace3fb392e562e207fe6b718581eea4341652d405fe5";

    // Computed with argon2-cffi: argon2id, m = 19 MiB, t = 2, p = 1.
    #[test]
    fn argon2id_agrees_with_an_independent_implementation() {
        let key = argon2id(b"password", b"somesalt12345678", Argon2Cost::FLOOR).unwrap();
        assert_eq!(hex::encode(key.expose()), ARGON2_EXPECTED);
    }

    const ARGON2_EXPECTED: &str =
        "0c4c0b6db219194b6006e078818a24eabea136f7af619a31930310e7f2d749a5";

    #[test]
    fn cheap_costs_are_refused() {
        let cheap = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };
        assert!(matches!(argon2id(b"x", b"somesalt", cheap), Err(CryptoError::Parameters)));
    }
}
