//! One call: its id, its time, its audit record, and whether the record has been written.

use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_audit::Record;
use strongroom_crypto::random;
use strongroom_directory::DirectoryError;
use strongroom_model::{RequestId, Timestamp, VaultId};
use strongroom_store::{Outcome, Store, StoreError, Txn};

use crate::{OpError, Ops};

/// The vault id under which changes of the installation itself are recorded.
pub(crate) const NO_VAULT: VaultId = VaultId(uuid::Uuid::nil());

/// A call on its way through an operation.
///
/// The record is a draft with everything but the outcome. A mutation completes it and commits it
/// with its transaction; whoever finds [`Call::is_recorded`] false afterwards must write it.
pub struct Call {
    now: Timestamp,
    record: Record,
    started: Instant,
    recorded: bool,
}

impl Call {
    /// A call at `now` whose draft is `record`.
    pub fn new(record: Record, now: Timestamp, started: Instant) -> Self {
        Self { now, record, started, recorded: false }
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.record.id
    }

    /// The time of the call, by the installation's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The draft.
    pub fn record_mut(&mut self) -> &mut Record {
        &mut self.record
    }

    /// Whether the record has been committed with a mutation.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// The record with its outcome: an HTTP status, and why it failed, if it did.
    pub fn close(mut self, http_status: u16, failure: Option<&str>) -> Record {
        complete(&mut self.record, http_status, failure, self.started.elapsed());
        self.record
    }

    /// Sets a property, in place of an earlier one of its name.
    pub fn set_property(&mut self, name: &str, value: String) {
        self.record.properties.retain(|(known, _)| known != name);
        self.record.properties.push((name.to_owned(), value));
    }
}

fn complete(record: &mut Record, http_status: u16, failure: Option<&str>, elapsed: Duration) {
    record.http_status = http_status;
    record.success = http_status < 400;
    record.signature = signature(http_status).into();
    record.description = failure.unwrap_or_default().to_owned().into();
    record.duration_ms = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
}

/// A status in the words of `resultSignature`.
fn signature(http_status: u16) -> &'static str {
    match http_status {
        200..=299 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// A commit whose outcome is unknown may yet bring its own record to the journal. The refusal that
/// the client gets is then another record, and says so.
fn unsettle(call: &mut Call, error: &StoreError) {
    if let StoreError::Indeterminate(_) = error
        && let Ok(id) = random::bytes()
    {
        call.set_property("outcomeUnknownOf", call.record.id.to_string());
        call.record.id = RequestId::from_bytes(id);
    }
}

/// A transaction with a call's audit record inside.
struct Recorded {
    txn: Txn,
    key: Bytes,
    record: Record,
}

impl<S: Store> Ops<S> {
    fn with_record(
        &self,
        call: &mut Call,
        vault: VaultId,
        http_status: u16,
        txn: Txn,
    ) -> Result<Recorded, OpError> {
        if !self.audit.writes_allowed() {
            return Err(OpError::AuditFull);
        }
        complete(&mut call.record, http_status, None, call.started.elapsed());
        let record = call.record.clone();
        let (key, value) = self.audit.outbox_row(vault, &record)?;
        Ok(Recorded { txn: txn.put(key.clone(), value), key, record })
    }

    /// Commits a data-plane mutation and its audit record: both or neither.
    pub(crate) async fn commit_recorded(
        &self,
        call: &mut Call,
        vault: VaultId,
        http_status: u16,
        txn: Txn,
    ) -> Result<Outcome, OpError> {
        let recorded = self.with_record(call, vault, http_status, txn)?;
        let outcome = self.store.commit(recorded.txn).await;
        let outcome = outcome.inspect_err(|error| unsettle(call, error))?;
        self.settle(call, outcome, recorded.key, recorded.record);
        Ok(outcome)
    }

    /// Commits a change of the directory and its audit record, and answers when it is in force.
    pub(crate) async fn commit_directory(
        &self,
        call: &mut Call,
        vault: VaultId,
        http_status: u16,
        txn: Txn,
    ) -> Result<Outcome, OpError> {
        let recorded = self.with_record(call, vault, http_status, txn)?;
        let outcome = self.directory.commit(recorded.txn).await;
        let outcome = outcome.inspect_err(|error| {
            if let DirectoryError::Store(error) = error {
                unsettle(call, error);
            }
        })?;
        self.settle(call, outcome, recorded.key, recorded.record);
        Ok(outcome)
    }

    /// A call of the service itself, not of a client: `by` says which part of it.
    ///
    /// # Errors
    /// [`OpError::Internal`] when the system has no random numbers.
    pub fn own_call(&self, operation: &'static str, by: &str) -> Result<Call, OpError> {
        let id = RequestId::from_bytes(random::bytes()?);
        let mut record = Record::new(id, self.clock.now_ms(), operation);
        record.correlation_id = id.to_string();
        record.client_info = by.to_owned();
        record.addr_auth_type = "None".into();
        Ok(Call::new(record, self.clock.now(), Instant::now()))
    }

    /// Commits directory rows and the call's audit record: both or neither.
    ///
    /// # Errors
    /// [`OpError::Contended`] when a condition of the transaction does not hold, or that the
    /// service cannot.
    pub async fn commit_rows(&self, call: &mut Call, txn: Txn) -> Result<(), OpError> {
        match self.commit_directory(call, NO_VAULT, 200, txn).await? {
            Outcome::Committed(_) => Ok(()),
            Outcome::Conflict => Err(OpError::Contended),
        }
    }

    fn settle(&self, call: &mut Call, outcome: Outcome, key: Bytes, record: Record) {
        if matches!(outcome, Outcome::Committed(_)) {
            self.audit.committed(key, record);
            call.recorded = true;
        }
    }
}
