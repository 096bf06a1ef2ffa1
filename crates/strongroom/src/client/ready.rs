//! The ready file: what `dev` writes when it can serve.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
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
    /// Reads a ready file that the user named.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        Self::read_from(File::open(path).map_err(|error| unreadable(path, &error))?, path)
    }

    /// Reads a ready file if it is this user's own and closed to all others.
    pub(crate) fn read_own(path: &Path) -> Result<Self, CliError> {
        let failed = |error: io::Error| unreadable(path, &error);
        let file = File::open(path).map_err(failed)?;
        // Of the file that is open: one at the same path could be another by now.
        let found = file.metadata().map_err(failed)?;
        if !is_private(found.uid(), found.mode(), geteuid().as_raw()) {
            let shown = path.display();
            return Err(CliError::Denied(format!(
                "{shown} is not this user's alone (owner and mode 0600), so it is not believed \
                 unasked: if you trust it, name it: --ready-file {shown}"
            )));
        }
        Self::read_from(file, path)
    }

    fn read_from(mut file: File, path: &Path) -> Result<Self, CliError> {
        let shown = path.display();
        let mut json = Zeroizing::new(Vec::new());
        file.read_to_end(&mut json).map_err(|error| unreadable(path, &error))?;
        // serde_json's own text could repeat a value of the file.
        serde_json::from_slice(&json).map_err(|error| {
            CliError::Failed(format!(
                "{shown} is no ready file (line {}): let `strongroom dev` write it again",
                error.line()
            ))
        })
    }
}

/// Whether a file of this owner and mode is the user's, and nobody else may read or write it.
fn is_private(owner: u32, mode: u32, user: u32) -> bool {
    owner == user && mode & 0o077 == 0
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => CliError::Failed(format!(
            "there is no ready file {shown}: start `strongroom dev`, or name its file by \
             --ready-file or its directory by --data"
        )),
        ErrorKind::PermissionDenied => CliError::Denied(format!(
            "{shown} may only be read by the user that runs the server: run this as that user"
        )),
        _ => CliError::Failed(format!("{shown} cannot be read: {error}")),
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
    fn a_file_of_another_user_is_not_ones_own() {
        assert!(is_private(1000, 0o100_600, 1000));
        assert!(!is_private(1001, 0o100_600, 1000));
        assert!(!is_private(1001, 0o100_600, 0), "not even root believes it");
        assert!(!is_private(0, 0o100_600, 1000));
        assert!(!is_private(1000, 0o100_640, 1000));
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
