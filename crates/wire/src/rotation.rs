//! The bodies of the rotation policy of a key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use strongroom_model::{LifetimeActionParameters, RotationAction, RotationTrigger};

/// `PUT /keys/{name}/rotationpolicy`; what is read-only is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeyRotationPolicyParameters {
    /// What happens over the life of a version.
    #[serde(rename = "lifetimeActions")]
    pub lifetime_actions: Option<Vec<LifetimeActionsParameters>>,
    /// How long a rotated version lives.
    pub attributes: Option<KeyRotationPolicyAttributesParameters>,
}

/// A lifetime action as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LifetimeActionsParameters {
    /// When; required.
    pub trigger: Option<LifetimeActionsTriggerParameters>,
    /// What; required.
    pub action: Option<LifetimeActionsTypeParameters>,
}

impl<'a> TryFrom<&'a LifetimeActionsParameters> for LifetimeActionParameters<'a> {
    /// The name of a required member that is missing.
    type Error = &'static str;

    fn try_from(sent: &'a LifetimeActionsParameters) -> Result<Self, &'static str> {
        let trigger = sent.trigger.as_ref().ok_or("trigger")?;
        let action = sent.action.as_ref().and_then(|action| action.kind.as_deref());
        Ok(Self {
            action: action.ok_or("action")?,
            time_after_create: trigger.time_after_create.as_deref(),
            time_before_expiry: trigger.time_before_expiry.as_deref(),
        })
    }
}

/// When a lifetime action is due, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LifetimeActionsTriggerParameters {
    /// After creation: an ISO 8601 duration.
    #[serde(rename = "timeAfterCreate")]
    pub time_after_create: Option<String>,
    /// Before expiry: an ISO 8601 duration.
    #[serde(rename = "timeBeforeExpiry")]
    pub time_before_expiry: Option<String>,
}

/// What a lifetime action does, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LifetimeActionsTypeParameters {
    /// `Rotate` or `Notify`; required.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// The attributes of a rotation policy, as a client sends them.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeyRotationPolicyAttributesParameters {
    /// How long a rotated version lives: an ISO 8601 duration.
    #[serde(rename = "expiryTime")]
    pub expiry_time: Option<String>,
}

/// A rotation policy in an answer. Without one of its own, a key has neither `id` nor
/// `attributes`, and the latter is `null`.
#[derive(Clone, Debug, Serialize)]
pub struct KeyRotationPolicy<'a> {
    /// The identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// What happens over the life of a version.
    #[serde(rename = "lifetimeActions")]
    pub lifetime_actions: Vec<LifetimeActions<'a>>,
    /// How long a rotated version lives, and when this was said.
    pub attributes: Option<KeyRotationPolicyAttributes>,
}

/// A lifetime action.
#[derive(Clone, Debug, Serialize)]
pub struct LifetimeActions<'a> {
    /// When.
    pub trigger: LifetimeActionsTrigger,
    /// What.
    pub action: LifetimeActionsType<'a>,
}

/// When a lifetime action is due.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LifetimeActionsTrigger {
    /// After creation: an ISO 8601 duration.
    #[serde(rename = "timeAfterCreate", skip_serializing_if = "Option::is_none")]
    pub time_after_create: Option<String>,
    /// Before expiry: an ISO 8601 duration.
    #[serde(rename = "timeBeforeExpiry", skip_serializing_if = "Option::is_none")]
    pub time_before_expiry: Option<String>,
}

impl From<(RotationAction, RotationTrigger)> for LifetimeActions<'_> {
    fn from((action, trigger): (RotationAction, RotationTrigger)) -> Self {
        let (time_after_create, time_before_expiry) = match trigger {
            RotationTrigger::TimeAfterCreate(after) => (Some(after.to_string()), None),
            RotationTrigger::TimeBeforeExpiry(before) => (None, Some(before.to_string())),
        };
        Self {
            trigger: LifetimeActionsTrigger { time_after_create, time_before_expiry },
            action: LifetimeActionsType { kind: action.name() },
        }
    }
}

/// What a lifetime action does.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LifetimeActionsType<'a> {
    /// `Rotate` or `Notify`.
    #[serde(rename = "type")]
    pub kind: &'a str,
}

/// The attributes of a rotation policy. Times are whole Unix seconds.
#[derive(Clone, Debug, Serialize)]
pub struct KeyRotationPolicyAttributes {
    /// How long a rotated version lives: an ISO 8601 duration.
    #[serde(rename = "expiryTime", skip_serializing_if = "Option::is_none")]
    pub expiry_time: Option<String>,
    /// When the key first had a policy.
    pub created: i64,
    /// When this one was set.
    pub updated: i64,
}
