//! What a client says of an issuer, and the issuer that comes of it.

use std::fmt;

use zeroize::Zeroizing;

use super::rules::refuse;
use super::{IssuanceProfile, Issuer, IssuerProvider, Organization};
use crate::{ModelError, ObjectName, Timestamp};

/// The longest text of an issuer's account, password, organization or administrators, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// The most administrators of an issuer.
const MAX_ADMINISTRATORS: usize = 25;

/// The most names or usages of an issuer's profile.
const MAX_PROFILE_NAMES: usize = 100;

/// The longest life that a profile may allow, in days: a hundred years.
const MAX_PROFILE_DAYS: u32 = 36_525;

/// What a client says of an issuer, as on the wire; an absent member is left alone, or becomes the
/// default of a new issuer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IssuerChange {
    /// `provider`, in any case.
    pub provider: Option<String>,
    /// `credentials.account_id`.
    pub account_id: Option<String>,
    /// `credentials.pwd`: sealed beside the issuer, never answered.
    pub password: Option<Zeroizing<String>>,
    /// `org_details`; replaces the whole.
    pub organization: Option<Organization>,
    /// `attributes.enabled`.
    pub enabled: Option<bool>,
    /// `strongroom`: an extension, not in Azure.
    pub profile: Option<ProfileChange>,
}

/// What a client says of what an authority of the vault issues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The longest life of a certificate, in days.
    pub max_days: Option<u32>,
    /// DNS subtrees; a list replaces the list.
    pub allowed_dns: Option<Vec<String>>,
    /// Extended key usages; a list replaces the list.
    pub allowed_ekus: Option<Vec<String>>,
    /// Whether it certifies other authorities.
    pub allow_ca: Option<bool>,
    /// Whether it serves ACME.
    pub acme: Option<bool>,
}

impl fmt::Debug for IssuerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerChange").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Issuer {
    /// A new issuer; the password of `sent` is not in it.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] or [`ModelError::Algorithm`] for what breaks the rules, for the
    /// names `Self` and `Unknown`, and without a provider.
    pub fn new(name: ObjectName, sent: &IssuerChange, now: Timestamp) -> Result<Self, ModelError> {
        let taken = ["Self", "Unknown"];
        if taken.iter().any(|taken| name.as_str().eq_ignore_ascii_case(taken)) {
            return Err(refuse(format!("The issuer name '{name}' is reserved.")));
        }
        let provider = sent.provider.as_deref();
        let provider = provider.ok_or_else(|| refuse("The issuer must have a provider."))?;
        let empty = Self {
            name,
            provider: IssuerProvider::parse(provider)?,
            account_id: None,
            organization: Organization::default(),
            enabled: true,
            created: now,
            updated: now,
            profile: IssuanceProfile::default(),
        };
        empty.changed(sent, now)
    }

    /// This issuer after a change; the password of `sent` is not in it.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] or [`ModelError::Algorithm`] for what breaks the rules.
    pub fn changed(&self, sent: &IssuerChange, now: Timestamp) -> Result<Self, ModelError> {
        check_texts(sent)?;
        let mut issuer = self.clone();
        if let Some(provider) = &sent.provider {
            issuer.provider = IssuerProvider::parse(provider)?;
        }
        if let Some(account_id) = &sent.account_id {
            issuer.account_id = Some(account_id.clone());
        }
        if let Some(organization) = &sent.organization {
            issuer.organization = Organization { sent: true, ..organization.clone() };
        }
        if let Some(profile) = &sent.profile {
            issuer.profile = profile.change(&self.profile)?;
        }
        issuer.enabled = sent.enabled.unwrap_or(self.enabled);
        issuer.updated = now;
        issuer.check_organization()?;
        Ok(issuer)
    }

    /// The providers that this service asks are told whom to ask by the organization's id.
    fn check_organization(&self) -> Result<(), ModelError> {
        let id = self.organization.id.as_deref().unwrap_or_default();
        match self.provider {
            IssuerProvider::Strongroom if ObjectName::parse(id).is_err() => Err(refuse(
                "An issuer of the provider Strongroom needs the name of its authority's \
                 certificate: org_details.id.",
            )),
            IssuerProvider::Acme if id.is_empty() => Err(refuse(
                "An issuer of the provider ACME needs the name of a directory that the server's \
                 configuration has (acme_directory): org_details.id.",
            )),
            _ => Ok(()),
        }
    }
}

fn check_texts(sent: &IssuerChange) -> Result<(), ModelError> {
    let administrators = sent.organization.iter().flat_map(|org| &org.administrators);
    if administrators.clone().count() > MAX_ADMINISTRATORS {
        return Err(refuse(format!(
            "An issuer has at most {MAX_ADMINISTRATORS} administrators: org_details.admin_details."
        )));
    }
    let people = administrators.flat_map(|a| [&a.first_name, &a.last_name, &a.email, &a.phone]);
    let id = sent.organization.iter().map(|org| &org.id);
    let texts = people.chain(id).chain([&sent.account_id]).flatten().map(String::len);
    let password = sent.password.iter().map(|password| password.len());
    match texts.chain(password).max() {
        Some(longest) if longest > MAX_TEXT_BYTES => {
            Err(refuse(format!("No text of an issuer may be longer than {MAX_TEXT_BYTES} bytes.")))
        }
        _ => Ok(()),
    }
}

impl ProfileChange {
    fn change(&self, now: &IssuanceProfile) -> Result<IssuanceProfile, ModelError> {
        let profile = IssuanceProfile {
            max_days: self.max_days.unwrap_or(now.max_days),
            allowed_dns: self.allowed_dns.clone().unwrap_or_else(|| now.allowed_dns.clone()),
            allowed_ekus: self.allowed_ekus.clone().unwrap_or_else(|| now.allowed_ekus.clone()),
            allow_ca: self.allow_ca.unwrap_or(now.allow_ca),
            acme: self.acme.unwrap_or(now.acme),
        };
        if !(1..=MAX_PROFILE_DAYS).contains(&profile.max_days) {
            return Err(refuse(format!(
                "The strongroom.max_days of an issuer must be between 1 and {MAX_PROFILE_DAYS}."
            )));
        }
        if profile.allowed_dns.len().max(profile.allowed_ekus.len()) > MAX_PROFILE_NAMES {
            return Err(refuse(format!(
                "An issuer names at most {MAX_PROFILE_NAMES} DNS names and extended key usages."
            )));
        }
        super::rules::check_dns_subtrees(&profile.allowed_dns)?;
        super::rules::check_ekus(&profile.allowed_ekus)?;
        Ok(profile)
    }
}
