//! Accounts: a key that acts as a principal.

use minicbor::{Decode, Encode};
use strongroom_authz::{Admitted, Authorized};
use strongroom_crypto::digest;
use strongroom_model::{ObjectName, PublicKey, Timestamp, VaultId};
use strongroom_store::{Snapshot, Store};

use super::binding::BindingRow;
use super::rows::{AcmeRow, FoundRow, Rows};
use super::{AcmeError, AcmeErrorKind as Kind, AcmeId, BoundPrincipal, OfIssuer, about_acme, turn};
use crate::{Call, OpError, Ops};

/// Where an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AcmeAccountStatus {
    /// It may ask.
    #[n(0)]
    Valid,
    /// Its holder gave it up.
    #[n(1)]
    Deactivated,
}

/// An account.
#[derive(Clone, Debug, Encode, Decode)]
pub struct AcmeAccount {
    /// Its id.
    #[n(0)]
    pub id: AcmeId,
    #[n(1)]
    pub(crate) issuer: String,
    /// Whom it acts as.
    #[n(2)]
    pub principal: BoundPrincipal,
    /// The key that signs its requests.
    #[n(3)]
    pub key: PublicKey,
    /// `mailto:` addresses, as its holder gave them.
    #[n(4)]
    pub contacts: Vec<String>,
    /// Where it is.
    #[n(5)]
    pub status: AcmeAccountStatus,
    /// When it was made.
    #[n(6)]
    pub created: Timestamp,
    #[n(7)]
    binding: AcmeId,
    /// How many orders it has made: every order changes the row, and so sees the others.
    #[n(8)]
    pub(crate) orders: u64,
}

impl AcmeRow for AcmeAccount {
    const LETTER: u8 = b'a';
}

impl OfIssuer for AcmeAccount {
    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn made(&self) -> Timestamp {
        self.created
    }
}

/// Which account a key belongs to.
#[derive(Encode, Decode)]
pub(super) struct AccountOfKey {
    #[n(0)]
    account: AcmeId,
}

impl AcmeRow for AccountOfKey {
    const LETTER: u8 = b'k';
}

/// Makes an account that acts as the caller, whose binding is used up.
pub struct NewAcmeAccount {
    /// The issuer.
    pub issuer: ObjectName,
    /// The binding that the account's key signed for.
    pub binding: AcmeId,
    /// The account's key.
    pub key: PublicKey,
    /// `mailto:` addresses.
    pub contacts: Vec<String>,
}

/// Changes an account, or gives it up.
pub struct UpdateAcmeAccount {
    /// The account.
    pub account: AcmeId,
    /// Other contacts.
    pub contacts: Option<Vec<String>>,
    /// Whether it is given up, for ever.
    pub deactivate: bool,
}

/// Gives an account another key.
pub struct ChangeAcmeKey {
    /// The account.
    pub account: AcmeId,
    /// The key that is to sign from now on, whose holder has agreed.
    pub key: PublicKey,
}

about_acme! { NewAcmeAccount UpdateAcmeAccount ChangeAcmeKey }

impl<S: Store> Ops<S> {
    /// An account of an issuer by its id.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn acme_account(
        &self,
        vault: VaultId,
        issuer: &ObjectName,
        id: AcmeId,
    ) -> Result<Option<AcmeAccount>, OpError> {
        let rows = self.acme_rows(vault).await?;
        let found: Option<FoundRow<AcmeAccount>> = rows.get(&self.snapshot().await?, id).await?;
        Ok(found.map(|f| f.row).filter(|account| account.issuer == issuer.folded()))
    }

    /// The account of an issuer that a key belongs to.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn acme_account_of_key(
        &self,
        vault: VaultId,
        issuer: &ObjectName,
        key: &PublicKey,
    ) -> Result<Option<AcmeAccount>, OpError> {
        let rows = self.acme_rows(vault).await?;
        let snapshot = self.snapshot().await?;
        let of_key = rows.get::<AccountOfKey>(&snapshot, key_id(&issuer.folded(), key)?).await?;
        let Some(of_key) = of_key else { return Ok(None) };
        let found = rows.get::<AcmeAccount>(&snapshot, of_key.row.account).await?;
        Ok(found.map(|f| f.row).filter(|account| account.key == *key))
    }

    /// Makes an account, and uses its binding up.
    ///
    /// # Errors
    /// `unauthorized` when the binding does not wait any more, `malformed` when the key has an
    /// account already.
    pub async fn new_acme_account(
        &self,
        request: Admitted<NewAcmeAccount>,
        call: &mut Call,
    ) -> Result<AcmeAccount, AcmeError> {
        let (authorized, NewAcmeAccount { issuer, binding, key, contacts }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let (id, issuer) = (AcmeId::draw()?, issuer.folded());
        let mut deciding = self.deciding(&authorized, &turn(binding)?).await;
        loop {
            let moment = deciding.moment().await?;
            let used = || AcmeError::refused(Kind::Unauthorized, "The binding is not usable.");
            let bound: FoundRow<BindingRow> =
                rows.get(&moment.snapshot, binding).await?.ok_or_else(used)?;
            let own = bound.row.principal().object_id == authorized.caller().object_id;
            if !own || !bound.row.is_usable(&issuer, call.now()) {
                return Err(used());
            }
            let key_id = key_id(&issuer, &key)?;
            if rows.get::<AccountOfKey>(&moment.snapshot, key_id).await?.is_some() {
                return Err(AcmeError::refused(Kind::KeyInUse, "The key has an account already."));
            }
            let account = AcmeAccount {
                id,
                issuer: issuer.clone(),
                principal: bound.row.principal().clone(),
                key: key.clone(),
                contacts: contacts.clone(),
                status: AcmeAccountStatus::Valid,
                created: call.now(),
                binding,
                orders: 0,
            };
            let txn = rows.replace(moment.txn(), &bound, &bound.row.used_by(id))?;
            let txn = rows.insert(txn, key_id, &AccountOfKey { account: id })?;
            let txn = rows.insert(txn, id, &account)?;
            call.set_property("acmeAccount", id.to_string());
            if deciding.commit_as(call, 201, txn).await? {
                return Ok(account);
            }
        }
    }

    /// Changes an account's contacts, or gives the account up for ever.
    ///
    /// # Errors
    /// `unauthorized` when it was given up.
    pub async fn update_acme_account(
        &self,
        request: Admitted<UpdateAcmeAccount>,
        call: &mut Call,
    ) -> Result<AcmeAccount, AcmeError> {
        let (authorized, UpdateAcmeAccount { account, contacts, deactivate }) =
            request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let mut deciding = self.deciding(&authorized, &turn(account)?).await;
        loop {
            let moment = deciding.moment().await?;
            let found = own_account(&rows, &moment.snapshot, account, &authorized).await?;
            let mut changed = found.row.clone();
            if let Some(contacts) = &contacts {
                changed.contacts.clone_from(contacts);
            }
            if deactivate {
                changed.status = AcmeAccountStatus::Deactivated;
            }
            let txn = rows.replace(moment.txn(), &found, &changed)?;
            if deciding.commit(call, txn).await? {
                return Ok(changed);
            }
        }
    }

    /// Gives an account another key; the old one signs nothing any more.
    ///
    /// # Errors
    /// `malformed` (409) when the key has an account already.
    pub async fn change_acme_key(
        &self,
        request: Admitted<ChangeAcmeKey>,
        call: &mut Call,
    ) -> Result<AcmeAccount, AcmeError> {
        let (authorized, ChangeAcmeKey { account, key }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let mut deciding = self.deciding(&authorized, &turn(account)?).await;
        loop {
            let moment = deciding.moment().await?;
            let found = own_account(&rows, &moment.snapshot, account, &authorized).await?;
            let new = key_id(&found.row.issuer, &key)?;
            if rows.get::<AccountOfKey>(&moment.snapshot, new).await?.is_some() {
                return Err(AcmeError::refused(Kind::KeyInUse, "The key has an account already."));
            }
            let old = key_id(&found.row.issuer, &found.row.key)?;
            let changed = AcmeAccount { key: key.clone(), ..found.row.clone() };
            let txn = rows.replace(moment.txn(), &found, &changed)?;
            let txn = rows.delete::<AccountOfKey>(txn, old);
            let txn = rows.insert(txn, new, &AccountOfKey { account })?;
            if deciding.commit(call, txn).await? {
                return Ok(changed);
            }
        }
    }
}

/// A valid account that acts as the caller of what was authorised.
pub(crate) async fn own_account(
    rows: &Rows,
    snapshot: &impl Snapshot,
    id: AcmeId,
    authorized: &Authorized,
) -> Result<FoundRow<AcmeAccount>, AcmeError> {
    let found: Option<FoundRow<AcmeAccount>> = rows.get(snapshot, id).await?;
    let principal = authorized.caller().object_id;
    found
        .filter(|f| f.row.status == AcmeAccountStatus::Valid)
        .filter(|f| f.row.principal.object_id == principal)
        .ok_or_else(|| AcmeError::refused(Kind::Unauthorized, "The account is not valid."))
}

pub(super) fn key_id(issuer: &str, key: &PublicKey) -> Result<AcmeId, OpError> {
    let encoded = minicbor::to_vec(key)
        .map_err(|_| OpError::Internal("a public key does not encode".into()))?;
    Ok(AcmeId::of(&[issuer.as_bytes(), &digest::sha256(&encoded)]))
}
