//! The authorities that the operator has named.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, ExternalAccountKey, NewAccount};
use rustls_pki_types::PrivatePkcs8KeyDer;
use strongroom_crypto::SecretBytes;
use strongroom_model::VaultName;
use strongroom_outgoing::OutgoingRules;

use crate::dns::DnsRecords;
use crate::order::is_host_name;
use crate::transport::Transport;
use crate::{AcmeError, Challenges};

/// How long one request may take.
pub(crate) const REQUEST: Duration = Duration::from_secs(10);

/// How long one step of an order may take, whatever it does: some requests, and the challenges'
/// answers for its names.
pub(crate) const STEP: Duration = Duration::from_secs(60);

/// How an authority convinces itself that a name is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A file on port 80 (RFC 8555, 8.3).
    Http01,
    /// A TXT record (RFC 8555, 8.4).
    Dns01,
    /// A certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

impl ChallengeKind {
    /// The kind of a name; `None` for a name that is none's.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Http01, Self::Dns01, Self::TlsAlpn01].into_iter().find(|kind| kind.name() == name)
    }

    /// As RFC 8555 spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

/// How the TXT records of DNS-01 are set.
pub enum DnsSettings {
    /// A program, run as `<hook> add|remove <fqdn> <value>`, without a shell.
    Hook(PathBuf),
    /// Dynamic updates (RFC 2136), signed with a key (RFC 8945).
    Update {
        /// The zone's primary server.
        server: SocketAddr,
        /// The zone; every name below it.
        zone: String,
        /// The key.
        key: TsigKey,
    },
}

/// A key that signs dynamic updates (RFC 8945).
pub struct TsigKey {
    /// Its name.
    pub name: String,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub algorithm: String,
    /// The key.
    pub secret: SecretBytes,
}

/// The vaults whose issuers may name an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenTo {
    /// All there are, and will be.
    Everybody,
    /// Those of these names.
    Vaults(Vec<VaultName>),
}

/// An authority, as the operator names it.
pub struct DirectorySettings {
    /// What issuers call it.
    pub name: String,
    /// Its directory (RFC 8555, 7.1.1).
    pub url: String,
    /// A PEM bundle that its server's certificate must chain to; the system's roots if absent.
    pub ca_pem: Option<String>,
    /// How it validates names.
    pub challenge: ChallengeKind,
    /// How TXT records are set; for DNS-01, and only for it.
    pub dns: Option<DnsSettings>,
    /// How long a TXT record takes until all servers of its zone have it.
    pub dns_wait: Duration,
    /// Whom it may write to.
    pub contact: Option<String>,
    /// Whose issuers may name it.
    pub open_to: OpenTo,
    /// The names it may be asked for: these, and all below them. Any, if absent; addresses only
    /// then.
    pub allowed_dns: Option<Vec<String>>,
}

/// The account's key and URL at an authority.
pub struct AccountKey {
    /// The account's URL.
    pub url: String,
    /// PKCS#8, DER.
    pub key: SecretBytes,
}

/// What binds an account to one that the authority knows otherwise (RFC 8555, 7.3.4).
pub struct ExternalAccount<'a> {
    /// The key's id.
    pub key_id: &'a str,
    /// The HMAC key, in base64url.
    pub hmac_key: &'a SecretBytes,
}

/// The authorities that the operator has named, and nobody else may be asked.
#[derive(Default)]
pub struct AcmeDirectories {
    by_name: BTreeMap<String, AcmeDirectory>,
    challenges: Arc<Challenges>,
}

/// An authority.
pub struct AcmeDirectory {
    pub(crate) name: String,
    pub(crate) url: String,
    ca_pem: Option<String>,
    contact: Option<String>,
    outgoing: OutgoingRules,
    pub(crate) challenge: ChallengeKind,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) dns: Option<DnsRecords>,
    pub(crate) dns_wait: Duration,
    open_to: OpenTo,
    pub(crate) allowed_dns: Option<Vec<String>>,
}

impl AcmeDirectories {
    /// The authorities of a configuration.
    ///
    /// # Errors
    /// [`AcmeError::Settings`], naming what cannot be.
    pub fn new(
        settings: Vec<DirectorySettings>,
        outgoing: &OutgoingRules,
        challenges: &Arc<Challenges>,
    ) -> Result<Self, AcmeError> {
        let mut by_name = BTreeMap::new();
        for one in settings {
            let name = one.name.clone();
            let refused = |why: &str| AcmeError::Settings(format!("ACME directory {name}: {why}"));
            if name.is_empty() || by_name.contains_key(&name.to_ascii_lowercase()) {
                return Err(refused("every directory needs a name of its own"));
            }
            if !one.url.starts_with("https://") {
                return Err(refused("its url must be an https URL"));
            }
            if (one.challenge == ChallengeKind::Dns01) != one.dns.is_some() {
                return Err(refused(
                    "dns-01 needs either a hook or an rfc2136 section, and no other challenge does",
                ));
            }
            if let Some(odd) = one.allowed_dns.iter().flatten().find(|name| !is_host_name(name)) {
                let why = format!(
                    "allowed_dns holds {odd:?}, which is no DNS name: a name stands \
                                   for itself and all names below it"
                );
                return Err(refused(&why));
            }
            let dns = one.dns.map(DnsRecords::new).transpose();
            let directory = AcmeDirectory {
                name: one.name,
                url: one.url,
                ca_pem: one.ca_pem,
                contact: one.contact,
                outgoing: outgoing.clone(),
                challenge: one.challenge,
                challenges: Arc::clone(challenges),
                dns: dns.map_err(|error| refused(&error.to_string()))?,
                dns_wait: one.dns_wait,
                open_to: one.open_to,
                allowed_dns: one.allowed_dns,
            };
            by_name.insert(name.to_ascii_lowercase(), directory);
        }
        Ok(Self { by_name, challenges: Arc::clone(challenges) })
    }

    /// The authority of a name, in any case.
    pub fn find(&self, name: &str) -> Option<&AcmeDirectory> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    /// The answers to challenges that wait for an authority to look at them.
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    /// The names that issuers of a vault may name, for a message that says which there are.
    pub fn names_for(&self, vault: &VaultName) -> impl Iterator<Item = &str> {
        let open = self.by_name.values().filter(move |directory| directory.is_open_to(vault));
        open.map(|directory| directory.name.as_str())
    }
}

impl AcmeDirectory {
    /// What issuers call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether issuers of a vault may name it.
    pub fn is_open_to(&self, vault: &VaultName) -> bool {
        match &self.open_to {
            OpenTo::Everybody => true,
            OpenTo::Vaults(names) => names.iter().any(|name| name.folded() == vault.folded()),
        }
    }

    /// Opens an account with a new key.
    ///
    /// # Errors
    /// [`AcmeError`]: that it cannot be reached, or refuses.
    pub async fn register(
        &self,
        external: Option<&ExternalAccount<'_>>,
    ) -> Result<AccountKey, AcmeError> {
        bounded(async {
            let external = external.map(ExternalAccount::key).transpose()?;
            let contact = self.contact.as_ref().map(|address| format!("mailto:{address}"));
            let new = NewAccount {
                contact: &contact.as_deref().into_iter().collect::<Vec<_>>(),
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let transport = self.transport().await?;
            let (account, credentials) = Account::builder_with_http(Box::new(transport.clone()))
                .create(&new, self.url.clone(), external.as_ref())
                .await
                .map_err(|error| transport.explain(error))?;
            let key = credentials.private_key().secret_pkcs8_der().to_vec();
            Ok(AccountKey { url: account.id().to_owned(), key: SecretBytes::new(key) })
        })
        .await
    }

    /// The account, ready to be used over a connection of its own.
    pub(crate) async fn account(
        &self,
        account: &AccountKey,
    ) -> Result<(Account, Transport), AcmeError> {
        let transport = self.transport().await?;
        let key = PrivatePkcs8KeyDer::from(account.key.expose());
        let account = Account::builder_with_http(Box::new(transport.clone()))
            .from_parts(account.url.clone(), key, self.url.clone())
            .await
            .map_err(|error| transport.explain(error))?;
        Ok((account, transport))
    }

    pub(crate) async fn transport(&self) -> Result<Transport, AcmeError> {
        let origin = self.outgoing.origin(&self.url, self.ca_pem.as_deref(), REQUEST).await?;
        Ok(Transport::new(origin))
    }
}

impl ExternalAccount<'_> {
    fn key(&self) -> Result<ExternalAccountKey, AcmeError> {
        let hmac_key = base64url(self.hmac_key).ok_or(AcmeError::ExternalAccount)?;
        Ok(ExternalAccountKey::new(self.key_id.to_owned(), hmac_key.expose()))
    }
}

/// Base64url, with or without its padding, as authorities show their keys; never empty.
fn base64url(text: &SecretBytes) -> Option<SecretBytes> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let text = text.expose().trim_ascii();
    let end = text.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    let bytes = URL_SAFE_NO_PAD.decode(text.get(..end)?).ok().map(SecretBytes::new)?;
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

/// Bounds a step in time.
pub(crate) async fn bounded<T>(
    step: impl Future<Output = Result<T, AcmeError>>,
) -> Result<T, AcmeError> {
    tokio::time::timeout(STEP, step).await.map_err(|_| AcmeError::Timeout(STEP))?
}

#[cfg(test)]
mod tests {
    use strongroom_model::certificates::{
        BasicConstraints, SubjectAlternativeNames, X509Properties,
    };

    use super::*;

    fn directories(
        open_to: OpenTo,
        allowed: Option<&[&str]>,
    ) -> Result<AcmeDirectories, AcmeError> {
        let settings = DirectorySettings {
            name: "ca".into(),
            url: "https://ca.example/directory".into(),
            ca_pem: None,
            challenge: ChallengeKind::Http01,
            dns: None,
            dns_wait: Duration::ZERO,
            contact: None,
            open_to,
            allowed_dns: allowed.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        };
        let (outgoing, challenges) = (OutgoingRules::default(), Arc::default());
        AcmeDirectories::new(vec![settings], &outgoing, &challenges)
    }

    fn asked(allowed: Option<&[&str]>, name: &str) -> Result<(), String> {
        let directories = directories(OpenTo::Everybody, allowed).unwrap();
        let mut sans = SubjectAlternativeNames::default();
        match name.parse::<std::net::IpAddr>() {
            Ok(_) => sans.ip_addresses.push(name.into()),
            Err(_) => sans.dns_names.push(name.into()),
        }
        let x509 = X509Properties {
            subject: "CN=a".into(),
            sans,
            ekus: Vec::new(),
            key_usage: Vec::new(),
            validity_months: 1,
            basic_constraints: BasicConstraints::default(),
            name_constraints: None,
        };
        let identifiers = directories.find("CA").unwrap().identifiers(&x509);
        identifiers.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_outside_of_what_the_operator_allows_are_refused() {
        let allowed: &[&str] = &["Apps.example.com", "b.example"];
        for name in ["apps.example.com", "www.APPS.example.com", "a.b.b.example"] {
            assert_eq!(asked(Some(allowed), name), Ok(()), "{name}");
        }
        for name in [
            "example.com",
            "evilapps.example.com",
            "apps.example.com.evil.example",
            "www.example.org",
            "192.0.2.1",
        ] {
            let refused = asked(Some(allowed), name).unwrap_err();
            assert!(refused.contains("acme_directory.allowed_dns"), "{name}: {refused}");
            assert_eq!(asked(None, name), Ok(()), "{name}");
            assert!(asked(Some(&[]), name).is_err(), "an empty list allows nothing: {name}");
        }
        for odd in ["*.example.com", ".example.com", "", "example.com."] {
            assert!(directories(OpenTo::Everybody, Some(&[odd])).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_the_named_vaults_may_use_it() {
        let vault = |name| VaultName::parse(name).unwrap();
        let open_to = OpenTo::Vaults(vec![vault("Payments")]);
        let directories = directories(open_to, None).unwrap();
        let directory = directories.find("ca").unwrap();
        assert!(directory.is_open_to(&vault("payments")));
        assert!(!directory.is_open_to(&vault("payments2")));
        assert_eq!(directories.names_for(&vault("payments2")).count(), 0);
    }
}
