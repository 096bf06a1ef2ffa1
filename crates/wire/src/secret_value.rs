//! The one secret type that serialises.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::base64url;

/// A secret's value on its way in or out: zeroized when dropped, without `Debug`, `Display` or
/// `Clone`.
///
/// A value with JSON escapes passes through serde_json's scratch buffer, which is freed but not
/// zeroized.
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Secret bytes, as base64url without padding.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(base64url::encode_secret(bytes))
    }

    /// The bytes that the text stands for in base64url; `None` if it is not base64url.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        base64url::decode(&self.0)
    }

    /// The text, for as long as it is needed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text itself; whoever takes it has to zeroize it.
    pub fn into_string(mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

impl Serialize for SecretValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = SecretValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<SecretValue, E> {
        Ok(SecretValue::new(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<SecretValue, E> {
        Ok(SecretValue::new(text))
    }
}
