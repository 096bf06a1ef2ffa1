//! Binary options and answers: base64 and hexadecimal digits, as az has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_wire::{SecretValue, base64url};
use zeroize::Zeroizing;

use crate::error::CliError;

/// Bytes that an option gives as base64, of either alphabet, with or without padding.
pub(super) fn of_base64(what: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut url_safe = Zeroizing::new(String::with_capacity(text.len()));
    url_safe.extend(text.chars().filter(|c| !c.is_ascii_whitespace()).map(|c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    }));
    base64url::decode(&url_safe)
        .ok_or_else(|| CliError::Usage(format!("{what} is no base64: `base64 FILE` makes it")))
}

/// Bytes that an option gives as hexadecimal digits.
pub(super) fn of_hex(text: &str) -> Result<Hex, String> {
    hex::decode(text).map(Hex).map_err(|_| "give hexadecimal digits, two for each byte".into())
}

/// Bytes that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hex(Vec<u8>);

impl Hex {
    /// As bodies have them.
    pub(super) fn to_member(&self) -> SecretValue {
        SecretValue::from_bytes(&self.0)
    }
}

/// A binary member of an answer.
pub(super) fn of_answer(member: &SecretValue) -> Result<Zeroizing<Vec<u8>>, CliError> {
    member.to_bytes().ok_or_else(|| CliError::failed("the vault answered what is no base64url"))
}

/// A member that holds no secret, as az prints keys and signatures; what is no base64url as it
/// came.
pub(super) fn shown(member: &SecretValue) -> String {
    member.to_bytes().map_or_else(|| member.expose().to_owned(), |bytes| STANDARD.encode(&*bytes))
}

/// A member that holds no secret, as az prints IVs and tags.
pub(super) fn shown_hex(member: &SecretValue) -> String {
    member.to_bytes().map_or_else(|| member.expose().to_owned(), |bytes| hex::encode(&*bytes))
}

/// Secret bytes as base64, in memory that forgets.
pub(super) fn secret_base64(bytes: &[u8]) -> SecretValue {
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    let mut text = String::with_capacity(length);
    STANDARD.encode_string(bytes, &mut text);
    SecretValue::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read() {
        for text in ["+/8=", "-_8=", "-_8", " +/\n8=\n"] {
            assert_eq!(of_base64("it", text).unwrap().as_slice(), [0xfb, 0xff], "{text}");
        }
        for text in ["a", "+/8!", "ü"] {
            assert!(matches!(of_base64("it", text), Err(CliError::Usage(_))), "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_are_read() {
        assert_eq!(of_hex("00fF").unwrap().to_member().expose(), "AP8");
        assert!(of_hex("0").is_err() && of_hex("xx").is_err());
    }

    #[test]
    fn secrets_keep_their_padding() {
        assert_eq!(secret_base64(&[0xfb, 0xff]).expose(), "+/8=");
    }
}
