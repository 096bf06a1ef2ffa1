//! The query string. Some clients percent-encode the names, too (`api%2Dversion`).

use percent_encoding::percent_decode_str;

/// Parameters looked at; no request has that many.
const MAX_PARAMETERS: usize = 32;

/// The parameters of a query string, decoded.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query string; what does not decode to UTF-8 is taken with replacement characters.
    pub fn parse(query: Option<&str>) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.take(MAX_PARAMETERS).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(parameters.collect())
    }

    /// The first value of a parameter; names compare without regard to ASCII case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse(Some(
            "api%2Dversion=2015-11-01&%24filter=name%20eq%20%27a%27+or&$TOP=2&x",
        ));
        assert_eq!(query.get("api-version"), Some("2015-11-01"));
        assert_eq!(query.get("$filter"), Some("name eq 'a' or"));
        assert_eq!(query.get("$top"), Some("2"));
        assert_eq!(query.get("x"), Some(""));
        assert_eq!(query.get("y"), None);
    }
}
