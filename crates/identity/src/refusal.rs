//! Why no token is given, in the words of Entra ID.

use http::StatusCode;
use strongroom_model::{ClientId, TenantId};

/// The most of a request's own text that a message repeats, in characters.
const ECHO: usize = 200;

/// A refused request. `Display` is the sentence after `AADSTS…: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are \
         signing into the correct cloud. Check with your subscription administrator, this may \
         happen if there are no active subscriptions for the tenant."
    )]
    NoTenant(String),
    #[error("The request body must contain the following parameter: '{0}'.")]
    Missing(&'static str),
    #[error("{0} parameter is empty or not valid.")]
    Repeated(String),
    #[error("Invalid request. Request is malformed or invalid.")]
    Malformed,
    #[error("Invalid request. Request is malformed or invalid.")]
    TooLarge,
    #[error("Invalid request. Request is malformed or invalid.")]
    Incomplete,
    #[error("Invalid request. Request is malformed or invalid.")]
    NotFound,
    #[error("The endpoint only accepts POST requests. Received a {0} request.")]
    Method(String),
    #[error("The app requested an unsupported grant type '{0}'.")]
    Grant(String),
    #[error(
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'."
    )]
    NoSecret,
    #[error(
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This \
         can happen if the application has not been installed by the administrator of the tenant \
         or consented to by any user in the tenant. You may have sent your authentication request \
         to the wrong tenant."
    )]
    NoClient { client: String, tenant: TenantId },
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the \
         client secret value, not the client secret ID, for a secret added to app '{0}'."
    )]
    WrongSecret(ClientId),
    #[error("The provided client secret keys for app '{0}' are expired.")]
    ExpiredSecret(ClientId),
    #[error(
        "The provided value for scope {0} is not valid. Client credential flows must have a scope \
         value with /.default suffixed to the resource identifier (application ID URI)."
    )]
    Scope(String),
    #[error(
        "The provided request must include a 'scope' input parameter. The provided value for the \
         input parameter 'scope' is not valid. The scope {0} is not valid."
    )]
    Scopes(String),
    #[error(
        "The resource principal named {resource} was not found in the tenant named {tenant}. This \
         can happen if the application has not been installed by the administrator of the tenant \
         or consented to by any user in the tenant. You might have sent your authentication \
         request to the wrong tenant."
    )]
    NoResource { resource: String, tenant: TenantId },
    #[error("A transient error has occurred. Please try again.")]
    NotReady,
}

impl Refusal {
    pub(crate) fn tenant(segment: &str) -> Self {
        Self::NoTenant(echo(segment))
    }

    pub(crate) fn grant(grant_type: &str) -> Self {
        Self::Grant(echo(grant_type))
    }

    pub(crate) fn client(client_id: &str, tenant: TenantId) -> Self {
        Self::NoClient { client: echo(client_id), tenant }
    }

    pub(crate) fn scope(scope: &str) -> Self {
        Self::Scope(echo(scope))
    }

    pub(crate) fn scopes(scope: &str) -> Self {
        Self::Scopes(echo(scope))
    }

    pub(crate) fn resource(resource: &str, tenant: TenantId) -> Self {
        Self::NoResource { resource: echo(resource), tenant }
    }

    /// The AADSTS number.
    pub(crate) fn number(&self) -> u32 {
        match self {
            Self::NoTenant(_) => 90_002,
            Self::Missing(_) => 900_144,
            Self::Repeated(_) => 90_100,
            Self::Malformed | Self::TooLarge | Self::Incomplete | Self::NotFound => 9_002_313,
            Self::Method(_) => 900_561,
            Self::Grant(_) => 70_003,
            Self::NoSecret => 7_000_218,
            Self::NoClient { .. } => 700_016,
            Self::WrongSecret(_) => 7_000_215,
            Self::ExpiredSecret(_) => 7_000_222,
            Self::Scope(_) => 1_002_012,
            Self::Scopes(_) => 70_011,
            Self::NoResource { .. } => 500_011,
            Self::NotReady => 90_033,
        }
    }

    /// OAuth's word (RFC 6749, section 5.2).
    pub(crate) fn error(&self) -> &'static str {
        match self {
            Self::NoTenant(_)
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Malformed
            | Self::TooLarge
            | Self::Incomplete
            | Self::NotFound
            | Self::Method(_) => "invalid_request",
            Self::Grant(_) => "unsupported_grant_type",
            Self::NoSecret | Self::WrongSecret(_) | Self::ExpiredSecret(_) => "invalid_client",
            Self::NoClient { .. } => "unauthorized_client",
            Self::Scope(_) | Self::Scopes(_) => "invalid_scope",
            Self::NoResource { .. } => "invalid_resource",
            Self::NotReady => "temporarily_unavailable",
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoSecret | Self::WrongSecret(_) | Self::ExpiredSecret(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// The beginning of a request's text, without control characters.
fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO).collect()
}
