//! What became of each vector of a file, and the table of all files.

use std::collections::BTreeMap;
use std::fmt::Display;

use strongroom_crypto::CryptoError;

/// What a vector asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It must be accepted.
    Valid,
    /// It must be refused.
    Invalid,
    /// It may be refused, for the reason named, and here it must be.
    RefusedByChoice(&'static str),
}

/// How many wrong vectors are told one by one.
const MOST_WRONG: usize = 10;

/// The counts of one file of vectors.
pub(crate) struct Tally {
    file: String,
    valid: usize,
    invalid: usize,
    by_choice: BTreeMap<&'static str, usize>,
    not_applicable: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn new(file: impl Display) -> Self {
        Self {
            file: file.to_string(),
            valid: 0,
            invalid: 0,
            by_choice: BTreeMap::new(),
            not_applicable: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Counts vectors that ask for something no provider here does.
    pub(crate) fn not_applicable(&mut self, count: usize, reason: impl Display) {
        *self.not_applicable.entry(reason.to_string()).or_default() += count;
    }

    /// Counts a vector. `outcome` says whether it was accepted, or what went wrong on the way.
    pub(crate) fn count(
        &mut self,
        id: impl Display,
        expected: Expected,
        outcome: Result<bool, String>,
    ) {
        match (expected, outcome) {
            (Expected::Valid, Ok(true)) => self.valid += 1,
            (Expected::Invalid, Ok(false)) => self.invalid += 1,
            (Expected::RefusedByChoice(reason), Ok(false)) => {
                *self.by_choice.entry(reason).or_default() += 1;
            }
            (expected, Ok(accepted)) => {
                let outcome = if accepted { "accepted" } else { "refused" };
                self.wrong.push(format!("{id}: {expected:?}, but {outcome}"));
            }
            (expected, Err(text)) => self.wrong.push(format!("{id}: {expected:?}, but {text}")),
        }
    }

    fn ran(&self) -> usize {
        self.valid + self.invalid + self.by_choice.values().sum::<usize>() + self.wrong.len()
    }

    fn counts(&self) -> [usize; 5] {
        let choices = self.by_choice.values().sum();
        [self.ran(), self.valid, self.invalid, choices, self.skipped()]
    }

    fn skipped(&self) -> usize {
        self.not_applicable.values().sum()
    }

    fn print(&self) {
        print_row(&self.file, self.counts());
        for (reason, count) in &self.by_choice {
            println!("      {count} refused by choice: {reason}");
        }
        for (reason, count) in &self.not_applicable {
            println!("      {count} not applicable: {reason}");
        }
        for wrong in self.wrong.iter().take(MOST_WRONG) {
            println!("      WRONG {wrong}");
        }
    }
}

fn print_row<T: Display>(title: &str, [ran, valid, invalid, choice, skipped]: [T; 5]) {
    println!("{title:<46} {ran:>5} {valid:>6} {invalid:>8} {choice:>7} {skipped:>6}");
}

/// Prints the table, and demands that every vector came out as it must, that `least` of them were
/// run, and that every file had some that applied, or a reason why none did.
pub(crate) fn close(title: &str, tallies: &[Tally], least: usize) {
    println!("\n{title}");
    print_row("file", ["run", "valid", "invalid", "choice", "n/a"]);
    tallies.iter().filter(|tally| tally.ran() > 0).for_each(Tally::print);
    let total = tallies.iter().map(Tally::counts).fold([0; 5], |mut total, counts| {
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        total
    });
    print_row("total", total);
    print_unused(tallies);
    for tally in tallies {
        assert!(tally.ran() + tally.skipped() > 0, "{}: an empty file", tally.file);
    }
    let wrong: Vec<_> =
        tallies.iter().flat_map(|t| t.wrong.iter().map(|w| format!("{}: {w}", t.file))).collect();
    let first = wrong.iter().take(MOST_WRONG).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} vectors came out wrong:\n{first}", wrong.len());
    assert!(total[0] >= least, "{} vectors of {title} were run, of {least}", total[0]);
}

/// The files of which no vector applies, by the reason.
fn print_unused(tallies: &[Tally]) {
    let mut unused: BTreeMap<String, (usize, Vec<&str>)> = BTreeMap::new();
    for tally in tallies.iter().filter(|tally| tally.ran() == 0) {
        let reasons: Vec<_> = tally.not_applicable.keys().map(String::as_str).collect();
        let (count, files) = unused.entry(reasons.join("; ")).or_default();
        *count += tally.skipped();
        files.push(&tally.file);
    }
    for (reason, (count, files)) in unused {
        println!(
            "no vector applies ({reason}): {count} in {} files: {}",
            files.len(),
            files.join(", ")
        );
    }
}

/// What a decryption gave, against what it should: every refusal has to look the same.
pub(crate) fn decrypted(
    outcome: Result<strongroom_crypto::SecretBytes, CryptoError>,
    plaintext: &[u8],
) -> Result<bool, String> {
    match outcome {
        Ok(opened) if opened.expose() == plaintext => Ok(true),
        Ok(_) => Err("decrypted to something else".to_owned()),
        Err(CryptoError::Unauthentic) => Ok(false),
        Err(error) => Err(format!("refused as {error:?}, which tells the failure from others")),
    }
}

/// What a verification answered.
pub(crate) fn verified(outcome: Result<bool, CryptoError>) -> Result<bool, String> {
    outcome.map_err(|error| format!("answered {error:?}"))
}
