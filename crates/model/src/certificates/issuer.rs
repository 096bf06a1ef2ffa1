//! An issuer of a vault: who signs the certificates whose policy names it.

use minicbor::{Decode, Encode};

use crate::algorithm::named;
use crate::{ObjectName, Timestamp};

named! {
    /// What kind of authority an issuer is.
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    IssuerProvider:
    /// An authority of this vault: a certificate of the vault that may issue others, and whose
    /// private key is the vault's. [`Organization::id`] names it.
    #[n(0)]
    Strongroom "Strongroom"
    /// An authority that speaks ACME (RFC 8555). [`Organization::id`] names the section of the
    /// configuration that has its directory; the account is bound by [`Issuer::account_id`] (the
    /// EAB key's id) and the password (its HMAC key, base64url).
    #[n(1)]
    Acme "ACME"
    /// DigiCert: kept, not asked. Their ACME directory is the way.
    #[n(2)]
    DigiCert "DigiCert"
    /// GlobalSign: kept, not asked. Their ACME directory is the way.
    #[n(3)]
    GlobalSign "GlobalSign"
    /// Kept, not asked: it stands in Azure's own examples.
    #[n(4)]
    Test "Test"
}

/// An issuer of a vault. Its password is sealed beside it, and never answered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Issuer {
    /// The name, as it was first spelt.
    #[n(0)]
    pub name: ObjectName,
    /// What kind of authority it is.
    #[n(1)]
    pub provider: IssuerProvider,
    /// The account at the authority.
    #[n(2)]
    pub account_id: Option<String>,
    /// The organization.
    #[n(3)]
    pub organization: Organization,
    /// Whether it issues.
    #[n(4)]
    pub enabled: bool,
    /// When it was set.
    #[n(5)]
    pub created: Timestamp,
    /// When it last changed.
    #[n(6)]
    pub updated: Timestamp,
    /// What an authority of this vault issues.
    #[n(7)]
    pub profile: IssuanceProfile,
}

/// The organization behind an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Organization {
    /// Its id; for `Strongroom` the name of the authority's certificate, for `ACME` the name of the
    /// directory in the configuration.
    #[n(0)]
    pub id: Option<String>,
    /// Who answers for it.
    #[n(1)]
    pub administrators: Vec<Administrator>,
    /// Whether the client sent an `org_details` at all.
    #[n(2)]
    pub sent: bool,
}

/// Somebody who answers for an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Administrator {
    /// First name.
    #[n(0)]
    pub first_name: Option<String>,
    /// Last name.
    #[n(1)]
    pub last_name: Option<String>,
    /// E-mail address.
    #[n(2)]
    pub email: Option<String>,
    /// Telephone.
    #[n(3)]
    pub phone: Option<String>,
}

/// What an authority of a vault issues: the narrower of this and of its own certificate holds.
/// An extension, not in Azure.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IssuanceProfile {
    /// The longest life of a certificate, in days.
    #[n(0)]
    pub max_days: u32,
    /// DNS subtrees below which names are certified; empty: any.
    #[n(1)]
    pub allowed_dns: Vec<String>,
    /// Extended key usages that are certified, dotted; empty: any.
    #[n(2)]
    pub allowed_ekus: Vec<String>,
    /// Whether it certifies other authorities.
    #[n(3)]
    pub allow_ca: bool,
    /// Whether it serves ACME.
    #[n(4)]
    pub acme: bool,
}

impl Default for IssuanceProfile {
    /// A little over a year (398 days), any name, no authorities, no ACME.
    fn default() -> Self {
        Self {
            max_days: 398,
            allowed_dns: Vec::new(),
            allowed_ekus: Vec::new(),
            allow_ca: false,
            acme: false,
        }
    }
}
