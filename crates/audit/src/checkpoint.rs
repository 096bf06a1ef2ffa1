//! What a pruned beginning of the journal leaves behind, signed.

use minicbor::{Decode, Encode};
use strongroom_store::disk::{Disk, join, read as read_file, replace};

use crate::error::at;
use crate::frame::Head;
use crate::keys::Purpose;
use crate::{AuditError, AuditKeys, NodeId};

pub(crate) const FILE: &str = "checkpoint";

/// Where a pruned journal begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Checkpoint {
    /// The first segment that is kept.
    #[n(0)]
    pub(crate) segment: u64,
    /// The end of the chain before it.
    #[n(1)]
    pub(crate) before: Head,
}

/// The checkpoint in `dir`, if the journal was ever pruned.
///
/// # Errors
/// [`AuditError::Damaged`] if the journal's key did not sign it.
pub(crate) fn read(
    disk: &dyn Disk,
    dir: &str,
    node: NodeId,
    keys: &AuditKeys,
) -> Result<Option<Checkpoint>, AuditError> {
    let Some(value) = read_file(disk, &join(dir, FILE)).map_err(at(FILE))? else {
        return Ok(None);
    };
    let forged = |what| AuditError::Damaged { file: FILE.to_owned(), what };
    let payload = match keys.verify(Purpose::Checkpoint, node.as_bytes(), &value) {
        Err(AuditError::Crypto(_)) => return Err(forged("its MAC does not fit")),
        other => other?,
    };
    minicbor::decode(payload).map(Some).map_err(|_| forged("it cannot be decoded"))
}

/// Replaces the checkpoint in `dir`.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &str,
    node: NodeId,
    keys: &AuditKeys,
    checkpoint: Checkpoint,
) -> Result<(), AuditError> {
    let payload =
        minicbor::to_vec(checkpoint).map_err(|error| AuditError::Coding(error.to_string()))?;
    let value = keys.sign(Purpose::Checkpoint, node.as_bytes(), &payload)?;
    replace(disk, dir, FILE, &value).map_err(at(FILE))
}
