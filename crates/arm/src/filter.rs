//! `$filter`, as lists of resources and of groups take it.

use std::collections::BTreeMap;

use crate::Problem;
use crate::problem::shown;

/// Terms of a filter; nobody writes that many.
const MAX_TERMS: usize = 64;

/// What a filter is held against.
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) resource_type: &'a str,
    pub(crate) location: &'a str,
    pub(crate) group: &'a str,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

/// Alternatives, each of terms that must all hold: `and` binds tighter than `or`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter(Vec<Vec<Term>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    property: Property,
    comparison: Comparison,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    Name,
    ResourceType,
    Location,
    ResourceGroup,
    TagName,
    TagValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
}

impl Property {
    fn parse(name: &str) -> Option<Self> {
        let known = [
            ("name", Self::Name),
            ("resourceType", Self::ResourceType),
            ("location", Self::Location),
            ("resourceGroup", Self::ResourceGroup),
            ("tagName", Self::TagName),
            ("tagValue", Self::TagValue),
        ];
        known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, p)| p)
    }
}

impl Filter {
    /// Reads a filter; none lets everything pass. Groups take tags only.
    ///
    /// # Errors
    /// `InvalidFilterInQueryString`.
    pub(crate) fn parse(text: Option<&str>, tags_only: bool) -> Result<Self, Problem> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            return Ok(Self::default());
        };
        let tagged = |term: &Term| matches!(term.property, Property::TagName | Property::TagValue);
        read(text)
            .filter(|found| !tags_only || found.iter().flatten().all(tagged))
            .map(Self)
            .ok_or_else(|| {
                let text = shown(text);
                Problem::bad(
                    "InvalidFilterInQueryString",
                    format!("Invalid $filter '{text}' specified in the query string."),
                )
            })
    }

    /// Whether it lets something pass.
    pub(crate) fn admits(&self, facts: &Facts<'_>) -> bool {
        self.0.is_empty() || self.0.iter().any(|terms| all_hold(terms, facts))
    }

    /// The one resource name that can pass, where the filter says so.
    pub(crate) fn only_name(&self) -> Option<&str> {
        self.only(Property::Name)
    }

    /// The one resource type that can pass, where the filter says so.
    pub(crate) fn only_type(&self) -> Option<&str> {
        self.only(Property::ResourceType)
    }

    /// The one resource group whose resources can pass, where the filter says so.
    pub(crate) fn only_group(&self) -> Option<&str> {
        self.only(Property::ResourceGroup)
    }

    fn only(&self, property: Property) -> Option<&str> {
        let [terms] = self.0.as_slice() else { return None };
        terms
            .iter()
            .find(|term| term.property == property && term.comparison == Comparison::Equal)
            .map(|term| term.value.as_str())
    }
}

/// A tag's name and value in one alternative are of one tag.
fn all_hold(terms: &[Term], facts: &Facts<'_>) -> bool {
    let of = |property| terms.iter().filter(move |term| term.property == property);
    let is_tag = |term: &&Term| matches!(term.property, Property::TagName | Property::TagValue);
    let tagged = !terms.iter().any(|term| is_tag(&term))
        || facts.tags.iter().any(|(name, value)| {
            of(Property::TagName).all(|term| term.holds(name))
                && of(Property::TagValue).all(|term| term.holds(value))
        });
    tagged
        && terms.iter().filter(|term| !is_tag(term)).all(|term| {
            term.holds(match term.property {
                Property::Name => facts.name,
                Property::ResourceType => facts.resource_type,
                Property::Location => facts.location,
                _ => facts.group,
            })
        })
}

impl Term {
    fn holds(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let value = self.value.to_lowercase();
        match self.comparison {
            Comparison::Equal => text == value,
            Comparison::NotEqual => text != value,
            Comparison::Contains => text.contains(&value),
            Comparison::StartsWith => text.starts_with(&value),
        }
    }
}

fn read(text: &str) -> Option<Vec<Vec<Term>>> {
    let mut rest = text.trim();
    let mut found = vec![Vec::new()];
    for _ in 0..MAX_TERMS {
        let (term, after) = term(rest)?;
        found.last_mut()?.push(term);
        let (word, after) = word(after);
        match word.to_ascii_lowercase().as_str() {
            "" => return after.is_empty().then_some(found),
            "and" => {}
            "or" => found.push(Vec::new()),
            _ => return None,
        }
        rest = after;
    }
    None
}

/// `property eq 'value'`, `substringof('value', property)` or `startswith(property, 'value')`.
fn term(text: &str) -> Option<(Term, &str)> {
    let (first, after) = word(text);
    if let Some(arguments) = after.strip_prefix('(') {
        return match first.to_ascii_lowercase().as_str() {
            "substringof" => {
                let (value, after) = quoted(arguments)?;
                let (name, after) = word(after.trim_start().strip_prefix(',')?);
                let property = Property::parse(name)?;
                Some((Term { property, comparison: Comparison::Contains, value }, closed(after)?))
            }
            "startswith" => {
                let (name, after) = word(arguments);
                let property = Property::parse(name)?;
                let (value, after) = quoted(after.trim_start().strip_prefix(',')?)?;
                Some((Term { property, comparison: Comparison::StartsWith, value }, closed(after)?))
            }
            _ => None,
        };
    }
    let property = Property::parse(first)?;
    let (operator, after) = word(after);
    let comparison = match operator.to_ascii_lowercase().as_str() {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        _ => return None,
    };
    let (value, after) = quoted(after)?;
    Some((Term { property, comparison, value }, after))
}

fn closed(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix(')')
}

/// The letters at the beginning, and what follows them.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A text in single quotes, in which two stand for one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.trim_start().strip_prefix('\'')?;
    let mut found = String::new();
    loop {
        let (before, after) = rest.split_once('\'')?;
        found.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                found.push('\'');
                rest = more;
            }
            None => return Some((found, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &str) -> bool {
        let tags = [("Env".into(), "it's".into()), ("team".into(), "a".into())].into();
        let facts = Facts {
            name: "Dev",
            resource_type: "Microsoft.KeyVault/vaults",
            location: "westeurope",
            group: "rg",
            tags: &tags,
        };
        Filter::parse(Some(filter), false).unwrap().admits(&facts)
    }

    // The forms that az 2.91 and Terraform 4 send are the first three.
    #[test]
    fn filters_hold_or_do_not() {
        for holding in [
            "resourceType eq 'Microsoft.KeyVault/vaults'",
            "resourceType eq 'microsoft.keyvault/VAULTS' and name eq 'dev'",
            "resourceGroup eq 'RG' and name eq 'dev'",
            "tagName eq 'env' and tagValue eq 'it''s'",
            "location ne 'eastus'",
            "name eq 'x' or name eq 'dev' and location eq 'westeurope'",
            "substringof('ev', name)",
            "startswith(tagName, 'te')",
            " ",
        ] {
            assert!(admits(holding), "{holding}");
        }
        for other in [
            "resourceType eq 'Microsoft.Storage/storageAccounts'",
            "tagName eq 'env' and tagValue eq 'a'",
            "name eq 'dev' and location eq 'eastus' or name eq 'x'",
            "tagName eq 'none'",
        ] {
            assert!(!admits(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_and_never_passed_over() {
        for bad in [
            "$filter=name eq 'x'",
            "name eq x",
            "name eq 'x",
            "name",
            "name eq 'x' and",
            "identity eq 'x'",
            "(name eq 'x')",
            "name eq 'x' 'y'",
            "name lt 'x'",
        ] {
            let problem = Filter::parse(Some(bad), false).unwrap_err();
            assert_eq!(problem.code, "InvalidFilterInQueryString", "{bad}");
        }
        // As the real service: groups are found by their tags alone.
        assert!(Filter::parse(Some("name eq 'foo'"), true).is_err());
        assert!(Filter::parse(Some("tagName eq 'a' and tagValue eq 'b'"), true).is_ok());
    }
}
