//! The configuration file of `serve` and `init`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_work::StockSizes;

use crate::error::CliError;

/// The configuration. Unknown keys are refused: a misspelt one must not be silently ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) server: ServerSection,
    pub(crate) root_key: RootKeySection,
    pub(crate) audit: AuditSection,
    pub(crate) keys: KeysSection,
    pub(crate) throttling: ThrottlingSection,
    pub(crate) network: NetworkSection,
    pub(crate) control_plane: ControlPlaneSection,
    pub(crate) certificates: CertificatesSection,
    pub(crate) smtp: Option<SmtpSection>,
    #[serde(rename = "acme_directory")]
    pub(crate) acme_directories: Vec<AcmeDirectorySection>,
    #[serde(rename = "trusted_issuer")]
    pub(crate) trusted_issuers: Vec<TrustedIssuerSection>,
    #[serde(rename = "attestation_authority")]
    pub(crate) attestation_authorities: Vec<AttestationAuthoritySection>,
}

/// Where the server is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerSection {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The base domain of all host names.
    pub(crate) base: String,
    /// The port in every URL.
    pub(crate) port: u16,
    /// Addresses to listen on; their ports may differ from `port` behind a forwarder.
    pub(crate) listen: Vec<SocketAddr>,
    /// The address of health and metrics; loopback only.
    pub(crate) metrics: SocketAddr,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            data: PathBuf::from("/var/lib/strongroom"),
            base: String::new(),
            port: 443,
            listen: Vec::new(),
            metrics: SocketAddr::from(([127, 0, 0, 1], 9464)),
        }
    }
}

/// What opens the root key: exactly one of the three.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RootKeySection {
    /// A key file.
    pub(crate) file: Option<PathBuf>,
    /// A file that holds a passphrase; `-` reads it from standard input.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The name of a systemd credential that holds a key file's content.
    pub(crate) credential: Option<String>,
}

/// How the audit journal is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditSection {
    /// Whether every answer waits until its record is durable.
    pub(crate) strict: bool,
    /// How long records are kept, in days.
    pub(crate) retention_days: Option<u32>,
    /// How many bytes of journal are kept.
    pub(crate) retention_bytes: Option<u64>,
}

/// Which keys are made, and with what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeysSection {
    /// Whether `-HSM` types are made in software where there is no device [default: in `dev`].
    pub(crate) allow_software_hsm: Option<bool>,
    /// Whether vaults keep symmetric keys, as the real service's do not.
    pub(crate) symmetric_in_vaults: bool,
    /// RSA keys of 2048 bits made in advance, while the machine is idle.
    pub(crate) stock_rsa_2048: usize,
    /// RSA keys of 3072 bits made in advance.
    pub(crate) stock_rsa_3072: usize,
    /// RSA keys of 4096 bits made in advance.
    pub(crate) stock_rsa_4096: usize,
}

impl Default for KeysSection {
    fn default() -> Self {
        let stock = StockSizes::default();
        Self {
            allow_software_hsm: None,
            symmetric_in_vaults: false,
            stock_rsa_2048: stock.rsa_2048,
            stock_rsa_3072: stock.rsa_3072,
            stock_rsa_4096: stock.rsa_4096,
        }
    }
}

/// How many transactions vaults may make in 10 s.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ThrottlingSection {
    /// `off`, `azure` (exactly the real service's limits) or `custom`.
    pub(crate) mode: ThrottlingMode,
    /// Of `custom`: ordinary operations of a vault; key operations weigh as in the real service.
    pub(crate) vault: Option<u32>,
    /// Of `custom`: ordinary operations of all vaults of a subscription.
    pub(crate) subscription: Option<u32>,
    /// Of `custom`: ordinary operations of single vaults, by name.
    pub(crate) vaults: std::collections::BTreeMap<String, u32>,
}

/// Whose limits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThrottlingMode {
    /// Nobody's.
    #[default]
    Off,
    /// The real service's.
    Azure,
    /// The configuration's own.
    Custom,
}

/// Whom the network is believed of, for the firewalls of vaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NetworkSection {
    /// Whether firewalls take only the rules that the real service takes: no private addresses, no
    /// IPv6.
    pub(crate) azure_strict: bool,
    /// The object ids of trusted services: vaults whose `bypass` is `AzureServices` let them past.
    pub(crate) trusted_principals: Vec<String>,
    /// The addresses or networks of the proxies that are believed when they say whom they forward,
    /// by the PROXY protocol, version 2, or by `X-Forwarded-For`.
    pub(crate) trusted_proxies: Vec<String>,
}

/// Who governs the installation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ControlPlaneSection {
    /// The object ids, or client ids, of those who may take access to everything of their tenant
    /// by `elevateAccess`, as Global Administrators may in Azure.
    pub(crate) owners: Vec<String>,
}

/// Where the vaults' own authorities publish.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CertificatesSection {
    /// Addresses at which revocation lists, OCSP responses and the authorities' certificates, and
    /// nothing else, are read without TLS.
    pub(crate) http_listen: Vec<SocketAddr>,
    /// The base of their URLs in the certificates that the authorities issue: `http://…`. Without
    /// it, certificates have no such URLs.
    pub(crate) http_url: Option<String>,
    /// The port at which HTTP-01 answers are looked for, for the ACME server [default: 80].
    pub(crate) validation_http_port: Option<u16>,
    /// The port at which TLS-ALPN-01 answers are looked for [default: 443].
    pub(crate) validation_tls_port: Option<u16>,
    /// The name server that is asked for the names to be validated, address and port [default:
    /// those of the system].
    pub(crate) validation_dns: Option<SocketAddr>,
}

/// The SMTP server through which contacts are told of their certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmtpSection {
    /// Its name.
    pub(crate) host: String,
    /// Its port [default: 587, 465 or 25, as `tls` is].
    pub(crate) port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub(crate) tls: SmtpTls,
    /// The sender's address.
    pub(crate) from: String,
    /// Who signs in, if the server wants it.
    pub(crate) username: Option<String>,
    /// A file with the password; a line's end at its end is no part of it.
    pub(crate) password_file: Option<PathBuf>,
    /// A PEM file of the CAs that its certificate must chain to.
    pub(crate) ca_file: Option<PathBuf>,
}

/// How a connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SmtpTls {
    /// TLS from the first byte.
    Implicit,
    /// TLS by STARTTLS.
    #[default]
    Starttls,
    /// Not at all.
    None,
}

/// An ACME authority that issuers of provider ACME may name in `org_details.id`. Nobody else is
/// asked for certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcmeDirectorySection {
    /// What issuers call it.
    pub(crate) name: String,
    /// The URL of its directory (RFC 8555, 7.1.1).
    pub(crate) url: String,
    /// A PEM file of the CAs that its server's certificate must chain to.
    pub(crate) ca_file: Option<PathBuf>,
    /// How it validates names: `http-01`, `dns-01` or `tls-alpn-01`.
    #[serde(default = "default_challenge")]
    pub(crate) challenge: String,
    /// Of dns-01: a program that is run as `<hook> add|remove <fqdn> <value>`.
    pub(crate) hook: Option<PathBuf>,
    /// Of dns-01: dynamic updates instead of a hook.
    pub(crate) rfc2136: Option<Rfc2136Section>,
    /// Of dns-01: how long a record takes until all servers of its zone have it, in seconds; at
    /// most 30.
    #[serde(default = "default_dns_wait")]
    pub(crate) dns_wait_seconds: u64,
    /// The e-mail address that the authority may write to.
    pub(crate) contact: Option<String>,
    /// The names of the vaults whose issuers may name it; `["*"]` for all [default: all in `dev`;
    /// elsewhere it must be said].
    pub(crate) vaults: Option<Vec<String>>,
    /// The names that it may be asked for, with all below them; no addresses then [default: any].
    pub(crate) allowed_dns: Option<Vec<String>>,
}

/// Dynamic updates of a zone (RFC 2136).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rfc2136Section {
    /// The zone's primary server: an address or a name, and a port.
    pub(crate) server: String,
    /// The zone.
    pub(crate) zone: String,
    /// A file with the key that updates are signed with, as `tsig-keygen` writes it.
    pub(crate) key_file: PathBuf,
}

fn default_challenge() -> String {
    "http-01".into()
}

fn default_dns_wait() -> u64 {
    5
}

/// An external issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrustedIssuerSection {
    /// The `iss` of its tokens, to the letter.
    pub(crate) issuer: String,
    /// The only `aud` that vaults accept: `api://strongroom-…`.
    pub(crate) audience: String,
    /// The only `aud` that the control plane accepts; without it, no token of this issuer.
    pub(crate) management_audience: Option<String>,
    /// The only `aud` that Graph accepts; without it, no token of this issuer.
    pub(crate) graph_audience: Option<String>,
    /// The algorithms accepted.
    #[serde(default = "default_algorithms")]
    pub(crate) algorithms: Vec<String>,
    /// Where its keys are, if its discovery document does not say.
    pub(crate) jwks_uri: Option<String>,
    /// A PEM file of the CAs that its server's certificate must chain to.
    pub(crate) ca_file: Option<PathBuf>,
    /// The tenant its principals belong to here; the default tenant if absent.
    pub(crate) tenant: Option<String>,
    /// Claims that a token must carry with exactly this value.
    #[serde(default)]
    pub(crate) required_claims: std::collections::BTreeMap<String, String>,
}

/// An attestation service whose tokens may open keys under their release policies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestationAuthoritySection {
    /// Its URL, as policies name it: the `iss` of its tokens.
    pub(crate) url: String,
    /// A PEM file of the CAs that its server's certificate must chain to.
    pub(crate) ca_file: Option<PathBuf>,
}

fn default_algorithms() -> Vec<String> {
    vec!["RS256".into()]
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`CliError::Failed`], naming the file and the line.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| CliError::Failed(format!("cannot read {}: {e}", path.display())))?;
        toml::from_str(&text).map_err(|error| {
            let text = error.to_string();
            let text = text.trim_end().replace('\n', " ");
            CliError::Failed(format!("{} is not a valid configuration: {text}", path.display()))
        })
    }

    /// Checks what `serve` and `init` cannot do without.
    ///
    /// # Errors
    /// [`CliError::Failed`], naming the key.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        if self.server.base.is_empty() {
            return Err(CliError::failed("the configuration lacks server.base, the base domain"));
        }
        let root = &self.root_key;
        let given = usize::from(root.file.is_some())
            + usize::from(root.passphrase_file.is_some())
            + usize::from(root.credential.is_some());
        if given != 1 {
            return Err(CliError::failed(
                "the configuration needs exactly one of root_key.file, root_key.passphrase_file \
                 and root_key.credential",
            ));
        }
        if !self.server.metrics.ip().is_loopback() {
            return Err(CliError::failed("server.metrics must be a loopback address"));
        }
        Ok(())
    }
}
