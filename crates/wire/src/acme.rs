//! The bodies of the ACME server (RFC 8555, section 7; RFC 9773 for renewal information).

use serde::{Deserialize, Serialize};

/// `GET directory`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where nonces are.
    pub new_nonce: String,
    /// Where accounts are made.
    pub new_account: String,
    /// Where orders are made.
    pub new_order: String,
    /// Where certificates are revoked.
    pub revoke_cert: String,
    /// Where an account gets another key.
    pub key_change: String,
    /// Where it is said when to renew.
    pub renewal_info: String,
    /// What else there is to know.
    pub meta: DirectoryMeta,
}

/// What else there is to know of a directory.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryMeta {
    /// Whether accounts need a binding.
    pub external_account_required: bool,
}

/// `POST new-account`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAccount {
    /// `mailto:` addresses.
    pub contact: Option<Vec<String>>,
    /// Whether no account is to be made.
    #[serde(default)]
    pub only_return_existing: bool,
    /// A JWS of its own.
    pub external_account_binding: Option<serde_json::Value>,
}

/// `POST account/{id}`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AccountChange {
    /// Other contacts.
    pub contact: Option<Vec<String>>,
    /// `deactivated` gives the account up.
    pub status: Option<String>,
}

/// An account in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Account<'a> {
    /// Where it is: `valid`, `deactivated`.
    pub status: &'a str,
    /// Its contacts.
    pub contact: &'a [String],
    /// Where its orders are.
    pub orders: String,
}

/// The payload within `POST key-change`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyChange {
    /// The account's URL.
    pub account: String,
    /// The key it has had, as a JWK.
    pub old_key: serde_json::Value,
}

/// An identifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identifier {
    /// `dns` or `ip`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name or address.
    pub value: String,
}

/// `POST new-order`
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    /// What is to be certified.
    pub identifiers: Vec<Identifier>,
    /// From when on.
    pub not_before: Option<String>,
    /// Until when.
    pub not_after: Option<String>,
}

/// An order in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// Where it is.
    pub status: &'static str,
    /// Until when it is good, RFC 3339.
    pub expires: String,
    /// What is to be certified.
    pub identifiers: Vec<Identifier>,
    /// URLs of the authorizations.
    pub authorizations: Vec<String>,
    /// Where the certificate is asked for.
    pub finalize: String,
    /// Where the certificate is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Why it came to nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// The orders of an account.
#[derive(Clone, Debug, Serialize)]
pub struct Orders {
    /// Their URLs.
    pub orders: Vec<String>,
}

/// An authorization in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Authorization {
    /// What is to be controlled.
    pub identifier: Identifier,
    /// Where it is.
    pub status: &'static str,
    /// Until when it is good, RFC 3339.
    pub expires: String,
    /// How control may be, or was, shown.
    pub challenges: Vec<Challenge>,
    /// Whether every name one label below is asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wildcard: bool,
}

/// `POST authz/{order}/{place}`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AuthorizationChange {
    /// `deactivated`
    pub status: Option<String>,
}

/// A challenge in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Challenge {
    /// `http-01`, `dns-01` or `tls-alpn-01`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its URL.
    pub url: String,
    /// Where it is.
    pub status: &'static str,
    /// What the answer is made of.
    pub token: String,
    /// When it was met, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validated: Option<String>,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// `POST order/{id}/finalize`
#[derive(Clone, Debug, Deserialize)]
pub struct Finalize {
    /// PKCS#10 in DER, base64url.
    pub csr: String,
}

/// `POST revoke-cert`
#[derive(Clone, Debug, Deserialize)]
pub struct RevokeCert {
    /// DER, base64url.
    pub certificate: String,
    /// A CRLReason (RFC 5280, section 5.3.1).
    pub reason: Option<u8>,
}

/// `GET renewal-info/{id}`
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewalInfo {
    /// When to renew.
    pub suggested_window: SuggestedWindow,
}

/// When to renew.
#[derive(Clone, Debug, Serialize)]
pub struct SuggestedWindow {
    /// From, RFC 3339.
    pub start: String,
    /// Until, RFC 3339.
    pub end: String,
}

/// An error (RFC 9457).
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// `urn:ietf:params:acme:error:…`
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened.
    pub detail: String,
    /// The HTTP status.
    pub status: u16,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier>,
    /// Each of several errors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<Problem>,
    /// With `badSignatureAlgorithm`: those that are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<&'static [&'static str]>,
}
