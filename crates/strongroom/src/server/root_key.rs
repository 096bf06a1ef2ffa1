//! Where the root key's protector comes from.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use strongroom_crypto::SecretBytes;
use strongroom_model::InstallationId;
use strongroom_seal::Protector;
use strongroom_seal::protector::{create_key_file, read_key_file};

use crate::config::RootKeySection;
use crate::error::CliError;

/// The longest passphrase, in bytes.
const MAX_PASSPHRASE: u64 = 1_024;

/// File systems that do not outlive a container or a reboot.
const EPHEMERAL: [&str; 5] = ["overlay", "aufs", "fuse-overlayfs", "tmpfs", "ramfs"];

/// Whether a root key must be made or must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    First,
    Later,
}

/// The protector that a configuration names; at the first start a key file is made if absent.
///
/// # Errors
/// [`CliError::Failed`], naming the file or credential.
pub(crate) fn configured(section: &RootKeySection, start: Start) -> Result<Protector, CliError> {
    if let Some(file) = &section.file {
        return key_file(file, start);
    }
    if let Some(name) = &section.credential {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
            CliError::failed(
                "root_key.credential is set, but CREDENTIALS_DIRECTORY is not: start under \
                 systemd with LoadCredential=",
            )
        })?;
        if name.contains('/') {
            return Err(CliError::failed("root_key.credential is a name, not a path"));
        }
        return read_key_file(&Path::new(&folder).join(name))
            .map(Protector::Key)
            .map_err(CliError::failed);
    }
    let Some(file) = &section.passphrase_file else {
        return Err(CliError::failed("the configuration names no root key"));
    };
    let passphrase = read_passphrase(file)?;
    match start {
        Start::First => Protector::passphrase(passphrase).map_err(CliError::failed),
        Start::Later => Ok(Protector::Passphrase(passphrase)),
    }
}

/// A key file, made at the first start if it is not there.
///
/// # Errors
/// [`CliError::Failed`], naming the file.
pub(crate) fn key_file(path: &Path, start: Start) -> Result<Protector, CliError> {
    let key = if start == Start::First && !path.exists() {
        create_key_file(path)
    } else {
        read_key_file(path)
    };
    key.map(Protector::Key).map_err(|error| {
        CliError::Failed(format!(
            "{error}. The data directory and its root key belong together: moving one needs both"
        ))
    })
}

fn read_passphrase(file: &Path) -> Result<SecretBytes, CliError> {
    let failed = |e: std::io::Error| {
        CliError::Failed(format!("cannot read the passphrase from {}: {e}", file.display()))
    };
    let mut bytes = Vec::with_capacity(usize::try_from(MAX_PASSPHRASE).unwrap_or(1_024));
    if file == Path::new("-") {
        std::io::stdin().take(MAX_PASSPHRASE).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let opened = std::fs::File::open(file).map_err(failed)?;
        if opened.metadata().map_err(failed)?.mode() & 0o077 != 0 {
            return Err(CliError::Failed(format!(
                "others may read the passphrase in {}: run `chmod 600` on it",
                file.display()
            )));
        }
        opened.take(MAX_PASSPHRASE).read_to_end(&mut bytes).map_err(failed)?;
    }
    while bytes.last().is_some_and(|b| *b == b'\n' || *b == b'\r') {
        bytes.pop();
    }
    Ok(SecretBytes::new(bytes))
}

/// Where `dev` keeps the root key of an installation: outside its data directory, so that a copy
/// of one is not a copy of both.
///
/// # Errors
/// [`CliError::Failed`] when the user has no home.
pub(crate) fn default_path(installation: InstallationId) -> Result<PathBuf, CliError> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .ok_or_else(|| {
            CliError::failed("neither XDG_STATE_HOME nor HOME is set: say --root-key FILE")
        })?;
    Ok(state.join("strongroom").join(installation.to_string()).join("root.key"))
}

/// Refuses the default place where it would not outlive the data: in a container, or when the
/// data directory is a volume of its own.
///
/// # Errors
/// [`CliError::Failed`], saying what to give.
pub(crate) fn check_default_is_durable(data: &Path) -> Result<(), CliError> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let is_volume = mounts.lines().any(|line| mount_point(line) == data.to_str());
    let ephemeral = mounts
        .lines()
        .filter(|line| mount_point(line) == Some("/"))
        .any(|line| file_system(line).is_some_and(|kind| EPHEMERAL.contains(&kind)));
    if is_volume || ephemeral {
        return Err(CliError::Failed(format!(
            "this looks like a container ({}): a root key in the home directory would be lost with \
             it. Say where durable storage is, apart from the data: --root-key FILE",
            if is_volume { "the data directory is a volume" } else { "/ is ephemeral" }
        )));
    }
    Ok(())
}

/// The fifth field of a line of mountinfo (proc(5)).
fn mount_point(line: &str) -> Option<&str> {
    line.split(' ').nth(4)
}

/// The field after the separator of a line of mountinfo.
fn file_system(line: &str) -> Option<&str> {
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_is_read() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(mount_point(line), Some("/mnt2"));
        assert_eq!(file_system(line), Some("ext3"));
    }
}
