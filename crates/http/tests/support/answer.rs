//! An answer, and what every answer of a vault must have.

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body; `null` when there is none.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `error.code`
    pub(crate) fn code(&self) -> String {
        text(&self.json()["error"]["code"])
    }

    /// `error.message`
    pub(crate) fn message(&self) -> String {
        text(&self.json()["error"]["message"])
    }

    /// `error.innererror.code`
    pub(crate) fn inner(&self) -> String {
        text(&self.json()["error"]["innererror"]["code"])
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The last segment of a secret's `id` or a key's `kid`.
    #[track_caller]
    pub(crate) fn version(&self) -> String {
        let json = self.json();
        let id = [&json["id"], &json["key"]["kid"], &json["kid"]];
        let id = text(id.into_iter().find(|id| !id.is_null()).unwrap());
        let version = id.rsplit('/').next().unwrap().to_owned();
        assert_eq!(version.len(), 32, "{id}");
        version
    }

    /// The headers of OPERATIONS section 2, and the shape of errors.
    #[track_caller]
    pub(crate) fn check(&self, client_request_id: Option<&str>) {
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("pragma", "no-cache"),
            ("expires", "-1"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000;includeSubDomains"),
        ] {
            assert_eq!(self.headers.get(name), Some(&HeaderValue::from_static(value)), "{self:?}");
        }
        for name in ["x-ms-request-id", "x-ms-keyvault-region", "x-ms-keyvault-service-version"] {
            assert!(!self.header(name).is_empty(), "{name}: {self:?}");
        }
        assert!(self.header("x-ms-keyvault-network-info").starts_with("conn_type=Ipv4;addr=127."));
        assert_eq!(self.headers.get("server"), None);
        let echoed = self.headers.get("x-ms-client-request-id").map(|id| id.to_str().unwrap());
        assert_eq!(echoed, client_request_id, "the client's request id is echoed");
        if !self.body.is_empty() {
            assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
        }
        if self.status >= 400 && !self.body.is_empty() {
            assert!(!self.code().is_empty() && !self.message().is_empty(), "{self:?}");
        }
        assert_eq!(self.status == 401, self.headers.contains_key("www-authenticate"));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
