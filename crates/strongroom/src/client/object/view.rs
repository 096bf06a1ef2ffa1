//! The members that every object has, as a vault answers them and as az prints them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Attributes. Times are whole Unix seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
    created: Option<i64>,
    updated: Option<i64>,
    recovery_level: Option<String>,
    recoverable_days: Option<u32>,
}

impl Attributes {
    /// As az prints them.
    pub(crate) fn view(&self) -> Map<String, Value> {
        [
            ("enabled", json!(self.enabled)),
            ("notBefore", json!(self.nbf.map(iso))),
            ("expires", json!(self.exp.map(iso))),
            ("created", json!(self.created.map(iso))),
            ("updated", json!(self.updated.map(iso))),
            ("recoveryLevel", json!(self.recovery_level)),
            ("recoverableDays", json!(self.recoverable_days)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// Adds those members that are there.
pub(crate) fn add_given<const N: usize>(view: &mut Value, members: [(&str, Value); N]) {
    if let Value::Object(view) = view {
        let given = members.into_iter().filter(|(_, value)| !value.is_null());
        view.extend(given.map(|(name, value)| (name.to_owned(), value)));
    }
}

/// The object's name: `https://{vault}/{kind}s/{name}[/{version}]`
pub(crate) fn name_of(id: &str) -> Option<&str> {
    id.split('/').nth(4)
}

/// As Python prints a time in UTC, which is how az does.
pub(crate) fn iso(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        Err(_) => seconds.to_string(),
    }
}
