//! The ready file: where everything is, and what a client needs to sign in.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use crate::error::CliError;

/// What the ready file says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    pub(crate) base: String,
    pub(crate) port: u16,
    pub(crate) pid: u32,
    pub(crate) tenant_id: String,
    pub(crate) subscription_id: String,
    pub(crate) resource_group: String,
    pub(crate) location: String,
    pub(crate) data: String,
    pub(crate) root_key: String,
    pub(crate) ca_file: String,
    pub(crate) ca_bundle: String,
    pub(crate) authority: String,
    pub(crate) arm: String,
    pub(crate) graph: String,
    pub(crate) portal: String,
    pub(crate) metrics: String,
    pub(crate) vaults: Vec<ReadyVault>,
    pub(crate) owner: ReadyOwner,
    pub(crate) env: Map<String, Value>,
}

/// A vault in the ready file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyVault {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) resource_id: String,
}

/// The owner's credentials. The one place where a secret of `dev` lies in clear, mode 0600.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadyOwner {
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretValue,
    pub(crate) object_id: String,
}

impl Ready {
    /// The variables that clients read.
    pub(crate) fn environment(
        owner: &ReadyOwner,
        authority: &str,
        ca_file: &str,
        ca_bundle: &str,
    ) -> Map<String, Value> {
        let variables = [
            ("AZURE_TENANT_ID", "adfs"),
            ("AZURE_CLIENT_ID", &owner.client_id),
            ("AZURE_CLIENT_SECRET", owner.client_secret.expose()),
            ("AZURE_AUTHORITY_HOST", authority),
            ("REQUESTS_CA_BUNDLE", ca_bundle),
            ("NODE_EXTRA_CA_CERTS", ca_file),
            ("SSL_CERT_FILE", ca_bundle),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
    }

    /// Writes the file, mode 0600, whole or not at all.
    ///
    /// # Errors
    /// [`CliError::Failed`], naming the file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CliError> {
        let text = serde_json::to_vec_pretty(self).map(Zeroizing::new).map_err(CliError::failed)?;
        write_private(path, &text, 0o600)
    }
}

/// Writes a file under a passing name, syncs it, and gives it its own: whole or not at all.
///
/// # Errors
/// [`CliError::Failed`], naming the file.
pub(crate) fn write_private(path: &Path, content: &[u8], mode: u32) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::Failed(format!("cannot write {}: {error}", path.display()))
    };
    let mut passing = path.as_os_str().to_owned();
    passing.push(format!(".{}.tmp", std::process::id()));
    let passing = Path::new(&passing);
    let _ = fs::remove_file(passing);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(passing)
        .map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(passing, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
