//! One request for a token, decided: client credentials (RFC 6749, section 4.4).

use std::sync::Arc;

use serde_json::Value;
use strongroom_directory::Application;
use strongroom_model::{TenantId, Timestamp};

use crate::TokenService;
use crate::authority::Authority;
use crate::client::Claimed;
use crate::form::Form;
use crate::issue::{self, Grant, TokenVersion};
use crate::refusal::Refusal;
use crate::resource;

/// Which of the two token endpoints was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    V1,
    V2,
}

/// A request for a token, as it came.
pub(crate) struct Exchange<'a> {
    pub(crate) endpoint: Endpoint,
    /// The first segment of the path.
    pub(crate) authority: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// What is known of a request so far; the audit reads it, whatever the outcome.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) client_id: Option<String>,
    pub(crate) application: Option<Arc<Application>>,
}

/// A token, and what its answer repeats.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) audience: String,
    /// The resource, as it was asked for.
    pub(crate) resource: String,
    /// Whether the answer is v1's, with numbers in strings.
    pub(crate) is_v1: bool,
}

impl TokenService {
    /// Decides a request. The client is proved before its resource is looked at, so that only
    /// clients learn which resources there are.
    pub(crate) fn exchange(
        &self,
        request: &Exchange<'_>,
        now: Timestamp,
        facts: &mut Facts,
    ) -> Result<Issued, Refusal> {
        let directory = (self.directory)();
        let authority = Authority::parse(request.authority, &directory)?;
        facts.tenant = Some(authority.tenant);
        let form = Form::parse(request.body)?;
        facts.client_id = form.text("client_id").map(|id| id.chars().take(64).collect());
        let grant_type = form.required("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(Refusal::grant(grant_type));
        }
        let claimed = Claimed::read(&form, request.authorization)?;
        facts.client_id = Some(claimed.client_id.chars().take(64).collect());
        let resource = match request.endpoint {
            _ if authority.is_adfs() => resource::of_adfs(&form)?,
            Endpoint::V1 => resource::of_v1(&form)?,
            Endpoint::V2 => resource::of_v2(&form)?,
        };
        let application = self.prove(&claimed, authority.tenant, &directory, now)?;
        facts.application = Some(Arc::clone(&application));
        let audience = resource::audience(&self.endpoints, &resource)
            .ok_or_else(|| Refusal::resource(&resource, authority.tenant))?;
        let is_v2 = request.endpoint == Endpoint::V2 && !authority.is_adfs();
        let grant = Grant {
            application: &application,
            audience: &audience,
            version: if is_v2 { TokenVersion::V2 } else { TokenVersion::V1 },
            capabilities: capabilities(&form),
        };
        let token = issue::sign(&grant, &self.endpoints, &directory, now)?;
        let is_v1 = request.endpoint == Endpoint::V1 && !authority.is_adfs();
        Ok(Issued { token, audience, resource, is_v1 })
    }
}

/// `CP1`, if the client's `claims` parameter lists it; it is the only capability there is.
fn capabilities(form: &Form) -> Vec<String> {
    let claims: Option<Value> =
        form.text("claims").and_then(|claims| serde_json::from_str(claims).ok());
    let listed = claims.as_ref().and_then(|c| c.pointer("/access_token/xms_cc/values"));
    let listed = listed.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let cp1 = listed.iter().any(|value| value.as_str() == Some("CP1"));
    if cp1 { vec!["CP1".to_owned()] } else { Vec::new() }
}
