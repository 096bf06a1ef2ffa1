//! The table: what was measured, the floor beside it, and the goal.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::Result;

/// All that a suite found.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// Secrets in the vault while writes were measured.
    pub(crate) secrets: u64,
    pub(crate) rounds_each: usize,
    pub(crate) seconds_a_round: f64,
    pub(crate) rows: Vec<Row>,
    /// Every round's figures.
    pub(crate) rounds: Vec<serde_json::Value>,
}

/// What it was measured on.
#[derive(Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    /// The load average of the last minute before: the box may not be ours alone.
    load_before: String,
}

/// One line of the table.
#[derive(Clone, Serialize)]
pub(crate) struct Row {
    what: &'static str,
    unit: &'static str,
    value: f64,
    floor: Option<f64>,
    ratio: Option<f64>,
    goal: Option<Goal>,
    passed: Option<bool>,
}

/// What must be reached; without one, a row is for information.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Row {
    /// A figure of its own.
    pub(crate) fn of(what: &'static str, unit: &'static str, value: f64) -> Self {
        Self { what, unit, value, floor: None, ratio: None, goal: None, passed: None }
    }

    /// Rounds of `(Strongroom, floor)`: the medians of both, and the median of their ratios.
    pub(crate) fn beside(what: &'static str, unit: &'static str, rounds: &[(f64, f64)]) -> Self {
        let each = |of: fn(&(f64, f64)) -> f64| median(rounds.iter().map(of).collect());
        let mut row = Self::of(what, unit, each(|r| r.0));
        row.floor = Some(each(|r| r.1));
        row.ratio = Some(each(|r| r.0 / r.1));
        row
    }

    /// The same row, judged.
    pub(crate) fn must(mut self, goal: Goal) -> Self {
        let ratio = self.ratio.unwrap_or(f64::NAN);
        self.goal = Some(goal);
        self.passed = Some(match goal {
            Goal::AtLeast(least) => self.value >= least,
            Goal::AtMost(most) => self.value <= most,
            Goal::RatioAtLeast(least) => ratio >= least,
            Goal::RatioAtMost(most) => ratio <= most,
        });
        self
    }

    fn cells(&self) -> [String; 6] {
        let unit = self.unit;
        let goal = match self.goal {
            Some(Goal::AtLeast(least)) => format!("≥ {} {unit}", figure(least)),
            Some(Goal::AtMost(most)) => format!("≤ {} {unit}", figure(most)),
            Some(Goal::RatioAtLeast(least)) => format!("≥ {least:.2} ×"),
            Some(Goal::RatioAtMost(most)) => format!("≤ {most:.2} ×"),
            None => String::new(),
        };
        let verdict = match self.passed {
            Some(true) => "pass",
            Some(false) => "MISSED",
            None => "",
        };
        [
            self.what.to_owned(),
            format!("{} {unit}", figure(self.value)),
            self.floor.map(|f| format!("{} {unit}", figure(f))).unwrap_or_default(),
            self.ratio.map(|r| format!("{r:.2}")).unwrap_or_default(),
            goal,
            verdict.to_owned(),
        ]
    }
}

impl Report {
    /// How many goals were missed.
    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.passed == Some(false)).count()
    }

    /// The table, as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let head = ["what", "Strongroom", "floor", "ratio", "goal", ""].map(str::to_owned);
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().chain([&head]).map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |cells: &[String; 6]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
            format!("|{}\n", padded.collect::<String>())
        };
        let Machine { cpu, cores, kernel, load_before } = &self.machine;
        let mut text = format!(
            "{cpu}, {cores} cores, Linux {kernel}, load average before {load_before}; generator \
             and server on the same cores; {} secrets; medians of {} rounds of {} s.\n\n",
            self.secrets, self.rounds_each, self.seconds_a_round
        );
        text += &line(&head);
        text += &line(&widths.map(|width| "-".repeat(width)));
        for row in &rows {
            text += &line(row);
        }
        text
    }

    /// Writes the JSON, and the Markdown beside it.
    pub(crate) fn write(&self, json: &Path) -> Result<()> {
        std::fs::write(json, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(std::fs::write(json.with_extension("md"), self.markdown())?)
    }
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Result<Self> {
        let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
        let cpu = model.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned();
        let load = std::fs::read_to_string("/proc/loadavg")?;
        let load_before = load.split(' ').next().unwrap_or_default().to_owned();
        let cores = std::thread::available_parallelism()?.get();
        Ok(Self { cpu, cores, kernel, load_before })
    }
}

/// The middle of the values; the lower middle of an even number.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Three significant digits, thousands apart.
fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && digit.is_ascii_digit() && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        let _ = write!(text, ".{fraction}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_judged_by_their_goals() {
        let rounds = [(70.0, 100.0), (30.0, 60.0), (90.0, 100.0)];
        let row = Row::beside("get", "/s", &rounds);
        assert_eq!((row.value, row.floor, row.ratio), (70.0, Some(100.0), Some(0.7)));
        let passed = |goal| Row::beside("get", "/s", &rounds).must(goal).passed.unwrap();
        assert!(passed(Goal::RatioAtLeast(0.7)) && !passed(Goal::RatioAtLeast(0.71)));
        assert!(passed(Goal::RatioAtMost(0.7)) && !passed(Goal::RatioAtMost(0.69)));
        assert!(passed(Goal::AtLeast(70.0)) && !passed(Goal::AtLeast(71.0)));
        assert!(passed(Goal::AtMost(70.0)) && !passed(Goal::AtMost(69.0)));
        assert!(!Row::of("x", "s", 1.0).must(Goal::RatioAtMost(9.0)).passed.unwrap(), "no ratio");
    }

    #[test]
    fn figures_are_short() {
        for (value, text) in
            [(0.123, "0.12"), (12.34, "12.3"), (999.9, "1,000"), (37_012.4, "37,012")]
        {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![3.0, 1.0]), 1.0);
        assert!(median(Vec::new()).is_nan());
    }
}
