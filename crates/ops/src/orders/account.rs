//! The rows of this server's own accounts at ACME authorities.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_acme::AccountKey;
use strongroom_crypto::SecretBytes;
use strongroom_model::{ObjectName, Timestamp, VaultId};
use strongroom_seal::DataKeys;
use strongroom_store::{Snapshot, Txn};
use zeroize::Zeroizing;

use crate::OpError;
use crate::acme::{AcmeId, AcmeRow, OfIssuer, Rows};

/// An account at an authority: its URL there, and its private key.
#[derive(Clone, Encode, Decode)]
pub(crate) struct AccountRow {
    #[n(0)]
    url: String,
    #[cbor(n(1), with = "private")]
    key: Zeroizing<Vec<u8>>,
    /// Whose it is.
    #[n(2)]
    issuer: Option<String>,
    #[n(3)]
    made: Option<Timestamp>,
}

impl AcmeRow for AccountRow {
    const LETTER: u8 = b'c';
}

impl OfIssuer for AccountRow {
    fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    fn made(&self) -> Timestamp {
        self.made.unwrap_or(Timestamp(0))
    }
}

impl AccountRow {
    pub(super) fn new(account: &AccountKey) -> Self {
        let key = Zeroizing::new(account.key.expose().to_vec());
        Self { url: account.url.clone(), key, issuer: None, made: None }
    }

    /// The same, as an issuer's.
    #[must_use]
    pub(super) fn of(self, issuer: &ObjectName, made: Timestamp) -> Self {
        Self { issuer: Some(issuer.folded()), made: Some(made), ..self }
    }

    pub(super) fn key(&self) -> AccountKey {
        AccountKey { url: self.url.clone(), key: SecretBytes::new(self.key.to_vec()) }
    }
}

pub(super) async fn get(
    keys: Arc<DataKeys>,
    vault: VaultId,
    snapshot: &impl Snapshot,
    id: AcmeId,
) -> Result<Option<AccountRow>, OpError> {
    let found = Rows::new(vault, keys).get::<AccountRow>(snapshot, id).await?;
    Ok(found.map(|found| found.row))
}

pub(super) fn insert(
    keys: Arc<DataKeys>,
    vault: VaultId,
    id: AcmeId,
    account: &AccountRow,
) -> Result<Txn, OpError> {
    Rows::new(vault, keys).insert(Txn::new(), id, account)
}

pub(super) fn delete(keys: Arc<DataKeys>, vault: VaultId, id: AcmeId) -> Txn {
    Rows::new(vault, keys).delete::<AccountRow>(Txn::new(), id)
}

/// How the private key lies in the row's plaintext, which is itself zeroized and only ever sealed.
mod private {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use zeroize::Zeroizing;

    pub(super) fn encode<C, W: Write>(
        key: &Zeroizing<Vec<u8>>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(key)?.ok()
    }

    pub(super) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<Zeroizing<Vec<u8>>, DecodeError> {
        Ok(Zeroizing::new(d.bytes()?.to_vec()))
    }
}
