//! Binary members: base64url without padding (RFC 7515, section 2).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::display::Base64Display;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// As the real service reads: padding may be there, and the bits that the last letter has too many
/// may be set. White space and the letters of plain base64 are refused.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a member's text stands for; `None` if it is not base64url. Zeroized, for it may be secret.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = ENGINE.decode_slice(text, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// A secret's text, written where it is zeroized and never moved.
pub(crate) fn encode_secret(bytes: &[u8]) -> Zeroizing<String> {
    let length = base64::encoded_len(bytes.len(), false).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(length));
    ENGINE.encode_string(bytes, &mut text);
    text
}

/// Bytes of an answer that hold no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base64Url<'a>(pub &'a [u8]);

impl Serialize for Base64Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &ENGINE))
    }
}
