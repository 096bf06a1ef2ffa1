//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md and the house style, as failing checks.
//!
//! Each check is one function over the [`Tree`] and says in its message what to do.

mod code;
mod crates;
mod lines;
mod secrets;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use tree::Tree;

/// A broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Problem {
    fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, message: message.into() }
    }

    /// `index` counts from zero, as `enumerate` does.
    fn at_line(path: &str, index: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: Some(index + 1), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

type Check = fn(&Tree) -> Vec<Problem>;

const CHECKS: &[Check] = &[
    crates::follow_the_table,
    crates::tests_do_not_point_upward,
    crates::cryptography_stays_below,
    crates::http_stays_at_the_edge,
    crates::dependencies_are_used,
    crates::charters_open_every_crate,
    sources::model_is_pure,
    sources::time_comes_from_a_clock,
    sources::unsafe_has_one_home,
    sources::nothing_is_left_undone,
    lines::files_are_short,
    lines::columns_are_few,
    lines::no_private_paths,
    lines::lock_files_name_no_host,
    secrets::keys_have_no_debug,
];

/// Prints every problem; true when there is none.
pub(crate) fn run(root: &Path) -> bool {
    match problems(root) {
        Ok(problems) => {
            for problem in &problems {
                println!("{problem}");
            }
            println!("tidy: {} checks, {} problems", CHECKS.len(), problems.len());
            problems.is_empty()
        }
        Err(error) => {
            println!("tidy: {error}");
            false
        }
    }
}

fn problems(root: &Path) -> Result<Vec<Problem>, String> {
    let tree = Tree::read(root)?;
    Ok(CHECKS.iter().flat_map(|check| check(&tree)).collect())
}
