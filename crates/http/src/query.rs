//! The query string. Keys and values are percent-encoded by some clients (`api%2Dversion`).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The parameters of a query string, decoded.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// Parameters looked at; the service has six.
const MAX_PARAMETERS: usize = 32;

impl<'a> Query<'a> {
    /// Reads a query string; what does not decode to UTF-8 is taken as it stands.
    pub(crate) fn parse(query: Option<&'a str>) -> Self {
        let decode = |text: &'a str| percent_decode_str(text).decode_utf8_lossy();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.take(MAX_PARAMETERS).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(parameters.collect())
    }

    /// The first value of a parameter; names compare without regard to ASCII case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse(Some("api%2Dversion=7.4&$skiptoken=a%3Db&MaxResults=2&x"));
        assert_eq!(query.get("api-version"), Some("7.4"));
        assert_eq!(query.get("$skiptoken"), Some("a=b"));
        assert_eq!(query.get("maxresults"), Some("2"));
        assert_eq!(query.get("x"), Some(""));
        assert_eq!(query.get("y"), None);
    }
}
