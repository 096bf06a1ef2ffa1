//! Versions: 32 lower-case hexadecimal digits, drawn by the server.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::ModelError;

/// The version of an object: 128 bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u8; 16]);

impl Version {
    /// From 128 random bits.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 128 bits.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads 32 hexadecimal digits of either case.
    ///
    /// # Errors
    /// [`ModelError::Version`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| {
            ModelError::Version(text.chars().filter(|c| !c.is_control()).take(64).collect())
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl<C> Encode<C> for Version {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Version {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.bytes()?
            .try_into()
            .map(Self)
            .map_err(|_| minicbor::decode::Error::message("a version has 16 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_32_hex_digits() {
        let text = "4387e9f3d6e14c459867679a90fd0f79";
        assert_eq!(Version::parse(text).unwrap().to_string(), text);
        assert_eq!(Version::parse(&text.to_uppercase()).unwrap().to_string(), text);
        for bad in ["", "x", "4387e9f3d6e14c459867679a90fd0f7", "4387e9f3d6e14c459867679a90fd0f7g"]
        {
            assert!(Version::parse(bad).is_err(), "{bad}");
        }
    }
}
