//! A certificate as a vault answers it, and as az prints it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_model::Kind;
use strongroom_wire::base64url;

use super::super::object::Object;
use super::super::object::view::{Attributes, add_given, iso, name_of};
use super::super::output::Column;
use super::policy;
use crate::error::CliError;

/// One version of a certificate, an element of a list, or a deleted certificate.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    id: String,
    kid: Option<String>,
    sid: Option<String>,
    x5t: Option<String>,
    cer: Option<String>,
    content_type: Option<String>,
    subject: Option<String>,
    preserve_cert_order: Option<bool>,
    attributes: Attributes,
    tags: Option<BTreeMap<String, String>>,
    policy: Option<Value>,
    recovery_id: Option<String>,
    deleted_date: Option<i64>,
    scheduled_purge_date: Option<i64>,
}

impl Bundle {
    /// The certificate itself, in DER.
    pub(super) fn der(&self) -> Result<Vec<u8>, CliError> {
        let text = self.cer.as_ref().ok_or_else(|| {
            CliError::NotFound("there is no certificate yet: its first version is pending".into())
        })?;
        STANDARD.decode(text).map_err(|_| CliError::failed("the vault answered no certificate"))
    }

    /// The version that this is.
    pub(super) fn version(&self) -> Option<&str> {
        self.id.split('/').nth(5)
    }

    fn thumbprint_hex(&self) -> Option<String> {
        let bytes = base64url::decode(self.x5t.as_ref()?)?;
        Some(hex::encode_upper(&*bytes))
    }
}

impl Object for Bundle {
    const KIND: Kind = Kind::Certificate;
    const COLUMNS: &'static [Column] = &[
        ("Name", "/name"),
        ("Id", "/id"),
        ("Thumbprint", "/x509ThumbprintHex"),
        ("Enabled", "/attributes/enabled"),
        ("Expires", "/attributes/expires"),
    ];
    const LIST_COLUMNS: &'static [Column] = Self::COLUMNS;

    fn view(&self) -> Value {
        let mut view = json!({
            "id": self.id,
            "name": name_of(&self.id),
            "tags": self.tags,
            "attributes": self.attributes.view(),
            "x509Thumbprint": self.x5t,
            "x509ThumbprintHex": self.thumbprint_hex(),
        });
        let rare = [
            ("kid", json!(self.kid)),
            ("sid", json!(self.sid)),
            ("cer", json!(self.cer)),
            ("contentType", json!(self.content_type)),
            ("subject", json!(self.subject)),
            ("preserveCertOrder", json!(self.preserve_cert_order)),
            ("policy", json!(self.policy.as_ref().map(policy::view))),
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

    #[test]
    fn a_view_is_as_az_prints_it() {
        // GetCertificate-example.json of Azure's specification (7.6-preview.1), in part.
        let bundle: Bundle = serde_json::from_value(json!({
            "id": "https://myvault.vault.azure.net/certificates/selfSignedCert01/\
                f60f2a4f8ae442cfb41ca2090bd4b769",
            "kid": "https://myvault.vault.azure.net/keys/selfSignedCert01/\
                f60f2a4f8ae442cfb41ca2090bd4b769",
            "x5t": "fLi3U52HunIVNXubkEnf8tP6Wbo",
            "cer": "AAEC",
            "attributes": {"enabled": true, "nbf": 1430344421, "exp": 2208988799_i64},
            "policy": {"issuer": {"name": "Unknown"}},
        }))
        .unwrap();
        let view = bundle.view();
        assert_eq!(view["name"], "selfSignedCert01");
        assert_eq!(view["x509ThumbprintHex"], "7CB8B7539D87BA7215357B9B9049DFF2D3FA59BA");
        assert_eq!(view["policy"], json!({"issuerParameters": {"name": "Unknown"}}));
        assert_eq!(view["attributes"]["expires"], "2039-12-31T23:59:59+00:00");
        assert!(view.get("sid").is_none());
        assert_eq!(bundle.der().unwrap(), [0, 1, 2]);
        assert_eq!(bundle.version(), Some("f60f2a4f8ae442cfb41ca2090bd4b769"));
    }

    #[test]
    fn a_pending_certificate_is_none_yet() {
        let bundle: Bundle =
            serde_json::from_str(r#"{"id":"https://v/certificates/a","attributes":{}}"#).unwrap();
        assert!(matches!(bundle.der(), Err(CliError::NotFound(_))));
        assert_eq!(bundle.view()["x509ThumbprintHex"], Value::Null);
    }
}
