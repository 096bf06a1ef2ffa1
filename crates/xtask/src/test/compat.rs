//! The official Azure SDKs, unmodified, against the server as it is shipped.

use std::process::Command;

use super::cargo;
use super::counts::Counts;
use super::project::deep;
use super::step::{Outcome, Place};
use super::tools;

/// A workspace of its own: the SDK's dependencies are no part of Strongroom's tree.
pub(super) const RUST_MANIFEST: &str = "tests/compat/rust/Cargo.toml";

/// The Python tests that run `az`.
const WITH_AZ: &[&str] = &["test_az.py", "test_tasks.py"];

/// More workers than cores: tests wait more than they compute. The tests of a file stay with one
/// worker, and so with the one server of the file.
const WORKERS: [&str; 3] = ["--numprocesses=3", "--dist=loadfile", "--max-worker-restart=0"];

pub(super) fn python(place: &Place) -> Outcome {
    let suite = place.root().join("tests/compat/python");
    let python = tools::python(place, &suite.join("requirements.txt"));
    match python.and_then(|python| {
        tools::formats(place)?;
        tools::acme_authorities(place)?;
        tools::acme_clients(place)?;
        tools::web_server(place)?;
        Ok(python)
    }) {
        Err(why) => Outcome::Skipped(why),
        Ok(python) => {
            let mut command = Command::new(python);
            command.current_dir(&suite).args(["-m", "pytest", "-p", "no:cacheprovider"]);
            command.args(WORKERS);
            against_server(place, &mut command, Counts::of_python)
        }
    }
}

/// `az` is large and slow, and so a step of its own.
pub(super) fn az(place: &Place) -> Outcome {
    let suite = place.root().join("tests/compat/python");
    let python = tools::python(place, &suite.join("requirements.txt"));
    let installed = python.and_then(|python| {
        tools::json_query(place)?;
        Ok((python, tools::azure_cli(place)?))
    });
    match installed {
        Err(why) => Outcome::Skipped(why),
        Ok((python, az)) => {
            let mut command = Command::new(python);
            command.current_dir(&suite).env("STRONGROOM_AZ", az);
            command.args(["-m", "pytest", "-p", "no:cacheprovider"]).args(WITH_AZ);
            against_server(place, &mut command, Counts::of_python)
        }
    }
}

pub(super) fn javascript(place: &Place) -> Outcome {
    let suite = place.root().join("tests/compat/javascript");
    match tools::javascript(place, &suite) {
        Err(why) => Outcome::Skipped(why),
        Ok(folder) => {
            let mut command = Command::new("node");
            command.current_dir(folder).arg("run.mjs");
            against_server(place, &mut command, Counts::of_javascript)
        }
    }
}

pub(super) fn rust(place: &Place) -> Outcome {
    let mut command = cargo(place, &["run", "--locked", "--manifest-path", RUST_MANIFEST]);
    command.env("CARGO_TARGET_DIR", place.target("compat/rust"));
    against_server(place, &mut command, Counts::of_rust)
}

fn against_server(place: &Place, command: &mut Command, read: fn(&str) -> Counts) -> Outcome {
    let server = place.server();
    if !server.is_file() {
        let why = format!("{} is missing: run the step `release` first", server.display());
        return Outcome::Failed(Counts::default(), why);
    }
    deep(place, command);
    command.env("STRONGROOM_BIN", server);
    Outcome::of_tests(place.run(command), read)
}
