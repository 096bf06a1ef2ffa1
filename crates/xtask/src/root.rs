//! Where the project lies.

use std::env;
use std::path::{Path, PathBuf};

/// The workspace's folder: two above this crate when cargo runs it, else where we stand.
pub(crate) fn find() -> Result<PathBuf, String> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(manifest) => PathBuf::from(manifest),
        None => env::current_dir().map_err(|error| format!("no current directory: {error}"))?,
    };
    start
        .ancestors()
        .find(|folder| folder.join("crates/xtask").is_dir())
        .map(Path::to_path_buf)
        .ok_or_else(|| "run this inside Strongroom's source tree: crates/xtask not found".into())
}
