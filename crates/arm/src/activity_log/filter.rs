//! `$filter`, as the activity log takes it: terms that must all hold, the times among them.
//!
//! `az` sends times and provider names without quotes, the SDKs with them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use strongroom_model::{Scope, SubscriptionId};

use super::event::Change;
use crate::Problem;
use crate::problem::shown;

/// The longest filter, in bytes.
const MOST_BYTES: usize = 8 * 1024;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// The earliest time, in Unix milliseconds.
    pub(super) from_ms: i64,
    /// The latest time, in Unix milliseconds.
    pub(super) to_ms: i64,
    terms: Vec<(Property, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Property {
    Group,
    Resource,
    ResourceType,
    Provider,
    Correlation,
    Caller,
    Status,
    Level,
    Operation,
    Category,
    Channels,
}

impl Property {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "resourcegroupname" | "resourcegroup" => Self::Group,
            "resourceuri" | "resourceid" => Self::Resource,
            "resourcetype" => Self::ResourceType,
            "resourceprovider" | "resourceprovidername" => Self::Provider,
            "correlationid" => Self::Correlation,
            "caller" => Self::Caller,
            "status" => Self::Status,
            "level" | "levels" => Self::Level,
            "operationname" | "operations" => Self::Operation,
            "category" => Self::Category,
            "channels" | "eventchannels" => Self::Channels,
            _ => return None,
        })
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `BadRequest` when there is none, it names no beginning, or says what is not offered.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let text = text.unwrap_or_default();
        let words = words(text).filter(|_| text.len() <= MOST_BYTES);
        let words = words.ok_or_else(|| invalid(text, "it does not parse"))?;
        let mut filter = Self { to_ms: i64::MAX, from_ms: i64::MIN, terms: Vec::new() };
        for term in words.split(|word| word.eq_ignore_ascii_case("and")) {
            let [name, comparison, value] = term else {
                return Err(invalid(text, "a term is a property, a comparison and a value"));
            };
            let comparison = comparison.to_ascii_lowercase();
            if name.eq_ignore_ascii_case("eventTimestamp") {
                filter.time(&comparison, value).ok_or_else(|| {
                    invalid(text, "a time is compared by ge and le, and written in ISO 8601")
                })?;
                continue;
            }
            let property = Property::parse(name).filter(|_| comparison == "eq");
            let property = property.ok_or_else(|| invalid(text, "a term is not supported"))?;
            filter.terms.push((property, value.clone()));
        }
        if filter.from_ms == i64::MIN {
            return Err(invalid(text, "it must name the start time: eventTimestamp ge '…'"));
        }
        Ok(filter)
    }

    fn time(&mut self, comparison: &str, value: &str) -> Option<()> {
        let time = parse_time(value)?;
        match comparison {
            "ge" | "gt" => self.from_ms = self.from_ms.max(time),
            "le" | "lt" => self.to_ms = self.to_ms.min(time),
            _ => return None,
        }
        Some(())
    }

    /// The narrowest scope that all that is looked for lies in: who may read that may ask.
    pub(super) fn scope(&self, subscription: SubscriptionId) -> Scope {
        let root = Scope::subscription(subscription);
        let narrower = self.terms.iter().filter_map(|(property, value)| match property {
            Property::Group => Scope::parse(&format!("{root}/resourceGroups/{value}")).ok(),
            Property::Resource => Scope::parse(value).ok(),
            _ => None,
        });
        let narrower = narrower.filter(|scope| root.contains(scope));
        narrower.max_by_key(|scope| scope.as_str().len()).unwrap_or(root)
    }

    /// Whether a change is looked for.
    pub(super) fn fits(&self, change: &Change<'_>) -> bool {
        self.terms.iter().all(|(property, wanted)| {
            let is = |found: &str| found.eq_ignore_ascii_case(wanted);
            match property {
                Property::Group => change.group().is_some_and(is),
                Property::Resource => change.is_at(wanted),
                Property::ResourceType => is(change.resource_type()),
                Property::Provider => is(change.provider()),
                Property::Correlation => is(&change.record.correlation_id),
                Property::Caller => change.callers().into_iter().any(is),
                Property::Status => is("Started") || is(change.status()),
                Property::Level => {
                    list_has(wanted, change.level()) || list_has(wanted, "Informational")
                }
                Property::Operation => list_has(wanted, change.action),
                Property::Category => is("Administrative"),
                // Every change here is an operation.
                Property::Channels => list_has(wanted, "Operation"),
            }
        })
    }

    /// Whether an event of a change is looked for: its beginning has another status than its end.
    pub(super) fn fits_status(&self, event: &Value) -> bool {
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        self.terms.iter().all(|(property, wanted)| match property {
            Property::Status => text("/status/value").eq_ignore_ascii_case(wanted),
            Property::Level => list_has(wanted, text("/level")),
            _ => true,
        })
    }
}

/// Whether a list with commas has a name.
fn list_has(list: &str, name: &str) -> bool {
    list.split(',').any(|listed| listed.trim().eq_ignore_ascii_case(name))
}

/// A time in ISO 8601, in UTC if it does not say; Unix milliseconds.
fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let time: DateTime = text.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(time).ok()?.as_millisecond())
}

/// The words of a filter; a quote in a text is doubled. `None`: a text does not end.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let mut word = String::new();
        match c {
            c if c.is_whitespace() => continue,
            '\'' => loop {
                match characters.next()? {
                    '\'' if characters.next_if_eq(&'\'').is_some() => word.push('\''),
                    '\'' => break,
                    c => word.push(c),
                }
            },
            c => {
                word.push(c);
                while let Some(c) = characters.next_if(|c| !c.is_whitespace()) {
                    word.push(c);
                }
            }
        }
        words.push(word);
    }
    Some(words)
}

fn invalid(text: &str, why: &str) -> Problem {
    let text = shown(text);
    Problem::bad("BadRequest", format!("The filter '{text}' is not valid: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: &str = "7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

    #[test]
    fn what_az_and_the_sdks_send_is_understood() {
        for (text, from_ms, to_ms) in [
            (
                "eventTimestamp ge 2026-01-01T00:00:00 and eventTimestamp le 2026-01-01T06:00:00.5 \
                 and resourceGroupName eq 'rg'",
                1_767_225_600_000,
                1_767_247_200_500,
            ),
            (
                "eventTimestamp ge '2026-01-01T00:00:00.0000000Z' and resourceUri eq '/x'",
                1_767_225_600_000,
                i64::MAX,
            ),
            (
                "resourceProvider eq Microsoft.Authorization and eventTimestamp ge \
                 2026-01-01T01:00:00+01:00 and eventTimestamp le 2026-01-02",
                1_767_225_600_000,
                1_767_312_000_000,
            ),
            (
                "eventTimestamp ge '2026-01-01' and eventChannels eq 'Admin, Operation'",
                1_767_225_600_000,
                i64::MAX,
            ),
        ] {
            let filter = Filter::parse(Some(text)).unwrap();
            assert_eq!((filter.from_ms, filter.to_ms), (from_ms, to_ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let long = format!("eventTimestamp ge 2026-01-01 and caller eq '{}'", "x".repeat(9_000));
        for text in [
            None,
            Some(""),
            Some("caller eq 'x'"),
            Some("eventTimestamp le 2026-01-01"),
            Some("eventTimestamp ge yesterday"),
            Some("eventTimestamp eq 2026-01-01"),
            Some("eventTimestamp ge 2026-01-01 and"),
            Some("eventTimestamp ge 2026-01-01 and caller ne 'x'"),
            Some("eventTimestamp ge 2026-01-01 and secret eq 'x'"),
            Some("eventTimestamp ge 2026-01-01 or caller eq 'x'"),
            Some("eventTimestamp ge '2026-01-01"),
            Some(long.as_str()),
        ] {
            assert!(Filter::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn who_asks_must_be_allowed_where_it_lies() {
        let subscription: SubscriptionId = S.parse().unwrap();
        let scope = |more: &str| {
            let text = format!("eventTimestamp ge 2026-01-01{more}");
            Filter::parse(Some(&text)).unwrap().scope(subscription).as_str().to_owned()
        };
        let root = format!("/subscriptions/{S}");
        assert_eq!(scope(""), root);
        assert_eq!(scope(" and resourceGroupName eq 'rg'"), format!("{root}/resourceGroups/rg"));
        // A name that leads elsewhere narrows nothing.
        let other = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg";
        assert_eq!(scope(&format!(" and resourceUri eq '{other}'")), root);
        assert_eq!(scope(" and resourceUri eq '/'"), root);
        assert_eq!(scope(" and caller eq 'x'"), root);
    }
}
