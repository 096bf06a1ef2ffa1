//! An authority's ledger: what it issued and what it revoked.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use strongroom_model::certificates::RevocationReason;
use strongroom_model::{
    CertificateListing, Head, IncarnationId, Kind, ObjectName, PrincipalId, Timestamp, Version,
};
use strongroom_seal::Part;
use strongroom_store::layout::{self, Subject, Table};
use strongroom_store::{Condition, Revision, Snapshot, Txn};

use crate::OpError;
use crate::objects::{Certificates, Objects};

/// The bytes of a serial number in keys.
const SERIAL_BYTES: usize = 20;

/// How long after a certificate's end its entry is kept, in seconds: a day, the life of a list. A
/// list that is made after the end still has it (RFC 5280, 3.3).
pub(super) const AFTER_END: i64 = 86_400;

/// Revocations read at a time.
const ROWS: usize = 1_000;

/// A serial number, padded with zeros in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Serial([u8; SERIAL_BYTES]);

impl Serial {
    /// `None` for a number of more than 20 bytes: no authority gave it (RFC 5280, 4.1.2.2).
    pub(crate) fn new(number: &[u8]) -> Option<Self> {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
        let number = number.get(first..)?;
        let mut padded = [0; SERIAL_BYTES];
        let start = SERIAL_BYTES.checked_sub(number.len())?;
        padded.get_mut(start..)?.copy_from_slice(number);
        Some(Self(padded))
    }

    pub(crate) fn bytes(&self) -> &[u8; SERIAL_BYTES] {
        &self.0
    }

    /// The number without leading zeros.
    pub(crate) fn number(&self) -> &[u8] {
        let first = self.0.iter().position(|byte| *byte != 0).unwrap_or(SERIAL_BYTES - 1);
        self.0.get(first..).unwrap_or_default()
    }
}

/// What a certificate was issued to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum IssuedTo {
    /// A version of a certificate of the vault.
    #[n(0)]
    Version(#[n(0)] ObjectName, #[n(1)] Version),
    /// An account of the ACME server.
    #[n(1)]
    AcmeAccount(#[cbor(n(0), with = "minicbor::bytes")] [u8; 16]),
}

/// A certificate that an authority issued.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Issued {
    /// The authority's version that signed it.
    #[n(0)]
    pub(crate) authority: Version,
    /// The issuer through which it was asked for.
    #[n(1)]
    pub(crate) issuer: ObjectName,
    /// What it was issued to.
    #[n(2)]
    pub(crate) to: IssuedTo,
    /// Who asked for it; `None` for the service itself, renewing.
    #[n(3)]
    pub(crate) principal: Option<PrincipalId>,
    /// When.
    #[n(4)]
    pub(crate) issued: Timestamp,
    /// When it ends.
    #[n(5)]
    pub(crate) not_after: Timestamp,
    /// SHA-256 of its DER.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub(crate) digest: [u8; 32],
}

/// That a certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Revocation {
    /// The authority's version that signed the certificate.
    #[n(0)]
    pub(crate) authority: Version,
    /// When it was revoked.
    #[n(1)]
    pub(crate) at: Timestamp,
    /// Why.
    #[n(2)]
    pub(crate) reason: RevocationReason,
    /// When the certificate ends.
    #[n(3)]
    pub(crate) not_after: Timestamp,
    /// Who revoked it; `None` for the holder of an ACME account or of the key.
    #[n(4)]
    pub(crate) principal: Option<PrincipalId>,
}

/// What an authority has numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Numbered {
    /// Its revocations.
    #[n(0)]
    pub(crate) revocations: u64,
}

/// The ledger of one authority: its certificate's folded name and incarnation.
pub(crate) struct Ledger<'a> {
    pub(crate) objects: &'a Objects<Certificates>,
    pub(crate) folded: &'a str,
    pub(crate) incarnation: IncarnationId,
}

impl<'a> Ledger<'a> {
    /// The ledger of a certificate, given its folded name.
    pub(crate) fn of(
        objects: &'a Objects<Certificates>,
        folded: &'a str,
        head: &Head<CertificateListing>,
    ) -> Self {
        Self { objects, folded, incarnation: head.incarnation }
    }

    /// What was issued under a serial number.
    pub(crate) async fn issued(
        &self,
        snapshot: &impl Snapshot,
        serial: &Serial,
    ) -> Result<Option<Issued>, OpError> {
        let key = layout::issued(self.objects.vault, self.incarnation, serial.bytes());
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        let part = Part::Issued(self.incarnation, *serial.bytes());
        self.objects.open(self.folded, part, &row.value).map(Some)
    }

    /// Whether nothing that was issued is still in use, and nothing was ever revoked.
    pub(crate) async fn is_empty(&self, snapshot: &impl Snapshot) -> Result<bool, OpError> {
        let numbered = layout::authority(self.objects.vault, self.incarnation);
        Ok(snapshot.scan(&self.rows_of(Table::Issued), None, 1).await?.is_empty()
            && snapshot.get(&numbered).await?.is_none())
    }

    fn rows_of(&self, table: Table) -> Vec<u8> {
        layout::incarnation(self.objects.vault, Kind::Certificate, table, self.incarnation)
    }

    /// The row by which an entry is found when it has ended.
    fn end(&self, serial: &Serial, not_after: Timestamp) -> Vec<u8> {
        let (vault, incarnation) = (self.objects.vault, self.incarnation);
        let authority = Subject { vault, kind: Kind::Certificate, incarnation };
        layout::end(not_after.plus_seconds(AFTER_END), &authority, serial.bytes())
    }

    /// Enters a certificate; its serial number must be new.
    pub(crate) fn enter(&self, txn: Txn, serial: &Serial, issued: &Issued) -> Result<Txn, OpError> {
        let key = layout::issued(self.objects.vault, self.incarnation, serial.bytes());
        let part = Part::Issued(self.incarnation, *serial.bytes());
        let sealed = self.objects.seal(self.folded, part, issued)?;
        let end = self.end(serial, issued.not_after);
        Ok(txn.require(key.clone(), Condition::Absent).put(key, sealed).put(end, Bytes::new()))
    }

    /// Whether, and how, what was issued under a serial number was revoked.
    pub(crate) async fn revocation(
        &self,
        snapshot: &impl Snapshot,
        serial: &Serial,
    ) -> Result<Option<Revocation>, OpError> {
        let key = layout::revoked(self.objects.vault, self.incarnation, serial.bytes());
        let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
        self.open_revocation(serial, &row.value).map(Some)
    }

    fn open_revocation(&self, serial: &Serial, sealed: &[u8]) -> Result<Revocation, OpError> {
        self.objects.open(self.folded, Part::Revoked(self.incarnation, *serial.bytes()), sealed)
    }

    /// Requires that what was issued under a serial number is not revoked.
    pub(crate) fn require_not_revoked(&self, txn: Txn, serial: &Serial) -> Txn {
        let key = layout::revoked(self.objects.vault, self.incarnation, serial.bytes());
        txn.require(key, Condition::Absent)
    }

    /// What is revoked and has not ended more than a day ago, in all versions of the authority.
    pub(crate) async fn revocations(
        &self,
        snapshot: &impl Snapshot,
        now: Timestamp,
    ) -> Result<Vec<(Serial, Revocation)>, OpError> {
        let prefix = self.rows_of(Table::Revoked);
        let mut revocations = Vec::new();
        let mut after: Option<Bytes> = None;
        loop {
            let rows = snapshot.scan(&prefix, after.as_deref(), ROWS).await?;
            let Some((last, _)) = rows.last() else { return Ok(revocations) };
            after = Some(last.clone());
            for (key, row) in &rows {
                let serial = key.get(prefix.len()..).and_then(Serial::new);
                let serial =
                    serial.ok_or_else(|| OpError::Internal("a revocation's key".into()))?;
                let revocation = self.open_revocation(&serial, &row.value)?;
                if revocation.not_after.plus_seconds(AFTER_END) >= now {
                    revocations.push((serial, revocation));
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Enters a revocation, and counts it.
    pub(crate) async fn revoke(
        &self,
        snapshot: &impl Snapshot,
        txn: Txn,
        serial: &Serial,
        revocation: &Revocation,
    ) -> Result<Txn, OpError> {
        let (numbered, at) = self.numbered(snapshot).await?;
        let numbered = Numbered { revocations: numbered.revocations.saturating_add(1) };
        let condition = at.map_or(Condition::Absent, Condition::AtRevision);
        let authority = layout::authority(self.objects.vault, self.incarnation);
        let txn = self.put_numbered(txn.require(authority, condition), &numbered)?;
        self.put_revocation(self.require_not_revoked(txn, serial), serial, revocation)
    }

    /// Puts what the authority has numbered.
    pub(super) fn put_numbered(&self, txn: Txn, numbered: &Numbered) -> Result<Txn, OpError> {
        let key = layout::authority(self.objects.vault, self.incarnation);
        let part = Part::Authority(self.incarnation);
        Ok(txn.put(key, self.objects.seal(self.folded, part, numbered)?))
    }

    /// Puts a revocation, which goes when its certificate has ended.
    pub(super) fn put_revocation(
        &self,
        txn: Txn,
        serial: &Serial,
        revocation: &Revocation,
    ) -> Result<Txn, OpError> {
        let key = layout::revoked(self.objects.vault, self.incarnation, serial.bytes());
        let part = Part::Revoked(self.incarnation, *serial.bytes());
        let sealed = self.objects.seal(self.folded, part, revocation)?;
        Ok(txn.put(key, sealed).put(self.end(serial, revocation.not_after), Bytes::new()))
    }

    /// What the authority has numbered, and the revision of that; `None` if nothing yet.
    pub(crate) async fn numbered(
        &self,
        snapshot: &impl Snapshot,
    ) -> Result<(Numbered, Option<Revision>), OpError> {
        let key = layout::authority(self.objects.vault, self.incarnation);
        let Some(row) = snapshot.get(&key).await? else { return Ok((Numbered::default(), None)) };
        let part = Part::Authority(self.incarnation);
        Ok((self.objects.open(self.folded, part, &row.value)?, Some(row.revision)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_told_apart_by_value_alone() {
        assert_eq!(Serial::new(&[0, 0, 7]), Serial::new(&[7]));
        assert_eq!(Serial::new(&[7]).unwrap().number(), [7]);
        assert_eq!(Serial::new(&[]).unwrap().number(), [0]);
        assert_eq!(Serial::new(&[1; 20]).unwrap().bytes(), &[1; 20]);
        assert_eq!(Serial::new(&[1; 21]), None);
        assert!(Serial::new(&[&[0][..], &[1; 20]].concat()).is_some());
    }
}
