//! A plain evaluator that shares no code with the real one: strings, segments, full scans; the
//! truth of a condition as an interval.

use std::collections::BTreeSet;

pub(crate) const TENANT: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const EVERYONE: u8 = 0xff;

/// Patterns, and patterns taken out again.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    pub(crate) named: Vec<&'static str>,
    pub(crate) without: Vec<&'static str>,
}

impl Patterns {
    fn has(&self, action: &str) -> bool {
        let any = |patterns: &[&str]| patterns.iter().any(|p| matches(p, action));
        any(&self.named) && !any(&self.without)
    }
}

/// A role or what a deny assignment refuses.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    pub(crate) control: Patterns,
    pub(crate) data: Patterns,
}

/// A role assignment.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) principal: u8,
    pub(crate) role: u8,
    pub(crate) scope: String,
    pub(crate) condition: Option<Clause>,
}

/// A deny assignment.
#[derive(Clone, Debug)]
pub(crate) struct Barred {
    pub(crate) principals: Vec<u8>,
    pub(crate) excluded: Vec<u8>,
    pub(crate) rights: Rights,
    pub(crate) scope: String,
    pub(crate) only_here: bool,
    pub(crate) condition: Option<Clause>,
}

/// A condition, to be written out and to be evaluated.
#[derive(Clone, Debug)]
pub(crate) enum Clause {
    Action(&'static str),
    Compare { attribute: &'static str, negated: bool, test: &'static str, value: &'static str },
    Exists(&'static str),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Clause {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Action(pattern) => format!("ActionMatches{{'{pattern}'}}"),
            Self::Compare { attribute, negated, test, value } => {
                let not = if *negated { "Not" } else { "" };
                format!("@{attribute} String{not}{test} '{value}'")
            }
            Self::Exists(attribute) => format!("Exists @{attribute}"),
            Self::Not(inner) => format!("!({})", inner.text()),
            Self::And(a, b) => format!("({}) AND ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
        }
    }

    /// The least and the most that it may be true.
    fn truth(&self, asked: &Asked<'_>) -> (bool, bool) {
        match self {
            Self::Action(pattern) => {
                let is = matches(pattern, asked.action);
                (is, is)
            }
            Self::Exists(attribute) => {
                let is = asked.attribute(attribute).is_some();
                (is, is)
            }
            Self::Compare { attribute, negated, test, value } => {
                let Some(found) = asked.attribute(attribute) else { return (false, true) };
                let (found, value) = (found.to_lowercase(), value.to_lowercase());
                let is = match *test {
                    "Equals" => found == value,
                    "StartsWith" => found.starts_with(&value),
                    _ => matches(&value, &found),
                };
                (is != *negated, is != *negated)
            }
            Self::Not(inner) => {
                let (least, most) = inner.truth(asked);
                (!most, !least)
            }
            Self::And(a, b) => {
                let (a, b) = (a.truth(asked), b.truth(asked));
                (a.0.min(b.0), a.1.min(b.1))
            }
            Self::Or(a, b) => {
                let (a, b) = (a.truth(asked), b.truth(asked));
                (a.0.max(b.0), a.1.max(b.1))
            }
        }
    }
}

/// What is asked.
pub(crate) struct Asked<'a> {
    pub(crate) who: &'a [u8],
    pub(crate) action: &'a str,
    pub(crate) is_data: bool,
    pub(crate) scope: &'a str,
}

impl Asked<'_> {
    /// On the data plane the vault has a name for either source, and a secret for one of them.
    fn attribute(&self, attribute: &str) -> Option<&str> {
        if !self.is_data {
            return None;
        }
        let segments: Vec<&str> = self.scope.split('/').collect();
        let after = |key: &str| {
            segments.windows(2).find(|two| two[0].eq_ignore_ascii_case(key)).map(|two| two[1])
        };
        let sets = self.action.ends_with("/setSecret/action");
        match attribute.split_once('[').unwrap() {
            (_, "Microsoft.KeyVault/vaults:name]") => after("vaults"),
            ("Request", "Microsoft.KeyVault/vaults/secrets:name]") if sets => after("secrets"),
            ("Resource", "Microsoft.KeyVault/vaults/secrets:name]") if !sets => after("secrets"),
            _ => None,
        }
    }
}

/// The numbers of the deny assignments that refuse it, and of the role assignments that allow it.
pub(crate) fn decide(
    asked: &Asked<'_>,
    roles: &[Rights],
    given: &[Given],
    barred: &[Barred],
) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let has = |rights: &Rights| {
        if asked.is_data { rights.data.has(asked.action) } else { rights.control.has(asked.action) }
    };
    let mine = |list: &[u8]| list.iter().any(|p| *p == EVERYONE || asked.who.contains(p));
    let refusing = (0..barred.len()).filter(|n| {
        let bar = &barred[*n];
        let here = segments(&bar.scope) == segments(asked.scope);
        has(&bar.rights)
            && within(&bar.scope, asked.scope)
            && (here || !bar.only_here)
            && mine(&bar.principals)
            && !bar.excluded.iter().any(|p| asked.who.contains(p))
            && bar.condition.as_ref().is_none_or(|c| c.truth(asked).1)
    });
    let allowing = (0..given.len()).filter(|n| {
        let given = &given[*n];
        roles.get(usize::from(given.role)).is_some_and(has)
            && within(&given.scope, asked.scope)
            && asked.who.contains(&given.principal)
            && given.condition.as_ref().is_none_or(|c| c.truth(asked).0)
    });
    (refusing.collect(), allowing.collect())
}

fn matches(pattern: &str, name: &str) -> bool {
    fn go(p: &[char], n: &[char]) -> bool {
        match (p.first(), n.first()) {
            (None, None) => true,
            (Some('*'), _) => go(&p[1..], n) || (!n.is_empty() && go(p, &n[1..])),
            (Some(a), Some(b)) => a == b && go(&p[1..], &n[1..]),
            _ => false,
        }
    }
    let chars = |s: &str| s.to_lowercase().chars().collect::<Vec<_>>();
    go(&chars(pattern), &chars(name))
}

fn segments(scope: &str) -> Vec<String> {
    scope.to_lowercase().split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

fn within(outer: &str, inner: &str) -> bool {
    let (outer, inner) = (segments(outer), segments(inner));
    let group = ["providers", "microsoft.management", "managementgroups", TENANT];
    let in_tenant = inner.first().is_some_and(|first| first == "subscriptions");
    (outer == group && in_tenant)
        || outer.len() <= inner.len() && outer.iter().zip(&inner).all(|(a, b)| a == b)
}
