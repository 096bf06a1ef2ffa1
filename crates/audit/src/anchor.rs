//! Anchors: what the store remembers of each node's journal, so that a cut tail is missed.

use bytes::Bytes;
use strongroom_store::{Outcome, Snapshot, Store, Txn};

use crate::frame::Head;
use crate::keys::Purpose;
use crate::{AuditError, AuditKeys, NodeId};

/// Anchors lie at this prefix and the node's id.
pub(crate) const PREFIX: &[u8] = b"a/";

pub(crate) fn key(node: NodeId) -> Bytes {
    [PREFIX, node.as_bytes()].concat().into()
}

/// The head in an anchor's row.
pub(crate) fn decode(keys: &AuditKeys, key: &[u8], value: &[u8]) -> Result<Head, AuditError> {
    let payload = keys.verify(Purpose::Anchor, key, value)?;
    minicbor::decode(payload).map_err(|error| AuditError::Coding(error.to_string()))
}

/// The node's anchor. One that was not signed by the audit key counts as absent: `verify` tells.
pub(crate) async fn read<N: Snapshot>(
    snapshot: &N,
    keys: &AuditKeys,
    node: NodeId,
) -> Result<Option<Head>, AuditError> {
    let key = key(node);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    match decode(keys, &key, &row.value) {
        Ok(head) => Ok(Some(head)),
        Err(error) => {
            tracing::error!(%error, "the audit anchor is forged: run `strongroom audit verify`");
            Ok(None)
        }
    }
}

/// Puts the node's anchor: a head that is synced.
pub(crate) async fn write<S: Store>(
    store: &S,
    keys: &AuditKeys,
    node: NodeId,
    synced: Head,
) -> Result<(), AuditError> {
    let key = key(node);
    let payload =
        minicbor::to_vec(synced).map_err(|error| AuditError::Coding(error.to_string()))?;
    let value = keys.sign(Purpose::Anchor, &key, &payload)?;
    match store.commit(Txn::new().put(key, value)).await? {
        Outcome::Committed(_) | Outcome::Conflict => Ok(()),
    }
}
