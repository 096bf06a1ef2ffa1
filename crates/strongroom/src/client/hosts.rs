//! `strongroom hosts`: names that need no resolver.
//!
//! glibc does not know that `*.localhost` is this machine unless libnss-myhostname is installed.

mod block;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use clap::Args;
use strongroom_model::VaultName;

use super::admin::AdminSocket;
use super::place::Place;
use super::ready::ReadyFile;
use super::{failure, terminal, vault};
use crate::error::CliError;

const HOSTS_FILE: &str = "/etc/hosts";

/// `strongroom hosts`
#[derive(Args)]
pub(crate) struct HostsArgs {
    #[command(flatten)]
    place: Place,
    /// Put the lines into the hosts file, in a marked block that replaces an older one.
    #[arg(long, conflicts_with = "uninstall")]
    install: bool,
    /// Take the block out again.
    #[arg(long)]
    uninstall: bool,
    /// Another vault beside those that there are.
    #[arg(long = "vault", value_name = "NAME")]
    vaults: Vec<String>,
    /// The base domain, where there is no ready file yet.
    #[arg(long, value_name = "DOMAIN")]
    base: Option<String>,
    /// The hosts file.
    #[arg(long, value_name = "FILE", default_value = HOSTS_FILE)]
    file: PathBuf,
}

/// Prints, installs or removes the lines.
pub(crate) async fn run(args: HostsArgs) -> Result<(), CliError> {
    let ready = match &args.base {
        Some(_) => None,
        None => Some(args.place.ready()?),
    };
    let base = match (&args.base, &ready) {
        (Some(base), _) => checked_base(base)?,
        (None, ready) => checked_base(ready.as_ref().map_or("", |ready| &ready.base))?,
    };
    // Two installations of one base share their names, but not their vaults.
    let mark = ready.as_ref().map_or_else(|| base.clone(), |ready| ready.tenant_id.clone());
    if args.uninstall {
        return rewrite(&args.file, |hosts| block::without(hosts, &mark));
    }
    let vaults = vaults(&args, ready.as_ref()).await?;
    let lines = block::lines(&base, &vaults);
    if args.install {
        rewrite(&args.file, |hosts| block::with(hosts, &mark, &lines))
    } else {
        terminal::print(lines.as_bytes())
    }
}

fn checked_base(base: &str) -> Result<String, CliError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if base.is_empty() || !base.chars().all(plain) {
        return Err(CliError::Usage(format!("'{}' is no domain", failure::one_line(base))));
    }
    Ok(base.to_ascii_lowercase())
}

/// The vaults: those at the start, those made since as far as the server tells, those asked for.
async fn vaults(args: &HostsArgs, ready: Option<&ReadyFile>) -> Result<BTreeSet<String>, CliError> {
    let at_start = ready.iter().flat_map(|ready| &ready.vaults).map(|vault| vault.name.clone());
    let mut names: BTreeSet<String> = at_start.chain(args.vaults.iter().cloned()).collect();
    if let Some(ready) = ready {
        let data = ready.data.as_deref().unwrap_or(args.place.data());
        // Another user, or a server that is stopped: what is known has to do.
        names.extend(vault::names(&AdminSocket::of(data)).await.unwrap_or_default());
    }
    let checked = names.iter().map(|name| VaultName::parse(name).map(|name| name.folded()));
    checked.collect::<Result<_, _>>().map_err(|error| CliError::Usage(error.to_string()))
}

fn rewrite(path: &Path, change: impl Fn(&str) -> String) -> Result<(), CliError> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => CliError::Denied(format!(
            "{} may not be written by this user: run `sudo {} hosts` with the same options",
            path.display(),
            failure::own_path()
        )),
        _ => CliError::Failed(format!("cannot write {}: {error}", path.display())),
    };
    let path = path.canonicalize().map_err(failed)?;
    let before = fs::read_to_string(&path).map_err(failed)?;
    let after = change(&before);
    if after == before {
        return Ok(());
    }
    match replace(&path, &after) {
        // In a container /etc/hosts is a mount of its own and cannot be replaced, only rewritten.
        Err(error)
            if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::CrossesDevices) =>
        {
            fs::write(&path, &after).map_err(failed)
        }
        replaced => replaced.map_err(failed),
    }
}

/// Puts a file in place of another, whole, with its owner and mode.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let old = fs::metadata(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let passing = path.with_file_name(format!(".{name}.strongroom-{}", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&passing)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        chown(&passing, Some(old.uid()), Some(old.gid()))?;
        file.sync_all()?;
        fs::rename(&passing, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&passing)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_keeps_its_mode_and_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        rewrite(&path, |hosts| block::with(hosts, "m", "::1 a\n")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o604);
        assert!(fs::read_to_string(&path).unwrap().starts_with("127.0.0.1 localhost\n"));
        rewrite(&path, |hosts| block::without(hosts, "m")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "127.0.0.1 localhost\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a passing file is left");
    }

    #[test]
    fn a_base_is_a_domain() {
        assert_eq!(checked_base("KV.Example").unwrap(), "kv.example");
        for bad in ["", "a b", "a\n127.0.0.1 evil", "a/b"] {
            assert!(checked_base(bad).is_err(), "{bad:?}");
        }
    }
}
