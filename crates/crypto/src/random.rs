//! Random numbers.

use crate::CryptoError;

/// Fills `bytes` from the library's generator, seeded by the system.
///
/// # Errors
/// [`CryptoError::Random`] when the system has no random numbers.
pub fn fill(bytes: &mut [u8]) -> Result<(), CryptoError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoError::Random)
}

/// `N` random bytes.
///
/// # Errors
/// [`CryptoError::Random`] when the system has no random numbers.
pub fn bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}
