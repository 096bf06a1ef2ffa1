//! Conditions, as "Azure role assignment condition format and syntax" describes them: written out
//! for the real parser, and evaluated here in Kleene's logic.

/// What is known of one request: the action, and the attributes that have a value.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) action: &'static str,
    pub(crate) values: Vec<(&'static str, String)>,
}

impl Facts {
    fn value(&self, attribute: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| *name == attribute).map(|(_, value)| value.as_str())
    }
}

/// Less true comes first, so that AND is the least and OR the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// How an attribute compares, before it is negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equals,
    StartsWith,
    Like,
    Guid,
}

#[derive(Clone, Debug)]
pub(crate) enum Right {
    Values(Vec<&'static str>),
    Attribute(&'static str),
}

/// `quantifier` and the operator are as they are written.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) attribute: &'static str,
    pub(crate) quantifier: Option<&'static str>,
    pub(crate) test: Test,
    pub(crate) negated: bool,
    pub(crate) ignores_case: bool,
    pub(crate) right: Right,
}

/// A condition. `bool`: whether the operator is written as a sign.
#[derive(Clone, Debug)]
pub(crate) enum Clause {
    Action(Vec<&'static str>),
    SubOperation,
    Exists(&'static str),
    NotExists(&'static str),
    Compare(Comparison),
    Not(bool, Box<Self>),
    And(bool, Box<Self>, Box<Self>),
    Or(bool, Box<Self>, Box<Self>),
}

impl Clause {
    /// With no parentheses but those that it needs.
    pub(crate) fn text(&self) -> String {
        let within = |inner: &Self, loose: bool| {
            if loose { format!("({})", inner.text()) } else { inner.text() }
        };
        let is_or = |c: &Self| matches!(c, Self::Or(..));
        let is_joined = |c: &Self| matches!(c, Self::Or(..) | Self::And(..));
        match self {
            Self::Action(patterns) => format!("ActionMatches{{{}}}", quoted(patterns)),
            Self::SubOperation => "SubOperationMatches{'Blob.List'}".to_owned(),
            Self::Exists(attribute) => format!("Exists @{attribute}"),
            Self::NotExists(attribute) => format!("NotExists @{attribute}"),
            Self::Compare(comparison) => comparison.text(),
            Self::Not(sign, inner) => {
                let not = if *sign { "!" } else { "NOT " };
                format!("{not}{}", within(inner, is_joined(inner)))
            }
            Self::And(sign, a, b) => {
                let and = if *sign { "&&" } else { "AND" };
                format!("{} {and} {}", within(a, is_or(a)), within(b, is_or(b)))
            }
            Self::Or(sign, a, b) => {
                let or = if *sign { "||" } else { "OR" };
                format!("{} {or} {}", a.text(), b.text())
            }
        }
    }

    pub(crate) fn truth(&self, facts: &Facts) -> Truth {
        match self {
            Self::Action(patterns) => patterns.iter().any(|p| fits(p, facts.action)).into(),
            // Only operations on storage have parts.
            Self::SubOperation => Truth::No,
            Self::Exists(attribute) => facts.value(attribute).is_some().into(),
            Self::NotExists(attribute) => facts.value(attribute).is_none().into(),
            Self::Compare(comparison) => comparison.truth(facts),
            Self::Not(_, inner) => match inner.truth(facts) {
                Truth::No => Truth::Yes,
                Truth::Unknown => Truth::Unknown,
                Truth::Yes => Truth::No,
            },
            Self::And(_, a, b) => a.truth(facts).min(b.truth(facts)),
            Self::Or(_, a, b) => a.truth(facts).max(b.truth(facts)),
        }
    }

    /// The attributes whose values it compares.
    pub(crate) fn compared(&self) -> Vec<&'static str> {
        match self {
            Self::Compare(comparison) => match comparison.right {
                Right::Attribute(other) => vec![comparison.attribute, other],
                Right::Values(_) => vec![comparison.attribute],
            },
            Self::Not(_, inner) => inner.compared(),
            Self::And(_, a, b) | Self::Or(_, a, b) => [a.compared(), b.compared()].concat(),
            _ => Vec::new(),
        }
    }
}

fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}

impl Comparison {
    fn text(&self) -> String {
        let (not, fold) = (
            if self.negated { "Not" } else { "" },
            if self.ignores_case { "IgnoreCase" } else { "" },
        );
        let operator = match self.test {
            Test::Equals => format!("String{not}Equals{fold}"),
            Test::StartsWith => format!("String{not}StartsWith{fold}"),
            Test::Like => format!("String{not}Like{fold}"),
            Test::Guid => format!("Guid{not}Equals"),
        };
        let quantifier = self.quantifier.map(|q| format!("{q}:")).unwrap_or_default();
        let right = match &self.right {
            Right::Attribute(other) => format!("@{other}"),
            Right::Values(one) if self.quantifier.is_none() => quoted(one),
            Right::Values(many) => format!("{{{}}}", quoted(many)),
        };
        format!("@{} {quantifier}{operator} {right}", self.attribute)
    }

    /// An attribute without a value is neither this nor that. Names of vaults and secrets compare
    /// without regard to case, whatever the operator says: they are the same vault and secret.
    fn truth(&self, facts: &Facts) -> Truth {
        let Some(left) = facts.value(self.attribute) else { return Truth::Unknown };
        let folds =
            self.ignores_case || self.test == Test::Guid || self.attribute.ends_with(":name]");
        let one = |right: &str| {
            let spelt = |text: &str| if folds { text.to_lowercase() } else { text.to_owned() };
            let (left, right) = (spelt(left), spelt(right));
            let is = match self.test {
                Test::Equals | Test::Guid => left == right,
                Test::StartsWith => left.starts_with(&right),
                Test::Like => is_like(right.as_bytes(), left.as_bytes()),
            };
            is != self.negated
        };
        match &self.right {
            Right::Attribute(other) => facts.value(other).map_or(Truth::Unknown, |v| one(v).into()),
            Right::Values(values) if self.quantifier.is_some_and(|q| q.ends_with("AllValues")) => {
                values.iter().all(|value| one(value)).into()
            }
            Right::Values(values) => values.iter().any(|value| one(value)).into(),
        }
    }
}

/// `*` is any run of characters, `?` any one, and `\` takes the next one as it is.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => {
            is_like(rest, text) || text.split_first().is_some_and(|(_, t)| is_like(pattern, t))
        }
        ([b'?', rest @ ..], [_, t @ ..]) => is_like(rest, t),
        ([b'\\', c, rest @ ..] | [c, rest @ ..], [found, t @ ..]) => c == found && is_like(rest, t),
        _ => false,
    }
}

/// Whether an action fits a pattern: `*` is any run of characters, and `/*/` may be `/` alone.
pub(crate) fn fits(pattern: &str, action: &str) -> bool {
    fn go(pattern: &[u8], action: &[u8]) -> bool {
        match pattern {
            [] => action.is_empty(),
            [b'/', b'*', b'/', ..] if go(&pattern[2..], action) => true,
            [b'*', rest @ ..] => {
                go(rest, action) || action.split_first().is_some_and(|(_, a)| go(pattern, a))
            }
            [c, rest @ ..] => action
                .split_first()
                .is_some_and(|(a, left)| a.eq_ignore_ascii_case(c) && go(rest, left)),
        }
    }
    go(pattern.as_bytes(), action.as_bytes())
}
