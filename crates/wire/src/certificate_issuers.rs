//! The bodies of issuers and contacts.
//!
//! `strongroom`, revocation and account binding go beyond the specification.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use strongroom_model::certificates as model;
use zeroize::Zeroizing;

use crate::{Page, SecretValue};

/// `PUT` and `PATCH /certificates/issuers/{name}`
#[derive(Deserialize)]
pub struct CertificateIssuerParameters {
    /// What kind of authority; required of a new issuer.
    pub provider: Option<String>,
    /// The account at the authority.
    pub credentials: Option<IssuerCredentialsParameters>,
    /// The organization.
    pub org_details: Option<OrganizationDetails>,
    /// Whether it issues.
    pub attributes: Option<IssuerAttributesParameters>,
    /// What an authority of the vault issues.
    pub strongroom: Option<IssuanceProfileParameters>,
}

/// The account at an authority, as a client sends it.
#[derive(Deserialize)]
pub struct IssuerCredentialsParameters {
    /// Its name.
    pub account_id: Option<String>,
    /// Its password; never answered.
    pub pwd: Option<SecretValue>,
}

/// Whether an issuer issues, as a client sends it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct IssuerAttributesParameters {
    /// Whether it issues.
    pub enabled: Option<bool>,
}

/// What an authority of the vault issues, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IssuanceProfileParameters {
    /// The longest life of a certificate, in days.
    pub max_days: Option<i64>,
    /// DNS subtrees below which names are certified.
    pub allowed_dns: Option<Vec<String>>,
    /// Extended key usages that are certified.
    pub allowed_ekus: Option<Vec<String>>,
    /// Whether it certifies other authorities.
    pub allow_ca: Option<bool>,
    /// Whether it serves ACME.
    pub acme: Option<bool>,
}

/// The organization behind an issuer, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct OrganizationDetails {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_details: Option<Vec<AdministratorDetails>>,
}

/// Somebody who answers for an organization, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct AdministratorDetails {
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl From<CertificateIssuerParameters> for model::IssuerChange {
    fn from(sent: CertificateIssuerParameters) -> Self {
        let (account_id, password) = match sent.credentials {
            Some(credentials) => (credentials.account_id, credentials.pwd),
            None => (None, None),
        };
        Self {
            provider: sent.provider,
            account_id,
            password: password.map(|password| Zeroizing::new(password.into_string())),
            organization: sent.org_details.map(Into::into),
            enabled: sent.attributes.and_then(|attributes| attributes.enabled),
            profile: sent.strongroom.map(|profile| model::ProfileChange {
                max_days: profile
                    .max_days
                    .map(|days| u32::try_from(days.max(0)).unwrap_or(u32::MAX)),
                allowed_dns: profile.allowed_dns,
                allowed_ekus: profile.allowed_ekus,
                allow_ca: profile.allow_ca,
                acme: profile.acme,
            }),
        }
    }
}

impl From<OrganizationDetails> for model::Organization {
    fn from(sent: OrganizationDetails) -> Self {
        let administrators = sent.admin_details.unwrap_or_default();
        let administrators = administrators.into_iter().map(|admin| model::Administrator {
            first_name: admin.first_name,
            last_name: admin.last_name,
            email: admin.email,
            phone: admin.phone,
        });
        Self { id: sent.id, administrators: administrators.collect(), sent: true }
    }
}

impl From<&model::Organization> for OrganizationDetails {
    fn from(organization: &model::Organization) -> Self {
        let administrators = organization.administrators.iter().cloned();
        let administrators = administrators.map(|admin| AdministratorDetails {
            first_name: admin.first_name,
            last_name: admin.last_name,
            email: admin.email,
            phone: admin.phone,
        });
        let administrators: Vec<_> = administrators.collect();
        Self {
            id: organization.id.clone(),
            admin_details: (!administrators.is_empty()).then_some(administrators),
        }
    }
}

/// An issuer in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerBundle<'a> {
    /// The identifier.
    pub id: Cow<'a, str>,
    /// What kind of authority it is.
    pub provider: &'static str,
    /// The account, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<IssuerCredentials<'a>>,
    /// The organization, if the client named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_details: Option<OrganizationDetails>,
    /// Whether it issues, and when it was set.
    pub attributes: IssuerAttributes,
    /// What an authority of the vault issues; absent for every other provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strongroom: Option<IssuanceProfile<'a>>,
}

/// The account at an authority.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerCredentials<'a> {
    /// Its name.
    pub account_id: &'a str,
}

/// Whether an issuer issues, and when it was set.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct IssuerAttributes {
    /// Whether it issues.
    pub enabled: bool,
    /// When it was set.
    pub created: i64,
    /// When it last changed.
    pub updated: i64,
}

/// What an authority of the vault issues.
#[derive(Clone, Debug, Serialize)]
pub struct IssuanceProfile<'a> {
    /// The longest life of a certificate, in days.
    pub max_days: u32,
    /// DNS subtrees below which names are certified.
    pub allowed_dns: &'a [String],
    /// Extended key usages that are certified.
    pub allowed_ekus: &'a [String],
    /// Whether it certifies other authorities.
    pub allow_ca: bool,
    /// Whether it serves ACME.
    pub acme: bool,
}

impl<'a> IssuerBundle<'a> {
    /// The answer of an issuer.
    pub fn new(id: String, issuer: &'a model::Issuer) -> Self {
        let (account, organization) = (issuer.account_id.as_deref(), &issuer.organization);
        let of_vault = issuer.provider == model::IssuerProvider::Strongroom;
        Self {
            id: id.into(),
            provider: issuer.provider.name(),
            credentials: account.map(|account_id| IssuerCredentials { account_id }),
            org_details: organization.sent.then(|| OrganizationDetails::from(organization)),
            attributes: IssuerAttributes {
                enabled: issuer.enabled,
                created: issuer.created.0,
                updated: issuer.updated.0,
            },
            strongroom: of_vault.then(|| IssuanceProfile {
                max_days: issuer.profile.max_days,
                allowed_dns: &issuer.profile.allowed_dns,
                allowed_ekus: &issuer.profile.allowed_ekus,
                allow_ca: issuer.profile.allow_ca,
                acme: issuer.profile.acme,
            }),
        }
    }
}

/// An issuer in a list.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateIssuerItem<'a> {
    /// The identifier.
    pub id: Cow<'a, str>,
    /// What kind of authority it is.
    pub provider: &'static str,
}

/// `GET /certificates/issuers`
pub type CertificateIssuerListResult<'a> = Page<CertificateIssuerItem<'a>>;

/// `POST /certificates/issuers/{name}/revoke`: an extension.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IssuedRevokeParameters {
    /// The serial number, hexadecimal, with colons or without; required.
    pub serial: Option<String>,
    /// Why, as RFC 5280 (5.3.1) names it; unspecified if absent.
    pub reason: Option<String>,
}

/// The answer of a revocation.
#[derive(Clone, Debug, Serialize)]
pub struct RevokedCertificate<'a> {
    /// The serial number, hexadecimal.
    pub serial: Cow<'a, str>,
    /// Since when it is revoked.
    pub revoked: i64,
    /// Why.
    pub reason: &'a str,
}

/// The answer of an account binding (RFC 8555, 7.3.4).
#[derive(Serialize)]
pub struct AcmeBindingResult<'a> {
    /// The key's identifier.
    pub key_id: Cow<'a, str>,
    /// The key, base64url: answered once.
    pub hmac_key: &'a SecretValue,
    /// Where ACME clients begin.
    pub directory: Cow<'a, str>,
    /// Until when the key may be used.
    pub expires: i64,
}

/// `PUT /certificates/contacts`
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ContactsParameters {
    /// Who is told; required.
    pub contacts: Option<Vec<Contact>>,
}

/// Somebody to be told, as it is sent and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Contact {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Telephone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// The contacts of a vault.
#[derive(Clone, Debug, Serialize)]
pub struct Contacts<'a> {
    /// The identifier.
    pub id: Cow<'a, str>,
    /// Who is told.
    pub contacts: Vec<Contact>,
}

impl From<Contact> for model::Contact {
    fn from(sent: Contact) -> Self {
        Self { email: sent.email, name: sent.name, phone: sent.phone }
    }
}

impl From<model::Contact> for Contact {
    fn from(contact: model::Contact) -> Self {
        Self { email: contact.email, name: contact.name, phone: contact.phone }
    }
}
