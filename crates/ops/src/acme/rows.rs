//! The ACME server's rows in a vault: where they lie, and how they are sealed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_crypto::{digest, random};
use strongroom_model::{Kind, VaultId};
use strongroom_seal::{DataKeys, Part, Place, plaintext};
use strongroom_store::layout::{self, Table};
use strongroom_store::{Condition, Revision, Snapshot, Txn};

use crate::OpError;

/// Names a row of the ACME server; 32 hexadecimal digits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct AcmeId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl AcmeId {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn draw() -> Result<Self, OpError> {
        Ok(Self(random::bytes()?))
    }

    /// A new one of a family: it begins as all of them do, so that they lie together.
    pub(crate) fn draw_in(family: [u8; 8]) -> Result<Self, OpError> {
        let tail: [u8; 8] = random::bytes()?;
        let mut id = [0; 16];
        let (first, second) = id.split_at_mut(8);
        first.copy_from_slice(&family);
        second.copy_from_slice(&tail);
        Ok(Self(id))
    }

    /// One that stands for these parts, which must be of fixed lengths or end in one that is.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(digest::sha256(&parts.concat()).split_at(16).0);
        Self(id)
    }

    /// How the ids of what belongs to this one begin.
    pub(crate) fn family(self) -> [u8; 8] {
        let mut family = [0; 8];
        family.copy_from_slice(digest::sha256(&self.0).split_at(8).0);
        family
    }
}

impl fmt::Display for AcmeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits, in lower case")]
pub struct NotAnAcmeId;

impl FromStr for AcmeId {
    type Err = NotAnAcmeId;

    fn from_str(text: &str) -> Result<Self, NotAnAcmeId> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digit) {
            return Err(NotAnAcmeId);
        }
        let id = u128::from_str_radix(text, 16).map_err(|_| NotAnAcmeId)?;
        Ok(Self(id.to_be_bytes()))
    }
}

/// A type of row, and the letter its rows lie under.
pub(crate) trait AcmeRow: Encode<()> + for<'b> Decode<'b, ()> {
    const LETTER: u8;
}

/// A row as it was found.
pub(crate) struct FoundRow<R> {
    pub(crate) id: AcmeId,
    pub(crate) row: R,
    pub(crate) revision: Revision,
}

/// The rows of a vault.
pub(crate) struct Rows {
    vault: VaultId,
    keys: Arc<DataKeys>,
}

impl Rows {
    pub(crate) fn new(vault: VaultId, keys: Arc<DataKeys>) -> Self {
        Self { vault, keys }
    }

    pub(crate) async fn get<R: AcmeRow>(
        &self,
        snapshot: &impl Snapshot,
        id: AcmeId,
    ) -> Result<Option<FoundRow<R>>, OpError> {
        let Some(found) = snapshot.get(&self.key::<R>(id)).await? else { return Ok(None) };
        Ok(Some(FoundRow { id, row: self.open(id, &found.value)?, revision: found.revision }))
    }

    /// At most `limit` rows of a family, in the order of their ids, from the one after `after`.
    pub(crate) async fn family<R: AcmeRow>(
        &self,
        snapshot: &impl Snapshot,
        family: [u8; 8],
        after: Option<AcmeId>,
        limit: usize,
    ) -> Result<Vec<FoundRow<R>>, OpError> {
        self.below(snapshot, &family, after, limit).await
    }

    async fn below<R: AcmeRow>(
        &self,
        snapshot: &impl Snapshot,
        begin: &[u8],
        after: Option<AcmeId>,
        limit: usize,
    ) -> Result<Vec<FoundRow<R>>, OpError> {
        let after = after.map(|id| self.key::<R>(id));
        let found = snapshot.scan(&self.prefix::<R>(begin), after.as_deref(), limit).await?;
        let rows = found.iter().filter_map(|(key, found)| {
            let (_, id) = key.split_last_chunk::<16>()?;
            Some((AcmeId(*id), found))
        });
        rows.map(|(id, found)| {
            Ok(FoundRow { id, row: self.open(id, &found.value)?, revision: found.revision })
        })
        .collect()
    }

    /// At most `limit` rows of a type, in the order of their ids, from the one after `after`.
    pub(crate) async fn all<R: AcmeRow>(
        &self,
        snapshot: &impl Snapshot,
        after: Option<AcmeId>,
        limit: usize,
    ) -> Result<Vec<FoundRow<R>>, OpError> {
        self.below(snapshot, &[], after, limit).await
    }

    /// The keys of at most `limit` rows of a family.
    pub(crate) async fn keys<R: AcmeRow>(
        &self,
        snapshot: &impl Snapshot,
        family: [u8; 8],
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, OpError> {
        let found = snapshot.scan(&self.prefix::<R>(&family), None, limit).await?;
        Ok(found.iter().map(|(key, _)| key.to_vec()).collect())
    }

    /// Puts a row that must not be there yet.
    pub(crate) fn insert<R: AcmeRow>(&self, txn: Txn, id: AcmeId, row: &R) -> Result<Txn, OpError> {
        self.put(txn.require(self.key::<R>(id), Condition::Absent), id, row)
    }

    /// Puts a row in place of the one that was found.
    pub(crate) fn replace<R: AcmeRow>(
        &self,
        txn: Txn,
        found: &FoundRow<R>,
        row: &R,
    ) -> Result<Txn, OpError> {
        self.put(self.require(txn, found), found.id, row)
    }

    /// Demands that a row is as it was found.
    pub(crate) fn require<R: AcmeRow>(&self, txn: Txn, found: &FoundRow<R>) -> Txn {
        txn.require(self.key::<R>(found.id), Condition::AtRevision(found.revision))
    }

    pub(crate) fn delete<R: AcmeRow>(&self, txn: Txn, id: AcmeId) -> Txn {
        txn.delete(self.key::<R>(id))
    }

    fn put<R: AcmeRow>(&self, txn: Txn, id: AcmeId, row: &R) -> Result<Txn, OpError> {
        let plain = plaintext::encode(row)
            .map_err(|_| OpError::Internal("an ACME record does not encode".into()))?;
        Ok(txn.put(self.key::<R>(id), self.keys.seal(&self.place::<R>(id), &plain)?))
    }

    fn open<R: AcmeRow>(&self, id: AcmeId, sealed: &[u8]) -> Result<R, OpError> {
        let plain = self.keys.open(&self.place::<R>(id), sealed)?;
        minicbor::decode(plain.expose())
            .map_err(|_| OpError::Internal("an ACME record does not decode".into()))
    }

    /// How the keys of the rows begin whose ids begin so.
    fn prefix<R: AcmeRow>(&self, begin: &[u8]) -> Vec<u8> {
        let mut prefix = layout::table(self.vault, Kind::Certificate, Table::Acme);
        prefix.push(R::LETTER);
        prefix.extend_from_slice(begin);
        prefix
    }

    fn key<R: AcmeRow>(&self, id: AcmeId) -> Vec<u8> {
        layout::acme(self.vault, R::LETTER, &id.0)
    }

    fn place<R: AcmeRow>(&self, id: AcmeId) -> Place<'static> {
        let part = Part::Acme(R::LETTER, id.0);
        Place::Object { vault: self.vault, kind: Kind::Certificate, name: "", part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = AcmeId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(AcmeId([0; 16]).to_string(), "0".repeat(32));
        let upper = "AB".repeat(16);
        let short = "ab".repeat(15);
        let signed = format!("+{}", "a".repeat(31));
        for other in ["", upper.as_str(), short.as_str(), signed.as_str()] {
            assert_eq!(other.parse::<AcmeId>(), Err(NotAnAcmeId), "{other}");
        }
    }
}
