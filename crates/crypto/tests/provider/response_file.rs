//! Files of vectors as NIST's CAVS writes them: `[section]` lines, and blocks of `name = value`.

use std::collections::HashMap;
use std::path::Path;

/// One vector.
pub(crate) struct Vector {
    /// The lines in brackets above it.
    pub(crate) section: String,
    /// Its place in the file, from 1.
    pub(crate) number: usize,
    values: HashMap<String, String>,
    fails: bool,
}

impl Vector {
    /// A value as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or_else(|| panic!("no {name} in {}", self.number), String::as_str)
    }

    /// A value as bytes, from hexadecimal with or without a leading zero.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let text = self.text(name);
        let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
        hex::decode(even).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether the operation has to be refused: a line `FAIL`, or a result that begins with F.
    pub(crate) fn fails(&self) -> bool {
        self.fails || self.values.get("Result").is_some_and(|result| result.starts_with('F'))
    }
}

/// The vectors of `vectors/NAME`.
pub(crate) fn read(name: &str) -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider/vectors");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let mut vectors: Vec<Vector> = Vec::new();
    let mut section = String::new();
    for block in text.split("\n\n") {
        let lines = || block.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        if lines().any(|line| line.starts_with('[')) {
            section = lines().filter(|line| line.starts_with('[')).collect();
            continue;
        }
        let values: HashMap<_, _> = lines().filter_map(value).collect();
        if !values.is_empty() {
            let fails = lines().any(|line| line == "FAIL");
            let number = vectors.len() + 1;
            vectors.push(Vector { section: section.clone(), number, values, fails });
        }
    }
    vectors
}

fn value(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}
