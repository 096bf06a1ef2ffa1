//! A refusal, in the shape and the words of Azure Resource Manager.

use std::fmt;

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use strongroom_authn::TokenFault;
use strongroom_authz::DeniedAction;
use strongroom_model::{Caller, Endpoints, Scope, TenantId};
use strongroom_ops::OpError;

use crate::Reply;

/// A refusal. `Display` is the message.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// `error.code`.
    pub code: &'static str,
    /// `error.message`; never secret.
    pub message: String,
    /// `error.target`.
    pub target: Option<String>,
    /// `error.details`, each a code and a message.
    pub details: Vec<(&'static str, String)>,
    pub(crate) challenge: Option<Box<str>>,
    retry_after: Option<u32>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    /// A refusal.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        let (target, details) = (None, Vec::new());
        Self { status, code, message, target, details, challenge: None, retry_after: None }
    }

    /// 400.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 500: what went wrong goes to the log, not to the client.
    pub fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a control-plane request failed");
        let text = "The server encountered an internal error; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", text)
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// The same, about one member of the request.
    #[must_use]
    pub fn about(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// The same, with `Retry-After`: after so many seconds the client may ask again.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// 400 for a body that is not the JSON that was asked for.
    pub fn content(why: impl fmt::Display) -> Self {
        Self::bad(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{why}'."),
        )
    }

    /// 413 for a body that is too large.
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestContentTooLarge",
            "The request content size exceeds the maximum size of 4 MB.",
        )
    }

    /// 408 for a body that takes too long to come.
    pub(crate) fn late() -> Self {
        let text = "The request content did not come in time. Send it again, without a pause.";
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", text)
    }

    /// 503 for a large body while there are many.
    pub(crate) fn busy() -> Self {
        let text = "Many large requests are being sent. Send this one again in some seconds.";
        Self::unavailable(text).retry_after(5)
    }

    /// 400 for a subscription id that is no GUID.
    pub fn invalid_subscription(text: &str) -> Self {
        let text = shown(text);
        Self::bad(
            "InvalidSubscriptionId",
            format!("The provided subscription identifier '{text}' is malformed or invalid."),
        )
    }

    /// 404 for a subscription that there is not.
    pub fn no_subscription(text: &str) -> Self {
        let text = shown(text);
        Self::not_found(
            "SubscriptionNotFound",
            format!("The subscription '{text}' could not be found."),
        )
    }

    /// 404 for a resource group that there is not.
    pub fn no_group(text: &str) -> Self {
        let text = shown(text);
        Self::not_found(
            "ResourceGroupNotFound",
            format!("Resource group '{text}' could not be found."),
        )
    }

    /// 404 for a resource that there is not; `resource` is its type and name, such as
    /// `Microsoft.KeyVault/vaults/dev`.
    pub fn no_resource(resource: &str, group: &str) -> Self {
        let (resource, group) = (shown(resource), shown(group));
        Self::not_found(
            "ResourceNotFound",
            format!(
                "The Resource '{resource}' under resource group '{group}' was not found. For more \
                 details please go to https://aka.ms/ARMResourceNotFoundFix"
            ),
        )
    }

    /// 404 for a type that a namespace does not have.
    pub fn no_type(resource_type: &str, namespace: &str, api_version: &str) -> Self {
        let (resource_type, namespace) = (shown(resource_type), shown(namespace));
        let api_version = shown(api_version);
        Self::not_found(
            "InvalidResourceType",
            format!(
                "The resource type '{resource_type}' could not be found in the namespace \
                 '{namespace}' for api version '{api_version}'."
            ),
        )
    }

    /// 404 for a namespace that there is not.
    pub fn no_namespace(namespace: &str) -> Self {
        let namespace = shown(namespace);
        Self::not_found(
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        )
    }

    /// 404 for a path that is nothing's.
    pub fn no_path(path: &str) -> Self {
        let path = shown(path);
        Self::not_found("InvalidPath", format!("No resource of the API has the path '{path}'."))
    }

    /// 405: the resource has no such method.
    pub fn method(method: &http::Method) -> Self {
        let method = shown(method.as_str());
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "HttpMethodNotAllowed",
            format!("The requested resource does not support http method '{method}'."),
        )
    }

    /// 403: no role assignment lets the caller do `action` at `scope`.
    pub fn unauthorized(caller: &Caller, action: &str, scope: &Scope) -> Self {
        let client = caller.upn.as_ref().or(caller.app_id.as_ref());
        DeniedAction {
            client: client.cloned().unwrap_or_else(|| caller.object_id.to_string()),
            object_id: caller.object_id,
            action: action.to_owned(),
            scope: scope.clone(),
            denied_by: None,
        }
        .into()
    }

    /// 401 for a token that is missing or not accepted, with the challenge of the tenant.
    pub(crate) fn token(fault: &TokenFault, endpoints: &Endpoints, tenant: TenantId) -> Self {
        let (code, message) = token_words(fault, endpoints, tenant);
        let description = match fault {
            TokenFault::Missing => {
                "The authentication failed because of missing 'Authorization' header."
            }
            other => other.description().unwrap_or_default(),
        };
        let authority = endpoints.authority();
        let challenge = format!(
            "Bearer authorization_uri=\"{authority}/{tenant}\", error=\"invalid_token\", \
             error_description=\"{description}\""
        );
        let problem = Self::new(StatusCode::UNAUTHORIZED, code, message);
        Self { challenge: Some(challenge.into()), ..problem }
    }

    /// Whether nobody has signed in.
    pub(crate) fn is_challenge(&self) -> bool {
        self.challenge.is_some()
    }

    /// The answer.
    pub(crate) fn reply(&self) -> Reply {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            error["target"] = Value::from(target.as_str());
        }
        if !self.details.is_empty() {
            let details = self.details.iter();
            error["details"] =
                details.map(|(code, message)| json!({"code": code, "message": message})).collect();
        }
        let reply = Reply::json(self.status, &json!({ "error": error }))
            .unwrap_or_else(|_| Reply::empty(self.status));
        let reply = match &self.challenge {
            Some(challenge) => reply.with(WWW_AUTHENTICATE, challenge),
            None => reply,
        };
        match self.retry_after {
            Some(seconds) => reply.with(RETRY_AFTER, &seconds.to_string()),
            None => reply,
        }
    }
}

/// What the real service says of a token.
fn token_words(
    fault: &TokenFault,
    endpoints: &Endpoints,
    tenant: TenantId,
) -> (&'static str, String) {
    match fault {
        TokenFault::Missing => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.".into(),
        ),
        TokenFault::Expired => (
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.".into(),
        ),
        TokenFault::Audience { found, .. } => (
            "InvalidAuthenticationTokenAudience",
            format!(
                "The access token has been obtained for wrong audience or resource '{found}'. It \
                 should exactly match with one of the allowed audiences \
                 'https://management.core.windows.net/','https://management.core.windows.net',\
                 'https://management.azure.com/','https://management.azure.com','{}'.",
                endpoints.url("management")
            ),
        ),
        TokenFault::Issuer { found, .. } => (
            "InvalidAuthenticationTokenTenant",
            format!(
                "The access token is from the wrong issuer '{found}'. It must match the tenant \
                 '{}' associated with this subscription. Please use the authority (URL) '{}/{}' \
                 to get the token.",
                endpoints.issuer(tenant),
                endpoints.authority(),
                tenant
            ),
        ),
        _ => ("InvalidAuthenticationToken", "The access token is invalid.".into()),
    }
}

impl From<DeniedAction> for Problem {
    fn from(denied: DeniedAction) -> Self {
        Self::new(StatusCode::FORBIDDEN, denied.code(), denied.to_string())
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        match error {
            OpError::NoSuch(text) => Self::not_found("ResourceNotFound", text),
            OpError::NameTaken(_) | OpError::Contended => {
                Self::conflict("Conflict", error.to_string())
            }
            OpError::Vault(refusal) => {
                let (status, code) = refusal.status_and_code();
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Self::new(status, code, refusal.to_string())
            }
            OpError::Invalid(text) => Self::bad("BadRequest", text),
            OpError::TooLarge => {
                let (status, text) = (StatusCode::PAYLOAD_TOO_LARGE, error.to_string());
                Self::new(status, "RequestContentTooLarge", text)
            }
            OpError::Unavailable(_) | OpError::AuditFull => Self::unavailable(error.to_string()),
            other => Self::internal(&other),
        }
    }
}

/// At most 256 characters of what a client sent, without control characters.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(256).collect()
}
