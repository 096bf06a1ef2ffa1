//! How many tests ran: read from the closing lines of each test runner.

use std::fmt;
use std::ops::Add;

/// Tests that passed and failed; a step without tests counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

impl Counts {
    pub(super) const ONE: Self = Self { passed: 1, failed: 0 };

    /// A step that failed outside any test still counts as a failure.
    pub(super) fn with_a_failure(self) -> Self {
        Self { failed: self.failed.max(1), ..self }
    }

    /// cargo-nextest's `Summary [   1.2s] 12 tests run: 11 passed, 1 failed, 0 skipped`, and each
    /// `test result: ok. 3 passed; 0 failed; …` of libtest.
    pub(super) fn of_rust(log: &str) -> Self {
        let closing = |line: &&str| {
            line.contains(" tests run:")
                || line.contains(" test run:")
                || line.trim_start().starts_with("test result:")
        };
        log.lines().filter(closing).map(Self::of_words).fold(Self::default(), Add::add)
    }

    /// pytest's last line, `2 failed, 40 passed, 1 error in 12.3s`.
    pub(super) fn of_python(log: &str) -> Self {
        let closing = |line: &&str| {
            let ends = line.trim_matches(['=', ' ']);
            ends.contains(" in ") && (ends.contains(" passed") || ends.contains(" failed"))
        };
        log.lines().rev().find(closing).map(Self::of_words).unwrap_or_default()
    }

    /// `# pass 12` and `# fail 1` of node's test runner (`ℹ` instead of `#` on a terminal).
    pub(super) fn of_javascript(log: &str) -> Self {
        let number = |word: &str| {
            log.lines().find_map(|line| {
                let line = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
                line.strip_prefix(word)?.trim().parse().ok()
            })
        };
        Self { passed: number("pass ").unwrap_or(0), failed: number("fail ").unwrap_or(0) }
    }

    fn of_words(line: &str) -> Self {
        let words: Vec<&str> = line.split([' ', ',', ';', '=']).filter(|w| !w.is_empty()).collect();
        let before = |names: &[&str]| {
            let pairs = words.windows(2).filter(|pair| names.contains(&pair[1]));
            pairs.filter_map(|pair| pair[0].parse::<usize>().ok()).sum()
        };
        Self { passed: before(&["passed"]), failed: before(&["failed", "error", "errors"]) }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed", self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runner_is_understood() {
        let nextest =
            "     Summary [   0.9s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped";
        assert_eq!(Counts::of_rust(nextest), Counts { passed: 11, failed: 1 });
        let libtest = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored";
        assert_eq!(Counts::of_rust(libtest), Counts { passed: 4, failed: 2 });
        let pytest =
            "collected 43 items\n==== 2 failed, 40 passed, 1 error in 12.3s (0:00:12) ====";
        assert_eq!(Counts::of_python(pytest), Counts { passed: 40, failed: 3 });
        assert_eq!(Counts::of_python("5 passed in 0.4s"), Counts { passed: 5, failed: 0 });
        let xdist = "bringing up nodes...\n....F [100%]\nFAILED a.py::b - worker 'gw1' crashed\n\
            1 failed, 4 passed, 2 skipped in 3.1s";
        assert_eq!(Counts::of_python(xdist), Counts { passed: 4, failed: 1 });
        let node = "# tests 13\n# suites 0\n# pass 12\n# fail 1\n# cancelled 0";
        assert_eq!(Counts::of_javascript(node), Counts { passed: 12, failed: 1 });
    }

    #[test]
    fn a_failure_outside_the_tests_counts() {
        assert_eq!(Counts::default().with_a_failure().failed, 1);
        assert_eq!(Counts { passed: 1, failed: 3 }.with_a_failure().failed, 3);
    }
}
