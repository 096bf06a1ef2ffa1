//! How a file's bytes become a secret's value, and the way back: as az does it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use crate::error::CliError;

/// The tag that remembers the encoding of a secret that came from a file.
pub(super) const TAG: &str = "file-encoding";

/// The encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    /// Text.
    #[value(name = "utf-8")]
    Utf8,
    /// Text of seven bits.
    Ascii,
    /// Text in little-endian UTF-16, without a byte order mark.
    #[value(name = "utf-16le")]
    Utf16Le,
    /// Text in big-endian UTF-16, without a byte order mark.
    #[value(name = "utf-16be")]
    Utf16Be,
    /// Any bytes; the value is their base64.
    Base64,
    /// Any bytes; the value is their hexadecimal digits.
    Hex,
}

impl Encoding {
    /// Its name, as in the tag.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Ascii => "ascii",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Base64 => "base64",
            Self::Hex => "hex",
        }
    }

    /// The encoding that a tag names.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|encoding| encoding.name() == name)
    }

    /// A file's bytes as a value.
    pub(super) fn value_of(self, bytes: &[u8]) -> Result<SecretValue, CliError> {
        let refused = || {
            let name = self.name();
            CliError::Usage(format!("the file is no {name} text: say --encoding base64"))
        };
        let text = match self {
            Self::Utf8 => std::str::from_utf8(bytes).map_err(|_| refused())?.to_owned(),
            Self::Ascii if bytes.is_ascii() => {
                std::str::from_utf8(bytes).map_err(|_| refused())?.to_owned()
            }
            Self::Ascii => return Err(refused()),
            Self::Utf16Le => of_utf16(bytes, u16::from_le_bytes).ok_or_else(refused)?,
            Self::Utf16Be => of_utf16(bytes, u16::from_be_bytes).ok_or_else(refused)?,
            Self::Base64 => STANDARD.encode(bytes),
            Self::Hex => hex::encode(bytes),
        };
        Ok(SecretValue::new(text))
    }

    /// A value as a file's bytes.
    pub(super) fn bytes_of(self, value: &SecretValue) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let refused = || {
            let name = self.name();
            CliError::Usage(format!("the value is no {name}: say --encoding utf-8"))
        };
        let text = value.expose();
        let bytes = match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Ascii if text.is_ascii() => text.as_bytes().to_vec(),
            Self::Ascii => return Err(refused()),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Base64 => STANDARD.decode(text).map_err(|_| refused())?,
            Self::Hex => hex::decode(text).map_err(|_| refused())?,
        };
        Ok(Zeroizing::new(bytes))
    }
}

fn of_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Zeroizing<Vec<u16>> = Zeroizing::new(pairs.iter().map(|pair| unit(*pair)).collect());
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_goes_both_ways() {
        for (encoding, bytes, value) in [
            (Encoding::Utf8, "ü\n".as_bytes(), "ü\n"),
            (Encoding::Ascii, b"a\r\n", "a\r\n"),
            (Encoding::Utf16Le, b"\xfc\x00a\x00", "üa"),
            (Encoding::Utf16Be, b"\x00\xfc\x00a", "üa"),
            (Encoding::Base64, b"\xff\xfe\xfd\xfc", "//79/A=="),
            (Encoding::Hex, b"\xff\x00", "ff00"),
        ] {
            let found = encoding.value_of(bytes).unwrap();
            assert_eq!(found.expose(), value, "{encoding:?}");
            assert_eq!(encoding.bytes_of(&found).unwrap().as_slice(), bytes, "{encoding:?}");
            assert_eq!(Encoding::named(encoding.name()), Some(encoding));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (encoding, bytes) in [
            (Encoding::Utf8, &b"\xff"[..]),
            (Encoding::Ascii, "ü".as_bytes()),
            (Encoding::Utf16Le, b"abc"),
            (Encoding::Utf16Be, b"\xd8\x00"),
        ] {
            assert!(encoding.value_of(bytes).is_err(), "{encoding:?}");
        }
        let text = SecretValue::new("ü!".into());
        for encoding in [Encoding::Ascii, Encoding::Base64, Encoding::Hex] {
            assert!(encoding.bytes_of(&text).is_err(), "{encoding:?}");
        }
        assert_eq!(Encoding::named("latin1"), None);
    }
}
