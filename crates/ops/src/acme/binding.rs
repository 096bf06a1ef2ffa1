//! Keys that bind an account to a principal (external account binding: RFC 8555, section 7.3.4).

use minicbor::{Decode, Encode};
use strongroom_authz::Admitted;
use strongroom_crypto::{MacKey, SecretBytes};
use strongroom_model::{ObjectName, PrincipalId, Timestamp, VaultId};
use strongroom_seal::DataKeys;
use strongroom_store::Store;

use super::rows::{AcmeRow, FoundRow, Rows};
use super::{AcmeId, BoundPrincipal, OfIssuer};
use crate::request::about_vault;
use crate::{Call, OpError, Ops};

/// How long a key may wait for its account, in seconds: 7 days.
const LIFETIME: i64 = 7 * 86_400;

/// Keys of one principal that may wait for their accounts at once.
const MOST_WAITING: usize = 100;

/// Makes a key that binds one ACME account to the caller.
pub struct CreateAcmeBinding {
    /// The issuer whose ACME server it is for.
    pub issuer: ObjectName,
}

about_vault! { CreateAcmeBinding }

/// A key that binds one ACME account to a principal.
pub struct AcmeBinding {
    /// The key's id.
    pub key_id: String,
    /// The key, for HS256.
    pub hmac_key: SecretBytes,
    /// Until when it may be used.
    pub expires: Timestamp,
}

/// What is known of a binding. The key itself is derived, not kept.
#[derive(Encode, Decode)]
pub(crate) struct BindingRow {
    #[n(0)]
    issuer: String,
    #[n(1)]
    principal: BoundPrincipal,
    #[n(2)]
    expires: Timestamp,
    /// The account that it was used for.
    #[n(3)]
    account: Option<AcmeId>,
}

impl AcmeRow for BindingRow {
    const LETTER: u8 = b'b';
}

impl OfIssuer for BindingRow {
    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn made(&self) -> Timestamp {
        self.expires.plus_seconds(-LIFETIME)
    }
}

impl BindingRow {
    pub(crate) fn is_usable(&self, issuer: &str, now: Timestamp) -> bool {
        self.issuer == issuer && self.account.is_none() && now < self.expires
    }

    /// Whether nobody will ask for it again.
    fn is_garbage(&self, now: Timestamp) -> bool {
        self.account.is_none() && now >= self.expires
    }

    pub(crate) fn used_by(&self, account: AcmeId) -> Self {
        let principal = self.principal.clone();
        let (issuer, expires) = (self.issuer.clone(), self.expires);
        Self { issuer, principal, expires, account: Some(account) }
    }

    pub(crate) fn principal(&self) -> &BoundPrincipal {
        &self.principal
    }
}

/// A binding that a new account names, to be held against its signature.
pub struct OfferedBinding {
    /// Verifies the binding's signature.
    pub key: MacKey,
    /// Whom the account would act as.
    pub principal: BoundPrincipal,
}

impl<S: Store> Ops<S> {
    /// Makes a key that binds one ACME account to the caller: usable once, within 7 days.
    ///
    /// # Errors
    /// [`OpError::NoSuch`] for an issuer that serves no ACME, [`OpError::Invalid`] when too many
    /// keys of the caller wait for their accounts.
    pub async fn create_acme_binding(
        &self,
        request: Admitted<CreateAcmeBinding>,
        call: &mut Call,
    ) -> Result<AcmeBinding, OpError> {
        let (authorized, CreateAcmeBinding { issuer }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let vault = authorized.vault().id;
        let keys = self.ring.vault(vault).await?;
        let rows = Rows::new(vault, keys.clone());
        let principal = BoundPrincipal::of(authorized.caller());
        let family = family(principal.object_id);
        let mut deciding = self.deciding(&authorized, &issuer).await;
        loop {
            let moment = deciding.moment().await?;
            if self.acme_issuer(vault, &moment.snapshot, &issuer).await?.is_none() {
                return Err(OpError::NoSuch(format!("The issuer {issuer} serves no ACME.")));
            }
            let (now, limit) = (call.now(), MOST_WAITING * 2);
            let known = rows.family::<BindingRow>(&moment.snapshot, family, None, limit).await?;
            let waiting = known.iter().filter(|b| b.row.account.is_none());
            if waiting.filter(|b| !b.row.is_garbage(now)).count() >= MOST_WAITING {
                return Err(OpError::Invalid(format!(
                    "{MOST_WAITING} ACME binding keys of this principal wait for their accounts: \
                     use them, or let them expire."
                )));
            }
            let id = AcmeId::draw_in(family)?;
            let expires = now.plus_seconds(LIFETIME);
            let row = BindingRow {
                issuer: issuer.folded(),
                principal: principal.clone(),
                expires,
                account: None,
            };
            let garbage = known.iter().filter(|binding| binding.row.is_garbage(now)).take(32);
            let txn = garbage.fold(moment.txn(), |txn, old| rows.delete::<BindingRow>(txn, old.id));
            let txn = rows.insert(txn, id, &row)?;
            call.set_property("acmeBinding", id.to_string());
            if deciding.commit(call, txn).await? {
                let hmac_key = SecretBytes::new(binding_key(&keys, id)?.to_vec());
                return Ok(AcmeBinding { key_id: id.to_string(), hmac_key, expires });
            }
        }
    }

    /// The binding that a new account names; `None` unless it waits for its account.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn acme_binding(
        &self,
        vault: VaultId,
        issuer: &ObjectName,
        id: AcmeId,
        now: Timestamp,
    ) -> Result<Option<OfferedBinding>, OpError> {
        let keys = self.ring.vault(vault).await?;
        let rows = Rows::new(vault, keys.clone());
        let found: Option<FoundRow<BindingRow>> = rows.get(&self.snapshot().await?, id).await?;
        let Some(found) = found.filter(|b| b.row.is_usable(&issuer.folded(), now)) else {
            return Ok(None);
        };
        let key = MacKey::new(&binding_key(&keys, id)?);
        Ok(Some(OfferedBinding { key, principal: found.row.principal }))
    }
}

/// The key of a binding: 32 bytes that only the vault's own key can derive.
fn binding_key(keys: &DataKeys, id: AcmeId) -> Result<[u8; 32], OpError> {
    Ok(keys.mac_key("strongroom/acme-binding/v1")?.tag(&[&id.0]))
}

fn family(principal: PrincipalId) -> [u8; 8] {
    AcmeId(*principal.as_bytes()).family()
}
