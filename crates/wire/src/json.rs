//! Writing bodies.

use std::io;

use serde::Serialize;
use zeroize::Zeroizing;

/// A body as JSON, for whatever holds no secret.
///
/// # Errors
/// Never for the bodies of this crate: every map has strings for keys.
pub fn to_json(body: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(body)
}

/// A body as JSON in a buffer that is zeroized when dropped.
///
/// The body is measured first, so that the buffer never grows: growing would leave copies of the
/// secret in freed memory.
///
/// # Errors
/// Never for the bodies of this crate: every map has strings for keys.
pub fn to_secret_json(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, body)?;
    Ok(json)
}

/// A writer that only counts.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
