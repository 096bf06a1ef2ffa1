//! The bodies of the certificate operations.
//!
//! What the specification requires of a request is optional here, so that what is missing can be
//! named to the client.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::certificate_policy::{CertificatePolicy, CertificatePolicyParameters, IssuerParameters};
use crate::standard_base64::Base64;
use crate::{AttributesParameters, Base64Url, Deletion, ObjectAttributes, Page, SecretValue};

/// `POST /certificates/{name}/create`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CertificateCreateParameters {
    /// What the certificate will be.
    pub policy: Option<CertificatePolicyParameters>,
    /// Attributes of the version.
    pub attributes: Option<AttributesParameters>,
    /// Tags of the version.
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether the chain is answered in the order of the import; since api-version 7.6-preview.2.
    #[serde(rename = "preserveCertOrder")]
    pub preserve_cert_order: Option<bool>,
}

/// `POST /certificates/{name}/import`
#[derive(Deserialize)]
pub struct CertificateImportParameters {
    /// PKCS#12 as base64, or PEM; required. It holds the private key.
    pub value: Option<SecretValue>,
    /// The password of `value`.
    pub pwd: Option<SecretValue>,
    /// What the next version will be.
    pub policy: Option<CertificatePolicyParameters>,
    /// Attributes of the version.
    pub attributes: Option<AttributesParameters>,
    /// Tags of the version.
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether the chain is answered in the order of the import; since api-version 7.6-preview.2.
    #[serde(rename = "preserveCertOrder")]
    pub preserve_cert_order: Option<bool>,
}

/// `PATCH /certificates/{name}/{version}`; an absent or `null` member is left alone.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CertificateUpdateParameters {
    /// A new policy.
    pub policy: Option<CertificatePolicyParameters>,
    /// New attributes.
    pub attributes: Option<AttributesParameters>,
    /// New tags, in place of all old ones.
    pub tags: Option<BTreeMap<String, String>>,
}

/// `POST /certificates/{name}/pending/merge`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CertificateMergeParameters {
    /// The chain, each certificate in base64; required.
    pub x5c: Option<Vec<String>>,
    /// Attributes of the version.
    pub attributes: Option<AttributesParameters>,
    /// Tags of the version.
    pub tags: Option<BTreeMap<String, String>>,
}

/// `PATCH /certificates/{name}/pending`
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct CertificateOperationUpdateParameter {
    /// Whether to give it up; required.
    pub cancellation_requested: Option<bool>,
}

/// `POST /certificates/{name}/{version}/revoke`: an extension.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CertificateRevokeParameters {
    /// Why, as RFC 5280 (5.3.1) names it; unspecified if absent.
    pub reason: Option<String>,
}

/// A version: the answer of get, import, merge, update, recover and restore.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateBundle<'a> {
    /// The identifier, with the version.
    pub id: Cow<'a, str>,
    /// The key's; absent while the certificate is being made, as are the next three.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Cow<'a, str>>,
    /// The secret's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<Cow<'a, str>>,
    /// SHA-1 of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5t: Option<Base64Url<'a>>,
    /// The certificate, DER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cer: Option<Base64<'a>>,
    /// Its attributes.
    pub attributes: ObjectAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
    /// What the next version will be.
    pub policy: CertificatePolicy<'a>,
    /// The operation that made it or makes the next, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingOperation<'a>>,
    /// Whether the chain is in the order of the import; since api-version 7.6-preview.2.
    #[serde(rename = "preserveCertOrder", skip_serializing_if = "Option::is_none")]
    pub preserve_cert_order: Option<bool>,
}

/// Where the operation of a certificate is.
#[derive(Clone, Debug, Serialize)]
pub struct PendingOperation<'a> {
    /// Its identifier.
    pub id: Cow<'a, str>,
}

/// A certificate or a version in a list.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateItem<'a> {
    /// The identifier; without a version in a list of certificates, with it in a list of versions.
    pub id: Cow<'a, str>,
    /// SHA-1 of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5t: Option<Base64Url<'a>>,
    /// Its attributes.
    pub attributes: ObjectAttributes<'a>,
    /// Its tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<&'a BTreeMap<String, String>>,
}

/// The answer of delete and of get-deleted.
#[derive(Clone, Debug, Serialize)]
pub struct DeletedCertificateBundle<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The certificate.
    #[serde(flatten)]
    pub certificate: CertificateBundle<'a>,
}

/// A deleted certificate in a list.
#[derive(Clone, Debug, Serialize)]
pub struct DeletedCertificateItem<'a> {
    /// How it was deleted.
    #[serde(flatten)]
    pub deletion: Deletion<'a>,
    /// The certificate.
    #[serde(flatten)]
    pub certificate: CertificateItem<'a>,
}

/// The operation that makes a version. Its status texts are the real service's.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateOperation<'a> {
    /// The identifier.
    pub id: Cow<'a, str>,
    /// Who issues.
    pub issuer: IssuerParameters<'a>,
    /// The certificate signing request, DER.
    pub csr: Base64<'a>,
    /// Whether somebody asked to give it up.
    pub cancellation_requested: bool,
    /// `inProgress`, `completed`, `cancelled` or `failed`.
    pub status: &'a str,
    /// The status in words; absent once it is completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_details: Option<&'a str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CertificateOperationError<'a>>,
    /// The certificate that it made, without a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Cow<'a, str>>,
    /// Its number: 32 hexadecimal digits.
    pub request_id: Cow<'a, str>,
}

/// Why an operation failed.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateOperationError<'a> {
    /// A word for programs.
    pub code: &'a str,
    /// A sentence for people.
    pub message: &'a str,
}

/// `GET /certificates` and `GET /certificates/{name}/versions`
pub type CertificateListResult<'a> = Page<CertificateItem<'a>>;

/// `GET /deletedcertificates`
pub type DeletedCertificateListResult<'a> = Page<DeletedCertificateItem<'a>>;

/// `POST /certificates/{name}/backup`
pub type BackupCertificateResult = crate::backup::BackupResult;

/// `POST /certificates/restore`
pub type CertificateRestoreParameters = crate::backup::RestoreParameters;
