//! The bodies of the secret operations.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AttributesParameters, Deletion, ObjectAttributes, Page, SecretValue};

/// `PUT /secrets/{name}`
#[derive(Deserialize)]
pub struct SecretSetParameters {
    /// The value of the new version.
    pub value: SecretValue,
    /// What the value is, in the client's words.
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
    /// Attributes of the new version.
    pub attributes: Option<AttributesParameters>,
    /// Tags of the new version.
    pub tags: Option<BTreeMap<String, String>>,
}

/// `PATCH /secrets/{name}/{version}`; an absent or `null` member is left alone.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SecretUpdateParameters {
    /// A new content type.
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
    /// New attributes.
    pub attributes: Option<AttributesParameters>,
    /// New tags, in place of all old ones.
    pub tags: Option<BTreeMap<String, String>>,
}

/// One version of a secret: the answer of set, get, update, recover and restore.
#[derive(Serialize)]
pub struct SecretBundle<'a> {
    /// The value; only set and get answer it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a SecretValue>,
    /// What the value is, in the client's words.
    #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// The identifier, with the version.
    pub id: Cow<'a, str>,
    /// Whether the secret lives and dies with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Its attributes.
    pub attributes: ObjectAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// The identifier of the certificate's key, for a managed secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Cow<'a, str>>,
    /// The certificate's version before, for a managed secret; since api-version
    /// 2025-06-01-preview.
    #[serde(rename = "previousVersion", skip_serializing_if = "Option::is_none")]
    pub previous_version: Option<Cow<'a, str>>,
}

/// A secret or a version in a list: never with its value.
#[derive(Clone, Debug, Serialize)]
pub struct SecretItem<'a> {
    /// What the value is, in the client's words.
    #[serde(rename = "contentType", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// The identifier; without a version in a list of secrets, with it in a list of versions.
    pub id: Cow<'a, str>,
    /// Whether the secret lives and dies with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<bool>,
    /// Its attributes.
    pub attributes: ObjectAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
}

/// The answer of delete and of get-deleted: never with the value.
#[derive(Serialize)]
pub struct DeletedSecretBundle<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The secret.
    #[serde(flatten)]
    pub secret: SecretBundle<'a>,
}

/// A deleted secret in a list.
#[derive(Clone, Debug, Serialize)]
pub struct DeletedSecretItem<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The secret.
    #[serde(flatten)]
    pub secret: SecretItem<'a>,
}

/// `GET /secrets` and `GET /secrets/{name}/versions`
pub type SecretListResult<'a> = Page<SecretItem<'a>>;

/// `GET /deletedsecrets`
pub type DeletedSecretListResult<'a> = Page<DeletedSecretItem<'a>>;

/// `POST /secrets/{name}/backup`
pub type BackupSecretResult = crate::backup::BackupResult;

/// `POST /secrets/restore`
pub type SecretRestoreParameters = crate::backup::RestoreParameters;
