//! A secret as a vault answers it, and as az prints it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::output::{self, Column, OutputArgs};
use super::super::secret_json;
use crate::error::CliError;

/// The columns of one version or many.
pub(super) const COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("Id", "/id"),
    ("ContentType", "/contentType"),
    ("Enabled", "/attributes/enabled"),
    ("Expires", "/attributes/expires"),
];

/// The columns of what was deleted.
pub(super) const DELETED_COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("RecoveryId", "/recoveryId"),
    ("Deleted", "/deletedDate"),
    ("ScheduledPurge", "/scheduledPurgeDate"),
];

/// One version of a secret, an element of a list, or a deleted secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    pub(super) value: Option<SecretValue>,
    pub(super) id: String,
    content_type: Option<String>,
    managed: Option<bool>,
    attributes: Attributes,
    pub(super) tags: Option<BTreeMap<String, String>>,
    kid: Option<String>,
    previous_version: Option<String>,
    recovery_id: Option<String>,
    deleted_date: Option<i64>,
    scheduled_purge_date: Option<i64>,
}

/// Times are whole Unix seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
    created: Option<i64>,
    updated: Option<i64>,
    recovery_level: Option<String>,
    recoverable_days: Option<u32>,
}

impl Bundle {
    /// As az prints it, without the value.
    pub(super) fn view(&self) -> Value {
        let attributes = &self.attributes;
        let mut view = json!({
            "id": self.id,
            "name": self.name(),
            "contentType": self.content_type,
            "managed": self.managed,
            "tags": self.tags,
            "attributes": {
                "enabled": attributes.enabled,
                "notBefore": attributes.nbf.map(iso),
                "expires": attributes.exp.map(iso),
                "created": attributes.created.map(iso),
                "updated": attributes.updated.map(iso),
                "recoveryLevel": attributes.recovery_level,
                "recoverableDays": attributes.recoverable_days,
            },
        });
        if let Value::Object(members) = &mut view {
            self.add_rare(members);
        }
        view
    }

    fn add_rare(&self, members: &mut Map<String, Value>) {
        let rare = [
            ("kid", json!(self.kid)),
            ("previousVersion", json!(self.previous_version)),
            ("recoveryId", json!(self.recovery_id)),
            ("deletedDate", json!(self.deleted_date.map(iso))),
            ("scheduledPurgeDate", json!(self.scheduled_purge_date.map(iso))),
        ];
        let given = rare.into_iter().filter(|(_, value)| !value.is_null());
        members.extend(given.map(|(name, value)| (name.to_owned(), value)));
    }

    /// `https://{vault}/secrets/{name}[/{version}]`
    pub(super) fn name(&self) -> Option<&str> {
        self.id.split('/').nth(4)
    }

    /// Prints it without the value.
    pub(super) fn print(&self, columns: &[Column], how: &OutputArgs) -> Result<(), CliError> {
        output::show(&self.view(), columns, how)
    }

    /// As az prints it, with the value, in memory that forgets.
    pub(super) fn with_value(&self, value: &SecretValue) -> Result<Zeroizing<Vec<u8>>, CliError> {
        #[derive(Serialize)]
        struct Shown<'a> {
            #[serde(flatten)]
            secret: Value,
            value: &'a SecretValue,
        }
        secret_json::pretty(&Shown { secret: self.view(), value }, value.expose().len())
    }
}

/// As Python prints a time in UTC, which is how az does.
fn iso(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        Err(_) => seconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of `GetSecret-example.json` in Azure's specification (7.6-preview.1).
    const EXAMPLE: &str = "{\"value\":\"mysecretvalue\",\
        \"id\":\"https://myvault.vault.azure.net/secrets/mysecretname/\
        4387e9f3d6e14c459867679a90fd0f79\",\
        \"attributes\":{\"enabled\":true,\"created\":1493938410,\"updated\":1493938410,\
        \"recoveryLevel\":\"Recoverable+Purgeable\"}}";

    #[test]
    fn a_view_is_as_az_prints_it() {
        let bundle: Bundle = serde_json::from_str(EXAMPLE).unwrap();
        let expected = json!({
            "id": "https://myvault.vault.azure.net/secrets/mysecretname/\
                4387e9f3d6e14c459867679a90fd0f79",
            "name": "mysecretname",
            "contentType": null,
            "managed": null,
            "tags": null,
            "attributes": {
                "enabled": true,
                "notBefore": null,
                "expires": null,
                "created": "2017-05-04T22:53:30+00:00",
                "updated": "2017-05-04T22:53:30+00:00",
                "recoveryLevel": "Recoverable+Purgeable",
                "recoverableDays": null,
            },
        });
        assert_eq!(bundle.view(), expected);
        let value = bundle.value.as_ref().unwrap();
        let shown: Value = serde_json::from_slice(&bundle.with_value(value).unwrap()).unwrap();
        assert_eq!(shown["value"], "mysecretvalue");
        assert_eq!(shown["name"], "mysecretname");
    }

    #[test]
    fn a_deleted_secret_says_when_it_goes() {
        let bundle: Bundle = serde_json::from_str(
            r#"{"id":"https://v/secrets/a","attributes":{},"deletedDate":1493938433,
            "recoveryId":"https://v/deletedsecrets/a","scheduledPurgeDate":1501714433}"#,
        )
        .unwrap();
        let view = bundle.view();
        assert_eq!(view["deletedDate"], "2017-05-04T22:53:53+00:00");
        assert_eq!(view["scheduledPurgeDate"], "2017-08-02T22:53:53+00:00");
        assert_eq!(view["recoveryId"], "https://v/deletedsecrets/a");
    }
}
