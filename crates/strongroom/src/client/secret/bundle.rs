//! A secret as a vault answers it, and as az prints it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_model::Kind;
use strongroom_wire::SecretValue;

use super::super::object::Object;
use super::super::object::view::{Attributes, add_given, iso, name_of};
use super::super::output::Column;

/// One version of a secret, an element of a list, or a deleted secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    pub(super) value: Option<SecretValue>,
    id: String,
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

impl Bundle {
    /// Its name.
    pub(super) fn name(&self) -> Option<&str> {
        name_of(&self.id)
    }
}

impl Object for Bundle {
    const KIND: Kind = Kind::Secret;
    const COLUMNS: &'static [Column] = &[
        ("Name", "/name"),
        ("Id", "/id"),
        ("ContentType", "/contentType"),
        ("Enabled", "/attributes/enabled"),
        ("Expires", "/attributes/expires"),
    ];
    const LIST_COLUMNS: &'static [Column] = Self::COLUMNS;

    fn view(&self) -> Value {
        let mut view = json!({
            "id": self.id,
            "name": self.name(),
            "contentType": self.content_type,
            "managed": self.managed,
            "tags": self.tags,
            "attributes": self.attributes.view(),
        });
        let rare = [
            ("kid", json!(self.kid)),
            ("previousVersion", json!(self.previous_version)),
            ("recoveryId", json!(self.recovery_id)),
            ("deletedDate", json!(self.deleted_date.map(iso))),
            ("scheduledPurgeDate", json!(self.scheduled_purge_date.map(iso))),
        ];
        add_given(&mut view, rare);
        view
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
        assert_eq!(bundle.value.unwrap().expose(), "mysecretvalue");
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
