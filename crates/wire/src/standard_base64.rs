//! Members of certificates that are plain base64 with padding (RFC 4648, section 4): `cer`, `csr`,
//! `x5c`, and what is imported.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::display::Base64Display;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// Padding is written, but need not be there.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a text stands for, line ends and other white space left out; `None` if it is not base64.
/// Zeroized, for it may be secret.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut letters = Zeroizing::new(Vec::with_capacity(text.len()));
    letters.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(letters.len())]);
    let length = ENGINE.decode_slice(letters.as_slice(), &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// Bytes of an answer that hold no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &ENGINE))
    }
}
