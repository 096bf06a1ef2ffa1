//! The rotation policy of a key as a resource.

use strongroom_model::{LifetimeActionParameters, RotationAction, RotationPolicy, RotationRules};
use strongroom_wire::arm_vaults as wire;
use strongroom_wire::rotation::{
    KeyRotationPolicyAttributes, KeyRotationPolicyParameters, LifetimeActions, LifetimeActionsType,
};

use super::keys::bad;
use super::parameters::missing;
use crate::Problem;

/// What a client says of a key's rotation; the rules are those of the data plane.
pub(super) fn rules(sent: &KeyRotationPolicyParameters) -> Result<RotationRules, Problem> {
    let actions = sent.lifetime_actions.as_deref().unwrap_or_default();
    let actions = actions.iter().map(LifetimeActionParameters::try_from);
    let actions = actions.collect::<Result<Vec<_>, _>>().map_err(missing)?;
    let expiry_time = sent.attributes.as_ref().and_then(|sent| sent.expiry_time.as_deref());
    RotationRules::parse(expiry_time, &actions).map_err(bad)
}

pub(super) fn shown(policy: &RotationPolicy) -> wire::RotationPolicy<'static> {
    let actions = policy.rules.lifetime_actions().map(|(action, trigger)| LifetimeActions {
        action: LifetimeActionsType {
            kind: match action {
                RotationAction::Rotate => "rotate",
                RotationAction::Notify => "notify",
            },
        },
        ..LifetimeActions::from((action, trigger))
    });
    wire::RotationPolicy {
        attributes: KeyRotationPolicyAttributes {
            expiry_time: policy.rules.expiry_time.map(|life| life.to_string()),
            created: policy.created.0,
            updated: policy.updated.0,
        },
        lifetime_actions: actions.collect(),
    }
}
