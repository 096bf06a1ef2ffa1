//! What of an authority's ledger is in a backup: its revocations. Without them, a restored
//! authority
//! would say of what it took back that it is good.

use minicbor::{Decode, Encode};
use strongroom_model::Timestamp;
use strongroom_store::{Snapshot, Txn};

use super::ledger::{Ledger, Numbered, Revocation, Serial};
use crate::OpError;

/// Revocations put in one transaction: two rows each.
const PER_TXN: usize = 24;

/// What an authority has revoked.
#[derive(Encode, Decode)]
pub(crate) struct LedgerBackup {
    #[n(0)]
    numbered: Numbered,
    /// What has not ended.
    #[n(1)]
    revoked: Vec<Revoked>,
}

#[derive(Encode, Decode)]
struct Revoked {
    #[cbor(n(0), with = "minicbor::bytes")]
    serial: Vec<u8>,
    #[n(1)]
    revocation: Revocation,
}

impl LedgerBackup {
    /// A ledger's revocations; `None` if there was never one.
    pub(crate) async fn read(
        ledger: &Ledger<'_>,
        snapshot: &impl Snapshot,
        now: Timestamp,
    ) -> Result<Option<Self>, OpError> {
        let (numbered, Some(_)) = ledger.numbered(snapshot).await? else { return Ok(None) };
        let revoked = ledger.revocations(snapshot, now).await?.into_iter();
        let revoked = revoked.map(|(serial, revocation)| {
            let serial = serial.number().to_vec();
            Revoked { serial, revocation }
        });
        Ok(Some(Self { numbered, revoked: revoked.collect() }))
    }

    /// The transactions that put it into the ledger of an authority that nobody sees yet, each of
    /// them on `begun`.
    pub(crate) fn txns(&self, ledger: &Ledger<'_>, begun: &Txn) -> Result<Vec<Txn>, OpError> {
        let mut txns = vec![ledger.put_numbered(begun.clone(), &self.numbered)?];
        for chunk in self.revoked.chunks(PER_TXN) {
            let put = |txn, revoked: &Revoked| {
                let serial = Serial::new(&revoked.serial).ok_or(OpError::MalformedBackup)?;
                ledger.put_revocation(txn, &serial, &revoked.revocation)
            };
            txns.push(chunk.iter().try_fold(begun.clone(), put)?);
        }
        Ok(txns)
    }
}
