//! What a policy may say. Every refusal is a sentence for the client.

use std::net::IpAddr;

use super::{
    CertificateAction, CertificatePolicy, CertificateTrigger, IssuerParameters, NameConstraints,
    SecretFormat, SubjectAlternativeNames, X509Properties,
};
use crate::{KeyType, ModelError, ObjectName};

/// The most extended key usages of a certificate.
pub(super) const MAX_EKUS: usize = 50;

/// The most alternative names of a certificate, of all kinds together.
const MAX_NAMES: usize = 250;

/// The longest life, in months: a hundred years.
const MAX_VALIDITY_MONTHS: u32 = 1200;

/// Days of the shortest month that a trigger is reckoned with, less one: the real service's rule.
const DAYS_PER_MONTH: u32 = 27;

/// The longest subject, in bytes of its text.
const MAX_SUBJECT_BYTES: usize = 2048;

/// The longest URI among the alternative names, in bytes.
const MAX_URI_BYTES: usize = 2048;

/// The longest object identifier, in characters.
const MAX_OID_CHARS: usize = 128;

/// The longest `cty`, in bytes.
const MAX_TYPE_BYTES: usize = 256;

pub(super) fn refuse(text: impl Into<String>) -> ModelError {
    ModelError::Certificate(text.into())
}

/// What a client sent, fit to be shown to it again.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

pub(super) fn check_key_type(key_type: KeyType) -> Result<(), ModelError> {
    match key_type.software() {
        KeyType::Rsa | KeyType::Ec => Ok(()),
        _ => Err(refuse(format!(
            "The key type {key_type} is not supported for certificates: RSA, RSA-HSM, EC or EC-HSM."
        ))),
    }
}

impl SecretFormat {
    /// Reads a content type, in any case.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] for any other than the two.
    pub fn parse(content_type: &str) -> Result<Self, ModelError> {
        let known = [Self::Pkcs12, Self::Pem];
        let found = known.into_iter().find(|f| f.content_type().eq_ignore_ascii_case(content_type));
        found.ok_or_else(|| {
            refuse(format!(
                "The content type '{}' is not supported: application/x-pkcs12 or \
                 application/x-pem-file.",
                shown(content_type)
            ))
        })
    }
}

impl CertificateAction {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmailContacts => "EmailContacts",
            Self::AutoRenew => "AutoRenew",
        }
    }

    /// Reads a name, in any case.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] for any other than the two.
    pub fn parse(name: &str) -> Result<Self, ModelError> {
        let known = [Self::EmailContacts, Self::AutoRenew];
        known.into_iter().find(|known| known.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            refuse("The type of a lifetime action must be 'EmailContacts' or 'AutoRenew'.")
        })
    }
}

pub(super) fn check_actions(policy: &CertificatePolicy) -> Result<(), ModelError> {
    let most_days = policy.x509.validity_months.saturating_mul(DAYS_PER_MONTH).max(1);
    for (at, action) in policy.lifetime_actions.iter().enumerate() {
        match action.trigger {
            CertificateTrigger::LifetimePercentage(percentage)
                if !(1..=99).contains(&percentage) =>
            {
                return Err(refuse(
                    "The lifetime_percentage of a lifetime action must be between 1 and 99.",
                ));
            }
            CertificateTrigger::DaysBeforeExpiry(days) if days < 1 || days > most_days => {
                return Err(refuse(format!(
                    "The days_before_expiry of a lifetime action must be between 1 and the \
                     validity in months times {DAYS_PER_MONTH}: {most_days}."
                )));
            }
            _ => {}
        }
        let earlier = policy.lifetime_actions.iter().take(at);
        if earlier.clone().any(|other| other.action == action.action) {
            return Err(refuse(format!(
                "The lifetime action {} is there more than once.",
                action.action.name()
            )));
        }
    }
    Ok(())
}

pub(super) fn check_issuer(issuer: &IssuerParameters) -> Result<(), ModelError> {
    if ObjectName::parse(&issuer.name).is_err() {
        return Err(refuse(format!(
            "The issuer name '{}' is not valid: Self, Unknown, or the name of an issuer of this \
             vault.",
            shown(&issuer.name)
        )));
    }
    match &issuer.certificate_type {
        Some(text) if text.len() > MAX_TYPE_BYTES => Err(refuse(format!(
            "The certificate type (cty) must not be longer than {MAX_TYPE_BYTES} bytes."
        ))),
        _ => Ok(()),
    }
}

pub(super) fn check_x509(x509: &X509Properties) -> Result<(), ModelError> {
    if x509.subject.len() > MAX_SUBJECT_BYTES {
        return Err(refuse(format!(
            "The subject must not be longer than {MAX_SUBJECT_BYTES} bytes."
        )));
    }
    if x509.subject.trim().is_empty() && x509.sans.is_empty() {
        return Err(refuse(
            "The policy must name a subject or at least one subject alternative name.",
        ));
    }
    if !(1..=MAX_VALIDITY_MONTHS).contains(&x509.validity_months) {
        return Err(refuse(format!(
            "The validity_months must be between 1 and {MAX_VALIDITY_MONTHS}."
        )));
    }
    check_ekus(&x509.ekus)?;
    check_authority(x509)
}

pub(super) fn check_ekus(ekus: &[String]) -> Result<(), ModelError> {
    if ekus.len() > MAX_EKUS {
        return Err(refuse(format!("A certificate has at most {MAX_EKUS} extended key usages.")));
    }
    match ekus.iter().find(|eku| !is_object_identifier(eku)) {
        Some(eku) => Err(refuse(format!(
            "'{}' is no extended key usage: an object identifier in dotted form, such as \
             1.3.6.1.5.5.7.3.1.",
            shown(eku)
        ))),
        None => Ok(()),
    }
}

/// X.660: arcs without leading zeros, the first 0 to 2, the second below 40 under 0 and 1.
fn is_object_identifier(text: &str) -> bool {
    let arcs = text.split('.').map(|arc| {
        let plain =
            arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'));
        plain.then(|| arc.parse::<u32>().ok()).flatten()
    });
    let arcs: Option<Vec<u32>> = arcs.take(MAX_OID_CHARS).collect();
    text.len() <= MAX_OID_CHARS
        && match arcs.as_deref() {
            Some([first @ (0 | 1), second, ..]) => *first <= 1 && *second < 40,
            Some([2, second, ..]) => *second <= u32::MAX - 80,
            _ => false,
        }
}

fn check_authority(x509: &X509Properties) -> Result<(), ModelError> {
    use super::KeyUsage::KeyCertSign;
    let constraints = x509.basic_constraints;
    if !constraints.ca && (constraints.path_len.is_some() || x509.name_constraints.is_some()) {
        return Err(refuse(
            "Only an authority has a path_len and name_constraints: set basic_constraints.ca.",
        ));
    }
    if constraints.ca && !x509.key_usage.is_empty() && !x509.key_usage.contains(&KeyCertSign) {
        return Err(refuse("The key_usage of an authority must hold keyCertSign."));
    }
    x509.name_constraints.as_ref().map_or(Ok(()), check_name_constraints)
}

fn check_name_constraints(names: &NameConstraints) -> Result<(), ModelError> {
    let lists =
        [&names.permitted_dns, &names.excluded_dns, &names.permitted_ip, &names.excluded_ip];
    if lists.iter().map(|list| list.len()).sum::<usize>() > MAX_NAMES {
        return Err(refuse(format!("An authority has at most {MAX_NAMES} name constraints.")));
    }
    check_dns_subtrees(&names.permitted_dns)?;
    check_dns_subtrees(&names.excluded_dns)?;
    check_each(&names.permitted_ip, "address range such as 10.0.0.0/8", is_range)?;
    check_each(&names.excluded_ip, "address range such as 10.0.0.0/8", is_range)
}

/// RFC 5280 has no leading dot before a subtree; many clients write one.
pub(super) fn check_dns_subtrees(names: &[String]) -> Result<(), ModelError> {
    check_each(names, "DNS name", |name| is_host(name.strip_prefix('.').unwrap_or(name)))
}

fn is_range(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else { return false };
    let digits = prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
    let (Ok(address), Ok(prefix)) = (address.parse::<IpAddr>(), prefix.parse::<u8>()) else {
        return false;
    };
    digits && prefix <= if address.is_ipv4() { 32 } else { 128 }
}

impl SubjectAlternativeNames {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lists().iter().all(|list| list.is_empty())
    }

    fn lists(&self) -> [&Vec<String>; 5] {
        [&self.dns_names, &self.emails, &self.upns, &self.uris, &self.ip_addresses]
    }
}

/// The names, checked, addresses in their canonical text.
pub(super) fn canonical_names(
    sans: &SubjectAlternativeNames,
) -> Result<SubjectAlternativeNames, ModelError> {
    if sans.lists().iter().map(|list| list.len()).sum::<usize>() > MAX_NAMES {
        return Err(refuse(format!(
            "A certificate has at most {MAX_NAMES} subject alternative names."
        )));
    }
    check_each(&sans.dns_names, "DNS name", |name| {
        is_host(name.strip_prefix("*.").unwrap_or(name))
    })?;
    check_each(&sans.emails, "e-mail address", is_email)?;
    check_each(&sans.upns, "user principal name", is_upn)?;
    check_each(&sans.uris, "URI", is_uri)?;
    let addresses = sans.ip_addresses.iter().map(|text| match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(refuse(format!("'{}' is no IP address.", shown(text)))),
    });
    Ok(SubjectAlternativeNames {
        ip_addresses: addresses.collect::<Result<_, _>>()?,
        ..sans.clone()
    })
}

fn check_each(
    names: &[String],
    kind: &str,
    is_good: impl Fn(&str) -> bool,
) -> Result<(), ModelError> {
    match names.iter().find(|name| !is_good(name)) {
        Some(name) => Err(refuse(format!("'{}' is no {kind}.", shown(name)))),
        None => Ok(()),
    }
}

/// RFC 1034 as certificates use it: labels of 1 to 63 letters, digits, hyphens and, as many hosts
/// have them, underscores. Other alphabets come as punycode.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A dot-atom at a host (RFC 5321, 4.1.2): it may go into headers and commands of SMTP.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let plain = |b: u8| b.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&b);
    (1..=64).contains(&local.len()) && local.bytes().all(plain) && is_host(host)
}

pub(super) fn check_email(text: &str) -> Result<(), ModelError> {
    match is_email(text) {
        true => Ok(()),
        false => Err(refuse(format!("'{}' is no e-mail address.", shown(text)))),
    }
}

fn is_upn(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    text.len() <= MAX_URI_BYTES
        && text.bytes().all(|b| b.is_ascii_graphic())
        && scheme.is_some_and(is_scheme)
}
