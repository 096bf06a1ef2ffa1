//! What a URL names: a vault, or another host of an installation.

use reqwest::Url;
use strongroom_model::{Endpoints, Host};

use super::super::failure::one_line;
use crate::error::CliError;

/// The version that is asked for where the URL names none.
const API_VERSION: &str = "2025-07-01";

/// The URL that is looked at.
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) kind: Kind,
}

/// What answers at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The vault of this name.
    Vault(String),
    Login,
    Management,
    Graph,
}

impl Target {
    /// Reads a URL. Which host it is follows from the installation where one is known, else from
    /// the labels of its name.
    pub(super) fn parse(text: &str, known: Option<&Endpoints>) -> Result<Self, CliError> {
        let refused = || {
            let text = one_line(text);
            CliError::Usage(format!("'{text}' is no URL such as https://<vault>.vault.<base>"))
        };
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&whole).map_err(|_| refused())?;
        let host = url.host_str().ok_or_else(refused)?;
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Err(refused());
        }
        let kind = known.and_then(|known| known.host(host)).map_or_else(|| guessed(host), kind_of);
        Ok(Self { kind, url })
    }

    /// The name of the host.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// The vault, if it is one.
    pub(super) fn vault(&self) -> Option<&str> {
        match &self.kind {
            Kind::Vault(name) => Some(name),
            Kind::Login | Kind::Management | Kind::Graph => None,
        }
    }

    /// Whether the host is one of an installation's own, at its port.
    pub(super) fn is_of(&self, endpoints: &Endpoints) -> bool {
        endpoints.host(self.host()).is_some() && endpoints.port() == self.port()
    }

    /// Whether more than the host is named.
    pub(super) fn names_more(&self) -> bool {
        self.url.path() != "/"
    }

    /// The URL itself, with an api-version.
    pub(super) fn whole(&self) -> Url {
        let mut url = self.url.clone();
        if !url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("api-version")) {
            url.query_pairs_mut().append_pair("api-version", API_VERSION);
        }
        url.set_fragment(None);
        url
    }

    /// Another path at the same host.
    pub(super) fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(None);
        url.set_fragment(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// A path of a vault.
    pub(super) fn of_vault(&self, path: &str) -> Url {
        self.at(path, &[("api-version", API_VERSION)])
    }
}

fn kind_of(host: Host) -> Kind {
    match host {
        Host::Vault(name) | Host::ManagedHsm(name) => Kind::Vault(name),
        Host::Login => Kind::Login,
        Host::Management => Kind::Management,
        Host::Graph => Kind::Graph,
        Host::Portal => Kind::Vault("portal".into()),
    }
}

fn guessed(host: &str) -> Kind {
    let mut labels = host.split('.');
    let first = labels.next().unwrap_or_default();
    match (first, labels.next()) {
        (_, Some("vault" | "managedhsm")) => Kind::Vault(first.to_owned()),
        ("login", _) => Kind::Login,
        ("management", _) => Kind::Management,
        ("graph", _) => Kind::Graph,
        _ => Kind::Vault(first.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str, known: Option<&Endpoints>) -> Kind {
        Target::parse(text, known).unwrap().kind
    }

    #[test]
    fn the_host_tells_what_is_asked() {
        let vault = |name: &str| Kind::Vault(name.into());
        assert_eq!(kind("https://dev.vault.localhost:8443", None), vault("dev"));
        assert_eq!(kind("dev.vault.kv.example/secrets/a", None), vault("dev"));
        assert_eq!(kind("https://login.kv.example", None), Kind::Login);
        assert_eq!(kind("https://management.kv.example/subscriptions", None), Kind::Management);
        assert_eq!(kind("https://graph.kv.example", None), Kind::Graph);
        // A base whose first label is `vault`: only the installation itself tells.
        let known = Endpoints::new("vault.example", 443);
        assert_eq!(kind("https://login.vault.example", None), vault("login"));
        assert_eq!(kind("https://login.vault.example", Some(&known)), Kind::Login);
    }

    #[test]
    fn a_token_goes_to_the_installation_only() {
        let known = Endpoints::new("kv.example", 8443);
        let is_of = |text: &str| Target::parse(text, None).unwrap().is_of(&known);
        assert!(is_of("https://dev.vault.kv.example:8443/secrets/a"));
        for other in [
            "https://dev.vault.kv.example",
            "https://dev.vault.kv.example.evil:8443",
            "https://dev.vault.evil:8443",
        ] {
            assert!(!is_of(other), "{other}");
        }
    }

    #[test]
    fn an_api_version_is_added_where_there_is_none() {
        let whole = |text: &str| Target::parse(text, None).unwrap().whole().to_string();
        assert_eq!(
            whole("https://a.vault.b/keys"),
            "https://a.vault.b/keys?api-version=2025-07-01"
        );
        assert_eq!(
            whole("https://a.vault.b/?api-version=7.4"),
            "https://a.vault.b/?api-version=7.4"
        );
    }

    #[test]
    fn what_is_no_https_url_is_wrong_use() {
        for text in ["", "http://a.vault.b", "https://u:p@a.vault.b", "ftp://a", "https://"] {
            assert!(matches!(Target::parse(text, None), Err(CliError::Usage(_))), "{text}");
        }
    }
}
