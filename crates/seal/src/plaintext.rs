//! Records on their way to be sealed.

use std::convert::Infallible;

use minicbor::Encode;
use minicbor::encode::{Error, Write};
use zeroize::Zeroizing;

/// A record in CBOR, in a buffer that is zeroized when dropped.
///
/// The record is measured first, so that the buffer never grows: growing would leave copies of
/// what is secret in freed memory.
///
/// # Errors
/// That of the record's own encoding; the buffer has none.
pub fn encode<T: Encode<()>>(record: &T) -> Result<Zeroizing<Vec<u8>>, Error<Infallible>> {
    let mut length = Length(0);
    minicbor::encode(record, &mut length)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(length.0));
    minicbor::encode(record, &mut *plaintext)?;
    Ok(plaintext)
}

/// A writer that only counts.
struct Length(usize);

impl Write for Length {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_made_to_measure() {
        for length in [0, 1, 100, 100_000] {
            let record = ("a record", vec!["x".repeat(length); 3]);
            let encoded = encode(&record).unwrap();
            assert_eq!(encoded.capacity(), encoded.len());
            assert_eq!(*encoded, minicbor::to_vec(&record).unwrap());
        }
    }
}
