//! From an order that is ready to its certificate.

use std::collections::BTreeSet;

use minicbor::bytes::ByteVec;
use strongroom_authz::{Admitted, Authorized};
use strongroom_model::certificates::{
    BasicConstraints, KeyUsage, SubjectAlternativeNames, X509Properties,
};
use strongroom_model::{ObjectName, PublicKey};
use strongroom_pki::{ParsedRequest, Validity, check_key, parse_request};
use strongroom_store::{Store, Txn};

use super::account::own_account;
use super::order::{FinishedOrder, OpenOrder, open_order};
use super::{
    AcmeError, AcmeErrorKind as Kind, AcmeId, AcmeOrder, AcmeOrderStatus, Identifier, about_acme,
    turn,
};
use crate::authorities::{Certification, Certified, IssuedTo};
use crate::{Call, OpError, Ops};

/// Usages that a certificate from here may have: server and client authentication.
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

/// How long a certificate from here lives, in days, if the profile lets it.
const LIFE_DAYS: u32 = 90;

/// Asks for the certificate of an order.
pub struct FinalizeAcmeOrder {
    /// The issuer.
    pub issuer: ObjectName,
    /// Whose order it is.
    pub account: AcmeId,
    /// The order.
    pub order: AcmeId,
    /// The certificate signing request (PKCS#10, DER).
    pub csr: Vec<u8>,
}

about_acme! { FinalizeAcmeOrder }

impl<S: Store> Ops<S> {
    /// Issues the certificate of an order. The certificate, the authority's ledger, the order and
    /// the audit record change together.
    ///
    /// # Errors
    /// `orderNotReady`; `badCSR` for a request that names anything but the order's identifiers, is
    /// not signed by its key, has a weak key or the account's own, or asks for what the issuer
    /// does not certify.
    pub async fn finalize_acme_order(
        &self,
        request: Admitted<FinalizeAcmeOrder>,
        call: &mut Call,
    ) -> Result<AcmeOrder, AcmeError> {
        let (authorized, request) = request.into_parts();
        let FinalizeAcmeOrder { issuer, account, order, csr } = request;
        self.charge_operation(&authorized)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        let mut deciding = self.deciding(&authorized, &turn(order)?).await;
        loop {
            let moment = deciding.moment().await?;
            let snapshot = &moment.snapshot;
            let holder = own_account(&rows, snapshot, account, &authorized).await?;
            let found = open_order(&rows, snapshot, account, order, &authorized).await?;
            let open = &found.row.0;
            if open.status(call.now()) != AcmeOrderStatus::Ready {
                let text = "The order is not ready: validate all of its identifiers first.";
                return Err(AcmeError::refused(Kind::OrderNotReady, text));
            }
            let asked = check(&csr, open, &holder.row.key)?;
            let serving = self.acme_issuer(authorized.vault().id, snapshot, &issuer).await?;
            let profile = serving.ok_or_else(super::gone)?.row.issuer.profile;
            let days = profile.max_days.min(LIFE_DAYS);
            let validity = Validity::until(call.now(), call.now().plus_days(days));
            let wanted = Certification {
                issuer: &issuer,
                x509: &certified(open, &asked, validity),
                validity,
                public: &asked.public,
                to: IssuedTo::AcmeAccount(account.0),
                principal: Some(authorized.caller().object_id),
                now: call.now(),
            };
            let txn = rows.require(moment.txn(), &holder);
            let certified = self.issue(&authorized, snapshot, txn, &wanted).await?;
            let finished = open.finished(call.now());
            let row = FinishedOrder {
                order: finished.clone(),
                chain: certified.chain.into_iter().map(ByteVec::from).collect(),
            };
            let txn = rows.require(certified.txn, &found);
            let txn = rows.delete::<OpenOrder>(txn, order);
            let txn = rows.insert(txn, order, &row)?;
            call.set_property("acmeOrder", order.to_string());
            call.set_property("serialNumber", hex(&certified.serial));
            if deciding.commit(call, txn).await? {
                return Ok(finished);
            }
        }
    }

    /// Has the authority certify; what it refuses is the request's fault.
    async fn issue(
        &self,
        authorized: &Authorized,
        snapshot: &S::Snapshot,
        txn: Txn,
        wanted: &Certification<'_>,
    ) -> Result<Certified, AcmeError> {
        let vault = authorized.vault();
        let certified = self.certify(vault, snapshot, txn, wanted).await;
        let mut certified = certified.map_err(|error| match error {
            OpError::Invalid(text) => AcmeError::refused(Kind::BadCsr, text),
            other => AcmeError::Op(other),
        })?;
        // Clients such as certbot take no chain of one certificate: then the root comes along.
        if certified.chain.len() == 1 {
            let place = self.certificates_of(vault.id).await?;
            let head = place.active(snapshot, &certified.authority.folded()).await?;
            if let Some(found) = head {
                let record = &found.head.current;
                let body = place.body(snapshot, &found.head, record).await?;
                let chain: Vec<ByteVec> = minicbor::decode(body.expose())
                    .map_err(|_| OpError::Internal("a chain does not decode".into()))?;
                certified.chain.extend(chain.into_iter().map(Vec::from));
            }
        }
        Ok(certified)
    }
}

/// Reads a request, and holds it against its order.
fn check(csr: &[u8], order: &AcmeOrder, account: &PublicKey) -> Result<ParsedRequest, AcmeError> {
    let bad = |text: String| AcmeError::refused(Kind::BadCsr, text);
    let asked = parse_request(csr).map_err(|error| bad(error.to_string()))?;
    check_key(&asked.public).map_err(|error| bad(error.to_string()))?;
    if asked.public == *account {
        return Err(bad("The certificate's key must not be the account's.".into()));
    }
    if asked.x509.basic_constraints.ca {
        return Err(bad("No authorities are certified here.".into()));
    }
    let ordered: BTreeSet<Identifier> =
        order.authorizations.iter().map(super::AcmeAuthorization::ordered).collect();
    if names(&asked.x509)? != ordered {
        return Err(bad("The request must name the order's identifiers, and no others.".into()));
    }
    Ok(asked)
}

/// Everything that a request names: its alternative names, and the common name.
fn names(x509: &X509Properties) -> Result<BTreeSet<Identifier>, AcmeError> {
    let sans = &x509.sans;
    if !(sans.emails.is_empty() && sans.upns.is_empty() && sans.uris.is_empty()) {
        let text = "Certificates name hosts and addresses here, nothing else.";
        return Err(AcmeError::refused(Kind::BadCsr, text));
    }
    let common = common_name(&x509.subject)?;
    let dns = sans.dns_names.iter().map(|name| ("dns", name.as_str()));
    let ip = sans.ip_addresses.iter().map(|address| ("ip", address.as_str()));
    let common = common
        .as_deref()
        .map(|name| (if name.parse::<std::net::IpAddr>().is_ok() { "ip" } else { "dns" }, name));
    dns.chain(ip)
        .chain(common)
        .map(|(kind, value)| {
            Identifier::parse(kind, value)
                .map_err(|refusal| AcmeError::refused(Kind::BadCsr, refusal.detail))
        })
        .collect()
}

/// The common name of a request's subject, which may hold nothing else that would be certified.
fn common_name(subject: &str) -> Result<Option<String>, AcmeError> {
    let mut common = None;
    for part in subject.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((attribute, value)) = part.split_once('=') else { continue };
        if attribute.trim().eq_ignore_ascii_case("CN") && common.replace(value.trim()).is_some() {
            let text = "The request has several common names.";
            return Err(AcmeError::refused(Kind::BadCsr, text));
        }
    }
    Ok(common.map(str::to_owned))
}

/// What the certificate says: the names that were validated, and of the request no more than which
/// of the two usages it asks for.
fn certified(order: &AcmeOrder, asked: &ParsedRequest, validity: Validity) -> X509Properties {
    let mut sans = SubjectAlternativeNames::default();
    for identifier in order.authorizations.iter().map(super::AcmeAuthorization::ordered) {
        match identifier {
            Identifier::Dns(name) => sans.dns_names.push(name),
            Identifier::Ip(address) => sans.ip_addresses.push(address),
        }
    }
    let asks = |usage: &str| asked.x509.ekus.iter().any(|known| known == usage);
    let mut ekus: Vec<String> =
        [SERVER, CLIENT].into_iter().filter(|usage| asks(usage)).map(str::to_owned).collect();
    if ekus.is_empty() {
        ekus.push(SERVER.to_owned());
    }
    let mut key_usage = vec![KeyUsage::DigitalSignature];
    if matches!(asked.public, PublicKey::Rsa { .. }) {
        key_usage.push(KeyUsage::KeyEncipherment);
    }
    X509Properties {
        // Names longer than a common name may be (64 characters) stand beside it alone.
        subject: common_name(&asked.x509.subject)
            .ok()
            .flatten()
            .filter(|name| name.len() <= 64)
            .map(|name| format!("CN={name}"))
            .unwrap_or_default(),
        sans,
        ekus,
        key_usage,
        validity_months: validity.months_rounded_up(),
        basic_constraints: BasicConstraints::default(),
        name_constraints: None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
