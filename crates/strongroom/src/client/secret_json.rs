//! JSON that holds a secret, for standard output.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::CliError;

/// Room for what is no secret in an answer: ids, attributes, content type and tags.
const REST: usize = 64 * 1024;

/// Pretty JSON in a buffer that is zeroized when dropped. It holds a secret of `length` bytes,
/// whose every byte may need six, and so never grows.
pub(crate) fn pretty(
    answer: &impl Serialize,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut json = Zeroizing::new(Vec::with_capacity(6 * length + REST));
    serde_json::to_writer_pretty(&mut *json, answer).map_err(CliError::failed)?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use strongroom_wire::SecretValue;

    use super::*;

    #[test]
    fn the_buffer_never_grows() {
        let secret = SecretValue::new("\u{1}".repeat(25_000));
        let json = pretty(&secret, 25_000).unwrap();
        assert_eq!(json.len(), 6 * 25_000 + 3);
        assert!(json.capacity() <= 6 * 25_000 + REST);
    }
}
