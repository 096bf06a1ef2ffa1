//! The grammar of conditions.
//!
//! ```text
//! or      = and { ("OR" | "||") and }
//! and     = unary { ("AND" | "&&") unary }
//! unary   = ("NOT" | "!") unary | "(" or ")" | predicate
//! predicate = "ActionMatches" list | "SubOperationMatches" list | "Exists" attribute
//!           | attribute [quantifier ":"] operator (attribute | list | literal)
//! attribute = "@" source "[" name "]"
//! list    = "{" literal { "," literal } "}"
//! ```
//! Source: Azure's "role assignment condition format and syntax". Words are read in any case.

use uuid::Uuid;

use super::{Attribute, Comparison, Expression, MAX_BYTES, Operand, Quantifier, Source, Test};
use crate::ModelError;

/// How deep parentheses and negations may lie in each other.
const MAX_DEPTH: u32 = 32;

/// Reads a whole condition.
pub(super) fn condition(text: &str) -> Result<Expression, ModelError> {
    if text.len() > MAX_BYTES {
        return Err(fault(format!("it is longer than {MAX_BYTES} bytes")));
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let expression = reader.any()?;
    reader.skip_space();
    if reader.rest().is_empty() {
        Ok(expression)
    } else {
        Err(reader.expected("AND, OR or the end"))
    }
}

fn fault(text: String) -> ModelError {
    ModelError::Condition(text)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn expected(&self, what: &str) -> ModelError {
        let found: String = self.rest().chars().filter(|c| !c.is_control()).take(30).collect();
        let found = if found.is_empty() { "the end".to_owned() } else { format!("'{found}'") };
        fault(format!("expected {what} at character {}, found {found}", self.at + 1))
    }

    /// Takes a mark, if it comes next.
    fn mark(&mut self, mark: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    fn demand(&mut self, mark: &str) -> Result<(), ModelError> {
        if self.mark(mark) { Ok(()) } else { Err(self.expected(&format!("'{mark}'"))) }
    }

    /// The word that comes next, without taking it.
    fn peek_word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Takes a word in any case, if it comes next.
    fn word(&mut self, word: &str) -> bool {
        let found = self.peek_word().eq_ignore_ascii_case(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn any(&mut self) -> Result<Expression, ModelError> {
        let mut parts = vec![self.all()?];
        while self.word("OR") || self.mark("||") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ModelError> {
        let mut parts = vec![self.unary()?];
        while self.word("AND") || self.mark("&&") {
            parts.push(self.unary()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn unary(&mut self) -> Result<Expression, ModelError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        let expression = if self.word("NOT") || self.mark("!") {
            Expression::Not(Box::new(self.unary()?))
        } else if self.mark("(") {
            let inner = self.any()?;
            self.demand(")")?;
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn predicate(&mut self) -> Result<Expression, ModelError> {
        if self.word("ActionMatches") {
            return Ok(Expression::ActionMatches(self.list()?));
        }
        if self.word("SubOperationMatches") {
            return Ok(Expression::SubOperationMatches(self.list()?));
        }
        if self.word("NotExists") {
            let (source, attribute) = self.attribute()?;
            return Ok(Expression::Not(Box::new(Expression::Exists(source, attribute))));
        }
        if self.word("Exists") {
            let (source, attribute) = self.attribute()?;
            return Ok(Expression::Exists(source, attribute));
        }
        self.comparison().map(Expression::Compare)
    }

    fn comparison(&mut self) -> Result<Comparison, ModelError> {
        let left = self.attribute()?;
        let mut quantifier = Quantifier::AnyOnTheRight;
        if let Some(read) = quantifier_of(self.peek_word()) {
            self.at += self.peek_word().len();
            self.demand(":")?;
            quantifier = read;
        }
        let operator = self.peek_word();
        let Some((test, negated)) = operator_of(operator) else {
            return Err(self.expected("an operator on strings or GUIDs"));
        };
        if (test == Test::GuidEquals) != is_guid(left.1) && left.1 != Attribute::Custom {
            return Err(self.expected("an operator for the type of the attribute"));
        }
        self.at += operator.len();
        let right = self.operand(test)?;
        Ok(Comparison { left, test, negated, quantifier, right })
    }

    fn operand(&mut self, test: Test) -> Result<Operand, ModelError> {
        self.skip_space();
        if self.rest().starts_with('@') {
            let (source, attribute) = self.attribute()?;
            return Ok(Operand::Attribute(source, attribute));
        }
        let literals =
            if self.rest().starts_with('{') { self.list()? } else { vec![self.literal()?] };
        if test != Test::GuidEquals {
            return Ok(Operand::Texts(literals));
        }
        let guid = |text: &String| {
            Uuid::parse_str(text).map_err(|_| fault(format!("'{text}' is not a GUID")))
        };
        literals.iter().map(guid).collect::<Result<_, _>>().map(Operand::Guids)
    }

    fn list(&mut self) -> Result<Vec<String>, ModelError> {
        self.demand("{")?;
        let mut literals = vec![self.literal()?];
        while self.mark(",") {
            literals.push(self.literal()?);
        }
        self.demand("}")?;
        Ok(literals)
    }

    /// A quoted text, in which `\'` is a quote; or a bare word, as GUIDs are. Every other backslash
    /// stays, for `Like` to see.
    fn literal(&mut self) -> Result<String, ModelError> {
        if !self.mark("'") {
            let rest = self.rest();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(self.expected("a value"));
            }
            self.at += end;
            return Ok(rest.get(..end).unwrap_or_default().to_owned());
        }
        let mut text = String::new();
        let mut chars = self.rest().chars();
        while let Some(c) = chars.next() {
            self.at += c.len_utf8();
            match c {
                '\'' => return Ok(text),
                '\\' if chars.as_str().starts_with('\'') => {
                    chars.next();
                    self.at += 1;
                    text.push('\'');
                }
                other => text.push(other),
            }
        }
        Err(self.expected("the closing quote"))
    }

    fn attribute(&mut self) -> Result<(Source, Attribute), ModelError> {
        if !self.mark("@") {
            return Err(self.expected(
                "ActionMatches, SubOperationMatches, Exists, an attribute, NOT or a parenthesis",
            ));
        }
        let source = match self.peek_word() {
            word if word.eq_ignore_ascii_case("Request") => Source::Request,
            word if word.eq_ignore_ascii_case("Resource") => Source::Resource,
            word if word.eq_ignore_ascii_case("Principal") => Source::Principal,
            _ => return Err(self.expected("Request, Resource or Principal")),
        };
        self.at += self.peek_word().len();
        self.demand("[")?;
        let rest = self.rest();
        let Some((name, _)) = rest.split_once(']') else {
            return Err(self.expected("an attribute and ']'"));
        };
        let Some(attribute) = attribute_of(source, name.trim()) else {
            return Err(self.expected("an attribute that is known for this source"));
        };
        self.at += name.len() + 1;
        Ok((source, attribute))
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            parts.push(last);
            many(parts)
        }
        (_, None) => Expression::Never,
    }
}

fn is_guid(attribute: Attribute) -> bool {
    matches!(attribute, Attribute::RoleDefinitionId | Attribute::PrincipalId)
}

fn attribute_of(source: Source, name: &str) -> Option<Attribute> {
    const CUSTOM: &str = "Microsoft.Directory/CustomSecurityAttributes/Id:";
    if source == Source::Principal {
        let prefix = name.get(..CUSTOM.len())?;
        return prefix.eq_ignore_ascii_case(CUSTOM).then_some(Attribute::Custom);
    }
    [
        ("Microsoft.KeyVault/vaults:name", Attribute::VaultName),
        ("Microsoft.KeyVault/vaults/secrets:name", Attribute::SecretName),
        ("Microsoft.Authorization/roleAssignments:RoleDefinitionId", Attribute::RoleDefinitionId),
        ("Microsoft.Authorization/roleAssignments:PrincipalId", Attribute::PrincipalId),
        ("Microsoft.Authorization/roleAssignments:PrincipalType", Attribute::PrincipalType),
    ]
    .into_iter()
    .find_map(|(known, attribute)| known.eq_ignore_ascii_case(name).then_some(attribute))
}

fn quantifier_of(word: &str) -> Option<Quantifier> {
    // An attribute has at most one value: any of its values and all of its values are the same.
    [
        ("ForAnyOfAnyValues", Quantifier::AnyOnTheRight),
        ("ForAllOfAnyValues", Quantifier::AnyOnTheRight),
        ("ForAnyOfAllValues", Quantifier::AllOnTheRight),
        ("ForAllOfAllValues", Quantifier::AllOnTheRight),
    ]
    .into_iter()
    .find_map(|(known, quantifier)| known.eq_ignore_ascii_case(word).then_some(quantifier))
}

fn operator_of(word: &str) -> Option<(Test, bool)> {
    let (ignore_case, with_case) = (true, false);
    [
        ("StringEquals", Test::Equals { ignore_case: with_case }, false),
        ("StringNotEquals", Test::Equals { ignore_case: with_case }, true),
        ("StringEqualsIgnoreCase", Test::Equals { ignore_case }, false),
        ("StringNotEqualsIgnoreCase", Test::Equals { ignore_case }, true),
        ("StringStartsWith", Test::StartsWith { ignore_case: with_case }, false),
        ("StringNotStartsWith", Test::StartsWith { ignore_case: with_case }, true),
        ("StringStartsWithIgnoreCase", Test::StartsWith { ignore_case }, false),
        ("StringNotStartsWithIgnoreCase", Test::StartsWith { ignore_case }, true),
        ("StringLike", Test::Like { ignore_case: with_case }, false),
        ("StringNotLike", Test::Like { ignore_case: with_case }, true),
        ("StringLikeIgnoreCase", Test::Like { ignore_case }, false),
        ("StringNotLikeIgnoreCase", Test::Like { ignore_case }, true),
        ("GuidEquals", Test::GuidEquals, false),
        ("GuidNotEquals", Test::GuidEquals, true),
    ]
    .into_iter()
    .find_map(|(known, test, negated)| known.eq_ignore_ascii_case(word).then_some((test, negated)))
}
