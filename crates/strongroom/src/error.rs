//! How a command ends: what it says, and its exit status.

use std::process::ExitCode;

/// Why a command did not do what it was asked for. The text is one line: what, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// It failed: exit status 1.
    #[error("{0}")]
    Failed(String),
    /// It was used wrongly: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// What it names is not there: exit status 3.
    #[error("{0}")]
    NotFound(String),
    /// The caller may not: exit status 4.
    #[error("{0}")]
    Denied(String),
    /// A change that it asks about would refuse what is allowed today: exit status 5.
    #[error("{0}")]
    Breaks(String),
}

impl CliError {
    /// A failure, from whatever says why.
    pub(crate) fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }

    /// The exit status.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Denied(_) => 4,
            Self::Breaks(_) => 5,
        })
    }
}
