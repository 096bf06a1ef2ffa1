//! `$filter`: what OData lets a client say of the objects it looks for, as far as tools say it.
//!
//! `eq`, `ne`, `in (…)`, `startswith(…)`, `endswith(…)`, `collection/any(x:x eq …)`, `and`, `or`,
//! `not` and parentheses. Texts compare without regard to case, as the directory compares them.

use crate::object::{Object, Property};
use crate::problem::Problem;

/// The longest filter, in bytes; no tool's is that long.
const MOST_BYTES: usize = 8 * 1024;

/// How deep parentheses and `not` may lie in one another.
const MOST_DEPTH: usize = 16;

/// A condition on an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    In(String, Vec<Literal>),
    Text(String, TextTest, String),
    /// Whether a collection has an element that is this one, or any at all.
    Any(String, Option<Literal>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
}

/// A constant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Text(String),
    Flag(bool),
    Null,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `BadRequest` when it is none, or says what is not offered here.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > MOST_BYTES {
            return Err(Problem::filter("it is too long."));
        }
        let mut parser = Parser { words: words(text)?, at: 0, depth: 0 };
        let filter = parser.either()?;
        match parser.next() {
            None => Ok(filter),
            Some(_) => Err(parser.unexpected()),
        }
    }

    /// Whether an object fits.
    ///
    /// # Errors
    /// `BadRequest` for a property that objects of its kind do not have.
    pub(crate) fn fits(&self, object: Object<'_>) -> Result<bool, Problem> {
        let property = |name: &String| {
            object.property(name).ok_or_else(|| Problem::no_property(name, object.kind()))
        };
        Ok(match self {
            Self::And(left, right) => left.fits(object)? & right.fits(object)?,
            Self::Or(left, right) => left.fits(object)? | right.fits(object)?,
            Self::Not(inner) => !inner.fits(object)?,
            Self::In(name, literals) => {
                let property = property(name)?;
                literals.iter().any(|literal| is_equal(&property, literal))
            }
            Self::Text(name, test, wanted) => match property(name)? {
                Property::Text(text) => {
                    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
                    match test {
                        TextTest::StartsWith => text.starts_with(&wanted),
                        TextTest::EndsWith => text.ends_with(&wanted),
                    }
                }
                _ => false,
            },
            Self::Any(name, wanted) => match (property(name)?, wanted) {
                (Property::Texts(texts), None) => !texts.is_empty(),
                (Property::Texts(texts), Some(wanted)) => {
                    texts.into_iter().any(|text| is_equal(&Property::Text(text), wanted))
                }
                _ => return Err(Problem::filter("'any' is for collections.")),
            },
        })
    }

    /// The values of a property that every object that fits has one of, if the filter says so:
    /// then they can be looked up.
    pub(crate) fn demands(&self, names: &[&str]) -> Option<Vec<&str>> {
        match self {
            Self::And(left, right) => left.demands(names).or_else(|| right.demands(names)),
            Self::In(name, literals) if names.contains(&name.as_str()) => {
                literals.iter().map(Literal::text).collect()
            }
            Self::Any(name, Some(literal)) if names.contains(&name.as_str()) => {
                literal.text().map(|text| vec![text])
            }
            _ => None,
        }
    }
}

impl Literal {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn is_equal(property: &Property<'_>, literal: &Literal) -> bool {
    match (property, literal) {
        (Property::Text(text), Literal::Text(wanted)) => {
            text.to_lowercase() == wanted.to_lowercase()
        }
        (Property::Flag(flag), Literal::Flag(wanted)) => flag == wanted,
        (Property::Null, Literal::Null) => true,
        _ => false,
    }
}

/// A word of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Name(String),
    Text(String),
    Mark(char),
}

/// Takes a filter apart. A quote in a text is doubled.
fn words(text: &str) -> Result<Vec<(usize, Word)>, Problem> {
    let mut found = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            ' ' | '\t' => {}
            '(' | ')' | ',' | ':' => found.push((at, Word::Mark(c))),
            '\'' => {
                let mut value = String::new();
                loop {
                    match characters.next() {
                        Some((_, '\'')) => match characters.next_if(|(_, c)| *c == '\'') {
                            Some(_) => value.push('\''),
                            None => break,
                        },
                        Some((_, c)) => value.push(c),
                        None => return Err(Problem::unterminated(at, text)),
                    }
                }
                found.push((at, Word::Text(value)));
            }
            _ => {
                let mut name = String::from(c);
                let is_name = |c: &char| !" \t(),:'".contains(*c);
                while let Some((_, c)) = characters.next_if(|(_, c)| is_name(c)) {
                    name.push(c);
                }
                found.push((at, Word::Name(name)));
            }
        }
    }
    Ok(found)
}

struct Parser {
    words: Vec<(usize, Word)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).map(|(_, word)| word.clone());
        self.at += usize::from(word.is_some());
        word
    }

    fn next_if(&mut self, wanted: &str) -> bool {
        let is_next = match self.words.get(self.at) {
            Some((_, Word::Name(name))) => name == wanted,
            Some((_, Word::Mark(mark))) => wanted.chars().eq([*mark]),
            _ => false,
        };
        self.at += usize::from(is_next);
        is_next
    }

    fn demand(&mut self, mark: &str) -> Result<(), Problem> {
        if self.next_if(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Problem {
        let place = self.words.get(self.at).or_else(|| self.words.last());
        Problem::filter(&format!("Syntax error at position {}.", place.map_or(0, |(at, _)| *at)))
    }

    fn deeper(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > MOST_DEPTH { Err(Problem::filter("it is too deep.")) } else { Ok(()) }
    }

    fn either(&mut self) -> Result<Filter, Problem> {
        let mut left = self.both()?;
        while self.next_if("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, Problem> {
        let mut left = self.term()?;
        while self.next_if("and") {
            left = Filter::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Filter, Problem> {
        self.deeper()?;
        let found = self.inner_term();
        self.depth -= 1;
        found
    }

    fn inner_term(&mut self) -> Result<Filter, Problem> {
        if self.next_if("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        if self.next_if("(") {
            let inner = self.either()?;
            self.demand(")")?;
            return Ok(inner);
        }
        let Some(Word::Name(name)) = self.next() else { return Err(self.unexpected()) };
        let test = match name.as_str() {
            "startswith" | "startsWith" => Some(TextTest::StartsWith),
            "endswith" | "endsWith" => Some(TextTest::EndsWith),
            _ => None,
        };
        match (test, name.strip_suffix("/any")) {
            (Some(test), _) => self.text_test(test),
            (None, Some(collection)) => self.any(collection.to_owned()),
            (None, None) => self.comparison(name),
        }
    }

    /// `startswith(displayName,'x')`
    fn text_test(&mut self, test: TextTest) -> Result<Filter, Problem> {
        self.demand("(")?;
        let Some(Word::Name(name)) = self.next() else { return Err(self.unexpected()) };
        self.demand(",")?;
        let Some(Word::Text(wanted)) = self.next() else { return Err(self.unexpected()) };
        self.demand(")")?;
        Ok(Filter::Text(name, test, wanted))
    }

    /// `any()`, or `any(c:c eq 'x')`
    fn any(&mut self, collection: String) -> Result<Filter, Problem> {
        self.demand("(")?;
        if self.next_if(")") {
            return Ok(Filter::Any(collection, None));
        }
        let Some(Word::Name(variable)) = self.next() else { return Err(self.unexpected()) };
        self.demand(":")?;
        if !self.next_if(&variable) || !self.next_if("eq") {
            return Err(self.unexpected());
        }
        let wanted = self.literal()?;
        self.demand(")")?;
        Ok(Filter::Any(collection, Some(wanted)))
    }

    fn comparison(&mut self, name: String) -> Result<Filter, Problem> {
        if self.next_if("eq") {
            return Ok(Filter::In(name, vec![self.literal()?]));
        }
        if self.next_if("ne") {
            return Ok(Filter::Not(Box::new(Filter::In(name, vec![self.literal()?]))));
        }
        if !self.next_if("in") {
            return Err(self.unexpected());
        }
        self.demand("(")?;
        let mut literals = vec![self.literal()?];
        while self.next_if(",") {
            literals.push(self.literal()?);
        }
        self.demand(")")?;
        Ok(Filter::In(name, literals))
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        match self.next() {
            Some(Word::Text(text)) => Ok(Literal::Text(text)),
            Some(Word::Name(name)) => Ok(match name.as_str() {
                "true" => Literal::Flag(true),
                "false" => Literal::Flag(false),
                "null" => Literal::Null,
                // A GUID may stand without quotes.
                _ if uuid::Uuid::parse_str(&name).is_ok() => Literal::Text(name),
                _ => return Err(self.unexpected()),
            }),
            _ => Err(self.unexpected()),
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_directory::Group;
    use strongroom_model::{PrincipalId, TenantId};
    use uuid::Uuid;

    use super::*;

    fn group() -> Group {
        Group {
            object_id: PrincipalId(Uuid::from_u128(7)),
            tenant: TenantId(Uuid::from_u128(1)),
            display_name: "Ada's Readers".into(),
            members: Vec::new(),
        }
    }

    #[test]
    fn what_tools_say_is_understood() {
        let group = group();
        for (filter, expected) in [
            ("displayName eq 'Ada''s Readers'", true),
            ("displayName eq 'ada''s readers'", true),
            ("displayName eq 'Readers'", false),
            ("displayName ne 'Readers'", true),
            ("startswith(displayName,'ada')", true),
            ("startswith(displayName,'readers')", false),
            ("endswith(displayName, 'Readers')", true),
            ("displayName eq 'Ada''s Readers' and mailNickname eq 'AdasReaders'", true),
            ("displayName eq 'x' or securityEnabled eq true", true),
            ("displayName eq 'x' or mailEnabled eq true", false),
            ("not (displayName eq 'x')", true),
            ("not startswith(displayName,'Ada')", false),
            ("id in ('00000000-0000-0000-0000-000000000007','x')", true),
            ("id eq 00000000-0000-0000-0000-000000000007", true),
            ("mail eq null", true),
            ("groupTypes/any(c:c eq 'Unified')", false),
            ("groupTypes/any()", false),
            // `and` binds closer than `or`.
            ("mailEnabled eq false or displayName eq 'x' and displayName eq 'y'", true),
            ("(mailEnabled eq false or displayName eq 'x') and displayName eq 'y'", false),
        ] {
            let fits = Filter::parse(filter).and_then(|parsed| parsed.fits(Object::Group(&group)));
            assert_eq!(fits.ok(), Some(expected), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let group = group();
        let deep = "not ".repeat(40) + "mailEnabled eq true";
        let long = format!("displayName eq '{}'", "x".repeat(10_000));
        for filter in [
            "",
            "displayName",
            "displayName eq",
            "displayName eq 'x",
            "displayName eq x",
            "displayName gt 'x'",
            "displayName eq 'x' and",
            "displayName eq 'x' displayName eq 'y'",
            "(displayName eq 'x'",
            "startswith(displayName)",
            "groupTypes/any(c:d eq 'x')",
            "displayName/any(c:c eq 'x')",
            "password eq 'x'",
            "id in ()",
            "'x' eq displayName",
            deep.as_str(),
            long.as_str(),
        ] {
            let fits = Filter::parse(filter).and_then(|parsed| parsed.fits(Object::Group(&group)));
            assert!(fits.is_err(), "{filter}");
        }
    }

    #[test]
    fn a_demanded_value_is_found_under_and_alone() {
        let demands = |filter: &str| {
            let filter = Filter::parse(filter).ok()?;
            filter.demands(&["appId"]).map(|found| found.join("|"))
        };
        assert_eq!(demands("appId eq 'x'").as_deref(), Some("x"));
        assert_eq!(demands("displayName eq 'a' and appId in ('x','y')").as_deref(), Some("x|y"));
        for other in ["appId ne 'x'", "appId eq 'x' or displayName eq 'a'", "displayName eq 'x'"] {
            assert_eq!(demands(other), None, "{other}");
        }
    }
}
