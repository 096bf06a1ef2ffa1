//! ARCHITECTURE.md, invariant 3: what is secret can be neither printed nor serialised by accident.

use super::Problem;
use super::code::code_only;
use super::tree::Tree;

const HOMES: &[&str] = &["crates/crypto/src/", "crates/seal/src/"];

/// In `crypto` and `seal`, a type whose name says key or secret derives neither.
pub(super) fn keys_have_no_debug(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in HOMES.iter().flat_map(|home| tree.rust_under(home)) {
        let mut derived = String::new();
        for (index, line) in code_only(&source.text).lines().enumerate() {
            let line = line.trim();
            if let Some(name) = declared_type(line) {
                if is_secret(name) && prints(&derived) {
                    let message = format!("{name} is secret: derive neither Debug nor Serialize");
                    problems.push(Problem::at_line(&source.path, index, message));
                }
                derived.clear();
            } else if line.starts_with("#[derive") || !derived.is_empty() {
                derived.push_str(line);
            }
            if line.ends_with(['}', ';']) {
                derived.clear();
            }
        }
    }
    problems
}

fn declared_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    matches!(words.next(), Some("struct" | "enum")).then_some(())?;
    words.next()?.split(|c: char| !c.is_alphanumeric()).next()
}

fn is_secret(name: &str) -> bool {
    let public = ["PublicKey", "VerifyingKey"].iter().any(|end| name.ends_with(end));
    !public && (name.ends_with("Key") || name.contains("Secret") || name.contains("Passphrase"))
}

fn prints(derived: &str) -> bool {
    let mut words = derived.split(|c: char| !c.is_alphanumeric());
    words.any(|word| matches!(word, "Debug" | "Serialize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        keys_have_no_debug(&Tree::of(&[("crates/seal/src/a.rs", text)])).len()
    }

    #[test]
    fn a_secret_type_that_prints_is_found() {
        assert_eq!(
            count("#[derive(Clone, Debug)]\n/// Doc.\npub(crate) struct VaultKey([u8; 32]);"),
            1
        );
        assert_eq!(count("#[derive(serde::Serialize)]\nenum SecretForm { A }"), 1);
        assert_eq!(count("#[derive(\n    Clone,\n    Debug,\n)]\nstruct RootKey {\n}"), 1);
    }

    #[test]
    fn public_and_silent_types_pass() {
        assert_eq!(count("#[derive(Debug)]\npub struct PublicKey(Vec<u8>);"), 0);
        assert_eq!(count("#[derive(Debug)]\npub struct KeyGeneration(u32);"), 0);
        assert_eq!(count("#[derive(Clone)]\npub struct VaultKey([u8; 32]);"), 0);
        assert_eq!(count("#[derive(Debug)]\npub struct A;\npub struct VaultKey([u8; 32]);"), 0);
    }
}
