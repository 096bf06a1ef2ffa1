//! The policy of a certificate, as it is sent and answered.
//!
//! `basic_constraints` and `name_constraints` go beyond the specification: the real service
//! answers the first, and takes neither.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use strongroom_model::certificates as model;
use strongroom_model::{Curve, KeySpec};

/// A policy that a client sends; what is read-only is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CertificatePolicyParameters {
    /// The key of the next version.
    pub key_props: Option<KeyPropertiesParameters>,
    /// What the companion secret holds.
    pub secret_props: Option<SecretPropertiesParameters>,
    /// What the certificate says.
    pub x509_props: Option<X509CertificatePropertiesParameters>,
    /// What happens before a version ends.
    pub lifetime_actions: Option<Vec<LifetimeActionParameters>>,
    /// Who issues.
    pub issuer: Option<IssuerParametersParameters>,
    /// Whether the policy acts.
    pub attributes: Option<crate::AttributesParameters>,
}

/// A policy's key, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KeyPropertiesParameters {
    /// Whether the companion secret holds the private key.
    pub exportable: Option<bool>,
    /// The type.
    pub kty: Option<String>,
    /// The size, in bits.
    pub key_size: Option<i64>,
    /// Whether the next version keeps this one's key.
    pub reuse_key: Option<bool>,
    /// The curve.
    pub crv: Option<String>,
}

/// A policy's secret, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SecretPropertiesParameters {
    /// `application/x-pkcs12` or `application/x-pem-file`.
    #[serde(rename = "contentType")]
    pub content_type: Option<String>,
}

/// What a certificate says, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct X509CertificatePropertiesParameters {
    /// The subject.
    pub subject: Option<String>,
    /// Extended key usages.
    pub ekus: Option<Vec<String>>,
    /// Other names.
    pub sans: Option<SubjectAlternativeNames>,
    /// Key usages.
    pub key_usage: Option<Vec<String>>,
    /// How long a version lives.
    pub validity_months: Option<i64>,
    /// Whether it is an authority.
    pub basic_constraints: Option<BasicConstraints>,
    /// Which names an authority certifies.
    pub name_constraints: Option<NameConstraints>,
}

/// Names beside the subject's; a list that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SubjectAlternativeNames {
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emails: Option<Vec<String>>,
    /// DNS names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_names: Option<Vec<String>>,
    /// User principal names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upns: Option<Vec<String>>,
    /// Uniform resource identifiers; answered since api-version 2025-06-01-preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uris: Option<Vec<String>>,
    /// Addresses; answered since api-version 2025-06-01-preview.
    #[serde(rename = "ipAddresses", skip_serializing_if = "Option::is_none")]
    pub ip_addresses: Option<Vec<String>>,
}

/// RFC 5280, 4.2.1.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct BasicConstraints {
    /// Whether the certificate may issue others.
    pub ca: bool,
    /// How many authorities may follow below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_len: Option<u8>,
}

/// RFC 5280, 4.2.1.10.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct NameConstraints {
    /// DNS subtrees that may be certified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted_dns: Vec<String>,
    /// DNS subtrees that may not be certified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_dns: Vec<String>,
    /// Address ranges that may be certified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted_ip: Vec<String>,
    /// Address ranges that may not be certified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_ip: Vec<String>,
}

/// A lifetime action, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LifetimeActionParameters {
    /// When; required.
    pub trigger: Option<TriggerParameters>,
    /// What; required.
    pub action: Option<ActionParameters>,
}

/// When a lifetime action is due, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TriggerParameters {
    /// At this percentage of a version's life.
    pub lifetime_percentage: Option<i64>,
    /// This many days before its end.
    pub days_before_expiry: Option<i64>,
}

/// What a lifetime action does, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ActionParameters {
    /// `EmailContacts` or `AutoRenew`.
    pub action_type: Option<String>,
}

/// Who issues, as a client sends it.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IssuerParametersParameters {
    /// `Self`, `Unknown`, or the name of an issuer.
    pub name: Option<String>,
    /// What kind of certificate is asked of the issuer.
    pub cty: Option<String>,
    /// Whether the issuer is to log it publicly.
    pub cert_transparency: Option<bool>,
}

/// A number as the rules judge it: whatever is out of reach is still out of range.
fn number(sent: Option<i64>) -> Option<u32> {
    sent.map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

impl From<CertificatePolicyParameters> for model::PolicyChange {
    fn from(sent: CertificatePolicyParameters) -> Self {
        let actions = sent.lifetime_actions;
        Self {
            key: sent.key_props.map(Into::into),
            content_type: sent.secret_props.and_then(|secret| secret.content_type),
            x509: sent.x509_props.map(Into::into),
            lifetime_actions: actions.map(|list| list.into_iter().map(Into::into).collect()),
            issuer: sent.issuer.map(|issuer| model::IssuerParametersChange {
                name: issuer.name,
                certificate_type: issuer.cty,
                certificate_transparency: issuer.cert_transparency,
            }),
            enabled: sent.attributes.and_then(|attributes| attributes.enabled),
        }
    }
}

impl From<KeyPropertiesParameters> for model::KeyPropertiesChange {
    fn from(sent: KeyPropertiesParameters) -> Self {
        Self {
            exportable: sent.exportable,
            key_type: sent.kty,
            size: number(sent.key_size),
            reuse_key: sent.reuse_key,
            curve: sent.crv,
        }
    }
}

impl From<X509CertificatePropertiesParameters> for model::X509Change {
    fn from(sent: X509CertificatePropertiesParameters) -> Self {
        Self {
            subject: sent.subject,
            sans: sent.sans.map(Into::into),
            ekus: sent.ekus,
            key_usage: sent.key_usage,
            validity_months: number(sent.validity_months),
            basic_constraints: sent.basic_constraints.map(|constraints| model::BasicConstraints {
                ca: constraints.ca,
                path_len: constraints.path_len,
            }),
            name_constraints: sent.name_constraints.map(|names| model::NameConstraints {
                permitted_dns: names.permitted_dns,
                excluded_dns: names.excluded_dns,
                permitted_ip: names.permitted_ip,
                excluded_ip: names.excluded_ip,
            }),
        }
    }
}

impl From<SubjectAlternativeNames> for model::SubjectAlternativeNames {
    fn from(sent: SubjectAlternativeNames) -> Self {
        Self {
            dns_names: sent.dns_names.unwrap_or_default(),
            emails: sent.emails.unwrap_or_default(),
            upns: sent.upns.unwrap_or_default(),
            uris: sent.uris.unwrap_or_default(),
            ip_addresses: sent.ip_addresses.unwrap_or_default(),
        }
    }
}

impl From<LifetimeActionParameters> for model::LifetimeActionSent {
    fn from(sent: LifetimeActionParameters) -> Self {
        let trigger = sent.trigger.unwrap_or_default();
        Self {
            lifetime_percentage: number(trigger.lifetime_percentage),
            days_before_expiry: number(trigger.days_before_expiry),
            action: sent.action.and_then(|action| action.action_type),
        }
    }
}

/// A policy in an answer.
#[derive(Clone, Debug, Serialize)]
pub struct CertificatePolicy<'a> {
    /// The identifier.
    pub id: Cow<'a, str>,
    /// The key of the next version.
    pub key_props: KeyProperties,
    /// What the companion secret holds.
    pub secret_props: SecretProperties,
    /// What the certificate says.
    pub x509_props: X509CertificateProperties<'a>,
    /// What happens before a version ends.
    pub lifetime_actions: Vec<LifetimeAction>,
    /// Who issues.
    pub issuer: IssuerParameters<'a>,
    /// Whether the policy acts, and when it was set.
    pub attributes: PolicyAttributes,
}

/// A policy's key.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KeyProperties {
    /// Whether the companion secret holds the private key.
    pub exportable: bool,
    /// The type.
    pub kty: &'static str,
    /// The size, in bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_size: Option<u32>,
    /// Whether the next version keeps this one's key.
    pub reuse_key: bool,
    /// The curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<&'static str>,
}

/// A policy's secret.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SecretProperties {
    /// The content type.
    #[serde(rename = "contentType")]
    pub content_type: &'static str,
}

/// What a certificate says.
#[derive(Clone, Debug, Serialize)]
pub struct X509CertificateProperties<'a> {
    /// The subject.
    pub subject: &'a str,
    /// Other names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sans: Option<SubjectAlternativeNames>,
    /// Extended key usages.
    pub ekus: &'a [String],
    /// Key usages.
    pub key_usage: Vec<&'static str>,
    /// How long a version lives.
    pub validity_months: u32,
    /// Whether it is an authority.
    pub basic_constraints: BasicConstraints,
    /// Which names an authority certifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_constraints: Option<NameConstraints>,
}

/// Something that happens before a version ends.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LifetimeAction {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub action: Action,
}

/// When a lifetime action is due.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Trigger {
    /// At this percentage of a version's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_percentage: Option<u8>,
    /// This many days before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_before_expiry: Option<u32>,
}

/// What a lifetime action does.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Action {
    /// `EmailContacts` or `AutoRenew`.
    pub action_type: &'static str,
}

/// Who issues.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerParameters<'a> {
    /// `Self`, `Unknown`, or the name of an issuer.
    pub name: &'a str,
    /// What kind of certificate is asked of the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cty: Option<&'a str>,
    /// Whether the issuer is to log it publicly; since api-version 7.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_transparency: Option<bool>,
}

/// Whether a policy acts, and when it was set.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PolicyAttributes {
    /// Whether it acts.
    pub enabled: bool,
    /// When it was first set.
    pub created: i64,
    /// When it last changed.
    pub updated: i64,
}

/// Which of the younger members an answer has.
#[derive(Clone, Copy, Debug)]
pub struct PolicyMembers {
    /// `uris` and `ipAddresses` among the names.
    pub uris: bool,
    /// `cert_transparency` of the issuer.
    pub transparency: bool,
}

impl<'a> CertificatePolicy<'a> {
    /// The answer of a policy.
    pub fn new(id: String, policy: &'a model::CertificatePolicy, shown: PolicyMembers) -> Self {
        let actions = policy.lifetime_actions.iter();
        Self {
            id: id.into(),
            key_props: KeyProperties::from(&policy.key),
            secret_props: SecretProperties { content_type: policy.secret.content_type() },
            x509_props: X509CertificateProperties::new(&policy.x509, shown),
            lifetime_actions: actions.map(Into::into).collect(),
            issuer: IssuerParameters::new(&policy.issuer, shown.transparency),
            attributes: PolicyAttributes {
                enabled: policy.enabled,
                created: policy.created.0,
                updated: policy.updated.0,
            },
        }
    }
}

impl From<&model::KeyProperties> for KeyProperties {
    fn from(key: &model::KeyProperties) -> Self {
        let (key_size, crv) = match key.spec {
            KeySpec::Rsa { bits, .. } | KeySpec::Oct { bits } => (Some(u32::from(bits)), None),
            KeySpec::Ec(curve) => (Some(curve.bits()), Some(Curve::name(curve))),
            KeySpec::Akp(_) => (None, None),
        };
        Self {
            exportable: key.exportable,
            kty: key.key_type.name(),
            key_size,
            reuse_key: key.reuse_key,
            crv,
        }
    }
}

impl<'a> X509CertificateProperties<'a> {
    fn new(x509: &'a model::X509Properties, shown: PolicyMembers) -> Self {
        Self {
            subject: &x509.subject,
            sans: SubjectAlternativeNames::answered(&x509.sans, shown.uris),
            ekus: &x509.ekus,
            key_usage: x509.key_usage.iter().map(|usage| usage.name()).collect(),
            validity_months: x509.validity_months,
            basic_constraints: BasicConstraints {
                ca: x509.basic_constraints.ca,
                path_len: x509.basic_constraints.path_len,
            },
            name_constraints: x509.name_constraints.as_ref().map(|names| NameConstraints {
                permitted_dns: names.permitted_dns.clone(),
                excluded_dns: names.excluded_dns.clone(),
                permitted_ip: names.permitted_ip.clone(),
                excluded_ip: names.excluded_ip.clone(),
            }),
        }
    }
}

impl SubjectAlternativeNames {
    /// Without the lists that are empty; `None` if none is left.
    fn answered(sans: &model::SubjectAlternativeNames, uris: bool) -> Option<Self> {
        let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
        let young = |names| list(names).filter(|_| uris);
        let answered = Self {
            emails: list(&sans.emails),
            dns_names: list(&sans.dns_names),
            upns: list(&sans.upns),
            uris: young(&sans.uris),
            ip_addresses: young(&sans.ip_addresses),
        };
        (answered != Self::default()).then_some(answered)
    }
}

impl From<&model::LifetimeAction> for LifetimeAction {
    fn from(action: &model::LifetimeAction) -> Self {
        use model::CertificateTrigger::{DaysBeforeExpiry, LifetimePercentage};
        let (lifetime_percentage, days_before_expiry) = match action.trigger {
            LifetimePercentage(percentage) => (Some(percentage), None),
            DaysBeforeExpiry(days) => (None, Some(days)),
        };
        Self {
            trigger: Trigger { lifetime_percentage, days_before_expiry },
            action: Action { action_type: action.action.name() },
        }
    }
}

impl<'a> IssuerParameters<'a> {
    /// The answer of who issues.
    pub fn new(issuer: &'a model::IssuerParameters, transparency: bool) -> Self {
        Self {
            name: &issuer.name,
            cty: issuer.certificate_type.as_deref(),
            // The real service forgets it where there is nobody to log anything.
            cert_transparency: issuer
                .certificate_transparency
                .filter(|_| transparency && !issuer.is_self() && !issuer.is_unknown()),
        }
    }
}
