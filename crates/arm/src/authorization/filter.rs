//! `$filter` of the lists: clauses joined by `and`.

use strongroom_model::PrincipalId;

use crate::Problem;
use crate::problem::shown;

/// One clause.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// `atScope()`, `assignedTo('…')`: the name in lower case, and the argument.
    Call(String, Option<String>),
    /// `principalId eq '…'`: the name in lower case, and the value.
    Equals(String, String),
}

/// The clauses of a filter.
///
/// # Errors
/// `InvalidFilter` for what is no filter.
pub(super) fn parse(text: Option<&str>) -> Result<Vec<Clause>, Problem> {
    let mut clauses = Vec::new();
    let mut rest = text.unwrap_or_default().trim();
    while !rest.is_empty() {
        let (clause, after) = clause(rest).ok_or_else(|| refused(text.unwrap_or_default()))?;
        clauses.push(clause);
        rest = match after.trim_start() {
            "" => "",
            after => word(after, "and").ok_or_else(|| refused(text.unwrap_or_default()))?,
        };
    }
    Ok(clauses)
}

/// A filter that is not served for this list.
pub(super) fn refused(text: &str) -> Problem {
    let text = shown(text);
    Problem::bad("UnsupportedQuery", format!("The filter '{text}' is not supported."))
}

/// An object id in a filter.
pub(super) fn principal(text: &str) -> Result<PrincipalId, Problem> {
    text.parse().map_err(|_| {
        let text = shown(text);
        Problem::bad("InvalidPrincipalId", format!("The principal ID '{text}' is not a GUID."))
    })
}

fn clause(text: &str) -> Option<(Clause, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (name, rest) = text.split_at_checked(end)?;
    let name = name.to_ascii_lowercase();
    let rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('(') {
        let inside = inside.trim_start();
        if let Some(after) = inside.strip_prefix(')') {
            return Some((Clause::Call(name, None), after));
        }
        let (argument, after) = value(inside)?;
        return Some((Clause::Call(name, Some(argument)), after.trim_start().strip_prefix(')')?));
    }
    let (value, after) = value(word(rest, "eq")?)?;
    Some((Clause::Equals(name, value), after))
}

/// What follows a word, which a space ends.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (found, after) = text.split_at_checked(word.len())?;
    let is_word = found.eq_ignore_ascii_case(word) && after.starts_with(char::is_whitespace);
    is_word.then(|| after.trim_start())
}

/// A quoted value, in which `''` is a quote, or a bare one.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let end = text.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(text.len());
        let (bare, after) = text.split_at_checked(end)?;
        return (!bare.is_empty()).then(|| (bare.to_owned(), after));
    };
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_joined_by_and() {
        let call = |name: &str, argument: Option<&str>| {
            Clause::Call(name.to_owned(), argument.map(str::to_owned))
        };
        let equals = |name: &str, value: &str| Clause::Equals(name.to_owned(), value.to_owned());
        for (text, expected) in [
            ("", vec![]),
            ("atScope()", vec![call("atscope", None)]),
            ("assignedTo('a-b')", vec![call("assignedto", Some("a-b"))]),
            (
                "atScope() and assignedTo('x')",
                vec![call("atscope", None), call("assignedto", Some("x"))],
            ),
            ("principalId eq 'x'", vec![equals("principalid", "x")]),
            ("principalId eq x", vec![equals("principalid", "x")]),
            ("roleName eq 'It''s and more'", vec![equals("rolename", "It's and more")]),
            (
                "atScopeAndBelow() AND type eq 'CustomRole'",
                vec![call("atscopeandbelow", None), equals("type", "CustomRole")],
            ),
        ] {
            assert_eq!(parse(Some(text)).ok(), Some(expected), "{text}");
        }
        for bad in ["atScope", "x eq", "x eq 'a", "x ne 'a'", "a() or b()", "f('a'", "eq", "é()"] {
            assert!(parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
