//! `cargo xtask bench`: the whole measurement, on binaries built as they are shipped.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything after `bench` is the suite's, `--quick` for one.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds both programs and measures one against the other; true when every goal is reached.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> bool {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let release = root.join(target).join("release");
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked"]);
    build.args(["--package", "strongroom", "--package", "strongroom-bench"]);
    let mut suite = Command::new(release.join("strongroom-bench"));
    suite.arg("suite").arg("--strongroom").arg(release.join("strongroom"));
    suite.arg("--out").arg(release.join("bench.json")).args(&arguments.rest);
    succeeds(root, &mut build) && succeeds(root, &mut suite)
}

fn succeeds(root: &Path, command: &mut Command) -> bool {
    match command.current_dir(root).status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cannot start {}: {error}", command.get_program().display());
            false
        }
    }
}
