//! The audit record of a request, as far as its head tells.

use std::time::Instant;

use http::{HeaderName, Request, header};
use strongroom_audit::{Record, audited_uri};
use strongroom_authz::{Authorized, Denied};
use strongroom_crypto::random;
use strongroom_directory::Vault;
use strongroom_model::{Caller, Endpoints, RequestId, Timestamp};
use strongroom_ops::Call;
use strongroom_store::Store;

use crate::headers::{CLIENT_REQUEST_ID, Connection};
use crate::service::Service;

/// A record in the making, and the time it began.
pub(crate) struct Draft {
    pub(crate) started: Instant,
    record: Record,
    now: Timestamp,
}

impl Draft {
    /// `base` is the URL of the host that was asked.
    pub(crate) fn new<S: Store, B>(
        service: &Service<S>,
        connection: &Connection,
        base: &str,
        request: &Request<B>,
    ) -> Self {
        let now_ms = service.ops.clock().now_ms();
        let id = random::identifier().map_or_else(
            |_| uuid::Uuid::new_v4(),
            |bytes| uuid::Builder::from_random_bytes(bytes).into_uuid(),
        );
        let id = RequestId(id);
        let mut record = Record::new(id, now_ms, "Authentication");
        let text = |name: &HeaderName| {
            request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let client_id = text(&CLIENT_REQUEST_ID);
        record.correlation_id =
            if client_id.is_empty() { id.to_string() } else { client_id.to_owned() };
        record.caller_ip = Some(connection.info.peer.ip().to_canonical());
        record.client_info = text(&header::USER_AGENT).to_owned();
        record.tls_version = connection.info.tls_version.into();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        record.request_uri = audited_uri(&[base, path].concat());
        Self { started: Instant::now(), record, now: Timestamp(now_ms.div_euclid(1_000)) }
    }

    pub(crate) fn into_call(mut self, vault: Option<&Vault>) -> Call {
        if let Some(vault) = vault {
            vault.scope.as_str().clone_into(&mut self.record.resource_id);
        }
        Call::new(self.record, self.now, self.started)
    }
}

/// Notes who called. What a foreign issuer says of its callers is shown with its name: it could
/// say anything.
pub(crate) fn identify(call: &mut Call, caller: &Caller, endpoints: &Endpoints) {
    if !endpoints.is_own_issuer(&caller.issuer) {
        call.set_property("issuer", caller.issuer.clone());
    }
    let identity = &mut call.record_mut().identity;
    identity.object_id = Some(caller.object_id.to_string());
    identity.app_id.clone_from(&caller.app_id);
    identity.upn.clone_from(&caller.upn);
}

/// Notes what was decided.
pub(crate) fn authorised(
    call: &mut Call,
    decision: Result<Authorized, Denied>,
) -> Result<Authorized, Denied> {
    let record = call.record_mut();
    record.rbac_authorized = Some(decision.is_ok());
    if let Ok(authorized) = &decision {
        record.applied_assignment_id = authorized.assignment().map(|id| id.to_string());
    }
    decision
}
