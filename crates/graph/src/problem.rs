//! A refusal, in the shape and the words of Microsoft Graph.

use std::fmt;

use http::StatusCode;
use strongroom_authn::TokenFault;
use strongroom_model::Endpoints;

use crate::object::Kind;

/// How much of a client's text a message repeats, in characters.
const ECHO: usize = 128;

/// A refusal. `Display` is the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The `WWW-Authenticate` header, when nobody has signed in.
    pub(crate) challenge: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: None }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn filter(why: &str) -> Self {
        Self::bad(format!("Invalid filter clause: {why}"))
    }

    pub(crate) fn unterminated(at: usize, text: &str) -> Self {
        Self::bad(format!(
            "There is an unterminated string literal at position {at} in '{}'.",
            echo(text)
        ))
    }

    pub(crate) fn no_property(name: &str, kind: Kind) -> Self {
        Self::bad(format!(
            "Invalid filter clause: Could not find a property named '{}' on type \
             'microsoft.graph.{}' that can be filtered here.",
            echo(name),
            kind.name()
        ))
    }

    /// A path that there is not.
    pub(crate) fn no_segment(segment: &str) -> Self {
        Self::bad(format!("Resource not found for the segment '{}'.", echo(segment)))
    }

    /// A version other than `v1.0` and `beta`.
    pub(crate) fn no_version(version: &str) -> Self {
        Self::bad(format!("Invalid version: {}", echo(version)))
    }

    /// `/me` for an application.
    pub(crate) fn not_delegated() -> Self {
        Self::bad("/me request is only valid with delegated authentication flow.")
    }

    pub(crate) fn unsupported(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    pub(crate) fn bad_id(id: &str) -> Self {
        Self::request(format!("Invalid object identifier '{}'.", echo(id)))
    }

    pub(crate) fn bad_body() -> Self {
        Self::bad(
            "Unable to read JSON request payload. Please ensure Content-Type header is set \
                   and payload is of valid JSON format.",
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "BadRequest", "The request is too large.")
    }

    pub(crate) fn no_object(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource '{}' does not exist or one of its queried reference-property objects \
                 are not present.",
                echo(id)
            ),
        )
    }

    /// A change: none is offered here.
    pub(crate) fn read_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation. The directory is changed on the \
             server's own machine: `strongroom identity create-for-rbac` makes an application \
             with its service principal, `strongroom group` and `strongroom user` make groups and \
             people.",
        )
    }

    pub(crate) fn unavailable(message: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    pub(crate) fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a request to Graph failed");
        let message = "The server encountered an internal error; its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }

    /// No token, or one that is not accepted.
    pub(crate) fn token(fault: &TokenFault, endpoints: &Endpoints) -> Self {
        let message = match fault {
            TokenFault::Missing => "Access token is empty.",
            TokenFault::Malformed => "CompactToken parsing failed with error code: 80049217",
            TokenFault::Audience { .. } => "Access token validation failure. Invalid audience.",
            TokenFault::Issuer { .. } => "Access token validation failure. Invalid issuer.",
            TokenFault::Expired => "Lifetime validation failed, the token is expired.",
            TokenFault::NotYetValid => "Lifetime validation failed, the token is not yet valid.",
            TokenFault::UnknownKey { .. } | TokenFault::Signature => {
                "Access token validation failure. Invalid signature."
            }
            _ => "Access token validation failure.",
        };
        let challenge = format!(
            "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", \
             client_id=\"00000003-0000-0000-c000-000000000000\"",
            endpoints.authority()
        );
        let problem = Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
        Self { challenge: Some(challenge), ..problem }
    }
}

/// The beginning of a client's text, without control characters.
fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO).collect()
}
