//! The installation a command talks to: its URLs, its CA and who signs in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use reqwest::Url;
use strongroom_model::Endpoints;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::place::Place;
use super::ready::ReadyFile;
use crate::error::CliError;

const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const CA_FILE: &str = "SSL_CERT_FILE";

/// An installation.
pub(crate) struct Installation {
    /// Its URLs.
    pub(crate) endpoints: Endpoints,
    /// The tenant to sign in to: a GUID, or `adfs`.
    pub(crate) tenant: String,
    /// The certificates trusted for it; `None`: those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// Who signs in, if it is known.
    pub(crate) credential: Option<Credential>,
}

/// A client's sign-in.
pub(crate) struct Credential {
    /// Who.
    pub(crate) client_id: String,
    /// The proof.
    pub(crate) client_secret: SecretValue,
}

impl Installation {
    /// The installation of the ready file that is named; else the one of the `AZURE_…` variables
    /// if they are set; else the one of the default ready file.
    pub(crate) fn find(place: &Place) -> Result<Self, CliError> {
        match variable(AUTHORITY_HOST) {
            Some(authority) if !place.is_named() => Self::of_environment(&authority),
            _ => place.ready().map(Self::of_ready_file),
        }
    }

    /// The installation that the programs of this environment use: that of the `AZURE_…` variables
    /// if they are set; else the one of the ready file, which they would be set from.
    pub(crate) fn of_programs(place: &Place) -> Result<Self, CliError> {
        match variable(AUTHORITY_HOST) {
            Some(authority) => Self::of_environment(&authority),
            None => place.ready().map(Self::of_ready_file),
        }
    }

    fn of_ready_file(ready: ReadyFile) -> Self {
        Self {
            endpoints: Endpoints::new(&ready.base, ready.port),
            tenant: ready.tenant_id,
            ca_file: Some(ready.ca_file),
            credential: Some(Credential {
                client_id: ready.owner.client_id,
                client_secret: ready.owner.client_secret,
            }),
        }
    }

    fn of_environment(authority: &str) -> Result<Self, CliError> {
        let tenant = variable(TENANT_ID).ok_or_else(|| {
            CliError::Usage(format!("{AUTHORITY_HOST} is set, so {TENANT_ID} has to be, too"))
        })?;
        let secret = variable(CLIENT_SECRET).map(SecretValue::new);
        let credential = variable(CLIENT_ID)
            .zip(secret)
            .map(|(client_id, client_secret)| Credential { client_id, client_secret });
        let ca_file = variable(CA_FILE).map(PathBuf::from);
        Ok(Self { endpoints: endpoints_of(authority)?, tenant, ca_file, credential })
    }

    /// Who signs in.
    pub(crate) fn credential(&self) -> Result<&Credential, CliError> {
        self.credential.as_ref().ok_or_else(|| {
            CliError::Usage(format!("who signs in? Set {CLIENT_ID} and {CLIENT_SECRET}"))
        })
    }

    /// The addresses of its names, where they need no resolver: `*.localhost` is this machine
    /// (RFC 6761), though glibc only knows so with libnss-myhostname.
    pub(crate) fn loopback(&self) -> Option<[IpAddr; 2]> {
        let base = self.endpoints.base();
        let is_here = base == "localhost" || base.ends_with(".localhost");
        is_here.then_some([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    }
}

/// `https://login.<base>[:port]` tells the rest.
fn endpoints_of(authority: &str) -> Result<Endpoints, CliError> {
    let refused = || {
        CliError::Usage(format!(
            "{AUTHORITY_HOST} must be https://login.<base>, not '{}'",
            super::failure::one_line(authority)
        ))
    };
    let url = Url::parse(authority).map_err(|_| refused())?;
    let base = url.host_str().and_then(|host| host.strip_prefix("login.")).ok_or_else(refused)?;
    let port = url.port_or_known_default().ok_or_else(refused)?;
    let is_plain = url.scheme() == "https" && matches!(url.path(), "/" | "/adfs" | "/adfs/");
    if is_plain { Ok(Endpoints::new(base, port)) } else { Err(refused()) }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The client secret of the environment.
pub(crate) fn secret_of_environment() -> Option<SecretValue> {
    variable(CLIENT_SECRET).map(SecretValue::new)
}

/// A client secret as it came by a pipe or from a terminal: without the line's end.
pub(crate) fn secret_of_line(mut text: Zeroizing<String>) -> SecretValue {
    let kept = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(kept);
    SecretValue::new(std::mem::take(&mut text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_tells_every_url() {
        let found = endpoints_of("https://login.localhost:8443").unwrap();
        assert_eq!(found, Endpoints::new("localhost", 8443));
        let found = endpoints_of("https://login.kv.example/").unwrap();
        assert_eq!(found.vault("dev"), "https://dev.vault.kv.example");
    }

    #[test]
    fn another_authority_is_refused() {
        for authority in [
            "http://login.localhost",
            "https://sign-in.example",
            "https://login.localhost/tenant",
            "login.localhost",
        ] {
            assert!(endpoints_of(authority).is_err(), "{authority}");
        }
    }
}
