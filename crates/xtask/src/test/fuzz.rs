//! Coverage-guided fuzzing of what reads untrusted bytes: `fuzz/`, by libFuzzer.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use super::counts::Counts;
use super::step::{Outcome, Place, tail};
use super::tools;

/// A workspace of its own: all that it builds is instrumented.
pub(super) const MANIFEST: &str = "fuzz/Cargo.toml";

/// Overrides [`SECONDS`].
const SECONDS_VARIABLE: &str = "STRONGROOM_FUZZ_SECONDS";

/// For how long each target runs, in seconds.
const SECONDS: u32 = 60;

/// How many targets run at once.
const AT_ONCE: usize = 2;

/// The longest that one input may take, in seconds.
const MAX_SECONDS_PER_INPUT: u32 = 10;

/// The longest input, in bytes: a release policy may have 32 KiB.
const MAX_INPUT_BYTES: u32 = 34 * 1024;

/// Builds the targets once, and runs each.
pub(super) fn fuzz(place: &Place) -> Outcome {
    let fuzzer = match Fuzzer::new(place) {
        Ok(fuzzer) => fuzzer,
        Err(why) => return Outcome::Failed(Counts::default(), why),
    };
    let results = fuzzer.run_all();
    let passed = results.iter().filter(|result| result.is_ok()).count();
    let counts = Counts { passed, failed: results.len() - passed };
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    match counts {
        Counts { passed: 0, failed: 0 } => Outcome::Failed(counts, "no target ran".into()),
        Counts { failed: 0, .. } => Outcome::Ran(counts),
        _ => Outcome::Failed(counts, failures.join("\n")),
    }
}

struct Fuzzer<'a> {
    place: &'a Place,
    /// Where the built targets are.
    programs: PathBuf,
    /// The names of the targets.
    targets: Vec<String>,
    seconds: u32,
}

impl<'a> Fuzzer<'a> {
    fn new(place: &'a Place) -> Result<Self, String> {
        let seconds = seconds(env::var(SECONDS_VARIABLE).ok())?;
        let targets = targets(&place.root().join("fuzz/targets"))?;
        let programs = build(place)?;
        Ok(Self { place, programs, targets, seconds })
    }

    fn run_all(&self) -> Vec<Result<(), String>> {
        println!("      fuzz: {} targets, {} s each", self.targets.len(), self.seconds);
        let queue = Mutex::new(self.targets.iter());
        let next = || queue.lock().ok()?.next();
        let work = || std::iter::from_fn(next).map(|target| self.run(target)).collect();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let panicked = |_| vec![Err("a thread of the fuzzer panicked".to_owned())];
            let results = workers.into_iter().map(|w| w.join().unwrap_or_else(panicked));
            results.collect::<Vec<Vec<_>>>().concat()
        })
    }

    /// One target, from its seeds, from what earlier runs have found, and from what has crashed it.
    fn run(&self, target: &str) -> Result<(), String> {
        let found = self.place.target(&format!("fuzz/corpus/{target}"));
        let crashes = self.place.target(&format!("fuzz/crashes/{target}"));
        for folder in [&found, &crashes] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let fuzz = self.place.root().join("fuzz");
        let mut command = Command::new(self.programs.join(target));
        command.args([&found, &fuzz.join("corpus").join(target), &crashes]);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-timeout={MAX_SECONDS_PER_INPUT}"));
        command.arg(format!("-max_len={MAX_INPUT_BYTES}"));
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        let dictionary = fuzz.join(format!("dictionaries/{target}.dict"));
        command.arg(format!("-dict={}", dictionary.display()));
        let log = self.place.for_step(&format!("fuzz-{target}")).run(&mut command);
        let log = log.map_err(|log| format!("{target}: {}", tail(&log)))?;
        let summary = summary(&log).ok_or_else(|| format!("{target} did not come to its end"))?;
        println!("      {target}: {summary}");
        Ok(())
    }
}

/// The folder of the built targets. What the compiler is told is in `fuzz/.cargo/config.toml`.
fn build(place: &Place) -> Result<PathBuf, String> {
    if !tools::answers("c++") {
        tools::debian(place, &["g++"])?;
    }
    let target = place.target("fuzz");
    let mut command = Command::new("cargo");
    command.current_dir(place.root().join("fuzz")).args(["build", "--release", "--locked"]);
    command.env("CARGO_TARGET_DIR", &target);
    for overriding in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        command.env_remove(overriding);
    }
    place.succeed(&mut command)?;
    let host = place.run(Command::new("rustc").args(["--print", "host-tuple"]))?;
    Ok(target.join(host.trim()).join("release"))
}

fn seconds(given: Option<String>) -> Result<u32, String> {
    let Some(given) = given else { return Ok(SECONDS) };
    let number = given.parse().ok().filter(|seconds| *seconds > 0);
    number.ok_or_else(|| format!("{SECONDS_VARIABLE} is no number of seconds: {given}"))
}

fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut targets: Vec<_> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
    targets.sort();
    Ok(targets)
}

/// libFuzzer's last line, `#4711 DONE   cov: 1101 ft: 2039 corp: 7/3608b lim: 767 exec/s: 78 …`.
fn summary(log: &str) -> Option<String> {
    let done = log.lines().rev().find(|line| line.contains("\tDONE "))?;
    let after = |name: &str| done.split_once(name)?.1.split_whitespace().next();
    let executions = done.strip_prefix('#')?.split('\t').next()?;
    let (rate, edges, corpus) = (after("exec/s:")?, after("cov:")?, after("corp:")?);
    let inputs = corpus.split('/').next()?;
    Some(format!("{executions} executions, {rate}/s; {edges} edges, {inputs} inputs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_run_is_understood() {
        let log = "#2\tINITED cov: 9 ft: 9 corp: 1/1b exec/s: 0 rss: 35Mb\n\
            #98765\tDONE   cov: 1101 ft: 2039 corp: 7/3608b lim: 767 exec/s: 1619 rss: 36Mb\n\
            Done 98765 runs in 61 second(s)";
        let expected = "98765 executions, 1619/s; 1101 edges, 7 inputs";
        assert_eq!(summary(log).as_deref(), Some(expected));
        assert_eq!(summary("==1== ERROR: libFuzzer: deadly signal"), None);
    }

    #[test]
    fn the_time_is_a_number_of_seconds() {
        assert_eq!(seconds(None), Ok(SECONDS));
        assert_eq!(seconds(Some("5".into())), Ok(5));
        for bad in ["", "0", "-1", "1m"] {
            assert!(seconds(Some(bad.into())).is_err(), "{bad}");
        }
    }
}
