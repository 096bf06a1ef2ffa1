//! Who asks for a token, and the proof.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::SecretBytes;
use strongroom_directory::{Application, Directory};
use strongroom_model::{TenantId, Timestamp};
use subtle::ConstantTimeEq;

use crate::TokenService;
use crate::form::{self, Form};
use crate::refusal::Refusal;

/// What a client says of itself, not yet checked.
pub(crate) struct Claimed {
    pub(crate) client_id: String,
    secret: SecretBytes,
}

impl Claimed {
    /// `client_secret` of the body, or HTTP Basic (RFC 6749, section 2.3.1), never both.
    pub(crate) fn read(form: &Form, authorization: Option<&str>) -> Result<Self, Refusal> {
        let basic = authorization.map(basic).transpose()?;
        let secret = form.secret("client_secret");
        match (basic, secret) {
            (Some(_), Some(_)) => Err(Refusal::Malformed),
            (Some(basic), None) => match form.text("client_id") {
                Some(other) if other != basic.client_id => Err(Refusal::Malformed),
                _ => Ok(basic),
            },
            (None, secret) => {
                let client_id = form.required("client_id")?.to_owned();
                let secret = secret.ok_or(Refusal::NoSecret)?;
                Ok(Self { client_id, secret: SecretBytes::new(secret.expose().to_vec()) })
            }
        }
    }
}

/// `Basic base64(form(id):form(secret))`.
fn basic(authorization: &str) -> Result<Claimed, Refusal> {
    let (scheme, encoded) = authorization.split_once(' ').ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::Malformed);
    }
    let pair = STANDARD.decode(encoded.trim()).map_err(|_| Refusal::Malformed)?;
    let pair = SecretBytes::new(pair);
    let colon = pair.expose().iter().position(|b| *b == b':').ok_or(Refusal::Malformed)?;
    let (id, secret) = pair.expose().split_at(colon);
    let id = form::decode(id);
    let client_id = std::str::from_utf8(id.expose()).map_err(|_| Refusal::Malformed)?.to_owned();
    let secret = form::decode(secret.get(1..).unwrap_or_default());
    if client_id.is_empty() || secret.is_empty() {
        return Err(Refusal::NoSecret);
    }
    Ok(Claimed { client_id, secret })
}

impl TokenService {
    /// The application that the claim proves. An unknown client costs what a wrong secret costs:
    /// one digest and one comparison.
    pub(crate) fn prove(
        &self,
        claimed: &Claimed,
        tenant: TenantId,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Arc<Application>, Refusal> {
        let digest = (self.secret_digest)(claimed.secret.expose());
        let application = claimed.client_id.parse().ok().and_then(|id| directory.application(id));
        let application = application.filter(|application| application.tenant == tenant);
        let Some(application) = application else {
            let _ = bool::from(digest.ct_eq(&[0; 32]));
            return Err(Refusal::client(&claimed.client_id, tenant));
        };
        let mut proof = None;
        for credential in &application.credentials {
            if bool::from(credential.digest.ct_eq(&digest)) {
                proof = Some(credential);
            }
        }
        match proof {
            Some(found) if found.expires.is_some_and(|expires| now >= expires) => {
                Err(Refusal::ExpiredSecret(application.client_id))
            }
            Some(_) => Ok(Arc::clone(application)),
            None => Err(Refusal::WrongSecret(application.client_id)),
        }
    }
}
