//! Answers as JSON, as a table for people, or as tab-separated values for scripts.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::terminal;
use crate::error::CliError;

/// How an answer is printed.
#[derive(Args, Clone, Default)]
pub(crate) struct OutputArgs {
    /// The format.
    #[arg(long, short = 'o', value_enum, default_value_t)]
    pub(crate) output: Format,
    /// One member of the answer, such as `id`, `attributes.expires` or `[].name`.
    #[arg(long, value_name = "PATH")]
    pub(crate) query: Option<Query>,
}

/// The format of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON, as az prints it.
    #[default]
    Json,
    /// Columns for people.
    Table,
    /// The same columns, separated by tabs, without a heading.
    Tsv,
}

/// A column: its heading, and where in a row it is found (RFC 6901).
pub(crate) type Column = (&'static str, &'static str);

/// The simple part of JMESPath: names, indices and `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
    Each,
}

/// Prints an answer.
pub(crate) fn show(answer: &Value, columns: &[Column], how: &OutputArgs) -> Result<(), CliError> {
    terminal::print(render(answer, columns, how)?.as_bytes())
}

fn render(answer: &Value, columns: &[Column], how: &OutputArgs) -> Result<String, CliError> {
    let queried = how.query.as_ref().map(|query| query.of(answer));
    let value = queried.as_ref().unwrap_or(answer);
    match (how.output, &queried) {
        (Format::Json, _) => {
            serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(CliError::failed)
        }
        (_, Some(value)) => Ok(lines(value)),
        (Format::Table, None) => Ok(table(&rows(value, columns), columns)),
        (Format::Tsv, None) => {
            Ok(rows(value, columns).into_iter().map(|row| row.join("\t") + "\n").collect())
        }
    }
}

/// What a query found: a line for each element, the members of one separated by tabs.
fn lines(value: &Value) -> String {
    let line = |value: &Value| match value {
        Value::Object(members) => members.values().map(cell).collect::<Vec<_>>().join("\t"),
        other => cell(other),
    };
    match value {
        Value::Array(elements) => elements.iter().map(|element| line(element) + "\n").collect(),
        other => line(other) + "\n",
    }
}

fn rows(value: &Value, columns: &[Column]) -> Vec<Vec<String>> {
    let row = |value: &Value| {
        columns.iter().map(|(_, path)| cell(value.pointer(path).unwrap_or(&Value::Null))).collect()
    };
    match value {
        Value::Array(elements) => elements.iter().map(row).collect(),
        one => vec![row(one)],
    }
}

/// A value on one line. A tab, a line's end or an escape sequence in it would be read as more.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn table(rows: &[Vec<String>], columns: &[Column]) -> String {
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let width = |index: usize| {
        let cells = rows.iter().chain([&headings]).filter_map(|row| row.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    [&headings, &rule].into_iter().chain(rows).map(line).collect()
}

impl Query {
    /// Whether it asks for exactly this member.
    pub(crate) fn is_member(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [Step::Member(own)] if own == name)
    }

    /// What it finds; `null` where there is nothing.
    fn of(&self, value: &Value) -> Value {
        follow(&self.0, value)
    }
}

fn follow(steps: &[Step], value: &Value) -> Value {
    let Some((step, rest)) = steps.split_first() else { return value.clone() };
    let found = match step {
        Step::Member(name) => value.get(name),
        Step::Index(index) => value.get(index),
        Step::Each => {
            let each = value.as_array().into_iter().flatten();
            return each.map(|element| follow(rest, element)).collect();
        }
    };
    found.map_or(Value::Null, |found| follow(rest, found))
}

impl FromStr for Query {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "give member names joined by dots, [] or [0]".to_owned();
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, mut brackets) = part.split_at(part.find('[').unwrap_or(part.len()));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"');
            if !name.chars().all(plain) || (name.is_empty() && brackets.is_empty()) {
                return Err(refused());
            }
            if !name.is_empty() {
                steps.push(Step::Member(name.trim_matches('"').to_owned()));
            }
            while let Some(rest) = brackets.strip_prefix('[') {
                let (inner, rest) = rest.split_once(']').ok_or_else(refused)?;
                steps.push(match inner {
                    "" => Step::Each,
                    number => Step::Index(number.parse().map_err(|_| refused())?),
                });
                brackets = rest;
            }
            if !brackets.is_empty() {
                return Err(refused());
            }
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[("Name", "/name"), ("Enabled", "/attributes/enabled")];

    fn vaults() -> Value {
        json!([
            {"name": "a-long-one", "attributes": {"enabled": true}},
            {"name": "b", "attributes": {}},
        ])
    }

    fn rendered(value: &Value, output: Format, query: Option<&str>) -> String {
        let query = query.map(|text| text.parse().unwrap());
        render(value, COLUMNS, &OutputArgs { output, query }).unwrap()
    }

    #[test]
    fn a_table_is_aligned() {
        let expected = "Name        Enabled\n----------  -------\na-long-one  true\nb\n";
        assert_eq!(rendered(&vaults(), Format::Table, None), expected);
    }

    #[test]
    fn tsv_has_the_same_columns_for_one_and_many() {
        assert_eq!(rendered(&vaults(), Format::Tsv, None), "a-long-one\ttrue\nb\t\n");
        assert_eq!(rendered(&vaults()[0], Format::Tsv, None), "a-long-one\ttrue\n");
    }

    #[test]
    fn a_cell_stays_one_cell() {
        let value = json!({"name": "a\tb\n\u{1b}[31m", "attributes": {}});
        assert_eq!(rendered(&value, Format::Tsv, None), "a b  [31m\t\n");
    }

    #[test]
    fn queries_find_members() {
        assert_eq!(rendered(&vaults(), Format::Tsv, Some("[].name")), "a-long-one\nb\n");
        assert_eq!(rendered(&vaults(), Format::Tsv, Some("[0].attributes.enabled")), "true\n");
        assert_eq!(rendered(&vaults(), Format::Json, Some("[5].name")), "null\n");
        assert_eq!(rendered(&json!({"tags": ["x"]}), Format::Tsv, Some("tags[0]")), "x\n");
    }

    #[test]
    fn other_queries_are_refused() {
        for text in ["", "a..b", "[?a=='b']", "a | b", "[", "[x]", "a[0]b", "{a:b}"] {
            assert!(text.parse::<Query>().is_err(), "{text}");
        }
    }
}
