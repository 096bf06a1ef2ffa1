//! The TXT records of DNS-01: set by a hook, or by dynamic updates.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::AcmeError;
use crate::directory::DnsSettings;
use crate::error::shortened;
use crate::rfc2136::Updates;

/// How long a hook may run.
const HOOK: Duration = Duration::from_secs(30);

/// Sets and removes TXT records.
pub(crate) enum DnsRecords {
    Hook(PathBuf),
    Update(Updates),
}

/// What is to happen with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Add,
    Remove,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

impl DnsRecords {
    pub(crate) fn new(settings: DnsSettings) -> Result<Self, AcmeError> {
        Ok(match settings {
            DnsSettings::Hook(path) if path.is_absolute() => Self::Hook(path),
            DnsSettings::Hook(path) => {
                let why = format!("the hook {} must be an absolute path", path.display());
                return Err(AcmeError::Settings(why));
            }
            DnsSettings::Update { server, zone, key } => {
                Self::Update(Updates::new(server, &zone, &key)?)
            }
        })
    }

    /// Whether the records of a name can be set here.
    pub(crate) fn covers(&self, fqdn: &str) -> bool {
        match self {
            Self::Hook(_) => true,
            Self::Update(updates) => updates.covers(fqdn),
        }
    }

    /// Adds or removes one record; others of the same name stay.
    pub(crate) async fn change(
        &self,
        change: Change,
        fqdn: &str,
        value: &str,
    ) -> Result<(), AcmeError> {
        match self {
            Self::Hook(path) => run(path, change, fqdn, value).await,
            Self::Update(updates) => updates.change(change, fqdn, value).await,
        }
    }
}

/// Runs a hook: with nothing of our environment but `PATH`, and no shell in between.
async fn run(path: &Path, change: Change, fqdn: &str, value: &str) -> Result<(), AcmeError> {
    let failed = |why: String| {
        let word = change.word();
        AcmeError::Challenge(format!("{} {word} {fqdn}: {why}", path.display()))
    };
    let mut command = tokio::process::Command::new(path);
    command.args([change.word(), fqdn, value]).env_clear().kill_on_drop(true);
    if let Some(search) = std::env::var_os("PATH") {
        command.env("PATH", search);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = tokio::time::timeout(HOOK, command.output())
        .await
        .map_err(|_| failed(format!("it ran longer than {} s", HOOK.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(shortened(&format!("{}: {}", output.status, said.trim()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn hook(dir: &Path, script: &str) -> DnsRecords {
        let path = dir.join("hook");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        DnsRecords::new(DnsSettings::Hook(path)).unwrap()
    }

    #[tokio::test]
    async fn a_hook_gets_its_arguments_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let seen = dir.path().join("seen");
        let records = hook(dir.path(), &format!("printf '%s\\n' \"$@\" > {}", seen.display()));
        let name = "_acme-challenge.a;touch $HOME `b`";
        records.change(Change::Add, name, "v w").await.unwrap();
        let seen = std::fs::read_to_string(seen).unwrap();
        assert_eq!(seen, format!("add\n{name}\nv w\n"));
    }

    #[tokio::test]
    async fn a_hook_that_fails_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let records = hook(dir.path(), "echo 'no such zone' >&2; exit 3");
        let failed = records.change(Change::Remove, "_acme-challenge.a", "v").await.unwrap_err();
        assert!(failed.to_string().contains("no such zone"), "{failed}");
        assert!(!failed.is_final(), "the operator can repair it while the order waits");
        let relative = DnsRecords::new(DnsSettings::Hook("hook".into()));
        assert!(matches!(relative, Err(AcmeError::Settings(_))));
    }
}
