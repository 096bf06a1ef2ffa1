//! `cargo xtask test`: everything that must pass, in order, cheapest first.
//!
//! Each step prints one line when it begins and one when it ends; what its programs say goes to
//! `target/xtask/<step>.log` and is shown when the step fails. A step that cannot run here says
//! why; with `STRONGROOM_REQUIRE_ALL=1`, as in CI, that is a failure.

mod compat;
mod counts;
mod fuzz;
mod names;
mod project;
mod step;
mod tools;

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use counts::Counts;
use step::{Outcome, Place};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run this step alone; `--only list` prints their names.
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
    /// Run the long versions of the tests too, and the steps that take long.
    #[arg(long)]
    deep: bool,
}

type Run = fn(&Place) -> Outcome;

const STEPS: &[(&str, Run)] = &[
    ("format", project::format),
    ("tidy", project::tidy),
    ("clippy", project::clippy),
    ("dependencies", project::dependencies),
    ("unit", project::unit),
    ("documentation", project::documentation),
    ("release", project::release),
    ("names", names::resolve),
    ("python", compat::python),
    ("az", compat::az),
    ("javascript", compat::javascript),
    ("rust", compat::rust),
];

/// What only `--deep` runs; elsewhere it is not even skipped.
const DEEP_STEPS: &[(&str, Run)] = &[("fuzz", fuzz::fuzz)];

/// Runs the steps and ends with `N passed, N failed`; true when nothing failed.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> bool {
    let deep_steps = if arguments.deep { DEEP_STEPS } else { &[] };
    let chosen: Vec<_> = STEPS
        .iter()
        .chain(deep_steps)
        .filter(|(name, _)| arguments.only.as_deref().is_none_or(|only| only == *name))
        .collect();
    if chosen.is_empty() {
        let names = |steps: &[(&'static str, Run)]| steps.iter().map(|(name, _)| *name).collect();
        let (names, deep): (Vec<&str>, Vec<&str>) = (names(STEPS), names(DEEP_STEPS));
        println!("steps: {}; with --deep: {}", names.join(", "), deep.join(", "));
        return false;
    }
    let place = Place::new(root, arguments.deep);
    let require_all = env::var_os("STRONGROOM_REQUIRE_ALL").is_some_and(|value| value == "1");
    let start = Instant::now();
    let mut total = Counts::default();
    let mut skipped = Vec::new();
    for (number, (name, step)) in chosen.iter().enumerate() {
        println!("[{}/{}] {name} …", number + 1, chosen.len());
        let begun = Instant::now();
        let outcome = step(&place.for_step(name));
        report(name, &outcome, begun.elapsed().as_secs_f64());
        match outcome {
            Outcome::Ran(counts) => total = total + counts,
            Outcome::Failed(counts, _) => total = total + counts.with_a_failure(),
            Outcome::Skipped(why) => skipped.push(format!("{name}: {why}")),
        }
    }
    conclude(total, &skipped, require_all, start.elapsed().as_secs())
}

fn report(name: &str, outcome: &Outcome, seconds: f64) {
    match outcome {
        Outcome::Ran(counts) => println!("      {name}: ok, {counts}, {seconds:.1} s"),
        Outcome::Failed(_, why) => println!("      {name}: FAILED, {seconds:.1} s\n{why}"),
        Outcome::Skipped(why) => println!("      {name}: SKIPPED: {why}"),
    }
}

fn conclude(total: Counts, skipped: &[String], require_all: bool, seconds: u64) -> bool {
    for why in skipped {
        println!("skipped: {why}");
    }
    let mut failed = total.failed;
    if require_all && !skipped.is_empty() {
        println!("STRONGROOM_REQUIRE_ALL=1: each skipped step is a failure");
        failed += skipped.len();
    }
    println!("all steps took {} min {} s", seconds / 60, seconds % 60);
    println!("{} passed, {failed} failed", total.passed);
    failed == 0
}

/// A cargo invocation in the project's folder.
fn cargo(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(place.root()).args(arguments);
    command
}
