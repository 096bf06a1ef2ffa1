//! Rules on what Rust code may name where.

use super::Problem;
use super::code::{code_only, has_word};
use super::tree::{Source, Tree};

/// ARCHITECTURE.md, invariant 2: `model` does no I/O and reads no clock.
pub(super) fn model_is_pure(tree: &Tree) -> Vec<Problem> {
    let impure = [
        "SystemTime",
        "Instant",
        "std::fs",
        "std::env",
        "std::io",
        "std::process",
        "std::thread",
        "TcpListener",
        "TcpStream",
        "UdpSocket",
        "ToSocketAddrs",
        "tokio",
    ];
    let message = "model is pure: take the time or the bytes as an argument";
    tree.rust_under("crates/model/").flat_map(|source| words(source, &impure, message)).collect()
}

/// ARCHITECTURE.md, invariant 7: tests travel in time, so only a `Clock` may read it.
pub(super) fn time_comes_from_a_clock(tree: &Tree) -> Vec<Problem> {
    let readers = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now"];
    let message = "only a Clock (clock.rs) reads the time of day: take one as an argument";
    tree.rust_under("crates/")
        .filter(|source| !source.path.ends_with("/clock.rs"))
        .filter(|source| !source.path.starts_with("crates/xtask/"))
        .filter(|source| !source.path.contains("/tests/"))
        .flat_map(|source| words(source, &readers, message))
        .collect()
}

/// `unsafe` stays where memory is locked and wiped, so that one file is audited.
pub(super) fn unsafe_has_one_home(tree: &Tree) -> Vec<Problem> {
    let message = "unsafe lives in crates/crypto/src/ffi.rs only: find a safe way";
    tree.with_ending(&[".rs"])
        .filter(|source| source.path != "crates/crypto/src/ffi.rs")
        .flat_map(|source| words(source, &["unsafe"], message))
        .collect()
}

/// Nothing half done lands: no reminder, no stub, no test that is switched off.
pub(super) fn nothing_is_left_undone(tree: &Tree) -> Vec<Problem> {
    let reminders = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let stubs = [
        concat!("to", "do!"),
        concat!("unimpl", "emented!"),
        concat!("db", "g!"),
        concat!("#[ign", "ore"),
        concat!("pytest.mark.sk", "ip("),
        concat!("pytest.mark.xf", "ail"),
    ];
    let mut problems = Vec::new();
    for source in tree.with_ending(&[".rs", ".py", ".mjs", ".toml"]) {
        for (index, line) in source.text.lines().enumerate() {
            let reminder = reminders.iter().any(|word| has_word(line, word));
            let stub = stubs.iter().any(|stub| line.contains(stub));
            if reminder || stub {
                let message = "finish it, or file an issue and take this line out";
                problems.push(Problem::at_line(&source.path, index, message));
            }
        }
    }
    problems
}

fn words(source: &Source, banned: &[&str], message: &str) -> Vec<Problem> {
    let found = |line: &str| banned.iter().find(|word| has_word(line, word)).copied();
    code_only(&source.text)
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index, found(line)?)))
        .map(|(index, word)| Problem::at_line(&source.path, index, format!("`{word}`: {message}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(check: fn(&Tree) -> Vec<Problem>, path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn model_may_not_read_the_clock_but_may_speak_of_it() {
        let reads = "fn f() { let t = std::time::SystemTime::now(); }";
        assert_eq!(count(model_is_pure, "crates/model/src/a.rs", reads), 1);
        assert_eq!(count(model_is_pure, "crates/store/src/a.rs", reads), 0);
        assert_eq!(count(model_is_pure, "crates/model/src/a.rs", "// no SystemTime here"), 0);
    }

    #[test]
    fn only_the_clock_reads_the_time() {
        let reads = "let t = SystemTime::now();";
        assert_eq!(count(time_comes_from_a_clock, "crates/ops/src/a.rs", reads), 1);
        assert_eq!(count(time_comes_from_a_clock, "crates/ops/src/clock.rs", reads), 0);
    }

    #[test]
    fn unsafe_is_found_outside_its_home() {
        let code = "fn f() { unsafe { g() } }";
        assert_eq!(count(unsafe_has_one_home, "crates/crypto/src/ffi.rs", code), 0);
        assert_eq!(count(unsafe_has_one_home, "crates/crypto/src/sign.rs", code), 1);
        assert_eq!(count(unsafe_has_one_home, "bench/src/a.rs", "#![deny(unsafe_code)]"), 0);
    }

    #[test]
    fn reminders_and_stubs_are_found() {
        let check = nothing_is_left_undone;
        assert_eq!(count(check, "a.rs", concat!("// TO", "DO later")), 1);
        assert_eq!(count(check, "a.rs", concat!("#[ign", "ore]")), 1);
        assert_eq!(count(check, "a.rs", concat!("fn f() { to", "do!() }")), 1);
        assert_eq!(count(check, "a.rs", concat!("METHO", "DO and a to", "do list")), 0);
    }
}
