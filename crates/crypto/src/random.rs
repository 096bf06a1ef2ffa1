//! Random numbers.

use std::cell::RefCell;

use crate::CryptoError;

/// Identifiers drawn at once.
const BATCH: usize = 256;

thread_local! {
    /// Identifiers drawn and not yet used.
    static IDENTIFIERS: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
}

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

/// 16 random bytes for an identifier: from a supply of this thread, since drawing them one by one
/// costs a request more than its route. Not for keys: the supply lies in plain memory.
///
/// # Errors
/// [`CryptoError::Random`] when the system has no random numbers.
pub fn identifier() -> Result<[u8; 16], CryptoError> {
    IDENTIFIERS.with_borrow_mut(|supply| {
        if let Some(identifier) = supply.pop() {
            return Ok(identifier);
        }
        supply.resize(BATCH, [0; 16]);
        if fill(supply.as_flattened_mut()).is_err() {
            supply.clear();
            return Err(CryptoError::Random);
        }
        supply.pop().ok_or(CryptoError::Random)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn identifiers_do_not_repeat() {
        let drawn: HashSet<[u8; 16]> = (0..2_000).map(|_| identifier().unwrap()).collect();
        assert_eq!(drawn.len(), 2_000);
        assert!(!drawn.contains(&[0; 16]));
    }
}
