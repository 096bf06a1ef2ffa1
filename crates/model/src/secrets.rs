//! The rules of secrets.

use minicbor::{Decode, Encode};

use crate::{ModelError, Version};

/// The longest secret value, in bytes of UTF-8: 25 KB.
pub const MAX_VALUE_BYTES: usize = 25_600;

/// The longest content type, in characters.
pub const MAX_CONTENT_TYPE_CHARS: usize = 255;

/// The longest tag name or value of a secret, in characters.
pub const MAX_TAG_CHARS: usize = 512;

/// What a list of secrets shows beside attributes and tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SecretListing {
    /// What the value is, in the client's words.
    #[n(0)]
    pub content_type: Option<String>,
    /// Whether the secret lives and dies with a certificate.
    #[n(1)]
    pub managed: Option<bool>,
    /// For a certificate's secret: the version before this one.
    #[n(2)]
    pub previous_version: Option<Version>,
}

/// Checks a content type.
///
/// # Errors
/// [`ModelError::Attributes`] beyond [`MAX_CONTENT_TYPE_CHARS`].
pub fn check_content_type(content_type: Option<&str>) -> Result<(), ModelError> {
    match content_type {
        Some(text) if text.chars().count() > MAX_CONTENT_TYPE_CHARS => Err(ModelError::Attributes(
            format!("The content type may have at most {MAX_CONTENT_TYPE_CHARS} characters."),
        )),
        _ => Ok(()),
    }
}
