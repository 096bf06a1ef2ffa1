//! The attributes of objects. Times are whole Unix seconds.

use serde::{Deserialize, Serialize};
use strongroom_model::{Attributes, AttributesChange, Timestamp};

/// What a client may say of attributes; an absent or `null` member is left alone, and the
/// read-only ones are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AttributesParameters {
    /// Enable or disable.
    pub enabled: Option<bool>,
    /// Not to be used before.
    pub nbf: Option<i64>,
    /// Not to be used from then on.
    pub exp: Option<i64>,
}

impl From<AttributesParameters> for AttributesChange {
    fn from(sent: AttributesParameters) -> Self {
        Self {
            enabled: sent.enabled,
            not_before: sent.nbf.map(Timestamp),
            expires: sent.exp.map(Timestamp),
        }
    }
}

/// The attributes of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectAttributes<'a> {
    /// Whether the object may be used.
    pub enabled: bool,
    /// Not to be used before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Not to be used from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// When the version was made.
    pub created: i64,
    /// When its attributes last changed.
    pub updated: i64,
    /// The vault's recovery level; absent before api-version 2016-10-01.
    #[serde(rename = "recoveryLevel", skip_serializing_if = "Option::is_none")]
    pub recovery_level: Option<&'a str>,
    /// Days of retention; absent before api-version 7.1.
    #[serde(rename = "recoverableDays", skip_serializing_if = "Option::is_none")]
    pub recoverable_days: Option<u32>,
}

impl From<&Attributes> for ObjectAttributes<'_> {
    /// Without the members that come from the vault.
    fn from(attributes: &Attributes) -> Self {
        Self {
            enabled: attributes.enabled,
            nbf: attributes.not_before.map(|t| t.0),
            exp: attributes.expires.map(|t| t.0),
            created: attributes.created.0,
            updated: attributes.updated.0,
            recovery_level: None,
            recoverable_days: None,
        }
    }
}
