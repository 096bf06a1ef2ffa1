//! Names. They compare without regard to ASCII case and are answered as they were spelt.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::ModelError;

/// A secret's, key's or certificate's name: 1 to 127 of `0-9 a-z A-Z -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ObjectName(#[n(0)] String);

impl ObjectName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ModelError::ObjectName`] outside `^[0-9a-zA-Z-]{1,127}$`.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.is_empty() || text.len() > 127 || !text.bytes().all(allowed) {
            return Err(ModelError::ObjectName(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was spelt.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared and kept in keys: ASCII lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A vault's name: 3 to 24 letters, digits and single hyphens; a letter first, no hyphen last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct VaultName(#[n(0)] String);

impl VaultName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ModelError::VaultName`] when it breaks the rules above.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let bytes = text.as_bytes();
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        let sound = (3..=24).contains(&bytes.len())
            && bytes.iter().all(allowed)
            && bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && bytes.last() != Some(&b'-')
            && !text.contains("--");
        if sound { Ok(Self(text.to_owned())) } else { Err(ModelError::VaultName(shown(text))) }
    }

    /// As it was spelt.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared: ASCII lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for VaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resource group's name: 1 to 90 letters, digits and `_ . ( ) -`, no full stop last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ResourceGroupName(#[n(0)] String);

impl ResourceGroupName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ModelError::ResourceGroupName`] when it breaks the rules above.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.()-".contains(&b);
        let sound =
            (1..=90).contains(&text.len()) && text.bytes().all(allowed) && !text.ends_with('.');
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(ModelError::ResourceGroupName(shown(text)))
        }
    }

    /// As it was spelt.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most 64 characters of what a client sent, without control characters, for an error text.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names_follow_the_pattern() {
        for good in ["a", "A-9", "-", &"x".repeat(127)] {
            assert!(ObjectName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a_b", "a.b", "a b", "é", "a/b", &"x".repeat(128)] {
            assert!(ObjectName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ObjectName::parse("MyName").unwrap().folded(), "myname");
    }

    #[test]
    fn vault_names_follow_the_rules() {
        for good in ["dev", "a-b", "abc123", &"v".repeat(24)] {
            assert!(VaultName::parse(good).is_ok(), "{good}");
        }
        for bad in ["ab", "1ab", "a--b", "ab-", "a_b", &"v".repeat(25), "-ab"] {
            assert!(VaultName::parse(bad).is_err(), "{bad}");
        }
    }
}
