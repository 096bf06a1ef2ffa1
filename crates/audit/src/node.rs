//! Which node a journal belongs to.

use std::fmt;

use minicbor::{Decode, Encode};
use strongroom_crypto::random;
use strongroom_store::disk::{Disk, join, read, replace};

use crate::error::at;
use crate::{AuditError, segment};

const FILE: &str = "node";
const MAGIC: &[u8; 8] = b"SRNODE01";

/// A node's id: 16 random bytes, drawn with its journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct NodeId(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]);

impl NodeId {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From its bytes.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id of the journal in `dir`, if there is one: from its file, or, should that be lost or
    /// spoilt, from its newest segment.
    pub(crate) fn find(disk: &dyn Disk, dir: &str) -> Result<Option<Self>, AuditError> {
        let path = join(dir, FILE);
        let from_file = match read(disk, &path).map_err(at(&path))? {
            Some(bytes) => Self::decode_file(&path, &bytes).map(Some),
            None => Ok(None),
        };
        match from_file {
            Ok(None) | Err(AuditError::Damaged { .. }) => {
                match segment::newest_header(disk, dir)? {
                    Some(header) => Ok(Some(header.node)),
                    None => from_file,
                }
            }
            other => other,
        }
    }

    /// The id of the journal in `dir`, drawn and written down if there is none.
    pub(crate) fn find_or_draw(disk: &dyn Disk, dir: &str) -> Result<Self, AuditError> {
        if let Some(node) = Self::find(disk, dir)? {
            return Ok(node);
        }
        let node = Self(random::bytes()?);
        let mut bytes = [MAGIC.as_slice(), &node.0].concat();
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        replace(disk, dir, FILE, &bytes).map_err(at(FILE))?;
        Ok(node)
    }

    fn decode_file(path: &str, bytes: &[u8]) -> Result<Self, AuditError> {
        let damaged = |what| AuditError::Damaged { file: path.to_owned(), what };
        let (rest, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("too short"))?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(rest) {
            return Err(damaged("its checksum does not fit"));
        }
        let id = rest.strip_prefix(MAGIC).and_then(|id| id.try_into().ok());
        id.map(Self).ok_or_else(|| AuditError::NewerFormat { file: path.to_owned() })
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}
