//! What was found, step by step, and how the command ends.

use serde_json::{Value, json};

use super::super::failure::one_line;
use crate::error::CliError;

/// A step on the way to a vault, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name,
    Connection,
    Tls,
    Host,
    Vault,
    Firewall,
    Token,
    Role,
    Object,
}

impl Step {
    fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Host => "host",
            Self::Vault => "vault",
            Self::Firewall => "firewall",
            Self::Token => "token",
            Self::Role => "role",
            Self::Object => "object",
        }
    }
}

/// How a command ends that found something wrong: one of the kinds of [`CliError`].
pub(super) type End = fn(String) -> CliError;

/// What is known of a step.
#[derive(Clone)]
enum State {
    Ok,
    Unknown,
    /// A word for programs that stays as it is, and how the command ends.
    Wrong(&'static str, End),
}

/// What was found at a step, and what to do next.
#[derive(Clone)]
pub(super) struct Finding {
    state: State,
    found: String,
    next: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub(super) fn ok(found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), next: None }
    }

    /// It cannot be told, and why.
    pub(super) fn unknown(found: impl Into<String>) -> Self {
        Self { state: State::Unknown, found: found.into(), next: None }
    }

    /// It is wrong; what to do next.
    pub(super) fn wrong(
        end: End,
        code: &'static str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let next = Some(next.into());
        Self { state: State::Wrong(code, end), found: found.into(), next }
    }

    /// The same, with a further sentence about what was found.
    pub(super) fn adding(mut self, more: Option<String>) -> Self {
        if let Some(more) = more {
            self.found = format!("{}; {more}", self.found);
        }
        self
    }
}

/// A step's finding; nothing beside it where the later steps are pointless.
pub(super) type Told<T> = (Finding, Option<T>);

/// The findings so far.
#[derive(Default)]
pub(super) struct Report(Vec<(Step, Finding)>);

impl Report {
    /// Takes note of a step.
    pub(super) fn add(&mut self, step: Step, finding: Finding) {
        self.0.push((step, finding));
    }

    /// Takes note of a step, and goes on with what it gave.
    pub(super) fn take<T>(&mut self, step: Step, (finding, given): Told<T>) -> Option<T> {
        self.add(step, finding);
        given
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (step, finding) in &self.0 {
            let state = match finding.state {
                State::Ok => "ok",
                State::Unknown => "?",
                State::Wrong(..) => "WRONG",
            };
            let found = one_line(&finding.found);
            text.push_str(&format!("{state:<7}{:<12}{found}\n", step.word()));
            if let Some(next) = &finding.next {
                text.push_str(&format!("{:<19}next: {}\n", "", one_line(next)));
            }
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self, url: &str) -> Value {
        let steps: Vec<Value> = self.0.iter().map(shown).collect();
        let wrong = self.wrong().map(|(step, ..)| step.word());
        json!({ "url": url, "wrong": wrong, "steps": steps })
    }

    /// How the command ends: with the first that is wrong.
    pub(super) fn end(&self) -> Result<(), CliError> {
        let Some((step, finding, end)) = self.wrong() else { return Ok(()) };
        let next = finding.next.as_deref().unwrap_or_default();
        Err(end(one_line(&format!("{}: {}: {next}", step.word(), finding.found))))
    }

    fn wrong(&self) -> Option<(Step, &Finding, End)> {
        self.0.iter().find_map(|(step, finding)| match finding.state {
            State::Wrong(_, end) => Some((*step, finding, end)),
            State::Ok | State::Unknown => None,
        })
    }
}

fn shown((step, finding): &(Step, Finding)) -> Value {
    let (state, code) = match finding.state {
        State::Ok => ("ok", None),
        State::Unknown => ("unknown", None),
        State::Wrong(code, _) => ("wrong", Some(code)),
    };
    let (step, found) = (step.word(), one_line(&finding.found));
    let next = finding.next.as_deref().map(one_line);
    json!({ "step": step, "state": state, "code": code, "found": found, "next": next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        report.add(Step::Name, Finding::ok("a is ::1"));
        report.add(Step::Vault, Finding::unknown("not told"));
        report.add(Step::Token, Finding::wrong(CliError::Denied, "expired", "it\x1b ended", "new"));
        report.add(Step::Role, Finding::wrong(CliError::Failed, "later", "b", "c"));
        report
    }

    #[test]
    fn people_read_one_line_for_what_and_one_for_what_next() {
        let text = report().text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ok     name        a is ::1");
        assert_eq!(lines[1], "?      vault       not told");
        assert_eq!(lines[2], "WRONG  token       it ended", "no escape sequence");
        assert_eq!(lines[3], "                   next: new");
    }

    #[test]
    fn the_first_that_is_wrong_decides_the_end() {
        let end = report().end().unwrap_err();
        assert!(matches!(&end, CliError::Denied(text) if text == "token: it ended: new"), "{end}");
        let shown = report().json("https://a");
        assert_eq!(shown["wrong"], "token");
        assert_eq!(shown["steps"][2]["code"], "expired");
        assert!(Report::default().end().is_ok());
        assert!(Report::default().json("https://a")["wrong"].is_null());
    }
}
