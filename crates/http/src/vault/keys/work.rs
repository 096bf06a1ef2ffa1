//! What keys do: encrypt, decrypt, wrap, unwrap, sign, verify.

use strongroom_authz::{Authorized, admit};
use strongroom_model::{Kind, ObjectName, Version};
use strongroom_ops::{
    Call, Ciphertext, Decrypt, DecryptedView, Encrypt, EncryptedView, Plaintext, Sign, UnwrapKey,
    Verify, WrapKey,
};
use strongroom_store::Store;
use strongroom_wire::keys as wire;
use strongroom_wire::{Base64Url, SecretValue};

use super::members::{self, public, required, secret};
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

pub(crate) async fn encrypt<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let plaintext = plaintext(exchange, body)?;
    let request = admit(authorized, Encrypt { name, version, plaintext })?;
    encrypted(exchange, &exchange.ops().encrypt(request, call).await?)
}

pub(crate) async fn wrap<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let plaintext = plaintext(exchange, body)?;
    let request = admit(authorized, WrapKey { name, version, plaintext })?;
    encrypted(exchange, &exchange.ops().wrap_key(request, call).await?)
}

pub(crate) async fn decrypt<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
) -> Result<Answer, Problem> {
    let ciphertext = ciphertext(exchange, body)?;
    let request = admit(authorized, Decrypt { name, version, ciphertext })?;
    decrypted(exchange, &exchange.ops().decrypt(request).await?)
}

pub(crate) async fn unwrap<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
) -> Result<Answer, Problem> {
    let ciphertext = ciphertext(exchange, body)?;
    let request = admit(authorized, UnwrapKey { name, version, ciphertext })?;
    decrypted(exchange, &exchange.ops().unwrap_key(request).await?)
}

pub(crate) async fn sign<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
) -> Result<Answer, Problem> {
    let sent: wire::KeySignParameters = parse(body)?;
    refuse_ml_dsa_inputs(sent.external_mu.as_ref(), sent.context.as_ref())?;
    let algorithm = members::signature(exchange.api_version, sent.alg)?;
    let digest = required("value", public("value", sent.value.as_ref())?)?;
    let request = admit(authorized, Sign { name, version, algorithm, digest })?;
    let view = exchange.ops().sign(request).await?;
    let kid = exchange.id(Kind::Key, &view.name, Some(view.version));
    result(kid, &view.value, None, None, None)
}

pub(crate) async fn verify<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
) -> Result<Answer, Problem> {
    let sent: wire::KeyVerifyParameters = parse(body)?;
    refuse_ml_dsa_inputs(sent.external_mu.as_ref(), sent.context.as_ref())?;
    let request = Verify {
        name,
        version,
        algorithm: members::signature(exchange.api_version, sent.alg)?,
        digest: required("digest", public("digest", sent.digest.as_ref())?)?,
        signature: required("value", public("value", sent.value.as_ref())?)?,
    };
    let value = exchange.ops().verify(admit(authorized, request)?).await?;
    Answer::json(&wire::KeyVerifyResult { value })
}

fn plaintext<S: Store>(exchange: &Exchange<'_, S>, body: Body) -> Result<Plaintext, Problem> {
    let sent: wire::KeyOperationsParameters = parse(body)?;
    Ok(Plaintext {
        algorithm: members::encryption(exchange.api_version, sent.alg)?,
        value: required("value", secret("value", sent.value.as_ref())?)?,
        iv: public("iv", sent.iv.as_ref())?,
        aad: public("aad", sent.aad.as_ref())?,
    })
}

fn ciphertext<S: Store>(exchange: &Exchange<'_, S>, body: Body) -> Result<Ciphertext, Problem> {
    let sent: wire::KeyOperationsParameters = parse(body)?;
    Ok(Ciphertext {
        algorithm: members::encryption(exchange.api_version, sent.alg)?,
        value: required("value", public("value", sent.value.as_ref())?)?,
        iv: public("iv", sent.iv.as_ref())?,
        aad: public("aad", sent.aad.as_ref())?,
        tag: public("tag", sent.tag.as_ref())?,
    })
}

fn refuse_ml_dsa_inputs(
    external_mu: Option<&SecretValue>,
    context: Option<&SecretValue>,
) -> Result<(), Problem> {
    let is_sent = |sent: Option<&SecretValue>| sent.is_some_and(|text| !text.expose().is_empty());
    if is_sent(external_mu) || is_sent(context) {
        return Err(Problem::bad(
            "external_mu and context are not supported: send the whole message as the value.",
        ));
    }
    Ok(())
}

fn encrypted<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &EncryptedView,
) -> Result<Answer, Problem> {
    let kid = exchange.id(Kind::Key, &view.name, Some(view.version));
    let EncryptedView { value, iv, tag, aad, .. } = view;
    result(kid, value, iv.as_deref(), tag.as_deref(), aad.as_deref())
}

fn decrypted<S: Store>(
    exchange: &Exchange<'_, S>,
    view: &DecryptedView,
) -> Result<Answer, Problem> {
    let kid = exchange.id(Kind::Key, &view.name, Some(view.version));
    result(kid, view.value.expose(), None, None, None)
}

fn result(
    kid: String,
    value: &[u8],
    iv: Option<&[u8]>,
    tag: Option<&[u8]>,
    aad: Option<&[u8]>,
) -> Result<Answer, Problem> {
    Answer::secret_json(&wire::KeyOperationResult {
        kid: kid.into(),
        value: SecretValue::from_bytes(value),
        iv: iv.map(Base64Url),
        tag: tag.map(Base64Url),
        aad: aad.map(Base64Url),
    })
}
