//! Request URIs without what a client may have put there by mistake.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The query parameters that are kept, in lower case.
const ALLOWED: [&str; 4] = ["api-version", "maxresults", "includepending", "outcontenttype"];

/// The longest value of a parameter that is kept.
const MAX_VALUE: usize = 64;

/// `uri` with only the query parameters that the audit may keep: `api-version`, `maxresults`,
/// `includePending` and `outContentType`, their values of unreserved characters and at most 64
/// bytes. The fragment goes, too.
pub fn audited_uri(uri: &str) -> String {
    let uri = uri.split('#').next().unwrap_or_default();
    let Some((path, query)) = uri.split_once('?') else { return uri.to_owned() };
    let mut kept = String::with_capacity(uri.len());
    kept.push_str(path);
    for parameter in query.split('&').filter(|parameter| is_allowed(parameter)) {
        kept.push(if kept.len() == path.len() { '?' } else { '&' });
        kept.push_str(parameter);
    }
    kept
}

fn is_allowed(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let name: Cow<'_, [u8]> = percent_decode_str(name).into();
    let known = ALLOWED.iter().any(|allowed| name.eq_ignore_ascii_case(allowed.as_bytes()));
    known && value.len() <= MAX_VALUE && value.bytes().all(is_unreserved)
}

/// `unreserved` of RFC 3986, and the `/` and `+` of media types, also escaped.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/+%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_allowed_parameters_stay() {
        let base = "https://v.vault.azure.net/secrets/x";
        let cases = [
            ("", ""),
            ("?api-version=7.4", "?api-version=7.4"),
            ("?api%2Dversion=7.4", "?api%2Dversion=7.4"),
            ("?API-Version=7.4&sig=abc", "?API-Version=7.4"),
            ("?value=hunter2&maxresults=5&api-version=7.4", "?maxresults=5&api-version=7.4"),
            (
                "?includePending=true&outContentType=application/x-pem-file#frag",
                "?includePending=true&outContentType=application/x-pem-file",
            ),
            ("?$skiptoken=eyJ", ""),
            ("?api-version=my secret", ""),
            ("?maxresults", "?maxresults"),
            ("?", ""),
            ("#?api-version=7.4", ""),
        ];
        for (query, kept) in cases {
            assert_eq!(audited_uri(&format!("{base}{query}")), format!("{base}{kept}"), "{query}");
        }
        let long = format!("{base}?api-version={}", "7".repeat(65));
        assert_eq!(audited_uri(&long), base);
    }

    proptest! {
        #[test]
        fn whatever_else_a_query_holds_is_gone(name in "[a-z]{1,8}", value in "[!-~]{0,40}") {
            prop_assume!(name != "maxresults");
            prop_assume!(!value.contains(['&', '#']));
            let found = audited_uri(&format!("/secrets?{name}={value}&api-version=7.4"));
            prop_assert_eq!(found, "/secrets?api-version=7.4");
        }
    }
}
