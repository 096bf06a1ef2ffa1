//! Which vault, which object, which version.

use clap::Args;
use reqwest::Url;
use strongroom_model::{Endpoints, Host, Kind, ObjectName, VaultName, Version};

use super::super::failure::one_line;
use super::super::installation::Installation;
use super::super::place::Place;
use super::vault_client::VaultClient;
use crate::error::CliError;

/// A vault of an installation.
#[derive(Args)]
pub(crate) struct VaultArgs {
    /// The vault.
    #[arg(long, value_name = "NAME", env = "STRONGROOM_VAULT", default_value = "dev")]
    vault_name: String,
    #[command(flatten)]
    place: Place,
}

/// An object: by name or by identifier.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NameArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    positional: Option<String>,
    /// The same, as az has it.
    #[arg(long, short = 'n', value_name = "NAME")]
    name: Option<String>,
    /// Its identifier, which names its vault too.
    #[arg(long, value_name = "URL")]
    id: Option<String>,
}

/// An object of a vault.
#[derive(Args)]
pub(crate) struct ObjectArgs {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    vault: VaultArgs,
}

/// A version of an object.
#[derive(Args)]
pub(crate) struct VersionArgs {
    #[command(flatten)]
    object: ObjectArgs,
    /// The version [default: the newest].
    #[arg(long, short = 'v')]
    version: Option<String>,
}

/// An object, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) kind: Kind,
    pub(crate) vault: VaultName,
    pub(crate) name: ObjectName,
    pub(crate) version: Option<Version>,
}

/// An object, and the installation that has it.
pub(crate) struct Target {
    pub(crate) installation: Installation,
    pub(crate) address: Address,
}

impl VaultArgs {
    /// Signs in for its objects of a kind.
    pub(crate) async fn sign_in(&self, kind: Kind) -> Result<VaultClient, CliError> {
        let installation = Installation::find(&self.place)?;
        VaultClient::open(&installation, &self.vault()?, kind).await
    }

    fn vault(&self) -> Result<VaultName, CliError> {
        VaultName::parse(&self.vault_name).map_err(usage)
    }
}

impl ObjectArgs {
    /// Where it is: in this vault, unless its identifier names another.
    pub(crate) fn target(&self, kind: Kind) -> Result<Target, CliError> {
        let installation = Installation::find(&self.vault.place)?;
        let address = match &self.name.id {
            Some(id) => of_identifier(kind, id, &installation.endpoints)?,
            None => {
                let name = self.name.positional.as_ref().or(self.name.name.as_ref());
                let name = ObjectName::parse(name.map_or("", String::as_str)).map_err(usage)?;
                Address { kind, vault: self.vault.vault()?, name, version: None }
            }
        };
        Ok(Target { installation, address })
    }
}

impl VersionArgs {
    /// Where it is.
    pub(crate) fn target(&self, kind: Kind) -> Result<Target, CliError> {
        let Target { installation, address } = self.object.target(kind)?;
        Ok(Target { installation, address: address.at(self.version.as_deref())? })
    }
}

impl Target {
    /// Signs in for its vault.
    pub(crate) async fn sign_in(&self) -> Result<VaultClient, CliError> {
        VaultClient::open(&self.installation, &self.address.vault, self.address.kind).await
    }

    /// Its identifier.
    pub(crate) fn id(&self) -> String {
        let vault = self.installation.endpoints.vault(&self.address.vault.folded());
        format!("{vault}/{}", self.address.version_path().trim_end_matches('/'))
    }
}

impl Address {
    /// The same object; this version of it, if one is given.
    pub(crate) fn at(mut self, version: Option<&str>) -> Result<Self, CliError> {
        if let Some(version) = version {
            self.version = Some(Version::parse(version).map_err(usage)?);
        }
        Ok(self)
    }

    /// `{kind}s/{name}`
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.collection(), self.name)
    }

    /// `deleted{kind}s/{name}`
    pub(crate) fn deleted_path(&self) -> String {
        format!("deleted{}", self.path())
    }

    /// `{kind}s/{name}/{version}`; the version is empty for the newest.
    pub(crate) fn version_path(&self) -> String {
        let version = self.version.as_ref().map(Version::to_string);
        format!("{}/{}", self.path(), version.unwrap_or_default())
    }
}

/// An identifier of this installation only: a token goes where it points.
fn of_identifier(kind: Kind, id: &str, endpoints: &Endpoints) -> Result<Address, CliError> {
    let active = kind.collection();
    let deleted = format!("deleted{active}");
    let refused = || {
        CliError::Usage(format!(
            "'{}' is no identifier of {active} in this installation: it would begin with \
             {}/{active}/",
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
        [place, name] | [place, name, ""] if *place == active || *place == deleted => (*name, None),
        [place, name, version] | [place, name, version, ""] if *place == active => {
            (*name, Some(*version))
        }
        _ => return Err(refused()),
    };
    let name = ObjectName::parse(name).map_err(usage)?;
    Address { kind, vault, name, version: None }.at(version)
}

fn usage(error: impl std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

    fn parsed(id: &str) -> Result<Address, CliError> {
        of_identifier(Kind::Secret, id, &Endpoints::new("localhost", 8443))
    }

    #[test]
    fn an_identifier_names_vault_object_and_version() {
        let base = "https://dev.vault.localhost:8443";
        let found = parsed(&format!("{base}/secrets/a-1/{VERSION}")).unwrap();
        assert_eq!((found.vault.as_str(), found.name.as_str()), ("dev", "a-1"));
        assert_eq!(found.version_path(), format!("secrets/a-1/{VERSION}"));
        let newest = parsed(&format!("{base}/secrets/a-1")).unwrap();
        assert_eq!(newest.version_path(), "secrets/a-1/");
        assert_eq!(newest.deleted_path(), "deletedsecrets/a-1");
        assert_eq!(parsed(&format!("{base}/deletedsecrets/a-1")).unwrap(), newest);
        let key = format!("{base}/keys/a-1/{VERSION}");
        let key = of_identifier(Kind::Key, &key, &Endpoints::new("localhost", 8443)).unwrap();
        assert_eq!(key.version_path(), format!("keys/a-1/{VERSION}"));
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
            "https://dev.vault.localhost:8443/deletedsecrets/a/4387e9f3d6e14c459867679a90fd0f79",
            "https://dev.vault.localhost:8443/secrets/a%2Fb",
            "a",
        ] {
            assert!(matches!(parsed(id), Err(CliError::Usage(_))), "{id}");
        }
    }
}
