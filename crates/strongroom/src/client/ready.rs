//! The ready file: what `dev` writes when it can serve.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use crate::error::CliError;

/// As much of the ready file as the command line needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyFile {
    /// The base domain.
    pub(crate) base: String,
    /// The port of every URL.
    pub(crate) port: u16,
    /// The default tenant.
    pub(crate) tenant_id: String,
    /// The data directory.
    #[serde(default)]
    pub(crate) data: Option<PathBuf>,
    /// The root certificate.
    pub(crate) ca_file: PathBuf,
    /// The vaults there were at the start.
    #[serde(default)]
    pub(crate) vaults: Vec<ReadyVault>,
    /// The owner's sign-in.
    pub(crate) owner: ReadyOwner,
    /// The variables that clients need.
    pub(crate) env: BTreeMap<String, SecretValue>,
}

/// A vault.
#[derive(Deserialize)]
pub(crate) struct ReadyVault {
    /// Its name.
    pub(crate) name: String,
}

/// The owner's sign-in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyOwner {
    /// Who.
    pub(crate) client_id: String,
    /// The proof.
    pub(crate) client_secret: SecretValue,
}

impl ReadyFile {
    /// Reads a ready file.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let json = std::fs::read(path).map(Zeroizing::new).map_err(|error| match error.kind() {
            ErrorKind::NotFound => CliError::Failed(format!(
                "there is no ready file {shown}: start `strongroom dev`, or name its file by \
                 --ready-file or its directory by --data"
            )),
            ErrorKind::PermissionDenied => CliError::Denied(format!(
                "{shown} may only be read by the user that runs the server: run this as that user"
            )),
            _ => CliError::Failed(format!("{shown} cannot be read: {error}")),
        })?;
        // serde_json's own text could repeat a value of the file.
        serde_json::from_slice(&json).map_err(|error| {
            CliError::Failed(format!(
                "{shown} is no ready file (line {}): let `strongroom dev` write it again",
                error.line()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r#"{"base":"localhost","port":8443,"pid":1,"tenantId":"t",
        "subscriptionId":"s","resourceGroup":"dev","location":"local","caFile":"/d/ca.pem",
        "vaults":[{"name":"dev","url":"https://dev.vault.localhost:8443","resourceId":"/r"}],
        "owner":{"clientId":"c","clientSecret":"planted","objectId":"o"},
        "env":{"AZURE_TENANT_ID":"adfs","AZURE_CLIENT_SECRET":"planted"}}"#;

    #[test]
    fn the_contracts_file_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CONTRACT).unwrap();
        let ready = ReadyFile::read(file.path()).unwrap();
        assert_eq!((ready.base.as_str(), ready.port), ("localhost", 8443));
        assert_eq!(ready.vaults[0].name, "dev");
        assert_eq!(ready.owner.client_secret.expose(), "planted");
        assert_eq!(ready.env["AZURE_TENANT_ID"].expose(), "adfs");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CONTRACT.replace("8443", "\"planted\"")).unwrap();
        let refused = ReadyFile::read(file.path()).err().unwrap().to_string();
        assert!(refused.contains("line 1") && !refused.contains("planted"), "{refused}");
        let absent = ReadyFile::read(Path::new("/nowhere/ready.json")).err().unwrap();
        assert!(absent.to_string().contains("strongroom dev"));
    }
}
