//! Failures of decryption take the same time whatever was wrong: shown by measuring, as dudect
//! does, not by reading the code.
//!
//! Each experiment times classes of inputs that all have to be refused, interleaved in random
//! order, and compares each class with each by Welch's t-test. A pair with |t| below 4.5 shows no
//! difference that so many samples could see: about 4.5 times the standard error printed beside
//! it, which is that without the slowest samples. Machines are shared and noisy, so a pair that
//! exceeds the threshold is measured twice more, under fresh keys, with fresh inputs and four
//! times the samples, and fails only when the same class is the slower one every time: a true
//! leak is. What differs by less than [`LEAST`] is not judged: so little comes from where inputs
//! lie in memory. Two controls leak on purpose, and must be caught. With `STRONGROOM_DEEP=1`
//! there are forty times as many samples.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod rsa;
mod statistics;
mod stopwatch;
mod symmetric;

use strongroom_crypto::software;
use strongroom_model::EncryptionAlgorithm;

use crate::rsa::RsaKey;
use crate::statistics::Difference;
use crate::stopwatch::{Experiment, Pair};
use crate::symmetric::OctKey;

/// The |t| from which dudect and ISO/IEC 17825 speak of a leak.
const THRESHOLD: f64 = 4.5;
/// Nanoseconds; one byte compared too early tells more.
const LEAST: f64 = 2.0;
/// How often a suspect pair is measured, and how many more samples each time after the first.
const RUNS: usize = 3;
const MORE: usize = 4;
const DEEP: usize = 40;

struct Keys {
    rsa: RsaKey,
    oct: OctKey,
}

impl Keys {
    fn generate() -> Self {
        let provider = software::provider();
        Self { rsa: RsaKey::generate(&provider), oct: OctKey::generate(&provider) }
    }
}

/// Makes an experiment with inputs of its own.
type Make = fn(&Keys) -> Experiment<'_>;

const CONTROLS: [Make; 2] = [|keys| keys.oct.leaky_hmac(), |keys| keys.oct.leaky_padding()];

const EXPERIMENTS: [Make; 9] = [
    |keys| keys.rsa.pkcs1(),
    |keys| keys.rsa.oaep(EncryptionAlgorithm::RsaOaep),
    |keys| keys.rsa.oaep(EncryptionAlgorithm::RsaOaep256),
    |keys| keys.rsa.key_wrap(),
    |keys| keys.oct.padding(),
    |keys| keys.oct.key_wrap(),
    |keys| keys.oct.padded_key_wrap(),
    |keys| keys.oct.gcm(),
    |keys| keys.oct.hmac(),
];

/// All in one test, since two measurements at a time would disturb each other.
#[test]
fn refusals_take_the_same_time() {
    let keys = Keys::generate();
    for make in CONTROLS {
        assert!(!leaks(make, &keys, 1).is_empty(), "a control was not caught: the test is blind");
    }
    let factor = if std::env::var_os("STRONGROOM_DEEP").is_some() { DEEP } else { 1 };
    let leaks: Vec<_> = EXPERIMENTS.iter().flat_map(|make| leaks(*make, &keys, factor)).collect();
    assert!(leaks.is_empty(), "the time tells what was wrong:\n{}", leaks.join("\n"));
}

/// The pairs of classes that differ in every run, the same one slower each time, as lines.
fn leaks(make: Make, keys: &Keys, factor: usize) -> Vec<String> {
    let mut suspects = measured(&make(keys), factor, 1);
    for run in 2..=RUNS {
        if suspects.is_empty() {
            break;
        }
        let again = measured(&make(&Keys::generate()), factor * MORE, run);
        let confirms = |pair: &Pair| suspects.iter().any(|old| old.agrees_with(pair));
        suspects = again.into_iter().filter(confirms).collect();
    }
    suspects.iter().map(line).collect()
}

/// Runs it once; the pairs above the threshold.
fn measured(experiment: &Experiment<'_>, factor: usize, run: usize) -> Vec<Pair> {
    let samples = experiment.samples * factor;
    let pairs = experiment.run(samples);
    println!("\n{}, {samples} samples a class, run {run}", experiment.name);
    pairs.iter().for_each(|pair| println!("{}", line(pair)));
    pairs.into_iter().filter(|pair| pair.judged && differs(pair)).collect()
}

fn differs(pair: &Pair) -> bool {
    pair.difference.t >= THRESHOLD && pair.difference.nanoseconds.abs() >= LEAST
}

fn line(pair: &Pair) -> String {
    let [one, other] = pair.names;
    let Difference { t, nanoseconds, error } = pair.difference;
    let mark = match (differs(pair), pair.judged) {
        (false, _) => "",
        (true, true) => "  <-- above the threshold",
        (true, false) => "  (above the threshold; not judged)",
    };
    format!("  |t| {t:6.2} {nanoseconds:+9.1} ns (error {error:5.1})  {one} / {other}{mark}")
}
