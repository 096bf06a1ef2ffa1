//! Failures of decryption take the same time whatever was wrong: shown by measuring, as dudect
//! does, not by reading the code.
//!
//! Each experiment times classes of inputs that all have to be refused, interleaved in random
//! order, and compares each class with each by Welch's t-test. A pair with |t| below 4.5 shows no
//! difference that so many samples could see: about 4.5 times the standard error printed beside
//! it, which is that without the slowest samples. Machines are shared and noisy, so a pair fails
//! only when it exceeds the threshold in three runs, each with fresh samples: a true leak does so
//! every time. Two controls leak on purpose, and must be caught. With `STRONGROOM_DEEP=1` there
//! are forty times as many samples.

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
const RUNS: usize = 3;
const DEEP: usize = 40;

/// All in one test, since two measurements at a time would disturb each other.
#[test]
fn refusals_take_the_same_time() {
    let provider = software::provider();
    let rsa = RsaKey::generate(&provider);
    let oct = OctKey::generate(&provider);
    for control in [oct.leaky_hmac(), oct.leaky_padding()] {
        assert!(leaks(&control, 1), "{} was not caught: the test is blind", control.name);
    }
    let experiments = [
        rsa.pkcs1(),
        rsa.oaep(EncryptionAlgorithm::RsaOaep),
        rsa.oaep(EncryptionAlgorithm::RsaOaep256),
        rsa.key_wrap(),
        oct.padding(),
        oct.key_wrap(),
        oct.padded_key_wrap(),
        oct.gcm(),
        oct.hmac(),
    ];
    let factor = if std::env::var_os("STRONGROOM_DEEP").is_some() { DEEP } else { 1 };
    let leaking = experiments.iter().filter(|experiment| leaks(experiment, factor));
    let leaking: Vec<_> = leaking.map(|experiment| experiment.name).collect();
    assert!(leaking.is_empty(), "the time tells what was wrong with {leaking:?}");
}

/// Whether some pair of classes exceeds the threshold in every run.
fn leaks(experiment: &Experiment<'_>, factor: usize) -> bool {
    let mut suspects: Option<Vec<[&str; 2]>> = None;
    for run in 1..=RUNS {
        let samples = experiment.samples * factor;
        let pairs = experiment.run(samples);
        println!("\n{}, {samples} samples a class, run {run}", experiment.name);
        pairs.iter().for_each(print);
        let above = pairs.iter().filter(|pair| pair.judged && pair.difference.t >= THRESHOLD);
        let again = |names: &[&str; 2]| suspects.as_ref().is_none_or(|old| old.contains(names));
        let above: Vec<_> = above.map(|pair| pair.names).filter(again).collect();
        if above.is_empty() {
            return false;
        }
        suspects = Some(above);
    }
    true
}

fn print(pair: &Pair) {
    let [one, other] = pair.names;
    let Difference { t, nanoseconds, error } = pair.difference;
    let mark = match (t >= THRESHOLD, pair.judged) {
        (false, _) => "",
        (true, true) => "  <-- above the threshold",
        (true, false) => "  (above the threshold; not judged)",
    };
    println!("  |t| {t:6.2} {nanoseconds:+9.1} ns (error {error:5.1})  {one} / {other}{mark}");
}
