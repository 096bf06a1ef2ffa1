//! Accounts: made with a binding, changed, given another key.

use http::StatusCode;
use strongroom_authz::admit;
use strongroom_ops::{
    AcmeAccount, AcmeAccountStatus, AcmeError, AcmeErrorKind as Kind, AcmeId, Call, ChangeAcmeKey,
    GetAcmeOrders, NewAcmeAccount, OpError, UpdateAcmeAccount,
};
use strongroom_store::Store;
use strongroom_wire::acme as wire;

use super::Visit;
use super::jws::{AccountKey, Jws, Signer};
use super::reply::Reply;
use super::signed::{self, Signed, payload};

/// The most contacts of an account, and the longest one in bytes.
const MAX_CONTACTS: usize = 10;
const MAX_CONTACT: usize = 254;

/// `POST new-account`
pub(super) async fn create<S: Store>(
    visit: &Visit<'_, S>,
    jws: &Jws,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let key = signed::with_key(jws)?;
    let sent: wire::NewAccount = payload(&jws.payload)?;
    let (ops, vault) = (&visit.service.ops, visit.vault.resource.id);
    if let Some(account) = ops.acme_account_of_key(vault, &visit.issuer, key.public()).await? {
        signed::enter(visit, &account, call)?;
        return shown(visit, StatusCode::OK, &account);
    }
    if sent.only_return_existing {
        return Err(AcmeError::refused(Kind::AccountDoesNotExist, "The key has no account."));
    }
    let contacts = contacts(sent.contact)?.unwrap_or_default();
    let binding = sent.external_account_binding.ok_or_else(|| {
        let text = "An account needs an external account binding: ask for a key with \
                    POST /certificates/issuers/{name}/eab, or `strongroom certificate issuer eab`.";
        AcmeError::refused(Kind::ExternalAccountRequired, text)
    })?;
    let (id, authorized) = {
        let unusable =
            || AcmeError::refused(Kind::Unauthorized, "The binding's key is unknown, or was used.");
        let inner = Jws::parse(binding.to_string().as_bytes())?;
        let id = bound(&inner, &jws.url, &key)?;
        let offered = ops.acme_binding(vault, &visit.issuer, id, call.now()).await?;
        let offered = offered.ok_or_else(unusable)?;
        inner.verify_binding(&offered.key)?;
        (id, signed::act_as(visit, &offered.principal, call)?)
    };
    let request = NewAcmeAccount {
        issuer: visit.issuer.clone(),
        binding: id,
        key: key.public().clone(),
        contacts,
    };
    let request = admit(authorized, request).map_err(|e| OpError::Internal(e.to_string()))?;
    let account = ops.new_acme_account(request, call).await?;
    shown(visit, StatusCode::CREATED, &account)
}

/// What a binding names: it must be for this URL and this account's key, and have no nonce (RFC
/// 8555, section 7.3.4).
fn bound(binding: &Jws, url: &str, key: &AccountKey) -> Result<AcmeId, AcmeError> {
    let refused = |text: &str| AcmeError::refused(Kind::Malformed, text);
    let Signer::Id(id) = &binding.signer else {
        return Err(refused("A binding names its key by kid."));
    };
    if binding.nonce.is_some() || binding.url != url {
        return Err(refused("A binding has the url of the request, and no nonce."));
    }
    if AccountKey::parse(&binding.payload)? != *key {
        return Err(refused("A binding's payload is the account's key."));
    }
    id.parse().map_err(|_| {
        AcmeError::refused(Kind::Unauthorized, "The binding's key is unknown, or was used.")
    })
}

/// `POST account/{id}`
pub(super) async fn update<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    id: AcmeId,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    own(&signed, id)?;
    if signed.is_reading() {
        return shown(visit, StatusCode::OK, &signed.account);
    }
    let sent: wire::AccountChange = signed.parse()?;
    let deactivate = match sent.status.as_deref() {
        None | Some("valid") => false,
        Some("deactivated") => true,
        Some(_) => {
            let text = "The status of an account may be set to deactivated.";
            return Err(AcmeError::refused(Kind::Malformed, text));
        }
    };
    let contacts = contacts(sent.contact)?;
    if contacts.is_none() && !deactivate {
        return shown(visit, StatusCode::OK, &signed.account);
    }
    let request = signed.admit(UpdateAcmeAccount { account: id, contacts, deactivate })?;
    shown(visit, StatusCode::OK, &visit.service.ops.update_acme_account(request, call).await?)
}

/// `POST account/{id}/orders`
pub(super) async fn orders<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    id: AcmeId,
    call: &Call,
) -> Result<Reply, AcmeError> {
    own(&signed, id)?;
    let request = signed.admit(GetAcmeOrders { account: id })?;
    let orders = visit.service.ops.get_acme_orders(request, call).await?;
    let orders = orders.iter().map(|order| visit.path(&format!("order/{order}"))).collect();
    Reply::json(StatusCode::OK, &wire::Orders { orders })
}

/// `POST key-change`: the old key signs a request that the new key has signed.
pub(super) async fn change_key<S: Store>(
    visit: &Visit<'_, S>,
    signed: Signed,
    url: &str,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let refused = |text: &str| AcmeError::refused(Kind::Malformed, text);
    let inner = Jws::parse(&signed.payload)?;
    let key = signed::with_key(&inner)?;
    if inner.nonce.is_some() || inner.url != url {
        return Err(refused("The inner request has the url of the outer one, and no nonce."));
    }
    let sent: wire::KeyChange = payload(&inner.payload)?;
    let id = signed.account.id;
    if sent.account != visit.path(&format!("account/{id}")) {
        return Err(refused("The inner request is about another account."));
    }
    if AccountKey::parse(sent.old_key.to_string().as_bytes())?.public() != &signed.account.key {
        return Err(refused("The inner request names another key as the old one."));
    }
    let holder =
        visit.service.ops.acme_account_of_key(visit.vault.resource.id, &visit.issuer, key.public());
    if let Some(other) = holder.await? {
        let reply = AcmeError::refused(Kind::KeyInUse, "The key has an account already.");
        return Ok(Reply::refusal(&reply).at(visit.path(&format!("account/{}", other.id))));
    }
    let request = signed.admit(ChangeAcmeKey { account: id, key: key.public().clone() })?;
    shown(visit, StatusCode::OK, &visit.service.ops.change_acme_key(request, call).await?)
}

/// An account may ask for nothing that is another's.
fn own(signed: &Signed, id: AcmeId) -> Result<(), AcmeError> {
    if signed.account.id == id {
        return Ok(());
    }
    Err(AcmeError::refused(Kind::Unauthorized, "The account is not the one that signed."))
}

fn shown<S: Store>(
    visit: &Visit<'_, S>,
    status: StatusCode,
    account: &AcmeAccount,
) -> Result<Reply, AcmeError> {
    let url = visit.path(&format!("account/{}", account.id));
    let body = wire::Account {
        status: match account.status {
            AcmeAccountStatus::Valid => "valid",
            AcmeAccountStatus::Deactivated => "deactivated",
        },
        contact: &account.contacts,
        orders: format!("{url}/orders"),
    };
    Ok(Reply::json(status, &body)?.at(url))
}

/// `mailto:` addresses, one recipient each and no header fields (RFC 8555, section 7.3).
fn contacts(sent: Option<Vec<String>>) -> Result<Option<Vec<String>>, AcmeError> {
    let Some(contacts) = sent else { return Ok(None) };
    let text = format!("An account has at most {MAX_CONTACTS} contacts, of {MAX_CONTACT} bytes.");
    if contacts.len() > MAX_CONTACTS || contacts.iter().any(|c| c.len() > MAX_CONTACT) {
        return Err(AcmeError::refused(Kind::InvalidContact, text));
    }
    for contact in &contacts {
        let Some(address) = contact.strip_prefix("mailto:") else {
            let text = "A contact is a mailto: URL.";
            return Err(AcmeError::refused(Kind::UnsupportedContact, text));
        };
        let is_one = address.split('@').count() == 2
            && !address.starts_with('@')
            && !address.ends_with('@')
            && address.bytes().all(|b| b.is_ascii_graphic() && !b"?,<>\"".contains(&b));
        if !is_one {
            let text = "A contact is one address, without header fields.";
            return Err(AcmeError::refused(Kind::InvalidContact, text));
        }
    }
    Ok(Some(contacts))
}
