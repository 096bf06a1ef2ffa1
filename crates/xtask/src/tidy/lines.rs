//! Rules on text: lengths, and what may not be written anywhere.

use super::Problem;
use super::tree::Tree;

const MOST_LINES: usize = 600;
const MOST_COLUMNS: usize = 100;
const PROGRAMS: &[&str] = &[".rs", ".py", ".mjs", ".sh"];

pub(super) fn files_are_short(tree: &Tree) -> Vec<Problem> {
    let problem = |path: &str, lines: usize| {
        let message = format!("{lines} lines, at most {MOST_LINES}: split it where two names fit");
        Problem::in_file(path, message)
    };
    tree.with_ending(PROGRAMS)
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| problem(&source.path, lines))
        .collect()
}

pub(super) fn columns_are_few(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in tree.with_ending(PROGRAMS) {
        for (index, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > MOST_COLUMNS {
                let message = format!("{columns} columns, at most {MOST_COLUMNS}: break the line");
                problems.push(Problem::at_line(&source.path, index, message));
            }
        }
    }
    problems
}

/// Whether an absolute path is in the line, and not a folder of that name within another path.
fn begins_at(line: &str, path: &str) -> bool {
    let within = |c: char| c.is_alphanumeric() || "_-.~".contains(c);
    let mut before: Vec<&str> = line.split(path).collect();
    before.pop();
    before.iter().any(|text| !text.ends_with(within))
}

/// A path of the author's machine means nothing on the reader's.
pub(super) fn no_private_paths(tree: &Tree) -> Vec<Problem> {
    let private = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "helpers")];
    let mut problems = Vec::new();
    for source in &tree.sources {
        for (index, line) in source.text.lines().enumerate() {
            if private.iter().any(|path| begins_at(line, path)) {
                let message = "a path of one machine: write it relative to the project";
                problems.push(Problem::at_line(&source.path, index, message));
            }
        }
    }
    problems
}

/// npm writes the host a package came from unless told not to; another mirror would then fail.
pub(super) fn lock_files_name_no_host(tree: &Tree) -> Vec<Problem> {
    tree.with_ending(&["package-lock.json"])
        .filter(|source| source.text.contains("\"resolved\": \"http"))
        .map(|source| {
            let message = "names a registry host: npm install --omit-lockfile-registry-resolved";
            Problem::in_file(&source.path, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(check: fn(&Tree) -> Vec<Problem>, path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn length_is_limited_in_programs_only() {
        assert_eq!(count(files_are_short, "a.rs", &"\n".repeat(600)), 0);
        assert_eq!(count(files_are_short, "a.rs", &"\n".repeat(601)), 1);
        assert_eq!(count(columns_are_few, "a.rs", &"ü".repeat(100)), 0);
        assert_eq!(count(columns_are_few, "a.py", &"x".repeat(101)), 1);
        assert_eq!(count(columns_are_few, "a.md", &"x".repeat(101)), 0);
    }

    #[test]
    fn private_paths_are_found_anywhere() {
        assert_eq!(count(no_private_paths, "a.md", concat!("see /wo", "rk/x")), 1);
        assert_eq!(count(no_private_paths, "a.md", "network/x and /var/work"), 0);
    }

    #[test]
    fn lock_files_with_hosts_are_found() {
        let named = "{\"resolved\": \"https://example.org/a.tgz\"}";
        assert_eq!(count(lock_files_name_no_host, "a/package-lock.json", named), 1);
        assert_eq!(count(lock_files_name_no_host, "a/package-lock.json", "{}"), 0);
    }
}
