//! The attributes every object version has.

use minicbor::{Decode, Encode};

use crate::Timestamp;

/// When a version may be used, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attributes {
    /// Whether the object may be used.
    #[n(0)]
    pub enabled: bool,
    /// Not to be used before this time.
    #[n(1)]
    pub not_before: Option<Timestamp>,
    /// Not to be used from this time on.
    #[n(2)]
    pub expires: Option<Timestamp>,
    /// When this version was made.
    #[n(3)]
    pub created: Timestamp,
    /// When its attributes last changed.
    #[n(4)]
    pub updated: Timestamp,
}

/// What a client may say of attributes; an absent member is left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributesChange {
    /// Enable or disable.
    pub enabled: Option<bool>,
    /// A new not-before time.
    pub not_before: Option<Timestamp>,
    /// A new expiry time.
    pub expires: Option<Timestamp>,
}

impl Attributes {
    /// The attributes of a version made at `now`; enabled unless said otherwise.
    pub fn new(change: &AttributesChange, now: Timestamp) -> Self {
        Self {
            enabled: change.enabled.unwrap_or(true),
            not_before: change.not_before,
            expires: change.expires,
            created: now,
            updated: now,
        }
    }

    /// The same attributes after a change at `now`.
    #[must_use]
    pub fn changed(&self, change: &AttributesChange, now: Timestamp) -> Self {
        Self {
            enabled: change.enabled.unwrap_or(self.enabled),
            not_before: change.not_before.or(self.not_before),
            expires: change.expires.or(self.expires),
            created: self.created,
            updated: now,
        }
    }
}
