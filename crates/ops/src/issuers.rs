//! A vault's issuers. Their passwords lie beside them, sealed, and are never answered.

use std::collections::BTreeMap;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use strongroom_authz::Admitted;
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::{Issuer, IssuerChange, IssuerProvider};
use strongroom_model::{Kind, ObjectName, VaultId};
use strongroom_seal::Part;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Condition, Revision, Snapshot, Store, Txn};

use crate::objects::{Certificates, Objects};
use crate::request::about_vault;
use crate::skip_token::List;
use crate::{Call, OpError, Ops, Page, PageRequest};

/// Issuers read at a time.
const ROWS: usize = 1_000;

/// Lists the issuers of a vault.
pub struct GetCertificateIssuers {
    /// Which page.
    pub page: PageRequest,
}

/// Reads an issuer.
pub struct GetCertificateIssuer {
    /// Its name.
    pub issuer: ObjectName,
}

/// Sets an issuer, in place of an earlier one of its name.
pub struct SetCertificateIssuer {
    /// Its name.
    pub issuer: ObjectName,
    /// What is said of it.
    pub sent: IssuerChange,
}

/// Changes an issuer.
pub struct UpdateCertificateIssuer {
    /// Its name.
    pub issuer: ObjectName,
    /// What changes.
    pub sent: IssuerChange,
}

/// Removes an issuer. Certificates whose policy names it stay as they are, and are not renewed.
pub struct DeleteCertificateIssuer {
    /// Its name.
    pub issuer: ObjectName,
}

// A role on a certificate's own scope says nothing of an issuer that has the same name.
about_vault! {
    GetCertificateIssuers GetCertificateIssuer SetCertificateIssuer UpdateCertificateIssuer
    DeleteCertificateIssuer
}

/// An issuer as it lies in the store.
#[derive(Encode, Decode)]
pub(crate) struct IssuerRow {
    /// The issuer.
    #[n(0)]
    pub(crate) issuer: Issuer,
    /// Its password, such as an ACME account's HMAC key.
    #[cbor(n(1), with = "password", has_nil)]
    pub(crate) password: Option<SecretBytes>,
}

/// An issuer's row as it was found.
pub(crate) struct FoundIssuer {
    /// The row.
    pub(crate) row: IssuerRow,
    /// What a decision that rests on it requires.
    pub(crate) revision: Revision,
}

impl<S: Store> Ops<S> {
    /// `GET /certificates/issuers`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_certificate_issuers(
        &self,
        admitted: Admitted<GetCertificateIssuers>,
    ) -> Result<Page<Issuer>, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let wanted = request.page.max_results;
        let list = List::Heads(objects.vault, Kind::Certificate, Table::Issuers);
        let after = self.read_skip_token(&list, request.page.skip_token.as_deref())?;
        let prefix = layout::table(objects.vault, Kind::Certificate, Table::Issuers);
        let after = after.map(|name| [prefix.as_slice(), &name].concat());
        let snapshot = self.snapshot().await?;
        let mut rows = snapshot.scan(&prefix, after.as_deref(), wanted + 1).await?;
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let mut values = Vec::with_capacity(rows.len());
        for (key, row) in &rows {
            values.push(open(&objects, folded(key, &prefix)?, &row.value)?.issuer);
        }
        let skip_token = match rows.last() {
            Some((key, _)) if more => {
                Some(self.skip_token(&list, folded(key, &prefix)?.as_bytes())?)
            }
            _ => None,
        };
        Ok(Page { values, skip_token })
    }

    /// `GET /certificates/issuers/{name}`
    ///
    /// # Errors
    /// [`OpError::IssuerNotFound`], or that the service cannot.
    pub async fn get_certificate_issuer(
        &self,
        admitted: Admitted<GetCertificateIssuer>,
    ) -> Result<Issuer, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let found = find(&objects, &self.snapshot().await?, &request.issuer).await?;
        Ok(found.ok_or_else(|| not_found(&request.issuer))?.row.issuer)
    }

    /// `PUT /certificates/issuers/{name}`
    ///
    /// # Errors
    /// [`OpError::Invalid`], or that the service cannot.
    pub async fn set_certificate_issuer(
        &self,
        admitted: Admitted<SetCertificateIssuer>,
        call: &mut Call,
    ) -> Result<Issuer, OpError> {
        let (authorized, request) = admitted.into_parts();
        let SetCertificateIssuer { issuer: name, sent } = request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find(&objects, &moment.snapshot, &name).await?;
            let mut issuer = Issuer::new(name.clone(), &sent, call.now())?;
            if let Some(found) = &found {
                issuer.name.clone_from(&found.row.issuer.name);
                issuer.created = found.row.issuer.created;
            }
            let row = IssuerRow { issuer, password: password_of(&sent) };
            let txn = put(&objects, moment.txn(), found.as_ref(), &row)?;
            if deciding.commit(call, txn).await? {
                return Ok(row.issuer);
            }
        }
    }

    /// `PATCH /certificates/issuers/{name}`
    ///
    /// # Errors
    /// [`OpError::IssuerNotFound`], [`OpError::Invalid`], or that the service cannot.
    pub async fn update_certificate_issuer(
        &self,
        admitted: Admitted<UpdateCertificateIssuer>,
        call: &mut Call,
    ) -> Result<Issuer, OpError> {
        let (authorized, request) = admitted.into_parts();
        let UpdateCertificateIssuer { issuer: name, sent } = request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find(&objects, &moment.snapshot, &name).await?;
            let mut found = found.ok_or_else(|| not_found(&name))?;
            let issuer = found.row.issuer.changed(&sent, call.now())?;
            let password = password_of(&sent).or_else(|| found.row.password.take());
            let row = IssuerRow { issuer, password };
            let txn = put(&objects, moment.txn(), Some(&found), &row)?;
            if deciding.commit(call, txn).await? {
                return Ok(row.issuer);
            }
        }
    }

    /// `DELETE /certificates/issuers/{name}`
    ///
    /// # Errors
    /// [`OpError::IssuerNotFound`], or that the service cannot.
    pub async fn delete_certificate_issuer(
        &self,
        admitted: Admitted<DeleteCertificateIssuer>,
        call: &mut Call,
    ) -> Result<Issuer, OpError> {
        let (authorized, request) = admitted.into_parts();
        let name = &request.issuer;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find(&objects, &moment.snapshot, name).await?;
            let found = found.ok_or_else(|| not_found(name))?;
            let key = layout::issuer(objects.vault, &name.folded());
            let txn = moment.txn().require(key.clone(), Condition::AtRevision(found.revision));
            // The accounts that it had go with it, in the sweeper's rounds.
            let mark = layout::issuer_garbage(objects.vault, &name.folded());
            if deciding.commit(call, txn.delete(key).put(mark, Vec::new())).await? {
                return Ok(found.row.issuer);
            }
        }
    }
}

/// The issuer of a name, if the vault has one.
pub(crate) async fn find(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Option<FoundIssuer>, OpError> {
    let folded = name.folded();
    let key = layout::issuer(objects.vault, &folded);
    let Some(row) = snapshot.get(&key).await? else { return Ok(None) };
    Ok(Some(FoundIssuer { row: open(objects, &folded, &row.value)?, revision: row.revision }))
}

/// The certificates of all authorities that a vault's issuers name, each once.
pub(crate) async fn authorities(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
) -> Result<Vec<ObjectName>, OpError> {
    let prefix = layout::table(objects.vault, Kind::Certificate, Table::Issuers);
    let mut named = BTreeMap::new();
    let mut after: Option<Bytes> = None;
    loop {
        let rows = snapshot.scan(&prefix, after.as_deref(), ROWS).await?;
        let Some((last, _)) = rows.last() else { return Ok(named.into_values().collect()) };
        after = Some(last.clone());
        for (key, row) in &rows {
            let issuer = open(objects, folded(key, &prefix)?, &row.value)?.issuer;
            if let Some(authority) = authority_of(&issuer) {
                named.insert(authority.folded(), authority);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A transaction that holds only while an issuer is as it was found.
pub(crate) fn require(txn: Txn, vault: VaultId, found: &FoundIssuer) -> Txn {
    let key = layout::issuer(vault, &found.row.issuer.name.folded());
    txn.require(key, Condition::AtRevision(found.revision))
}

/// The certificate of an issuer's authority; `None` for issuers of other providers.
pub(crate) fn authority_of(issuer: &Issuer) -> Option<ObjectName> {
    let id = issuer.organization.id.as_deref()?;
    let is_here = issuer.provider == IssuerProvider::Strongroom;
    is_here.then(|| ObjectName::parse(id).ok()).flatten()
}

pub(crate) fn not_found(name: &ObjectName) -> OpError {
    OpError::IssuerNotFound(name.to_string())
}

fn open(
    objects: &Objects<Certificates>,
    folded: &str,
    sealed: &[u8],
) -> Result<IssuerRow, OpError> {
    objects.open(folded, Part::Issuer, sealed)
}

fn put(
    objects: &Objects<Certificates>,
    txn: Txn,
    found: Option<&FoundIssuer>,
    row: &IssuerRow,
) -> Result<Txn, OpError> {
    let folded = row.issuer.name.folded();
    let key = layout::issuer(objects.vault, &folded);
    let condition = found.map_or(Condition::Absent, |f| Condition::AtRevision(f.revision));
    Ok(txn.require(key.clone(), condition).put(key, objects.seal(&folded, Part::Issuer, row)?))
}

fn password_of(sent: &IssuerChange) -> Option<SecretBytes> {
    sent.password.as_ref().map(|password| SecretBytes::new(password.as_bytes().to_vec()))
}

fn folded<'a>(key: &'a Bytes, prefix: &[u8]) -> Result<&'a str, OpError> {
    key.get(prefix.len()..)
        .and_then(|name| std::str::from_utf8(name).ok())
        .ok_or_else(|| OpError::Internal("an issuer's key is no name".into()))
}

/// How a password lies in the row's plaintext, which is itself zeroized and only ever sealed.
mod password {
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};
    use strongroom_crypto::SecretBytes;

    pub(super) fn encode<C, W: Write>(
        password: &Option<SecretBytes>,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match password {
            Some(password) => e.bytes(password.expose())?.ok(),
            None => e.null()?.ok(),
        }
    }

    pub(super) fn decode<C>(
        d: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<Option<SecretBytes>, DecodeError> {
        if d.datatype()? == minicbor::data::Type::Null {
            return d.null().map(|()| None);
        }
        Ok(Some(SecretBytes::new(d.bytes()?.to_vec())))
    }

    pub(super) fn nil() -> Option<Option<SecretBytes>> {
        Some(None)
    }

    pub(super) fn is_nil(password: &Option<SecretBytes>) -> bool {
        password.is_none()
    }
}
