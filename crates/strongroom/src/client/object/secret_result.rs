//! An answer with one secret member, printed from memory that forgets.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::output::{self, Column, Format, OutputArgs};
use super::super::{secret_json, terminal};
use crate::error::CliError;

/// An answer and its secret member.
pub(crate) struct SecretResult<'a> {
    /// The other members.
    pub(crate) view: &'a Value,
    /// The columns of the other members, for queries.
    pub(crate) columns: &'a [Column],
    /// What stands in the first column of a table.
    pub(crate) first: (&'a str, &'a str),
    /// The secret member's name in JSON, and its heading.
    pub(crate) member: (&'a str, &'a str),
    /// The secret.
    pub(crate) secret: &'a SecretValue,
}

impl SecretResult<'_> {
    /// Prints it.
    pub(crate) fn print(&self, how: &OutputArgs) -> Result<(), CliError> {
        match self.rendered(how)? {
            Some(text) => terminal::print(&text),
            None => output::show(self.view, self.columns, how),
        }
    }

    /// What holds the secret; `None` where a query asks for something else.
    fn rendered(&self, how: &OutputArgs) -> Result<Option<Zeroizing<Vec<u8>>>, CliError> {
        let asked = how.query.as_ref().map(|query| query.is_member(self.member.0));
        let length = self.secret.expose().len();
        let (heading, first) = self.first;
        match (asked, how.output) {
            (None, Format::Json) => secret_json::pretty(self, length).map(Some),
            (Some(true), Format::Json) => secret_json::pretty(self.secret, length).map(Some),
            (Some(true), _) => Ok(Some(self.line(""))),
            (None, Format::Tsv) => Ok(Some(self.line(&format!("{first}\t")))),
            (None, Format::Table) => {
                let width = first.len().max(heading.len());
                let rule = ["-".repeat(width), "-".repeat(self.member.1.len())].join("  ");
                let heading = format!("{heading:width$}  {}", self.member.1);
                Ok(Some(self.line(&format!("{heading}\n{rule}\n{first:width$}  "))))
            }
            (Some(false), _) => Ok(None),
        }
    }

    fn line(&self, before: &str) -> Zeroizing<Vec<u8>> {
        let secret = self.secret.expose().as_bytes();
        let mut text = Zeroizing::new(Vec::with_capacity(before.len() + secret.len() + 1));
        text.extend_from_slice(before.as_bytes());
        text.extend_from_slice(secret);
        text.push(b'\n');
        text
    }
}

impl Serialize for SecretResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.view.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(self.member.0, self.secret)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(output: Format, query: Option<&str>) -> Option<String> {
        let result = SecretResult {
            view: &json!({"id": "https://v/secrets/db/1", "attributes": {}}),
            columns: &[],
            first: ("Name", "db"),
            member: ("value", "Value"),
            secret: &SecretValue::new("s\"1".into()),
        };
        let how = OutputArgs { output, query: query.map(|query| query.parse().unwrap()) };
        Some(String::from_utf8(result.rendered(&how).unwrap()?.to_vec()).unwrap())
    }

    #[test]
    fn json_has_all_members() {
        let text = shown(Format::Json, None).unwrap();
        let expected = json!({"id": "https://v/secrets/db/1", "attributes": {}, "value": "s\"1"});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn a_script_gets_the_bare_value() {
        assert_eq!(shown(Format::Tsv, Some("value")).unwrap(), "s\"1\n");
        assert_eq!(shown(Format::Json, Some("value")).unwrap(), "\"s\\\"1\"\n");
        assert_eq!(shown(Format::Tsv, None).unwrap(), "db\ts\"1\n");
    }

    #[test]
    fn people_get_a_table() {
        assert_eq!(shown(Format::Table, None).unwrap(), "Name  Value\n----  -----\ndb    s\"1\n");
    }

    #[test]
    fn other_members_come_without_the_value() {
        assert_eq!(shown(Format::Tsv, Some("attributes.enabled")), None);
        assert_eq!(shown(Format::Json, Some("id")), None);
    }
}
