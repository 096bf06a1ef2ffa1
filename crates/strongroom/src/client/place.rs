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

    /// What the ready file says.
    pub(crate) fn ready(&self) -> Result<ReadyFile, CliError> {
        match &self.ready_file {
            Some(file) => ReadyFile::read(file),
            None => ReadyFile::read(&self.data().join(READY_FILE)),
        }
    }
}

impl DataDir {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.data.as_deref().unwrap_or(Path::new(DEFAULT_DATA))
    }
}
