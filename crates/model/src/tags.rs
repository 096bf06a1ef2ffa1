//! Tags: at most 15 name-value pairs, in the order of their names.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::ModelError;

/// The most tags an object may have.
pub const MAX_TAGS: usize = 15;

/// Application-specific metadata in the form of name-value pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Tags(#[n(0)] BTreeMap<String, String>);

impl Tags {
    /// Checks tags; `max_length` is 512 characters for secrets, 256 for keys.
    ///
    /// # Errors
    /// [`ModelError::Tags`] for more than [`MAX_TAGS`], or a name or value too long.
    pub fn parse(tags: BTreeMap<String, String>, max_length: usize) -> Result<Self, ModelError> {
        if tags.len() > MAX_TAGS {
            return Err(ModelError::Tags(format!(
                "Too many tags: {}. An object may have at most {MAX_TAGS}.",
                tags.len()
            )));
        }
        for (name, value) in &tags {
            if name.chars().count() > max_length || value.chars().count() > max_length {
                return Err(ModelError::Tags(format!(
                    "A tag's name and value may have at most {max_length} characters."
                )));
            }
        }
        Ok(Self(tags))
    }

    /// The pairs, by name.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}
