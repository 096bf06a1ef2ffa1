//! The steps on our own source: format, tidy, lints, dependencies, unit tests, release build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cargo;
use super::compat::RUST_MANIFEST;
use super::counts::Counts;
use super::fuzz;
use super::step::{Outcome, Place};
use super::tools;

pub(super) fn format(place: &Place) -> Outcome {
    let ours = cargo(place, &["fmt", "--all", "--", "--check", "-l"]);
    let other =
        |manifest| cargo(place, &["fmt", "--manifest-path", manifest, "--", "--check", "-l"]);
    let check = |mut command: Command| {
        place.succeed(&mut command).map_err(|files| format!("run `cargo fmt --all`:\n{files}"))
    };
    let others = [RUST_MANIFEST, fuzz::MANIFEST].map(other);
    Outcome::of([ours].into_iter().chain(others).try_for_each(check))
}

pub(super) fn tidy(place: &Place) -> Outcome {
    let passed = crate::tidy::run(place.root());
    Outcome::of(if passed { Ok(()) } else { Err("the problems stand above".into()) })
}

pub(super) fn clippy(place: &Place) -> Outcome {
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    Outcome::of(place.succeed(&mut cargo(place, &lints)))
}

/// Bans, licences and sources need no network. Advisories need their database, which is not ours
/// to fetch: they are checked where one is present, and reported as not run elsewhere.
pub(super) fn dependencies(place: &Place) -> Outcome {
    // Every platform's packages are judged, so every platform's must lie here.
    let fetched = place.succeed(&mut cargo(place, &["fetch", "--locked"]));
    let deny = match fetched.and_then(|()| tools::cargo_deny(place)) {
        Ok(deny) => deny,
        Err(why) => return Outcome::Failed(Counts::default(), why),
    };
    let mut checks = vec!["bans", "licenses", "sources"];
    if advisory_database().is_some_and(|folder| folder.is_dir()) {
        checks.push("advisories");
    } else {
        println!("      advisories: NOT RUN, no advisory database on this machine");
    }
    let mut command = Command::new(deny);
    command.current_dir(place.root()).args(["--offline", "check"]).args(checks);
    Outcome::of(place.succeed(&mut command))
}

fn advisory_database() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    home.map(|home| home.join("advisory-dbs"))
}

/// Unit and integration tests: with cargo-nextest where it is installed, else cargo's own runner.
pub(super) fn unit(place: &Place) -> Outcome {
    let runner: &[&str] = if tools::answers("cargo-nextest") {
        &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--all-targets", "--locked", "--no-fail-fast"]
    };
    if let Err(why) = tools::formats(place) {
        // The tests that need it fail, and say so; the others run.
        println!("      unit: {why}");
    }
    let mut command = cargo(place, runner);
    deep(place, &mut command);
    Outcome::of_tests(place.run(&mut command), Counts::of_rust)
}

/// Examples in the documentation of libraries, where there are any.
pub(super) fn documentation(place: &Place) -> Outcome {
    if !has_examples(&place.root().join("crates")) {
        println!("      documentation: no example to run");
        return Outcome::Ran(Counts::default());
    }
    let mut command = cargo(place, &["test", "--doc", "--workspace", "--locked"]);
    match place.run(&mut command) {
        Ok(log) => Outcome::Ran(Counts::of_rust(&log)),
        failed => Outcome::of_tests(failed, Counts::of_rust),
    }
}

pub(super) fn release(place: &Place) -> Outcome {
    let build = ["build", "--release", "--locked", "--package", "strongroom"];
    Outcome::of(place.succeed(&mut cargo(place, &build)))
}

/// Long tests read this variable.
pub(super) fn deep(place: &Place, command: &mut Command) {
    if place.deep {
        command.env("STRONGROOM_DEEP", "1");
    }
}

fn has_examples(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        let rust = path.extension().is_some_and(|ending| ending == "rs");
        let fence = |text: String| {
            let mut lines = text.lines().map(str::trim);
            lines.any(|line| line.starts_with("/// ```") || line.starts_with("//! ```"))
        };
        path.is_dir() && has_examples(&path) || rust && fs::read_to_string(&path).is_ok_and(fence)
    })
}
