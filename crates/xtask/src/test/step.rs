//! One step: where it works, how it runs a program, what came of it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::counts::Counts;

/// What came of a step. The texts say why, and what to do.
pub(super) enum Outcome {
    Ran(Counts),
    Failed(Counts, String),
    Skipped(String),
}

impl Outcome {
    pub(super) fn of(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Ran(Counts::ONE),
            Err(why) => Self::Failed(Counts::default(), why),
        }
    }

    /// A test runner that ended well without running a test has proved nothing.
    pub(super) fn of_tests(result: Result<String, String>, read: fn(&str) -> Counts) -> Self {
        match result {
            Ok(log) if read(&log) == Counts::default() => {
                Self::Failed(Counts::default(), "no test ran".into())
            }
            Ok(log) => Self::Ran(read(&log)),
            Err(log) => Self::Failed(read(&log), tail(&log)),
        }
    }
}

/// Where a step works.
pub(super) struct Place {
    root: PathBuf,
    target: PathBuf,
    step: String,
    pub(super) deep: bool,
}

impl Place {
    pub(super) fn new(root: &Path, deep: bool) -> Self {
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
        Self { root: root.into(), target: root.join(target), step: String::new(), deep }
    }

    pub(super) fn for_step(&self, step: &str) -> Self {
        let (root, target) = (self.root.clone(), self.target.clone());
        Self { root, target, step: step.into(), deep: self.deep }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Below cargo's target folder: everything a step makes or installs.
    pub(super) fn target(&self, path: &str) -> PathBuf {
        self.target.join(path)
    }

    /// The server under test, as it is shipped.
    pub(super) fn server(&self) -> PathBuf {
        self.target("release/strongroom")
    }

    /// Runs a program to its end. Ok and Err hold all it said, on both streams.
    pub(super) fn run(&self, command: &mut Command) -> Result<String, String> {
        let path = self.target(&format!("xtask/{}.log", self.step));
        let log = open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        command.env("CARGO_TERM_COLOR", "never");
        let child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
        let ended_well = self.wait(child)?;
        let log = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        if ended_well { Ok(log) } else { Err(log) }
    }

    /// As [`Place::run`], for a program whose words matter only when it fails.
    pub(super) fn succeed(&self, command: &mut Command) -> Result<(), String> {
        self.run(command).map(|_| ()).map_err(|log| tail(&log))
    }

    fn wait(&self, mut child: std::process::Child) -> Result<bool, String> {
        const HEARTBEAT: Duration = Duration::from_secs(60);
        let begun = Instant::now();
        let mut heard = begun;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status.success()),
                Ok(None) => sleep(Duration::from_millis(50)),
                Err(error) => return Err(format!("lost the program: {error}")),
            }
            if heard.elapsed() > HEARTBEAT {
                heard = Instant::now();
                println!("      {}: still running, {} s", self.step, begun.elapsed().as_secs());
            }
        }
    }
}

/// The end of a log, where a failure stands.
pub(super) fn tail(log: &str) -> String {
    const LINES: usize = 200;
    let lines: Vec<&str> = log.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(LINES)).copied().collect::<Vec<_>>().join("\n")
}

fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_without_tests_has_failed() {
        let outcome = Outcome::of_tests(Ok("nothing".into()), Counts::of_python);
        assert!(matches!(outcome, Outcome::Failed(..)));
        let outcome = Outcome::of_tests(Ok("1 passed in 1s".into()), Counts::of_python);
        assert!(matches!(outcome, Outcome::Ran(Counts { passed: 1, failed: 0 })));
    }

    #[test]
    fn the_tail_is_the_end() {
        let log: String = (0..300).map(|n| format!("{n}\n")).collect();
        assert!(tail(&log).starts_with("100\n") && tail(&log).ends_with("299"));
    }
}
