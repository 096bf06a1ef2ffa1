//! The operation that makes a certificate's next version, as a vault answers it, and as az
//! prints it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::failure::one_line;
use super::super::object::view::name_of;
use super::super::output::{self, Column, OutputArgs};
use super::policy;
use crate::error::CliError;

const COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("Status", "/status"),
    ("Issuer", "/issuerParameters/name"),
    ("RequestId", "/requestId"),
    ("Target", "/target"),
];

/// An operation.
#[derive(Deserialize)]
pub(super) struct Operation {
    id: String,
    issuer: Option<Value>,
    csr: Option<String>,
    cancellation_requested: Option<bool>,
    status: Option<String>,
    status_details: Option<String>,
    error: Option<Failure>,
    target: Option<String>,
    request_id: Option<String>,
    preserve_cert_order: Option<bool>,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
    message: Option<String>,
}

impl Operation {
    /// Whether it goes on by itself: nobody outside has to do something first.
    pub(super) fn goes_on(&self) -> bool {
        let issuer = self.issuer.as_ref().and_then(|issuer| issuer.get("name"));
        let is_outside =
            issuer.and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("Unknown"));
        self.status.as_deref() == Some("inProgress") && !is_outside
    }

    /// Why nothing came of it.
    pub(super) fn failure(&self) -> Option<CliError> {
        let status = self.status.as_deref()?;
        if !matches!(status, "failed" | "cancelled") {
            return None;
        }
        let error = self.error.as_ref();
        let code = error.and_then(|error| error.code.as_deref()).unwrap_or(status);
        let message = error.and_then(|error| error.message.as_deref());
        let message = message.or(self.status_details.as_deref()).unwrap_or_default();
        Some(CliError::Failed(one_line(&format!("({code}) {message}"))))
    }

    /// Prints it.
    pub(super) fn print(&self, how: &OutputArgs) -> Result<(), CliError> {
        output::show(&self.view(), COLUMNS, how)
    }

    fn view(&self) -> Value {
        let error = self.error.as_ref();
        json!({
            "cancellationRequested": self.cancellation_requested,
            "csr": self.csr,
            "error": error.map(|e| json!({"code": e.code, "message": e.message})),
            "id": self.id,
            "issuerParameters": self.issuer.as_ref().map(policy::view),
            "name": name_of(&self.id),
            "preserveCertOrder": self.preserve_cert_order,
            "requestId": self.request_id,
            "status": self.status,
            "statusDetails": self.status_details,
            "target": self.target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(status: &str, issuer: &str) -> Operation {
        serde_json::from_value(json!({
            "id": "https://myvault.vault.azure.net/certificates/selfSignedCert01/pending",
            "issuer": {"name": issuer, "cert_transparency": false},
            "csr": "MIIC",
            "cancellation_requested": false,
            "status": status,
            "error": {"code": "Refused", "message": "The CA\nsaid no."},
            "request_id": "6faacd568ab049a2803861e8dd3ae21f",
        }))
        .unwrap()
    }

    #[test]
    fn a_view_is_as_az_prints_it() {
        let view = operation("inProgress", "Self").view();
        assert_eq!(view["name"], "selfSignedCert01");
        let issuer = json!({"name": "Self", "certificateTransparency": false});
        assert_eq!(view["issuerParameters"], issuer);
        assert_eq!(view["statusDetails"], Value::Null);
    }

    #[test]
    fn only_what_goes_on_by_itself_is_waited_for() {
        assert!(operation("inProgress", "Self").goes_on());
        assert!(operation("inProgress", "letsencrypt").goes_on());
        assert!(!operation("inProgress", "unknown").goes_on());
        assert!(!operation("completed", "Self").goes_on());
    }

    #[test]
    fn a_failure_says_why() {
        assert!(operation("inProgress", "Self").failure().is_none());
        assert!(operation("completed", "Self").failure().is_none());
        let why = operation("failed", "Self").failure().unwrap().to_string();
        assert_eq!(why, "(Refused) The CA said no.");
    }
}
