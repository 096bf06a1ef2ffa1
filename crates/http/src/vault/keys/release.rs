//! Release: a key leaves for an attested environment, under its policy.

use strongroom_authz::{Authorized, admit};
use strongroom_model::{Kind, ObjectName, Version};
use strongroom_ops::Call;
use strongroom_ops::release::{KeyEncryption, ReleaseKey, SecureUnwrapKey, SecureWrapKey};
use strongroom_store::Store;
use strongroom_wire::keys as wire;

use super::members::required;
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

pub(crate) async fn release<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::KeyReleaseParameters = parse(body)?;
    let enc = sent.enc.as_deref().map(KeyEncryption::parse).transpose()?.unwrap_or_default();
    // The signed answer repeats the identifier as it was asked for.
    let kid = exchange.id(Kind::Key, &name, version);
    let target = required("target", sent.target)?;
    let request = ReleaseKey { name, version, target, nonce: sent.nonce, enc };
    let request = admit(authorized, request)?;
    let view = exchange.ops().release_key(exchange.service.release(), request, call).await?;
    let bundle = super::key_bundle(exchange, &view.name, &view.record, view.soft_delete);
    let version = exchange.api_version.as_str();
    let value = exchange.ops().sign_released(&view, version, &kid, &bundle).await?;
    Answer::json(&wire::KeyReleaseResult { value })
}

pub(crate) fn secure_wrap<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let request = admit(authorized, SecureWrapKey { name, version })?;
    Err(exchange.ops().secure_wrap_key(request).into())
}

pub(crate) fn secure_unwrap<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
) -> Result<Answer, Problem> {
    let request = admit(authorized, SecureUnwrapKey { name, version })?;
    Err(exchange.ops().secure_unwrap_key(request).into())
}
