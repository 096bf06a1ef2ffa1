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

/// The room that most bodies with a secret fit in, in bytes.
const USUAL: usize = 512;

/// A body as JSON in a buffer that is zeroized when dropped.
///
/// The buffer never grows: growing would leave copies of the secret in freed memory. A body that
/// does not fit the usual room is measured, and written anew.
///
/// # Errors
/// Never for the bodies of this crate: every map has strings for keys.
pub fn to_secret_json(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut usual = Fixed(Zeroizing::new(Vec::with_capacity(USUAL)));
    if serde_json::to_writer(&mut usual, body).is_ok() {
        return Ok(usual.0);
    }
    let mut length = Length(0);
    serde_json::to_writer(&mut length, body)?;
    let mut exact = Fixed(Zeroizing::new(Vec::with_capacity(length.0)));
    serde_json::to_writer(&mut exact, body)?;
    Ok(exact.0)
}

/// A writer that fills the room it has and refuses more.
struct Fixed(Zeroizing<Vec<u8>>);

impl io::Write for Fixed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0.capacity() - self.0.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
