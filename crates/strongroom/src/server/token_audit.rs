//! Sign-ins in the audit.

use std::pin::Pin;
use std::sync::Arc;

use strongroom_audit::{Audit, Record, audited_uri};
use strongroom_identity::{TokenAudit, TokenOutcome, Unaudited};
use strongroom_model::Endpoints;
use strongroom_store::Store;

/// Writes the outcome of every request for a token to the journal. Refusals of clients that are
/// not proved are summed when one address sends many: a stranger must not push the records of
/// others out of a journal of bounded size.
pub(crate) struct SignIns<S: Store> {
    pub(crate) audit: Arc<Audit<S>>,
    pub(crate) endpoints: Endpoints,
}

impl<S: Store> TokenAudit for SignIns<S> {
    fn record(
        &self,
        outcome: TokenOutcome,
    ) -> Pin<Box<dyn Future<Output = Result<(), Unaudited>> + Send + '_>> {
        let is_strange = outcome.status >= 400 && outcome.object_id.is_none();
        let record = self.sign_in(outcome);
        Box::pin(async move {
            let recorded = match is_strange {
                true => self.audit.denied(record).await,
                false => self.audit.record(&record).await,
            };
            recorded.map_err(|error| {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use strongroom_audit::{AuditKey, AuditKeys, Options, Start};
    use strongroom_crypto::SymmetricKey;
    use strongroom_model::{ConnectionInfo, PrincipalId, RequestId, Timestamp};
    use strongroom_store::disk::RealDisk;
    use strongroom_store::memory::MemoryStore;
    use uuid::Uuid;

    use super::*;

    fn outcome(status: u16, proved: Option<PrincipalId>) -> TokenOutcome {
        TokenOutcome {
            id: RequestId(Uuid::new_v4()),
            correlation_id: String::new(),
            time: Timestamp(1_767_225_700),
            duration: Duration::ZERO,
            path: "/adfs/oauth2/token".into(),
            client_id: Some("c".into()),
            object_id: proved,
            tenant: None,
            audience: None,
            status,
            aadsts: (status >= 400).then_some(7_000_215),
            connection: Some(Arc::new(ConnectionInfo {
                local: "127.0.0.1:8443".parse().unwrap(),
                peer: "127.0.0.1:50000".parse().unwrap(),
                sni: None,
                tls_version: "TLS1_3",
            })),
            user_agent: None,
        }
    }

    #[tokio::test]
    async fn a_flood_of_failed_sign_ins_is_summed_and_hides_no_client() {
        let dir = tempfile::tempdir().unwrap();
        let key = SymmetricKey::from_slice(&[7; 32]).unwrap();
        let keys = AuditKeys::new(&[AuditKey { generation: 1, key }]).unwrap();
        // No window ends before the close.
        let options = Options {
            segment_bytes: 1024 * 1024,
            anchor_interval: Duration::from_secs(3_600),
            ..Options::default()
        };
        let disk = Arc::new(RealDisk::open(dir.path()).unwrap());
        let audit = Audit::open(MemoryStore::new(), disk, keys, options).await.unwrap();
        // The first tick of the interval comes at once: let it pass.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let endpoints = Endpoints::new("localhost", 8443);
        let sign_ins = SignIns { audit: Arc::new(audit.clone()), endpoints };
        for _ in 0..1_000 {
            sign_ins.record(outcome(401, None)).await.unwrap();
        }
        let client = PrincipalId(Uuid::from_u128(1));
        for status in [200, 400] {
            for _ in 0..20 {
                sign_ins.record(outcome(status, Some(client))).await.unwrap();
            }
        }
        audit.close().await.unwrap();
        let mut tail = audit.tail(Start::Oldest).unwrap();
        let all: Vec<Record> = std::iter::from_fn(|| tail.poll().unwrap()).collect();
        let (known, strange): (Vec<&Record>, _) =
            all.iter().partition(|record| record.identity.object_id.is_some());
        let counts = |records: &[&Record]| records.iter().map(|r| r.count).collect::<Vec<_>>();
        assert_eq!(counts(&strange), [vec![1; 10], vec![990]].concat());
        assert_eq!(counts(&known), [1; 40]);
    }
}
