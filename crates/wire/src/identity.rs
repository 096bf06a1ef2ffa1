//! The documents of the token service: Entra ID's shapes.

use serde::{Deserialize, Serialize};

/// A token, as the v2.0 endpoint answers it. Durations are seconds.
#[derive(Serialize)]
pub struct TokenResponse<'a> {
    /// `Bearer`
    pub token_type: &'a str,
    /// How long the token is good.
    pub expires_in: i64,
    /// How long it is good while the service is down: the same.
    pub ext_expires_in: i64,
    /// The token.
    pub access_token: &'a str,
}

/// A token, as the v1 endpoint answers it: numbers stand in strings. Times are Unix seconds.
#[derive(Serialize)]
pub struct TokenResponseV1<'a> {
    /// `Bearer`
    pub token_type: &'a str,
    /// How long the token is good.
    #[serde(serialize_with = "as_string")]
    pub expires_in: i64,
    /// How long it is good while the service is down: the same.
    #[serde(serialize_with = "as_string")]
    pub ext_expires_in: i64,
    /// When it ends.
    #[serde(serialize_with = "as_string")]
    pub expires_on: i64,
    /// When it begins.
    #[serde(serialize_with = "as_string")]
    pub not_before: i64,
    /// What it is for, as it was asked for.
    pub resource: &'a str,
    /// The token.
    pub access_token: &'a str,
}

fn as_string<S: serde::Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OAuthError {
    /// OAuth's word, such as `invalid_client`.
    pub error: String,
    /// `AADSTS…: …` with trace id, correlation id and time.
    pub error_description: String,
    /// The AADSTS numbers.
    pub error_codes: Vec<u32>,
    /// `2026-01-31 12:00:00Z`
    pub timestamp: String,
    /// The request's id.
    pub trace_id: String,
    /// The client's id for the request.
    pub correlation_id: String,
    /// A page on the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

/// `/.well-known/openid-configuration`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdConfiguration {
    /// Where tokens are issued.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_endpoint: String,
    /// How clients prove who they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Where the signing keys are.
    pub jwks_uri: String,
    /// How answers come back from the authorization endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// `pairwise`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// `RS256`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// What the authorization endpoint answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_types_supported: Vec<String>,
    /// The OpenID scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// The `iss` of the tokens.
    pub issuer: String,
    /// Where people sign in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub authorization_endpoint: String,
    /// Where devices without a browser sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    /// Where people sign out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    /// The claims of the tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims_supported: Vec<String>,
    /// Not sent by anyone but Entra ID: the region of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_region_scope: Option<String>,
    /// The host that names the cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_instance_name: Option<String>,
}

/// Signing keys (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// One public signing key (RFC 7517). Numbers are base64url without padding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `RSA` or `EC`.
    pub kty: String,
    /// `sig`
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    /// The key's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The SHA-1 thumbprint of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    /// RSA: the modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA: the exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// EC: the curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// EC: the point's x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// EC: the point's y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The one algorithm it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The `iss` of the tokens it signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// `/common/discovery/instance`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceDiscovery {
    /// Where the tenant's OpenID configuration is.
    pub tenant_discovery_endpoint: String,
    /// `1.1`
    #[serde(rename = "api-version")]
    pub api_version: String,
    /// The hosts that are one authority.
    pub metadata: Vec<InstanceMetadata>,
}

/// Hosts that are one authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceMetadata {
    /// The host to send requests to.
    pub preferred_network: String,
    /// The host to keep tokens under.
    pub preferred_cache: String,
    /// All of its names.
    pub aliases: Vec<String>,
}
