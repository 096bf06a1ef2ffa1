//! What a client says of a certificate's policy, and the policy that comes of it.
//!
//! Sources of the defaults: recorded answers of the real service, and the data-plane
//! specification (`CertificatePolicy`).

use super::{
    BasicConstraints, CertificateAction, CertificatePolicy, CertificateTrigger, IssuerParameters,
    KeyProperties, KeyUsage, LifetimeAction, NameConstraints, SecretFormat,
    SubjectAlternativeNames, X509Properties, rules,
};
use crate::{Curve, KeySpec, KeyType, ModelError, PublicKey, Timestamp};

/// TLS servers and TLS clients: the extended key usages of a policy that names none.
const DEFAULT_EKUS: [&str; 2] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

/// How long a certificate lives, in months, unless its policy says otherwise.
const DEFAULT_VALIDITY_MONTHS: u32 = 12;

/// When the lifetime action of a policy that names none is due.
const DEFAULT_TRIGGER: CertificateTrigger = CertificateTrigger::LifetimePercentage(80);

/// What a client says of a policy, as on the wire; an absent member is left alone, or becomes the
/// default of a new policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// `key_props`.
    pub key: Option<KeyPropertiesChange>,
    /// `secret_props.contentType`.
    pub content_type: Option<String>,
    /// `x509_props`.
    pub x509: Option<X509Change>,
    /// `lifetime_actions`; a list replaces the list.
    pub lifetime_actions: Option<Vec<LifetimeActionSent>>,
    /// `issuer`.
    pub issuer: Option<IssuerParametersChange>,
    /// `attributes.enabled`.
    pub enabled: Option<bool>,
}

/// What a client says of a policy's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPropertiesChange {
    /// Whether the companion secret holds the private key.
    pub exportable: Option<bool>,
    /// `kty`.
    pub key_type: Option<String>,
    /// `key_size`, in bits.
    pub size: Option<u32>,
    /// `reuse_key`.
    pub reuse_key: Option<bool>,
    /// `crv`.
    pub curve: Option<String>,
}

/// What a client says of what a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct X509Change {
    /// The subject's text.
    pub subject: Option<String>,
    /// Other names; they replace the others.
    pub sans: Option<SubjectAlternativeNames>,
    /// Extended key usages; an empty list is one.
    pub ekus: Option<Vec<String>>,
    /// Key usages; an empty list is one.
    pub key_usage: Option<Vec<String>>,
    /// How long a version lives.
    pub validity_months: Option<u32>,
    /// An extension: whether it is an authority. Replaces the whole.
    pub basic_constraints: Option<BasicConstraints>,
    /// An extension: what an authority certifies. Replaces the whole.
    pub name_constraints: Option<NameConstraints>,
}

/// A lifetime action as a client sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LifetimeActionSent {
    /// `trigger.lifetime_percentage`.
    pub lifetime_percentage: Option<u32>,
    /// `trigger.days_before_expiry`.
    pub days_before_expiry: Option<u32>,
    /// `action.action_type`: `EmailContacts` or `AutoRenew`, in any case.
    pub action: Option<String>,
}

/// What a client says of who issues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuerParametersChange {
    /// `Self`, `Unknown`, or the name of an issuer of the vault.
    pub name: Option<String>,
    /// `cty`.
    pub certificate_type: Option<String>,
    /// `cert_transparency`.
    pub certificate_transparency: Option<bool>,
}

impl CertificatePolicy {
    /// The policy of a certificate that is being created, with the defaults of the real service.
    /// Whether the subject's text is a name, the certificate's maker finds out.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] or [`ModelError::Key`] for what breaks the rules, and for a
    /// policy without an issuer or without any name.
    pub fn new(sent: &PolicyChange, now: Timestamp) -> Result<Self, ModelError> {
        let issuer = sent.issuer.clone().unwrap_or_default();
        let Some(name) = issuer.name.filter(|name| !name.is_empty()) else {
            return Err(rules::refuse("The policy must name its issuer: issuer.name."));
        };
        let issuer = IssuerParameters {
            name,
            certificate_type: issuer.certificate_type,
            certificate_transparency: issuer.certificate_transparency,
        };
        let x509 = sent.x509.clone().unwrap_or_default();
        let is_authority = x509.basic_constraints.is_some_and(|constraints| constraints.ca);
        let key = sent.key.clone().unwrap_or_default().create(is_authority)?;
        let policy = Self {
            key,
            secret: format(sent.content_type.as_deref())?.unwrap_or_default(),
            x509: x509.create(key.key_type)?,
            lifetime_actions: match &sent.lifetime_actions {
                Some(actions) => read_actions(actions)?,
                None => default_actions(&issuer),
            },
            issuer,
            enabled: sent.enabled.unwrap_or(true),
            created: now,
            updated: now,
        };
        policy.checked()
    }

    /// This policy after a change.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] or [`ModelError::Key`] for what breaks the rules.
    pub fn changed(&self, sent: &PolicyChange, now: Timestamp) -> Result<Self, ModelError> {
        let mut policy = self.clone();
        if let Some(key) = &sent.key {
            policy.key = key.change(&self.key)?;
        }
        if let Some(format) = format(sent.content_type.as_deref())? {
            policy.secret = format;
        }
        if let Some(x509) = &sent.x509 {
            policy.x509 = x509.change(&self.x509)?;
            let becomes = policy.x509.basic_constraints.ca && !self.x509.basic_constraints.ca;
            if becomes && sent.key.as_ref().is_none_or(|key| key.exportable.is_none()) {
                policy.key.exportable = false;
            }
        }
        if let Some(actions) = &sent.lifetime_actions {
            policy.lifetime_actions = read_actions(actions)?;
        }
        if let Some(issuer) = &sent.issuer {
            policy.issuer = issuer.change(&self.issuer);
        }
        policy.enabled = sent.enabled.unwrap_or(self.enabled);
        policy.updated = now;
        policy.checked()
    }

    /// The policy of an imported certificate: what the certificate says and its key is, issued by
    /// somebody unknown. Of what the client sent count the key's exportability and reuse, the
    /// secret's format, the lifetime actions, the issuer and `enabled`; `format` is what was
    /// imported, and holds if the client names none.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] or [`ModelError::Key`] for what breaks the rules.
    pub fn imported(
        sent: &PolicyChange,
        found: X509Properties,
        public: &PublicKey,
        imported_as: SecretFormat,
        now: Timestamp,
    ) -> Result<Self, ModelError> {
        let key = sent.key.clone().unwrap_or_default();
        let unknown = IssuerParameters {
            name: "Unknown".to_owned(),
            certificate_type: None,
            certificate_transparency: None,
        };
        let issuer = match &sent.issuer {
            Some(issuer) => issuer.change(&unknown),
            None => unknown,
        };
        let policy = Self {
            key: key.of_imported(public)?,
            secret: format(sent.content_type.as_deref())?.unwrap_or(imported_as),
            x509: found,
            lifetime_actions: match &sent.lifetime_actions {
                Some(actions) => read_actions(actions)?,
                None => vec![LifetimeAction {
                    trigger: DEFAULT_TRIGGER,
                    action: CertificateAction::EmailContacts,
                }],
            },
            issuer,
            enabled: sent.enabled.unwrap_or(true),
            created: now,
            updated: now,
        };
        rules::check_actions(&policy)?;
        rules::check_issuer(&policy.issuer)?;
        Ok(policy)
    }

    fn checked(self) -> Result<Self, ModelError> {
        rules::check_actions(&self)?;
        rules::check_issuer(&self.issuer)?;
        rules::check_x509(&self.x509)?;
        Ok(self)
    }
}

fn format(content_type: Option<&str>) -> Result<Option<SecretFormat>, ModelError> {
    content_type.map(SecretFormat::parse).transpose()
}

/// The real service renews what it can issue, and tells of what it cannot.
fn default_actions(issuer: &IssuerParameters) -> Vec<LifetimeAction> {
    let action = match issuer.is_unknown() {
        true => CertificateAction::EmailContacts,
        false => CertificateAction::AutoRenew,
    };
    vec![LifetimeAction { trigger: DEFAULT_TRIGGER, action }]
}

fn read_actions(sent: &[LifetimeActionSent]) -> Result<Vec<LifetimeAction>, ModelError> {
    sent.iter().map(LifetimeActionSent::read).collect()
}

impl LifetimeActionSent {
    fn read(&self) -> Result<LifetimeAction, ModelError> {
        let trigger = match (self.lifetime_percentage, self.days_before_expiry) {
            (Some(percentage), None) => {
                let percentage = u8::try_from(percentage).unwrap_or(u8::MAX);
                CertificateTrigger::LifetimePercentage(percentage)
            }
            (None, Some(days)) => CertificateTrigger::DaysBeforeExpiry(days),
            _ => {
                return Err(rules::refuse(
                    "The trigger of a lifetime action must be either lifetime_percentage or \
                     days_before_expiry.",
                ));
            }
        };
        let action = CertificateAction::parse(self.action.as_deref().unwrap_or_default())?;
        Ok(LifetimeAction { trigger, action })
    }
}

impl KeyPropertiesChange {
    /// An RSA key of 2048 bits that may leave, unless the client says otherwise. An authority's
    /// stays: whoever may read secrets would be the authority.
    fn create(&self, is_authority: bool) -> Result<KeyProperties, ModelError> {
        let key_type = self.key_type()?.unwrap_or(KeyType::Rsa);
        let exportable = !is_authority && !key_type.is_hsm();
        self.build(key_type, self.spec(key_type)?, exportable, false)
    }

    fn change(&self, now: &KeyProperties) -> Result<KeyProperties, ModelError> {
        let key_type = self.key_type()?.unwrap_or(now.key_type);
        let same = key_type.software() == now.key_type.software();
        let spec = match same && self.size.is_none() && self.curve.is_none() {
            true => now.spec,
            false => self.spec(key_type)?,
        };
        self.build(key_type, spec, now.exportable, now.reuse_key)
    }

    /// The key is what it is; whatever a client says of its type and size.
    fn of_imported(&self, public: &PublicKey) -> Result<KeyProperties, ModelError> {
        let key_type = match self.key_type()? {
            Some(asked) if asked.is_hsm() => public.key_type().in_device(),
            _ => public.key_type(),
        };
        rules::check_key_type(key_type)?;
        self.build(key_type, public.spec(), !key_type.is_hsm(), false)
    }

    fn build(
        &self,
        key_type: KeyType,
        spec: KeySpec,
        exportable: bool,
        reuse_key: bool,
    ) -> Result<KeyProperties, ModelError> {
        let key = KeyProperties {
            exportable: self.exportable.unwrap_or(exportable),
            key_type,
            spec,
            reuse_key: self.reuse_key.unwrap_or(reuse_key),
        };
        if key.exportable && key_type.is_hsm() {
            return Err(rules::refuse(
                "The private key of a certificate whose key type is RSA-HSM or EC-HSM cannot be \
                 exportable: set key_props.exportable to false.",
            ));
        }
        Ok(key)
    }

    fn key_type(&self) -> Result<Option<KeyType>, ModelError> {
        let key_type = self.key_type.as_deref().map(KeyType::parse).transpose()?;
        key_type.map(rules::check_key_type).transpose()?;
        Ok(key_type)
    }

    fn spec(&self, key_type: KeyType) -> Result<KeySpec, ModelError> {
        let curve = self.curve.as_deref().map(Curve::parse).transpose()?;
        KeySpec::of(key_type, self.size, curve, None, None)
    }
}

impl X509Change {
    /// An authority has no extended usages and signs; keys on curves do not encipher (RFC 8813).
    fn create(&self, key_type: KeyType) -> Result<X509Properties, ModelError> {
        use KeyUsage::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
        let basic_constraints = self.basic_constraints.unwrap_or_default();
        let key_usage: &[KeyUsage] = match (basic_constraints.ca, key_type.software()) {
            (true, _) => &[CrlSign, KeyCertSign],
            (false, KeyType::Ec) => &[DigitalSignature],
            (false, _) => &[DigitalSignature, KeyEncipherment],
        };
        let ekus: &[&str] = if basic_constraints.ca { &[] } else { &DEFAULT_EKUS };
        self.change(&X509Properties {
            subject: String::new(),
            sans: SubjectAlternativeNames::default(),
            ekus: ekus.iter().map(ToString::to_string).collect(),
            key_usage: key_usage.to_vec(),
            validity_months: DEFAULT_VALIDITY_MONTHS,
            basic_constraints,
            name_constraints: None,
        })
    }

    fn change(&self, now: &X509Properties) -> Result<X509Properties, ModelError> {
        let key_usage = self.key_usage.as_deref().map(read_usages).transpose()?;
        Ok(X509Properties {
            subject: self.subject.clone().unwrap_or_else(|| now.subject.clone()),
            sans: match &self.sans {
                Some(sans) => rules::canonical_names(sans)?,
                None => now.sans.clone(),
            },
            ekus: self.ekus.as_deref().map_or_else(|| now.ekus.clone(), without_repeats),
            key_usage: key_usage.unwrap_or_else(|| now.key_usage.clone()),
            validity_months: self.validity_months.unwrap_or(now.validity_months),
            basic_constraints: self.basic_constraints.unwrap_or(now.basic_constraints),
            name_constraints: self.name_constraints.clone().or(now.name_constraints.clone()),
        })
    }
}

/// The usages, each once, in the alphabet's order: so the real service answers them.
fn read_usages(names: &[String]) -> Result<Vec<KeyUsage>, ModelError> {
    let usages = names.iter().map(|name| KeyUsage::parse(name));
    let mut usages = usages.collect::<Result<Vec<_>, _>>()?;
    usages.sort_unstable();
    usages.dedup();
    Ok(usages)
}

fn without_repeats(names: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(names.len().min(rules::MAX_EKUS + 1));
    for name in names.iter().take(rules::MAX_EKUS + 1) {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}

impl IssuerParametersChange {
    fn change(&self, now: &IssuerParameters) -> IssuerParameters {
        let IssuerParameters { name, certificate_type, certificate_transparency } = now.clone();
        IssuerParameters {
            name: self.name.clone().unwrap_or(name),
            certificate_type: self.certificate_type.clone().or(certificate_type),
            certificate_transparency: self.certificate_transparency.or(certificate_transparency),
        }
    }
}
