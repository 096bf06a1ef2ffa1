//! The query of a request: what OData calls its system query options.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use crate::filter::Filter;
use crate::problem::Problem;

/// Objects on a page, if the client does not say; and at most.
const PAGE: usize = 100;
const MOST: usize = 999;

/// The most parameters that are looked at.
const MOST_PARAMETERS: usize = 32;

/// What a list is asked for.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) filter: Option<Filter>,
    pub(crate) select: Option<Vec<String>>,
    pub(crate) count: bool,
    top: Option<usize>,
    /// The last object of the page before.
    pub(crate) after: Option<Uuid>,
    /// The parameters as they were sent, but for the place to go on at.
    kept: Vec<(String, String)>,
}

impl Query {
    /// Reads a query. Names may be sent without their `$`, and percent-encoded.
    ///
    /// # Errors
    /// `BadRequest` for what does not parse, `Request_UnsupportedQuery` for what is not offered.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut found = Self::default();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs.take(MOST_PARAMETERS) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name).to_ascii_lowercase(), decode(value));
            match name.trim_start_matches('$') {
                "filter" => found.filter = Some(Filter::parse(&value)?),
                "select" => {
                    let names = value.split(',').map(|name| name.trim().to_owned());
                    found.select = Some(names.filter(|name| !name.is_empty()).collect());
                }
                "top" => found.top = Some(top(&value)?),
                "count" => found.count = value.eq_ignore_ascii_case("true"),
                "skiptoken" => {
                    found.after = Some(place(&value)?);
                    continue;
                }
                "orderby" => {
                    let text = "Sorting not supported for current query.";
                    return Err(Problem::unsupported(text));
                }
                "search" | "expand" | "skip" => {
                    let text = format!("'{name}' is not supported by the service.");
                    return Err(Problem::unsupported(&text));
                }
                _ => continue,
            }
            found.kept.push((name, value));
        }
        Ok(found)
    }

    /// How many objects a page has.
    pub(crate) fn page(&self) -> usize {
        self.top.unwrap_or(PAGE)
    }

    /// The query of the page after `last`.
    pub(crate) fn next(&self, last: Uuid) -> String {
        let place = URL_SAFE_NO_PAD.encode(last.as_bytes());
        let kept = self.kept.iter().map(|(name, value)| {
            format!("{name}={}&", utf8_percent_encode(value, NON_ALPHANUMERIC))
        });
        format!("{}$skiptoken={place}", kept.collect::<String>())
    }
}

fn top(value: &str) -> Result<usize, Problem> {
    match value.parse() {
        Ok(top) if (1..=MOST).contains(&top) => Ok(top),
        _ => Err(Problem::request(format!(
            "Invalid page size specified: '{}'. Must be between 1 and {MOST} inclusive.",
            value.chars().filter(char::is_ascii_graphic).take(20).collect::<String>()
        ))),
    }
}

fn place(token: &str) -> Result<Uuid, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| Uuid::from_slice(&bytes).ok())
        .ok_or_else(|| Problem::request("The specified skip token is not valid."))
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_what_was_asked_for() {
        let id = Uuid::from_u128(5);
        let asked = "%24filter=startswith(displayName%2C%27a%20%26%20b%27)&$top=7&$select=id,appId";
        let first = Query::parse(Some(asked)).unwrap();
        let next = Query::parse(Some(&first.next(id))).unwrap();
        assert_eq!(next.filter, first.filter);
        assert_eq!(next.select, Some(vec!["id".into(), "appId".into()]));
        assert_eq!((next.page(), next.after), (7, Some(id)));
        assert_eq!(first.after, None);
    }

    #[test]
    fn what_is_not_offered_is_said() {
        for query in [
            "$top=0",
            "$top=1000",
            "$top=x",
            "$filter=x",
            "$skiptoken=x",
            "$orderby=displayName",
            "$search=a",
            "$expand=owners",
        ] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
        assert_eq!(Query::parse(None).unwrap().page(), 100);
        assert!(Query::parse(Some("$count=TRUE&unknown=1")).unwrap().count);
    }
}
