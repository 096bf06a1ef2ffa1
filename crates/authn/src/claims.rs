//! A JSON object of a token: its header or its claims (RFC 7519).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use strongroom_model::Timestamp;
use uuid::Uuid;

use crate::TokenFault;

/// The end of the year 9999, in Unix seconds: a later NumericDate is refused.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The members of an object whose names are unique (RFC 7519, section 4: which of two would
/// count depends on the parser, and an attacker knows two parsers).
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    /// Parses one JSON object with nothing after it.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TokenFault> {
        serde_json::from_slice(json).map_err(|_| TokenFault::Malformed)
    }

    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.0
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(crate) fn guid(&self, name: &str) -> Option<Uuid> {
        let text = self.text(name)?;
        // Only the form with hyphens: another spelling of one id would be another claim.
        (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
    }

    /// One text or a list of texts; anything else in the list is left out.
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A NumericDate, rounded up to a whole second. Python's clients send fractions.
    ///
    /// # Errors
    /// [`TokenFault::Malformed`] when it is there and no date.
    pub(crate) fn date(&self, name: &str) -> Result<Option<Timestamp>, TokenFault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().ok_or(TokenFault::Malformed)?;
        if !(0.0..=LAST_SECOND).contains(&seconds) {
            return Err(TokenFault::Malformed);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        let whole = seconds.ceil() as i64;
        Ok(Some(Timestamp(whole)))
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Claims;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with unique names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Claims, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name occurs twice"));
                    }
                }
                Ok(Claims(members))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        Claims::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn only_one_object_with_unique_names_is_parsed() {
        for bad in ["", "[]", "1", "null", r#"{"a":1,"a":1}"#, "{} {}", "{}x", r#"{"a":"#, "{,}"] {
            assert!(Claims::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(Claims::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn dates_are_rounded_up_and_bounded() {
        assert_eq!(claims(r#"{"exp":1300819380}"#).date("exp"), Ok(Some(Timestamp(1300819380))));
        assert_eq!(claims(r#"{"exp":1300819379.2}"#).date("exp"), Ok(Some(Timestamp(1300819380))));
        assert_eq!(claims("{}").date("exp"), Ok(None));
        for bad in ["\"1300819380\"", "1e300", "-1", "null", "true", "[1]", "253402300800"] {
            let bad = format!("{{\"exp\":{bad}}}");
            assert!(claims(&bad).date("exp").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_guid_has_one_form() {
        let id = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        assert_eq!(claims(&format!(r#"{{"oid":"{id}"}}"#)).guid("oid"), id.parse().ok());
        for bad in ["72f988bf86f141af91ab2d7cd011db47", "{72f988bf-86f1-41af-91ab-2d7cd011db47}"] {
            assert_eq!(claims(&format!(r#"{{"oid":"{bad}"}}"#)).guid("oid"), None);
        }
    }
}
