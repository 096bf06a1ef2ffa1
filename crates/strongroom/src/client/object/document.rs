//! JSON documents among the options: themselves, or in a file.

use std::path::Path;

use serde_json::Value;

use super::file;
use crate::error::CliError;

/// The largest file that is read.
const MOST_BYTES: usize = 1024 * 1024;

/// JSON that an option gives itself or in a file, as az takes it: `FILE` or `@FILE`.
pub(crate) fn of_json_or_file(option: &str, text: &str) -> Result<Value, CliError> {
    let (source, json) = if text.trim_start().starts_with(['{', '[']) {
        (option, text.as_bytes().to_vec())
    } else {
        let path = text.strip_prefix('@').unwrap_or(text);
        (path, file::read(Path::new(path), MOST_BYTES)?.to_vec())
    };
    serde_json::from_slice(&json)
        .map_err(|error| CliError::Usage(format!("{source} is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_json_or_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"a\": 1}\n").unwrap();
        let path = file.path().to_str().unwrap();
        for given in [" {\"a\": 1}", path, &format!("@{path}")] {
            assert_eq!(of_json_or_file("--policy", given).unwrap(), json!({"a": 1}), "{given}");
        }
        assert!(matches!(of_json_or_file("--policy", "{\"a\""), Err(CliError::Usage(_))));
        assert!(matches!(of_json_or_file("--policy", "/nowhere"), Err(CliError::NotFound(_))));
    }
}
