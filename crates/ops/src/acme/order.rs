//! Orders, and the authorizations they rest on. An order and its authorizations are one row, for
//! they change together; a finished order lies elsewhere, so that the open ones can be counted.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use strongroom_authz::{Admitted, Authorized};
use strongroom_model::{ObjectName, Timestamp};
use strongroom_store::{Snapshot, Store};

use super::account::own_account;
use super::rows::{AcmeRow, FoundRow, Rows};
use super::validation::{Attempt, token};
use super::{AcmeError, AcmeErrorKind as Kind, AcmeId, AcmeRefusal, Identifier, about_acme, turn};
use crate::{Call, OpError, Ops};

/// The most identifiers of an order.
pub const MAX_IDENTIFIERS: usize = 100;

/// How long an order is good for, in seconds: a day until it is finished, 90 days for the chain
/// to be fetched again after that.
const LIFETIME: i64 = 86_400;
const FINISHED_LIFETIME: i64 = 90 * 86_400;

/// Orders of an account that may be open at once.
const MOST_OPEN: usize = 200;

/// Identifiers of an account that may wait for their validation at once.
const MOST_PENDING: usize = 1_000;

/// Rows of an account that are deleted with a new order.
const GARBAGE_PER_TXN: usize = 16;

/// An order.
#[derive(Clone, Debug, Encode, Decode)]
pub struct AcmeOrder {
    /// Its id.
    #[n(0)]
    pub id: AcmeId,
    #[n(1)]
    pub(crate) account: AcmeId,
    /// When it was made.
    #[n(2)]
    pub created: Timestamp,
    /// Until when it is good.
    #[n(3)]
    pub expires: Timestamp,
    /// One for each identifier, in the order's order.
    #[n(4)]
    pub authorizations: Vec<AcmeAuthorization>,
    /// Whether its certificate is there.
    #[n(5)]
    pub(crate) is_finished: bool,
}

/// An open order's row.
#[derive(Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct OpenOrder(#[n(0)] pub(crate) AcmeOrder);

impl AcmeRow for OpenOrder {
    const LETTER: u8 = b'o';
}

/// A finished order's row.
#[derive(Encode, Decode)]
pub(crate) struct FinishedOrder {
    #[n(0)]
    pub(crate) order: AcmeOrder,
    /// The chain, leaf first, in DER.
    #[n(1)]
    pub(crate) chain: Vec<ByteVec>,
}

impl AcmeRow for FinishedOrder {
    const LETTER: u8 = b'f';
}

/// What shows, or is to show, that an account controls an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AcmeAuthorization {
    /// The identifier; for a wildcard, the name below which it stands.
    #[n(0)]
    pub identifier: Identifier,
    /// Whether every name one label below is asked for.
    #[n(1)]
    pub is_wildcard: bool,
    /// What the account's answer is made of.
    #[n(2)]
    pub token: String,
    /// Where it is.
    #[n(3)]
    pub status: AcmeAuthorizationStatus,
    /// The challenge that was answered, last.
    #[n(4)]
    pub attempt: Option<Attempt>,
    /// Why it was not met.
    #[n(5)]
    pub error: Option<AcmeRefusal>,
}

/// Where an authorization is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AcmeAuthorizationStatus {
    /// A challenge has to be answered.
    #[n(0)]
    Pending,
    /// An answer is being looked at; to the client it is still pending.
    #[n(1)]
    Processing,
    /// The account controls the identifier.
    #[n(2)]
    Valid,
    /// It did not show that it does.
    #[n(3)]
    Invalid,
    /// The account gave it up.
    #[n(4)]
    Deactivated,
}

/// Where an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeOrderStatus {
    /// Identifiers wait for their validation.
    Pending,
    /// A certificate can be asked for.
    Ready,
    /// The certificate is there.
    Valid,
    /// An identifier was not validated, or it is too late.
    Invalid,
}

impl AcmeOrderStatus {
    /// As it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

impl AcmeAuthorization {
    fn new(identifier: &Identifier) -> Result<Self, OpError> {
        Ok(Self {
            identifier: identifier.base(),
            is_wildcard: identifier.is_wildcard(),
            token: token()?,
            status: AcmeAuthorizationStatus::Pending,
            attempt: None,
            error: None,
        })
    }

    /// The identifier that the order names.
    pub fn ordered(&self) -> Identifier {
        match &self.identifier {
            Identifier::Dns(name) if self.is_wildcard => Identifier::Dns(format!("*.{name}")),
            other => other.clone(),
        }
    }

    fn is_pending(&self) -> bool {
        use AcmeAuthorizationStatus::{Pending, Processing};
        matches!(self.status, Pending | Processing)
    }
}

impl AcmeOrder {
    /// Where it is.
    pub fn status(&self, now: Timestamp) -> AcmeOrderStatus {
        use AcmeAuthorizationStatus::Valid;
        let all = |wanted: fn(&AcmeAuthorization) -> bool| self.authorizations.iter().all(wanted);
        if self.is_finished {
            AcmeOrderStatus::Valid
        } else if now >= self.expires || !all(|a| a.is_pending() || a.status == Valid) {
            AcmeOrderStatus::Invalid
        } else if all(|a| a.status == Valid) {
            AcmeOrderStatus::Ready
        } else {
            AcmeOrderStatus::Pending
        }
    }

    /// Why it is invalid.
    pub fn error(&self) -> Option<&AcmeRefusal> {
        self.authorizations.iter().find_map(|authorization| authorization.error.as_ref())
    }

    /// The same order, with its certificate.
    pub(crate) fn finished(&self, now: Timestamp) -> Self {
        let expires = now.plus_seconds(FINISHED_LIFETIME);
        Self { is_finished: true, expires, ..self.clone() }
    }
}

/// Orders a certificate.
pub struct NewAcmeOrder {
    /// The issuer.
    pub issuer: ObjectName,
    /// Whose order it is.
    pub account: AcmeId,
    /// What the certificate is to name: at least one, at most [`MAX_IDENTIFIERS`], none twice.
    pub identifiers: Vec<Identifier>,
}

/// Reads an order.
pub struct GetAcmeOrder {
    /// Whose it is.
    pub account: AcmeId,
    /// Its id.
    pub order: AcmeId,
}

/// Lists the open orders of an account.
pub struct GetAcmeOrders {
    /// Whose they are.
    pub account: AcmeId,
}

/// Reads the chain of a finished order.
pub struct GetAcmeCertificate {
    /// Whose it is.
    pub account: AcmeId,
    /// The order's id.
    pub order: AcmeId,
}

about_acme! { NewAcmeOrder GetAcmeOrder GetAcmeOrders GetAcmeCertificate }

impl<S: Store> Ops<S> {
    /// Makes an order, with an authorization for each identifier.
    ///
    /// # Errors
    /// `rejectedIdentifier` for what the issuer's profile does not certify, `rateLimited` when too
    /// many orders or identifiers of the account wait.
    pub async fn new_acme_order(
        &self,
        request: Admitted<NewAcmeOrder>,
        call: &mut Call,
    ) -> Result<AcmeOrder, AcmeError> {
        let (authorized, NewAcmeOrder { issuer, account, identifiers }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let family = account.family();
        let authorizations =
            identifiers.iter().map(AcmeAuthorization::new).collect::<Result<Vec<_>, _>>()?;
        let order = AcmeOrder {
            id: AcmeId::draw_in(family)?,
            account,
            created: call.now(),
            expires: call.now().plus_seconds(LIFETIME),
            authorizations,
            is_finished: false,
        };
        let mut deciding = self.deciding(&authorized, &turn(account)?).await;
        loop {
            let moment = deciding.moment().await?;
            let snapshot = &moment.snapshot;
            let vault = authorized.vault().id;
            let issuer = self.acme_issuer(vault, snapshot, &issuer).await?;
            let issuer = issuer.ok_or_else(super::gone)?;
            check_identifiers(&issuer.row.issuer.profile, &identifiers)?;
            let mut found = own_account(&rows, snapshot, account, &authorized).await?;
            let open = rows.family::<OpenOrder>(snapshot, family, None, MOST_OPEN * 2).await?;
            let past = |order: &FoundRow<OpenOrder>| {
                order.row.0.status(call.now()) == AcmeOrderStatus::Invalid
            };
            check_room(open.iter().filter(|order| !past(order)), identifiers.len())?;
            let garbage = open.iter().filter(|order| past(order)).take(GARBAGE_PER_TXN);
            let txn = garbage.fold(moment.txn(), |txn, old| rows.delete::<OpenOrder>(txn, old.id));
            let finished = old_finished(&rows, snapshot, account, call.now()).await?;
            let txn = finished.iter().fold(txn, |txn, old| rows.delete::<FinishedOrder>(txn, *old));
            // Every order changes the account's row, and so is decided on all others.
            let before = found.row.clone();
            found.row.orders += 1;
            let after = std::mem::replace(&mut found.row, before);
            let txn = rows.replace(txn, &found, &after)?;
            let txn = rows.insert(txn, order.id, &OpenOrder(order.clone()))?;
            call.set_property("acmeOrder", order.id.to_string());
            if deciding.commit_as(call, 201, txn).await? {
                return Ok(order);
            }
        }
    }

    /// An order of an account, open or finished.
    ///
    /// # Errors
    /// `malformed` (404) when the account has no such order.
    pub async fn get_acme_order(
        &self,
        request: Admitted<GetAcmeOrder>,
    ) -> Result<AcmeOrder, AcmeError> {
        let (authorized, GetAcmeOrder { account, order }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let snapshot = self.snapshot().await?;
        own_account(&rows, &snapshot, account, &authorized).await?;
        if let Some(open) = rows.get::<OpenOrder>(&snapshot, order).await?
            && open.row.0.account == account
        {
            return Ok(open.row.0);
        }
        Ok(finished_order(&rows, &snapshot, account, order).await?.order)
    }

    /// The open orders of an account.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn get_acme_orders(
        &self,
        request: Admitted<GetAcmeOrders>,
        call: &Call,
    ) -> Result<Vec<AcmeId>, AcmeError> {
        let (authorized, GetAcmeOrders { account }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let snapshot = self.snapshot().await?;
        own_account(&rows, &snapshot, account, &authorized).await?;
        let family = account.family();
        let open = rows.family::<OpenOrder>(&snapshot, family, None, MOST_OPEN * 2).await?;
        let lives = |order: &AcmeOrder| order.status(call.now()) != AcmeOrderStatus::Invalid;
        Ok(open.into_iter().filter(|order| lives(&order.row.0)).map(|order| order.id).collect())
    }

    /// The chain of a finished order, leaf first, in DER.
    ///
    /// # Errors
    /// `malformed` (404) when the account has no such order.
    pub async fn get_acme_certificate(
        &self,
        request: Admitted<GetAcmeCertificate>,
    ) -> Result<Vec<Vec<u8>>, AcmeError> {
        let (authorized, GetAcmeCertificate { account, order }) = request.into_parts();
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let snapshot = self.snapshot().await?;
        own_account(&rows, &snapshot, account, &authorized).await?;
        let finished = finished_order(&rows, &snapshot, account, order).await?;
        Ok(finished.chain.into_iter().map(Vec::from).collect())
    }
}

/// An open order of an account that acts as the caller.
pub(crate) async fn open_order(
    rows: &Rows,
    snapshot: &impl Snapshot,
    account: AcmeId,
    order: AcmeId,
    authorized: &Authorized,
) -> Result<FoundRow<OpenOrder>, AcmeError> {
    own_account(rows, snapshot, account, authorized).await?;
    let found = rows.get::<OpenOrder>(snapshot, order).await?;
    if let Some(found) = found.filter(|found| found.row.0.account == account) {
        return Ok(found);
    }
    finished_order(rows, snapshot, account, order).await?;
    Err(AcmeError::refused(Kind::OrderNotReady, "The order is finished."))
}

async fn finished_order(
    rows: &Rows,
    snapshot: &impl Snapshot,
    account: AcmeId,
    order: AcmeId,
) -> Result<FinishedOrder, AcmeError> {
    let found = rows.get::<FinishedOrder>(snapshot, order).await?;
    found
        .map(|found| found.row)
        .filter(|finished| finished.order.account == account)
        .ok_or_else(|| AcmeError::refused(Kind::NotFound, "The account has no such order."))
}

/// Finished orders that nobody will ask for again, from a place drawn anew at each look: in time
/// all of them are found.
async fn old_finished(
    rows: &Rows,
    snapshot: &impl Snapshot,
    account: AcmeId,
    now: Timestamp,
) -> Result<Vec<AcmeId>, AcmeError> {
    let from = AcmeId::draw_in(account.family())?;
    let family = account.family();
    let found = rows.family::<FinishedOrder>(snapshot, family, Some(from), GARBAGE_PER_TXN).await?;
    Ok(found.iter().filter(|f| now >= f.row.order.expires).map(|f| f.id).collect())
}

fn check_room<'a>(
    open: impl Iterator<Item = &'a FoundRow<OpenOrder>>,
    more: usize,
) -> Result<(), AcmeRefusal> {
    let (mut orders, mut pending) = (0, more);
    for order in open {
        orders += 1;
        pending += order.row.0.authorizations.iter().filter(|a| a.is_pending()).count();
    }
    if orders >= MOST_OPEN || pending > MOST_PENDING {
        return Err(AcmeRefusal::new(
            Kind::RateLimited,
            format!(
                "An account may have {MOST_OPEN} open orders and {MOST_PENDING} identifiers that \
                 wait for their validation: finish those that there are, or wait a day."
            ),
        ));
    }
    Ok(())
}

/// Refuses what the issuer would not certify in the end.
fn check_identifiers(
    profile: &strongroom_model::certificates::IssuanceProfile,
    identifiers: &[Identifier],
) -> Result<(), AcmeError> {
    if identifiers.is_empty() || identifiers.len() > MAX_IDENTIFIERS {
        let text = format!("An order names 1 to {MAX_IDENTIFIERS} identifiers.");
        return Err(AcmeError::refused(Kind::Malformed, text));
    }
    let below = |name: &str, subtree: &String| {
        let subtree = subtree.trim_start_matches('.').to_ascii_lowercase();
        let rest = name.strip_suffix(subtree.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let allowed = |identifier: &&Identifier| match identifier {
        _ if profile.allowed_dns.is_empty() => true,
        Identifier::Dns(name) => profile.allowed_dns.iter().any(|subtree| below(name, subtree)),
        Identifier::Ip(_) => false,
    };
    let refused: Vec<AcmeRefusal> = identifiers
        .iter()
        .filter(|identifier| !allowed(identifier))
        .map(|identifier| {
            let text = format!("The issuer does not certify {}.", identifier.value());
            AcmeRefusal::new(Kind::RejectedIdentifier, text).about(identifier)
        })
        .collect();
    if refused.is_empty() { Ok(()) } else { Err(AcmeError::Identifiers(refused)) }
}
