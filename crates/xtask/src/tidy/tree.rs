//! The project's text files, read once for all checks.

use std::fs;
use std::path::Path;

/// Folders that hold nothing written here.
const SKIPPED: &[&str] =
    &["target", ".git", "node_modules", ".venv", "strongroom-data", "__pycache__", ".pytest_cache"];

/// One text file; `path` is relative to the root and uses `/`.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// Every text file of the project.
pub(super) struct Tree {
    pub(super) sources: Vec<Source>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let mut sources = Vec::new();
        read_folder(root, "", &mut sources)?;
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { sources })
    }

    /// The text of one file, if it is there.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.sources.iter().find(|source| source.path == path).map(|source| source.text.as_str())
    }

    /// Files with one of these endings.
    pub(super) fn with_ending<'a>(
        &'a self,
        endings: &'a [&str],
    ) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(|source| endings.iter().any(|end| source.path.ends_with(end)))
    }

    /// The Rust files below a folder.
    pub(super) fn rust_under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a Source> {
        self.with_ending(&[".rs"]).filter(move |source| source.path.starts_with(folder))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let source = |(path, text): &(&str, &str)| Source {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self { sources: files.iter().map(source).collect() }
    }
}

fn read_folder(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<(), String> {
    let unreadable = |error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            read_folder(&entry.path(), &path, sources)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            sources.push(Source { path, text });
        }
    }
    Ok(())
}
