//! A key as a vault answers it, and as az prints it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_model::Kind;
use strongroom_wire::SecretValue;

use super::super::object::Object;
use super::super::object::view::{self, add_given, iso, name_of};
use super::super::output::Column;
use super::bytes::shown;
use super::jwk::Jwk;
use crate::error::CliError;

/// One version of a key, an element of a list, or a deleted key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    pub(super) key: Option<Jwk>,
    kid: Option<String>,
    managed: Option<bool>,
    attributes: Attributes,
    tags: Option<BTreeMap<String, String>>,
    #[serde(rename = "release_policy")]
    release_policy: Option<ReleasePolicy>,
    recovery_id: Option<String>,
    deleted_date: Option<i64>,
    scheduled_purge_date: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    #[serde(flatten)]
    common: view::Attributes,
    exportable: Option<bool>,
    hsm_platform: Option<String>,
    attestation: Option<Attestation>,
}

/// How a device vouches for a key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    certificate_pem_file: Option<SecretValue>,
    private_key_attestation: Option<SecretValue>,
    public_key_attestation: Option<SecretValue>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReleasePolicy {
    content_type: Option<String>,
    data: Option<SecretValue>,
    immutable: Option<bool>,
}

impl Bundle {
    /// The public half.
    pub(super) fn jwk(&self) -> Result<&Jwk, CliError> {
        self.key.as_ref().ok_or_else(|| CliError::failed("the vault answered without the key"))
    }

    /// How a device vouches for it, as az prints it.
    pub(super) fn attestation(&self) -> Option<Value> {
        let attestation = self.attributes.attestation.as_ref()?;
        let shown = |member: &Option<SecretValue>| member.as_ref().map(shown);
        Some(json!({
            "certificatePemFile": shown(&attestation.certificate_pem_file),
            "privateKeyAttestation": shown(&attestation.private_key_attestation),
            "publicKeyAttestation": shown(&attestation.public_key_attestation),
            "version": attestation.version,
        }))
    }
}

impl Object for Bundle {
    const KIND: Kind = Kind::Key;
    const COLUMNS: &'static [Column] = &[
        ("Name", "/name"),
        ("Kid", "/key/kid"),
        ("Kty", "/key/kty"),
        ("Enabled", "/attributes/enabled"),
        ("Expires", "/attributes/expires"),
    ];
    const LIST_COLUMNS: &'static [Column] = &[
        ("Name", "/name"),
        ("Kid", "/kid"),
        ("Enabled", "/attributes/enabled"),
        ("Expires", "/attributes/expires"),
    ];

    fn view(&self) -> Value {
        let kid = self.key.as_ref().map(|key| &key.kid).or(self.kid.as_ref());
        let mut attributes = self.attributes.common.view();
        attributes.insert("exportable".into(), json!(self.attributes.exportable));
        attributes.insert("hsmPlatform".into(), json!(self.attributes.hsm_platform));
        let mut view = json!({
            "name": kid.and_then(|kid| name_of(kid)),
            "managed": self.managed,
            "tags": self.tags,
            "attributes": attributes,
            "releasePolicy": self.release_policy.as_ref().map(ReleasePolicy::view),
        });
        let rare = [
            ("key", json!(self.key.as_ref().map(Jwk::view))),
            ("kid", json!(self.kid)),
            ("recoveryId", json!(self.recovery_id)),
            ("deletedDate", json!(self.deleted_date.map(iso))),
            ("scheduledPurgeDate", json!(self.scheduled_purge_date.map(iso))),
        ];
        add_given(&mut view, rare);
        view
    }
}

impl ReleasePolicy {
    /// The SDK calls it encoded, and az prints it decoded.
    fn view(&self) -> Value {
        let document = self.data.as_ref().and_then(SecretValue::to_bytes);
        json!({
            "contentType": self.content_type,
            "encodedPolicy": document.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            "immutable": self.immutable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_as_az_prints_it() {
        // GetKey-example.json of Azure's specification (7.4), with a shorter modulus.
        let bundle: Bundle = serde_json::from_value(json!({
            "key": {
                "kid": "https://myvault.vault.azure.net/keys/CreateSoftKeyTest/\
                    78deebed173b48e48f55abf87ed4cf71",
                "kty": "RSA",
                "key_ops": ["encrypt", "decrypt"],
                "n": "-_8",
                "e": "AQAB",
            },
            "attributes": {
                "enabled": true, "created": 1493942451, "updated": 1493942451,
                "recoveryLevel": "Recoverable+Purgeable",
            },
            "release_policy": {"contentType": "text", "data": "eyJhIjoxfQ", "immutable": false},
            "tags": {"purpose": "unit test"},
        }))
        .unwrap();
        let expected = json!({
            "name": "CreateSoftKeyTest",
            "managed": null,
            "tags": {"purpose": "unit test"},
            "attributes": {
                "enabled": true,
                "notBefore": null,
                "expires": null,
                "created": "2017-05-05T00:00:51+00:00",
                "updated": "2017-05-05T00:00:51+00:00",
                "recoveryLevel": "Recoverable+Purgeable",
                "recoverableDays": null,
                "exportable": null,
                "hsmPlatform": null,
            },
            "releasePolicy": {
                "contentType": "text", "encodedPolicy": "{\"a\":1}", "immutable": false,
            },
            "key": {
                "kid": "https://myvault.vault.azure.net/keys/CreateSoftKeyTest/\
                    78deebed173b48e48f55abf87ed4cf71",
                "kty": "RSA",
                "keyOps": ["encrypt", "decrypt"],
                "n": "+/8=",
                "e": "AQAB",
                "crv": null,
                "x": null,
                "y": null,
            },
        });
        assert_eq!(bundle.view(), expected);
        assert_eq!(bundle.attestation(), None);
    }

    #[test]
    fn an_element_of_a_list_has_an_identifier_alone() {
        let bundle: Bundle = serde_json::from_str(
            r#"{"kid":"https://v/keys/a","attributes":{},"deletedDate":1493938433}"#,
        )
        .unwrap();
        let view = bundle.view();
        assert_eq!((&view["name"], &view["kid"]), (&json!("a"), &json!("https://v/keys/a")));
        assert_eq!(view["deletedDate"], "2017-05-04T22:53:53+00:00");
        assert!(view.get("key").is_none());
        assert!(bundle.jwk().is_err());
    }
}
