//! Rotation, and the policy that says when.

use strongroom_authz::{Authorized, admit};
use strongroom_model::{Kind, LifetimeActionParameters, ObjectName, RotationRules};
use strongroom_ops::{
    Call, GetKeyRotationPolicy, RotateKey, RotationPolicyView, UpdateKeyRotationPolicy,
};
use strongroom_store::Store;
use strongroom_wire::rotation as wire;

use super::members::missing;
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

/// A rotation sends no body that is looked at.
pub(crate) async fn rotate<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let request = admit(authorized, RotateKey { name })?;
    super::bundle(exchange, &exchange.ops().rotate_key(request, call).await?)
}

pub(crate) async fn get_policy<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
) -> Result<Answer, Problem> {
    let request = admit(authorized, GetKeyRotationPolicy { name })?;
    policy(exchange, &exchange.ops().get_key_rotation_policy(request).await?)
}

pub(crate) async fn update_policy<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::KeyRotationPolicyParameters = parse(body)?;
    let request = UpdateKeyRotationPolicy { name, rules: rules(&sent)? };
    let request = admit(authorized, request)?;
    policy(exchange, &exchange.ops().update_key_rotation_policy(request, call).await?)
}

pub(super) fn rules(sent: &wire::KeyRotationPolicyParameters) -> Result<RotationRules, Problem> {
    let actions = sent.lifetime_actions.as_deref().unwrap_or_default();
    let actions = actions.iter().map(LifetimeActionParameters::try_from);
    let actions = actions.collect::<Result<Vec<_>, _>>().map_err(missing)?;
    let expiry_time = sent.attributes.as_ref().and_then(|sent| sent.expiry_time.as_deref());
    Ok(RotationRules::parse(expiry_time, &actions)?)
}

/// The real service answers a key without a policy with what holds for it, but without an
/// identifier and without attributes.
fn policy<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &RotationPolicyView,
) -> Result<Answer, Problem> {
    let key = exchange.id(Kind::Key, &view.name, None);
    Answer::json(&wire::KeyRotationPolicy {
        id: view.set.map(|_| format!("{key}/rotationpolicy").into()),
        lifetime_actions: view.rules.lifetime_actions().map(Into::into).collect(),
        attributes: view.set.map(|(created, updated)| wire::KeyRotationPolicyAttributes {
            expiry_time: view.rules.expiry_time.map(|life| life.to_string()),
            created: created.0,
            updated: updated.0,
        }),
    })
}
