//! Which vault, which secret, which version.

use clap::Args;
use reqwest::Url;
use strongroom_model::{Endpoints, Host, ObjectName, VaultName, Version};

use super::super::failure::one_line;
use super::super::place::Place;
use crate::error::CliError;

/// A vault of an installation.
#[derive(Args)]
pub(super) struct VaultArgs {
    /// The vault.
    #[arg(long, value_name = "NAME", env = "STRONGROOM_VAULT", default_value = "dev")]
    vault_name: String,
    #[command(flatten)]
    pub(super) place: Place,
}

/// A secret: by name or by identifier.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct NameArgs {
    /// The secret's name.
    #[arg(value_name = "NAME")]
    positional: Option<String>,
    /// The same, as az has it.
    #[arg(long, short = 'n', value_name = "NAME")]
    name: Option<String>,
    /// The secret's identifier, which names its vault too.
    #[arg(long, value_name = "URL")]
    id: Option<String>,
}

/// A secret, or one version of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) vault: VaultName,
    pub(super) name: ObjectName,
    pub(super) version: Option<Version>,
}

impl VaultArgs {
    /// The vault.
    pub(super) fn vault(&self) -> Result<VaultName, CliError> {
        VaultName::parse(&self.vault_name).map_err(usage)
    }
}

impl NameArgs {
    /// The secret, in this vault unless its identifier names another.
    pub(super) fn address(
        &self,
        vault: &VaultArgs,
        endpoints: &Endpoints,
    ) -> Result<Address, CliError> {
        if let Some(id) = &self.id {
            return of_identifier(id, endpoints);
        }
        let name = self.positional.as_ref().or(self.name.as_ref());
        let name = ObjectName::parse(name.map_or("", String::as_str)).map_err(usage)?;
        Ok(Address { vault: vault.vault()?, name, version: None })
    }
}

impl Address {
    /// The same secret; this version of it, if one is given.
    pub(super) fn at(mut self, version: Option<&str>) -> Result<Self, CliError> {
        if let Some(version) = version {
            self.version = Some(Version::parse(version).map_err(usage)?);
        }
        Ok(self)
    }

    /// `secrets/{name}/{version}`; the version is empty for the newest.
    pub(super) fn version_path(&self) -> String {
        match &self.version {
            Some(version) => format!("secrets/{}/{version}", self.name),
            None => format!("secrets/{}/", self.name),
        }
    }
}

/// An identifier of this installation only: a token goes where it points.
fn of_identifier(id: &str, endpoints: &Endpoints) -> Result<Address, CliError> {
    let refused = || {
        CliError::Usage(format!(
            "'{}' is no secret's identifier in this installation: it would begin with {}/secrets/",
            one_line(id),
            endpoints.vault("<vault>")
        ))
    };
    let url = Url::parse(id).map_err(|_| refused())?;
    let is_ours = url.scheme() == "https"
        && url.port_or_known_default() == Some(endpoints.port())
        && url.username().is_empty();
    let vault = match url.host_str().and_then(|host| endpoints.host(host)) {
        Some(Host::Vault(vault)) if is_ours => VaultName::parse(&vault).map_err(usage)?,
        _ => return Err(refused()),
    };
    let segments: Vec<&str> = url.path_segments().ok_or_else(refused)?.collect();
    let (name, version) = match segments.as_slice() {
        ["secrets" | "deletedsecrets", name] | ["secrets" | "deletedsecrets", name, ""] => {
            (*name, None)
        }
        ["secrets", name, version] | ["secrets", name, version, ""] => (*name, Some(*version)),
        _ => return Err(refused()),
    };
    let name = ObjectName::parse(name).map_err(usage)?;
    Address { vault, name, version: None }.at(version)
}

fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

    fn parsed(id: &str) -> Result<Address, CliError> {
        of_identifier(id, &Endpoints::new("localhost", 8443))
    }

    #[test]
    fn an_identifier_names_vault_secret_and_version() {
        let base = "https://dev.vault.localhost:8443";
        let found = parsed(&format!("{base}/secrets/a-1/{VERSION}")).unwrap();
        assert_eq!((found.vault.as_str(), found.name.as_str()), ("dev", "a-1"));
        assert_eq!(found.version_path(), format!("secrets/a-1/{VERSION}"));
        let newest = parsed(&format!("{base}/secrets/a-1")).unwrap();
        assert_eq!(newest.version_path(), "secrets/a-1/");
        assert_eq!(parsed(&format!("{base}/deletedsecrets/a-1")).unwrap(), newest);
    }

    #[test]
    fn no_token_goes_elsewhere() {
        for id in [
            "https://dev.vault.azure.net/secrets/a",
            "https://dev.vault.localhost/secrets/a",
            "http://dev.vault.localhost:8443/secrets/a",
            "https://dev.vault.localhost:8443@evil.example/secrets/a",
            "https://login.localhost:8443/secrets/a",
            "https://dev.vault.localhost:8443/keys/a",
            "https://dev.vault.localhost:8443/secrets/a/not-a-version",
            "https://dev.vault.localhost:8443/secrets/a%2Fb",
            "a",
        ] {
            assert!(matches!(parsed(id), Err(CliError::Usage(_))), "{id}");
        }
    }
}
