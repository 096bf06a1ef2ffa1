//! Where an installation lies on this machine.

use std::path::{Path, PathBuf};

use clap::Args;

use super::ready::ReadyFile;
use crate::error::CliError;

/// The data directory of a `dev` that names none.
const DEFAULT_DATA: &str = "strongroom-data";
const READY_FILE: &str = "ready.json";

/// The installation, by its ready file.
#[derive(Args, Clone, Default)]
pub(crate) struct Place {
    #[command(flatten)]
    data: DataDir,
    /// The file that `dev` wrote when it could serve [default: ready.json in the data directory].
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// The installation, by its data directory.
#[derive(Args, Clone, Default)]
pub(crate) struct DataDir {
    /// The data directory [default: ./strongroom-data].
    #[arg(long, value_name = "DIR", env = "STRONGROOM_DATA")]
    data: Option<PathBuf>,
}

impl Place {
    /// Whether the user named it, instead of leaving it to the defaults.
    pub(crate) fn is_named(&self) -> bool {
        self.ready_file.is_some() || self.data.data.is_some()
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// What the ready file says. One that nobody named has to be this user's own: it may have
    /// come with the directory in which the user happens to be.
    pub(crate) fn ready(&self) -> Result<ReadyFile, CliError> {
        self.ready_from(Path::new(""))
    }

    fn ready_from(&self, here: &Path) -> Result<ReadyFile, CliError> {
        match &self.ready_file {
            Some(file) => ReadyFile::read(&here.join(file)),
            None if self.is_named() => ReadyFile::read(&here.join(self.data()).join(READY_FILE)),
            None => ReadyFile::read_own(&here.join(self.data()).join(READY_FILE)),
        }
    }
}

impl DataDir {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(DEFAULT_DATA))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const PLANTED: &str = r#"{"base":"localhost","port":8443,"tenantId":"t","caFile":"/c",
        "owner":{"clientId":"c","clientSecret":"planted"},"env":{}}"#;

    #[test]
    fn a_ready_file_that_nobody_named_is_believed_only_if_others_cannot_touch_it() {
        let here = tempfile::tempdir().unwrap();
        let data = here.path().join(DEFAULT_DATA);
        fs::create_dir(&data).unwrap();
        let file = data.join(READY_FILE);
        fs::write(&file, PLANTED).unwrap();
        let by_file = Place { ready_file: Some(file.clone()), ..Place::default() };
        let by_data = Place { data: DataDir { data: Some(data) }, ready_file: None };
        // 644 and 664 are what a checkout makes.
        for mode in [0o644, 0o664, 0o640, 0o604, 0o602, 0o620, 0o601] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let refused = Place::default().ready_from(here.path()).err().unwrap();
            assert!(matches!(refused, CliError::Denied(_)), "{mode:o}");
            let text = refused.to_string();
            assert!(text.contains("--ready-file") && !text.contains("planted"), "{text}");
            for named in [&by_file, &by_data] {
                assert!(named.ready_from(here.path()).is_ok(), "{mode:o}");
            }
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert!(Place::default().ready_from(here.path()).is_ok(), "{mode:o}");
        }
    }
}
