//! Sign-ins in the audit.

use std::pin::Pin;
use std::sync::Arc;

use strongroom_audit::{Audit, Record, audited_uri};
use strongroom_identity::{TokenAudit, TokenOutcome, Unaudited};
use strongroom_model::Endpoints;
use strongroom_store::Store;

/// Writes the outcome of every request for a token to the journal.
pub(crate) struct SignIns<S: Store> {
    pub(crate) audit: Arc<Audit<S>>,
    pub(crate) endpoints: Endpoints,
}

impl<S: Store> TokenAudit for SignIns<S> {
    fn record(
        &self,
        outcome: TokenOutcome,
    ) -> Pin<Box<dyn Future<Output = Result<(), Unaudited>> + Send + '_>> {
        let record = self.sign_in(outcome);
        Box::pin(async move {
            self.audit.record(&record).await.map_err(|error| {
                tracing::error!(%error, "a sign-in could not be audited, so it is not answered");
                Unaudited
            })
        })
    }
}

impl<S: Store> SignIns<S> {
    fn sign_in(&self, outcome: TokenOutcome) -> Record {
        let mut record = Record::new(outcome.id, outcome.time.0.saturating_mul(1_000), "SignIn");
        record.resource_id =
            outcome.tenant.map_or_else(String::new, |tenant| format!("/tenants/{tenant}"));
        record.success = outcome.status < 400;
        record.signature = if record.success { "OK".into() } else { "Unauthorized".into() };
        record.description =
            outcome.aadsts.map(|code| format!("AADSTS{code}")).unwrap_or_default().into();
        record.duration_ms = u32::try_from(outcome.duration.as_millis()).unwrap_or(u32::MAX);
        record.correlation_id = outcome.correlation_id;
        record.identity.object_id = outcome.object_id.map(|id| id.to_string());
        record.identity.app_id = outcome.client_id;
        record.client_info = outcome.user_agent.unwrap_or_default();
        record.request_uri =
            audited_uri(&format!("{}{}", self.endpoints.authority(), outcome.path));
        record.http_status = outcome.status;
        if let Some(connection) = &outcome.connection {
            record.caller_ip = Some(connection.peer.ip().to_canonical());
            record.tls_version = connection.tls_version.into();
        }
        if let Some(audience) = outcome.audience {
            record.properties.push(("audience".into(), audience));
        }
        record
    }
}
