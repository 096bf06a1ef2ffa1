//! A certificate's policy: what the next version will be, who issues it, and what happens before
//! the current one ends.

use minicbor::{Decode, Encode};

use crate::algorithm::named;
use crate::{KeySpec, KeyType, Timestamp};

/// A certificate's policy.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificatePolicy {
    /// The key of the next version.
    #[n(0)]
    pub key: KeyProperties,
    /// What the companion secret holds.
    #[n(1)]
    pub secret: SecretFormat,
    /// What the certificate says.
    #[n(2)]
    pub x509: X509Properties,
    /// What happens before a version ends.
    #[n(3)]
    pub lifetime_actions: Vec<LifetimeAction>,
    /// Who issues it.
    #[n(4)]
    pub issuer: IssuerParameters,
    /// Whether the policy acts.
    #[n(5)]
    pub enabled: bool,
    /// When it was first set.
    #[n(6)]
    pub created: Timestamp,
    /// When it was last changed.
    #[n(7)]
    pub updated: Timestamp,
}

/// The key of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyProperties {
    /// Whether the companion secret holds the private key.
    #[n(0)]
    pub exportable: bool,
    /// The type, with the device or without: RSA or EC.
    #[n(1)]
    pub key_type: KeyType,
    /// Size or curve.
    #[n(2)]
    pub spec: KeySpec,
    /// Whether the next version keeps this one's key.
    #[n(3)]
    pub reuse_key: bool,
}

/// What a certificate's companion secret holds: its content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SecretFormat {
    /// PKCS#12, base64: `application/x-pkcs12`.
    #[default]
    #[n(0)]
    Pkcs12,
    /// PKCS#8 and certificates, PEM: `application/x-pem-file`.
    #[n(1)]
    Pem,
}

impl SecretFormat {
    /// The content type on the wire.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }
}

named! {
    /// What a certificate's key may be used for (RFC 5280, 4.2.1.3), as Key Vault spells it.
    #[derive(PartialOrd, Ord, Encode, Decode)]
    #[cbor(index_only)]
    KeyUsage:
    /// Sign certificate revocation lists.
    #[n(0)]
    CrlSign "cRLSign"
    /// Encipher data.
    #[n(1)]
    DataEncipherment "dataEncipherment"
    /// Only decipher, with key agreement.
    #[n(2)]
    DecipherOnly "decipherOnly"
    /// Sign, but neither certificates nor revocation lists.
    #[n(3)]
    DigitalSignature "digitalSignature"
    /// Only encipher, with key agreement.
    #[n(4)]
    EncipherOnly "encipherOnly"
    /// Agree on keys.
    #[n(5)]
    KeyAgreement "keyAgreement"
    /// Sign certificates.
    #[n(6)]
    KeyCertSign "keyCertSign"
    /// Encipher keys.
    #[n(7)]
    KeyEncipherment "keyEncipherment"
    /// Sign what cannot be denied later.
    #[n(8)]
    NonRepudiation "nonRepudiation"
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct X509Properties {
    /// The subject as text, as the client wrote it: `CN=example.com, O=Example, C=DE`. May be
    /// empty when there are alternative names.
    #[n(0)]
    pub subject: String,
    /// Other names.
    #[n(1)]
    pub sans: SubjectAlternativeNames,
    /// Extended key usages: object identifiers in dotted form, in the client's order.
    #[n(2)]
    pub ekus: Vec<String>,
    /// Key usages.
    #[n(3)]
    pub key_usage: Vec<KeyUsage>,
    /// How long it lives.
    #[n(4)]
    pub validity_months: u32,
    /// Whether it is an authority.
    #[n(5)]
    pub basic_constraints: BasicConstraints,
    /// For an authority: which names it may certify. An extension, not in Azure.
    #[n(6)]
    pub name_constraints: Option<NameConstraints>,
}

/// Names beside the subject's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SubjectAlternativeNames {
    /// DNS names.
    #[n(0)]
    pub dns_names: Vec<String>,
    /// E-mail addresses (rfc822Name).
    #[n(1)]
    pub emails: Vec<String>,
    /// User principal names (otherName 1.3.6.1.4.1.311.20.2.3, UTF-8).
    #[n(2)]
    pub upns: Vec<String>,
    /// Uniform resource identifiers.
    #[n(3)]
    pub uris: Vec<String>,
    /// Addresses, each in its canonical text.
    #[n(4)]
    pub ip_addresses: Vec<String>,
}

/// RFC 5280, 4.2.1.9.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct BasicConstraints {
    /// Whether the certificate may issue others.
    #[n(0)]
    pub ca: bool,
    /// How many authorities may follow below.
    #[n(1)]
    pub path_len: Option<u8>,
}

/// RFC 5280, 4.2.1.10: DNS names (a subtree each) and addresses with a prefix (CIDR text).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct NameConstraints {
    /// DNS subtrees that may be certified; empty: any.
    #[n(0)]
    pub permitted_dns: Vec<String>,
    /// DNS subtrees that may not be certified.
    #[n(1)]
    pub excluded_dns: Vec<String>,
    /// Address ranges that may be certified (`10.0.0.0/8`); empty: any.
    #[n(2)]
    pub permitted_ip: Vec<String>,
    /// Address ranges that may not be certified.
    #[n(3)]
    pub excluded_ip: Vec<String>,
}

/// Something that happens before a version ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LifetimeAction {
    /// When.
    #[n(0)]
    pub trigger: CertificateTrigger,
    /// What.
    #[n(1)]
    pub action: CertificateAction,
}

/// When a lifetime action is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CertificateTrigger {
    /// At this percentage of the version's life: 1 to 99.
    #[n(0)]
    LifetimePercentage(#[n(0)] u8),
    /// This many days before its end.
    #[n(1)]
    DaysBeforeExpiry(#[n(0)] u32),
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CertificateAction {
    /// The vault's contacts are told.
    #[n(0)]
    EmailContacts,
    /// The next version is made by the policy.
    #[n(1)]
    AutoRenew,
}

/// Who issues a certificate, and how.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IssuerParameters {
    /// `Self`, `Unknown`, or the name of an issuer of the vault.
    #[n(0)]
    pub name: String,
    /// What kind of certificate is asked of the issuer (`cty`), in its words.
    #[n(1)]
    pub certificate_type: Option<String>,
    /// Whether the issuer is to log it publicly.
    #[n(2)]
    pub certificate_transparency: Option<bool>,
}

impl IssuerParameters {
    /// Whether the certificate signs itself.
    pub fn is_self(&self) -> bool {
        self.name.eq_ignore_ascii_case("Self")
    }

    /// Whether somebody outside issues it: a request goes out, and a certificate is merged.
    pub fn is_unknown(&self) -> bool {
        self.name.eq_ignore_ascii_case("Unknown")
    }
}
