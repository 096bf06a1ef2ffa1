//! Key files: one line, `strongroom-root-key-v1 <64 hexadecimal digits>`, mode 0600.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use strongroom_crypto::SymmetricKey;
use zeroize::Zeroizing;

use crate::SealError;

const LABEL: &str = "strongroom-root-key-v1";

/// Makes a key file of mode 0600, and its folders of mode 0700, durable before it returns.
///
/// # Errors
/// [`SealError::KeyFile`] if the file exists already or cannot be written.
pub fn create_key_file(path: &Path) -> Result<SymmetricKey, SealError> {
    let failed = |error: std::io::Error| {
        SealError::KeyFile(format!("cannot create the root key {}: {error}", path.display()))
    };
    let key = SymmetricKey::generate()?;
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    // Whole or not at all: a crash must not leave an empty key file that every start refuses.
    let mut passing = path.as_os_str().to_owned();
    passing.push(".new");
    let passing = Path::new(&passing);
    let _ = std::fs::remove_file(passing);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(passing)
        .map_err(failed)?;
    let digits = Zeroizing::new(hex::encode(key.expose()));
    let line = Zeroizing::new(format!("{LABEL} {}\n", *digits));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    // A link, for it does not overwrite what is there.
    let linked = std::fs::hard_link(passing, path);
    let _ = std::fs::remove_file(passing);
    linked.map_err(failed)?;
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(failed)?;
    }
    Ok(key)
}

/// Reads a key file or a systemd credential.
///
/// # Errors
/// [`SealError::KeyFile`] if it is absent, readable by others, or of another form.
pub fn read_key_file(path: &Path) -> Result<SymmetricKey, SealError> {
    let failed =
        |why: String| SealError::KeyFile(format!("the root key {}: {why}", path.display()));
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let metadata = file.metadata().map_err(|e| failed(e.to_string()))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(failed("others may read it; run `chmod 600` on it".into()));
    }
    let mut text = Zeroizing::new(String::with_capacity(256));
    file.take(200).read_to_string(&mut text).map_err(|e| failed(e.to_string()))?;
    let form = || failed(format!("it is not of the form `{LABEL} <64 hexadecimal digits>`"));
    let digits = text.trim_end().strip_prefix(LABEL).ok_or_else(form)?.trim_start();
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, &mut *bytes).map_err(|_| form())?;
    Ok(SymmetricKey::from_slice(&*bytes)?)
}
