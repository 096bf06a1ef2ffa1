//! Rules on which crate may depend on which, read from ARCHITECTURE.md's table.

use std::collections::BTreeMap;

use super::Problem;
use super::code::{code_only, has_word};
use super::tree::Tree;

const DESIGN: &str = "ARCHITECTURE.md";

/// Cryptography belongs to `crypto`, and to `pki` for X.509.
const CRYPTOGRAPHY: &[&str] = &[
    "aes-gcm",
    "argon2",
    "aws-lc-rs",
    "aws-lc-sys",
    "blake3",
    "cbc",
    "chacha20poly1305",
    "des",
    "ed25519-dalek",
    "getrandom",
    "hkdf",
    "hmac",
    "jsonwebtoken",
    "k256",
    "openssl",
    "p12-keystore",
    "p256",
    "p384",
    "rand",
    "rc2",
    "rcgen",
    "ring",
    "rsa",
    "rustls",
    "sha1",
    "sha2",
    "tokio-rustls",
    "x509-cert",
];

/// (crate, library, why): TLS is a transport, not the vault's cryptography.
const CRYPTOGRAPHY_ALLOWED: &[(&str, &str, &str)] = &[
    ("http", "rustls", "serves TLS"),
    ("http", "tokio-rustls", "serves TLS"),
    ("outgoing", "rustls", "speaks TLS to other servers"),
    ("acme", "rustls", "looks at the TLS of who answers a challenge"),
    ("acme", "tokio-rustls", "looks at the TLS of who answers a challenge"),
    ("strongroom", "rustls", "installs the TLS provider; the command line's client"),
];

const HTTP: &[&str] = &[
    "axum",
    "h2",
    "http",
    "http-body-util",
    "hyper",
    "hyper-util",
    "reqwest",
    "tower",
    "tower-http",
];
const HTTP_CRATES: &[&str] = &["http", "arm", "graph", "identity", "portal", "strongroom"];

/// (crate, library, why)
const HTTP_ALLOWED: &[(&str, &str, &str)] = &[
    ("outgoing", "http", "the requests to other servers"),
    ("outgoing", "reqwest", "sends requests to other servers"),
    ("acme", "http", "ACME's requests, as its library makes them"),
    ("acme", "http-body-util", "ACME's requests, as its library makes them"),
    ("acme", "hyper", "looks at the answers to challenges"),
    ("acme", "hyper-util", "looks at the answers to challenges"),
];

/// A crate's manifest, reduced to what the rules ask.
struct Manifest {
    folder: String,
    path: String,
    dependencies: Vec<String>,
    dev_dependencies: Vec<String>,
}

impl Manifest {
    /// The project's own crates among the dependencies, by folder.
    fn own(dependencies: &[String]) -> impl Iterator<Item = &str> {
        dependencies.iter().filter_map(|name| name.strip_prefix("strongroom-"))
    }
}

/// Every dependency between our crates stands in the table of ARCHITECTURE.md.
pub(super) fn follow_the_table(tree: &Tree) -> Vec<Problem> {
    let Some(table) = tree.text(DESIGN).map(table).filter(|table| !table.is_empty()) else {
        let message = "needs the table `| folder | charter | may use |` of the crates";
        return vec![Problem::in_file(DESIGN, message)];
    };
    let mut problems = Vec::new();
    for manifest in manifests(tree) {
        let Some(allowed) = row(&table, &manifest.folder) else {
            let message = format!("add a row for `{}` to the table of crates", manifest.folder);
            problems.push(Problem::in_file(DESIGN, message));
            continue;
        };
        for used in Manifest::own(&manifest.dependencies) {
            if !allowed.iter().any(|name| name == used || name == "all") {
                let message = format!(
                    "`{}` may not use `{used}`: {DESIGN}'s table does not list it",
                    manifest.folder
                );
                problems.push(Problem::in_file(&manifest.path, message));
            }
        }
    }
    problems
}

/// Tests may use more than the code, but nothing that stands on the crate itself.
pub(super) fn tests_do_not_point_upward(tree: &Tree) -> Vec<Problem> {
    let manifests = manifests(tree);
    let mut problems = Vec::new();
    for manifest in &manifests {
        for used in Manifest::own(&manifest.dev_dependencies) {
            if reaches(&manifests, used, &manifest.folder) {
                let message = format!(
                    "its tests use `{used}`, which stands on `{0}`: move the test to `{used}`",
                    manifest.folder
                );
                problems.push(Problem::in_file(&manifest.path, message));
            }
        }
    }
    problems
}

pub(super) fn cryptography_stays_below(tree: &Tree) -> Vec<Problem> {
    let message = "only crypto and pki use cryptography libraries: go through them";
    let allowed = |folder: &str, library: &str| {
        ["crypto", "pki"].contains(&folder)
            || CRYPTOGRAPHY_ALLOWED.iter().any(|(f, l, _why)| *f == folder && *l == library)
    };
    libraries(tree, CRYPTOGRAPHY, allowed, message)
}

pub(super) fn http_stays_at_the_edge(tree: &Tree) -> Vec<Problem> {
    let message = "only http, arm, graph, identity and portal know HTTP: move the request there";
    let allowed = |folder: &str, library: &str| {
        HTTP_CRATES.contains(&folder)
            || HTTP_ALLOWED.iter().any(|(f, l, _why)| *f == folder && *l == library)
    };
    libraries(tree, HTTP, allowed, message)
}

/// What a crate lists, its code names; the rest is taken out.
pub(super) fn dependencies_are_used(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for manifest in manifests(tree) {
        let sources = format!("crates/{}/", manifest.folder);
        let code: Vec<String> =
            tree.rust_under(&sources).map(|source| code_only(&source.text)).collect();
        for library in &manifest.dependencies {
            let name = library.replace('-', "_");
            if !code.iter().any(|text| has_word(text, &name)) {
                let message = format!("`{library}` is named nowhere in its code: take it out");
                problems.push(Problem::in_file(&manifest.path, message));
            }
        }
    }
    problems
}

/// A reader meets a crate's duty in the first line of its `lib.rs` (or `main.rs`).
pub(super) fn charters_open_every_crate(tree: &Tree) -> Vec<Problem> {
    let is_root = |path: &str| path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    tree.with_ending(&[".rs"])
        .filter(|source| is_root(&source.path) && !source.text.starts_with("//! "))
        .map(|source| Problem::in_file(&source.path, "open with the crate's charter: `//! …`"))
        .collect()
}

fn libraries(
    tree: &Tree,
    banned: &[&str],
    allowed: impl Fn(&str, &str) -> bool,
    message: &str,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for manifest in manifests(tree) {
        for library in &manifest.dependencies {
            if banned.contains(&library.as_str()) && !allowed(&manifest.folder, library) {
                problems.push(Problem::in_file(&manifest.path, format!("{library}: {message}")));
            }
        }
    }
    problems
}

fn reaches(manifests: &[Manifest], from: &str, to: &str) -> bool {
    let Some(manifest) = manifests.iter().find(|manifest| manifest.folder == from) else {
        return false;
    };
    Manifest::own(&manifest.dependencies).any(|next| next == to || reaches(manifests, next, to))
}

fn manifests(tree: &Tree) -> Vec<Manifest> {
    tree.with_ending(&["Cargo.toml"])
        .filter_map(|source| {
            let folder = source.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            let toml: toml::Table = source.text.parse().ok()?;
            Some(Manifest {
                folder: folder.to_owned(),
                path: source.path.clone(),
                dependencies: named(&toml, &["dependencies", "build-dependencies"]),
                dev_dependencies: named(&toml, &["dev-dependencies"]),
            })
        })
        .collect()
}

/// Package names in these sections, those for one platform included.
fn named(manifest: &toml::Table, sections: &[&str]) -> Vec<String> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = platforms.into_iter().flatten().filter_map(|(_, value)| value.as_table());
    std::iter::once(manifest)
        .chain(platforms)
        .flat_map(|table| sections.iter().filter_map(|section| table.get(*section)?.as_table()))
        .flatten()
        .map(|(name, value)| package(name, value))
        .collect()
}

fn package(name: &str, value: &toml::Value) -> String {
    value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
}

/// The table's rows: folder → folders it may use.
fn table(design: &str) -> BTreeMap<String, Vec<String>> {
    design
        .lines()
        .skip_while(|line| !(line.starts_with("| folder ") && line.contains("| may use")))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            let folder = cells.first()?.split('`').nth(1)?;
            Some((folder.to_owned(), names(cells.last()?)))
        })
        .collect()
}

/// `model, authz (the proof types only)` → model, authz.
fn names(cell: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let plain: String = cell
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0 && *c != '`',
            }
            false
        })
        .collect();
    let names = plain.split([',', ';']).map(str::trim);
    names.filter(|name| name.starts_with(char::is_alphabetic)).map(str::to_owned).collect()
}

/// A row of its own, else the row of its family (`store-<engine>`).
fn row<'a>(table: &'a BTreeMap<String, Vec<String>>, folder: &str) -> Option<&'a Vec<String>> {
    let family =
        |name: &str| name.split_once('<').is_some_and(|(prefix, _)| folder.starts_with(prefix));
    table.get(folder).or_else(|| table.iter().find(|(name, _)| family(name)).map(|(_, row)| row))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Design\n\n| folder | charter | may use |\n|---|---|---|\n\
        | `strongroom` (bin) | Starts | all |\n\
        | `ops` | Operations | model, authz (the proof types, only), seal |\n\
        | `store-<engine>` | One engine | store |\n| `model` | Pure | – |\n\nMore.\n";

    fn problems(check: fn(&Tree) -> Vec<Problem>, files: &[(&str, &str)]) -> usize {
        let mut all = vec![("ARCHITECTURE.md", TABLE)];
        all.extend_from_slice(files);
        check(&Tree::of(&all)).len()
    }

    #[test]
    fn dependencies_follow_the_table() {
        let uses = |folder: &'static str, toml: &'static str| {
            let path = format!("crates/{folder}/Cargo.toml");
            problems(follow_the_table, &[(path.as_str(), toml)])
        };
        assert_eq!(uses("ops", "[dependencies]\nstrongroom-seal.workspace = true"), 0);
        assert_eq!(uses("ops", "[dependencies]\nstrongroom-http.workspace = true"), 1);
        assert_eq!(uses("model", "[dependencies]\nstrongroom-store = { path = \"..\" }"), 1);
        assert_eq!(uses("strongroom", "[dependencies]\nstrongroom-http.workspace = true"), 0);
        assert_eq!(uses("store-embedded", "[dependencies]\nstrongroom-store.workspace = true"), 0);
        assert_eq!(uses("nowhere", ""), 1);
        assert_eq!(
            uses("model", "[target.'cfg(unix)'.dependencies]\nstrongroom-ops.workspace = true"),
            1
        );
    }

    #[test]
    fn a_design_without_the_table_is_a_problem() {
        assert_eq!(follow_the_table(&Tree::of(&[])).len(), 1);
        assert_eq!(follow_the_table(&Tree::of(&[("ARCHITECTURE.md", "# Design")])).len(), 1);
    }

    #[test]
    fn tests_may_not_use_what_stands_above() {
        let model = "[dev-dependencies]\nstrongroom-ops.workspace = true";
        let ops = "[dependencies]\nstrongroom-model.workspace = true";
        let files = [("crates/model/Cargo.toml", model), ("crates/ops/Cargo.toml", ops)];
        assert_eq!(problems(tests_do_not_point_upward, &files), 1);
        assert_eq!(problems(tests_do_not_point_upward, &files[1..]), 0);
    }

    #[test]
    fn libraries_keep_their_homes() {
        let with = |check, folder: &str, library: &str| {
            let path = format!("crates/{folder}/Cargo.toml");
            let toml = format!("[dependencies]\n{library}.workspace = true");
            problems(check, &[(path.as_str(), toml.as_str())])
        };
        assert_eq!(with(cryptography_stays_below, "crypto", "aws-lc-rs"), 0);
        assert_eq!(with(cryptography_stays_below, "ops", "aws-lc-rs"), 1);
        assert_eq!(with(cryptography_stays_below, "http", "rustls"), 0);
        assert_eq!(with(cryptography_stays_below, "model", "rustls"), 1);
        assert_eq!(with(http_stays_at_the_edge, "http", "axum"), 0);
        assert_eq!(with(http_stays_at_the_edge, "ops", "axum"), 1);
        assert_eq!(with(http_stays_at_the_edge, "outgoing", "reqwest"), 0);
        assert_eq!(with(http_stays_at_the_edge, "authn", "hyper"), 1);
    }

    #[test]
    fn a_renamed_library_is_still_found() {
        let toml = "[dependencies]\ncurves = { package = \"k256\", version = \"1\" }";
        assert_eq!(problems(cryptography_stays_below, &[("crates/ops/Cargo.toml", toml)]), 1);
    }

    #[test]
    fn a_dependency_that_nothing_names_is_found() {
        let used = |code: &str| {
            let toml = "[dependencies]\nhyper-util.workspace = true";
            let files = [("crates/http/Cargo.toml", toml), ("crates/http/src/lib.rs", code)];
            problems(dependencies_are_used, &files)
        };
        assert_eq!(used("use hyper_util::rt::TokioIo;"), 0);
        assert_eq!(used("// hyper_util"), 1);
    }

    #[test]
    fn charters_open_crates() {
        let check = charters_open_every_crate;
        assert_eq!(problems(check, &[("crates/ops/src/lib.rs", "use std::fmt;")]), 1);
        assert_eq!(problems(check, &[("crates/ops/src/lib.rs", "//! Charter.")]), 0);
    }
}
