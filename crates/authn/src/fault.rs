//! Why a token is refused, in the words of the real service where they are known.

use strongroom_model::{Endpoints, TenantId};

use crate::Challenge;

/// The most of a token's own text that a message repeats, in characters.
const ECHO: usize = 256;

/// A refused request: always status 401 and code `Unauthorized`. `Display` is the body's message.
///
/// No variant holds a token; what is repeated of one is its header, `iss` or `aud`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// No token was sent.
    #[error("AKV10000: Request is missing a Bearer or PoP token.")]
    Missing,
    /// Not a signed JSON Web Token that could be accepted here.
    #[error("Error validating token: the token is not a well-formed signed JSON Web Token.")]
    Malformed,
    /// No known key has the token's `kid`; for an external issuer, none could be fetched.
    #[error(
        "AKV10046: Unable to resolve the key used for signature validation. \
         EncodedJwtHeader: '{encoded_header}'."
    )]
    UnknownKey {
        /// The token's first segment, as it was sent.
        encoded_header: String,
    },
    /// The signature does not fit.
    #[error("Error validating token: IDX10511: Signature validation failed.")]
    Signature,
    /// The token is for another service.
    #[error("AKV10022: Invalid audience. Expected {expected}, found: {found}.")]
    Audience {
        /// What the token should be for.
        expected: String,
        /// Its `aud`.
        found: String,
    },
    /// The token is of an issuer or a tenant that the vault does not trust.
    #[error("AKV10032: Invalid issuer. Expected one of {expected}, found {found}.")]
    Issuer {
        /// The `iss` of the vault's tenant.
        expected: String,
        /// The token's `iss`.
        found: String,
    },
    /// The token's time is over.
    #[error("Error validating token: IDX10223: Lifetime validation failed. The token is expired.")]
    Expired,
    /// The token's time has not begun.
    #[error(
        "Error validating token: IDX10222: Lifetime validation failed. \
         The token is not yet valid."
    )]
    NotYetValid,
    /// The token's principal is not in the directory: it was deleted.
    #[error("Error validating token: the principal of the token does not exist.")]
    UnknownPrincipal,
    /// A claim is missing, or is not what the issuer's configuration demands.
    #[error("Error validating token: a required claim is missing or has another value.")]
    Claim,
}

impl TokenFault {
    /// `error.code` of the body; the status is 401.
    pub fn code(&self) -> &'static str {
        "Unauthorized"
    }

    /// `error_description` of the challenge; none where no token was sent.
    pub fn description(&self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Malformed => Some("The token is malformed"),
            Self::UnknownKey { .. } => Some("The signature key was not found"),
            Self::Signature => Some("The signature is invalid"),
            Self::Audience { .. } => Some("The audience is invalid"),
            Self::Issuer { .. } => Some("The issuer is invalid"),
            Self::Expired => Some("The token is expired"),
            Self::NotYetValid => Some("The token is not yet valid"),
            Self::UnknownPrincipal => Some("The principal does not exist"),
            Self::Claim => Some("A required claim is missing"),
        }
    }

    /// The `WWW-Authenticate` value that goes with it, for a vault's tenant.
    pub fn challenge(&self, endpoints: &Endpoints, tenant: TenantId) -> String {
        Challenge::new(endpoints, tenant).value_for(self)
    }

    pub(crate) fn unknown_key(encoded_header: &str) -> Self {
        Self::UnknownKey { encoded_header: echo(encoded_header) }
    }

    pub(crate) fn audience(expected: String, found: &str) -> Self {
        Self::Audience { expected, found: echo(found) }
    }

    pub(crate) fn issuer(endpoints: &Endpoints, tenant: TenantId, found: &str) -> Self {
        Self::Issuer { expected: endpoints.issuer(tenant), found: echo(found) }
    }
}

/// The beginning of a token's text, without control characters.
fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(ECHO).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The texts that OPERATIONS.md section 2 marks as observed.
    #[test]
    fn the_observed_texts() {
        let at = Endpoints::new("localhost", 8443);
        let tenant: TenantId = "72f988bf-86f1-41af-91ab-2d7cd011db47".parse().unwrap();
        assert_eq!(
            TokenFault::Missing.to_string(),
            "AKV10000: Request is missing a Bearer or PoP token."
        );
        assert_eq!(
            TokenFault::audience(at.vault_resource(), "https://graph.microsoft.com").to_string(),
            "AKV10022: Invalid audience. Expected https://vault.localhost:8443, \
             found: https://graph.microsoft.com."
        );
        assert_eq!(
            TokenFault::issuer(&at, tenant, "https://sts.windows.net/x/").to_string(),
            "AKV10032: Invalid issuer. Expected one of https://login.localhost:8443/\
             72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0, found https://sts.windows.net/x/."
        );
        assert_eq!(
            TokenFault::unknown_key("eyJhbGciOiJSUzI1NiJ9").to_string(),
            "AKV10046: Unable to resolve the key used for signature validation. \
             EncodedJwtHeader: 'eyJhbGciOiJSUzI1NiJ9'."
        );
    }

    #[test]
    fn what_is_repeated_is_short_and_clean() {
        let found = format!("a\r\nb{}", "x".repeat(10_000));
        let TokenFault::Audience { found, .. } =
            TokenFault::audience("https://vault.localhost".into(), &found)
        else {
            panic!("another fault");
        };
        assert_eq!(found.len(), 256);
        assert!(found.starts_with("abx"));
    }
}
