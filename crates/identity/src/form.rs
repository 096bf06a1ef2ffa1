//! The parameters of a token request: `application/x-www-form-urlencoded`.

use percent_encoding::percent_decode;
use strongroom_crypto::SecretBytes;

use crate::refusal::Refusal;

/// The most parameters of a request. A request for a token has about ten; every name is compared
/// with those before it, so their number is bounded before anybody is proved.
const MOST_PARAMETERS: usize = 64;

/// Parameters, each at most once (RFC 6749, section 3.2). Unknown ones are kept and not asked for.
#[derive(Default)]
pub(crate) struct Form(Vec<(String, SecretBytes)>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if form.0.len() == MOST_PARAMETERS {
                return Err(Refusal::Malformed);
            }
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            let name = decode(name);
            let name = std::str::from_utf8(name.expose()).map_err(|_| Refusal::Malformed)?;
            if form.secret(name).is_some() {
                return Err(Refusal::Repeated(name.chars().take(64).collect()));
            }
            form.0.push((name.to_owned(), decode(value.get(1..).unwrap_or_default())));
        }
        Ok(form)
    }

    /// A parameter that is there and not empty, in memory that forgets.
    pub(crate) fn secret(&self, name: &str) -> Option<&SecretBytes> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// A parameter that is there, not empty, and text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.secret(name)?.expose()).ok()
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.text(name).ok_or(Refusal::Missing(name))
    }
}

/// `+` is a space, then percent-decoding.
pub(crate) fn decode(encoded: &[u8]) -> SecretBytes {
    let spaced = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte });
    let spaced = SecretBytes::new(spaced.collect());
    SecretBytes::new(percent_decode(spaced.expose()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let form = Form::parse(b"a=1+2%2B3&client%5Fid=x&empty=&flag&&c=%ff%C3%BC").unwrap();
        assert_eq!(form.text("a"), Some("1 2+3"));
        assert_eq!(form.text("client_id"), Some("x"));
        assert_eq!(form.text("empty"), None);
        assert_eq!(form.text("flag"), None);
        assert_eq!(form.text("c"), None);
        assert_eq!(form.secret("c").unwrap().expose(), [0xff, 0xc3, 0xbc]);
        assert!(matches!(form.required("scope"), Err(Refusal::Missing("scope"))));
    }

    #[test]
    fn a_parameter_occurs_once() {
        assert!(matches!(Form::parse(b"a=1&%61=2"), Err(Refusal::Repeated(name)) if name == "a"));
        assert!(matches!(Form::parse(b"%ff=1"), Err(Refusal::Malformed)));
    }

    #[test]
    fn a_request_has_at_most_64_parameters() {
        let body = |count: usize| (0..count).map(|n| format!("p{n}=v&")).collect::<String>();
        assert_eq!(Form::parse(body(64).as_bytes()).unwrap().text("p63"), Some("v"));
        assert!(matches!(Form::parse(body(65).as_bytes()), Err(Refusal::Malformed)));
    }
}
