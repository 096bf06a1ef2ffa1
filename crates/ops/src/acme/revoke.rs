//! Revocation by who holds an account or the certificate's own key (RFC 8555, section 7.6).

use std::collections::BTreeSet;

use strongroom_authz::Admitted;
use strongroom_crypto::digest;
use strongroom_directory::Vault;
use strongroom_model::certificates::RevocationReason;
use strongroom_model::{ObjectName, PublicKey};
use strongroom_pki::{CertificateFacts, facts};
use strongroom_store::{Outcome, Snapshot, Store, Txn};

use super::account::own_account;
use super::order::{FinishedOrder, OpenOrder};
use super::rows::Rows;
use super::{
    AcmeAuthorizationStatus, AcmeError, AcmeErrorKind as Kind, AcmeId, Identifier, about_acme,
};
use crate::access::in_vault;
use crate::authorities::{Issued, IssuedTo, Ledger, Revocation, Serial};
use crate::{Call, OpError, Ops, issuers};

/// How often a revocation is decided again when something came between.
const MAX_DECISIONS: usize = 5;

/// Rows of an account that are looked through for what it has shown to control.
const MOST_ORDERS: usize = 1_000;

/// For how long what an account has shown to control counts, in seconds: 7 days.
const SHOWN_SECONDS: i64 = 7 * 86_400;

/// Revokes a certificate that the account was issued, or whose every name it controls.
pub struct RevokeAcmeCertificate {
    /// The issuer.
    pub issuer: ObjectName,
    /// The account.
    pub account: AcmeId,
    /// The certificate (DER).
    pub certificate: Vec<u8>,
    /// Why.
    pub reason: RevocationReason,
}

about_acme! { RevokeAcmeCertificate }

/// Revokes a certificate because whoever has its key says so: that proves itself.
pub struct RevokeByCertificateKey {
    /// The issuer.
    pub issuer: ObjectName,
    /// The key that signed the request.
    pub key: PublicKey,
    /// The certificate (DER).
    pub certificate: Vec<u8>,
    /// Why.
    pub reason: RevocationReason,
}

/// A revocation about to be decided.
struct Asked<'a> {
    issuer: &'a ObjectName,
    facts: CertificateFacts,
    digest: [u8; 32],
    reason: RevocationReason,
}

/// Who asks for a revocation.
#[derive(Clone, Copy)]
enum By {
    /// Who has the certificate's key, or has shown to control all that it names.
    Controller,
    /// An account, for what it was issued.
    Account(AcmeId),
}

impl By {
    fn may_revoke(self, issued: &Issued) -> bool {
        match self {
            Self::Controller => true,
            Self::Account(account) => issued.to == IssuedTo::AcmeAccount(account.0),
        }
    }
}

impl<'a> Asked<'a> {
    fn new(
        issuer: &'a ObjectName,
        certificate: &[u8],
        reason: RevocationReason,
    ) -> Result<Self, AcmeError> {
        let facts = facts(certificate)
            .map_err(|_| AcmeError::refused(Kind::Malformed, "The certificate is malformed."))?;
        Ok(Self { issuer, facts, digest: digest::sha256(certificate), reason })
    }
}

impl<S: Store> Ops<S> {
    /// Revokes a certificate for an account.
    ///
    /// # Errors
    /// `unauthorized` for a certificate that is not the account's, `alreadyRevoked`, `malformed`
    /// (404) for one that was not issued here.
    pub async fn revoke_acme_certificate(
        &self,
        request: Admitted<RevokeAcmeCertificate>,
        call: &mut Call,
    ) -> Result<(), AcmeError> {
        let (authorized, request) = request.into_parts();
        let RevokeAcmeCertificate { issuer, account, certificate, reason } = request;
        self.charge_operation(&authorized)?;
        let asked = Asked::new(&issuer, &certificate, reason)?;
        let rows = self.acme_rows(authorized.vault().id).await?;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            let holder = own_account(&rows, &snapshot, account, &authorized).await?;
            let txn = rows.require(in_vault(&vault), &holder);
            let shown = controls(&rows, &snapshot, account, &asked.facts, call.now()).await?;
            let by = if shown { By::Controller } else { By::Account(account) };
            let txn = self.revocation_txn(&vault, &snapshot, txn, &asked, call, by).await?;
            if self.commit_revocation(&vault, &asked, txn, call).await? {
                return Ok(());
            }
        }
        Err(OpError::Contended.into())
    }

    /// Revokes a certificate for who has its key.
    ///
    /// # Errors
    /// As [`Ops::revoke_acme_certificate`].
    pub async fn revoke_by_certificate_key(
        &self,
        vault: &Vault,
        request: &RevokeByCertificateKey,
        call: &mut Call,
    ) -> Result<(), AcmeError> {
        let asked = Asked::new(&request.issuer, &request.certificate, request.reason)?;
        if asked.facts.public != request.key {
            return Err(not_yours());
        }
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(&vault.resource)?;
            let snapshot = self.snapshot().await?;
            let txn = in_vault(&vault);
            let by = By::Controller;
            let txn = self.revocation_txn(&vault, &snapshot, txn, &asked, call, by).await?;
            if self.commit_revocation(&vault, &asked, txn, call).await? {
                return Ok(());
            }
        }
        Err(OpError::Contended.into())
    }

    /// The transaction that revokes what was issued, to whom it was issued permitting.
    async fn revocation_txn(
        &self,
        vault: &Vault,
        snapshot: &S::Snapshot,
        txn: Txn,
        asked: &Asked<'_>,
        call: &Call,
        by: By,
    ) -> Result<Txn, AcmeError> {
        let unknown =
            || AcmeError::refused(Kind::NotFound, "The certificate was not issued by this issuer.");
        let id = vault.resource.id;
        let objects = self.certificates_of(id).await?;
        let issuer = self.acme_issuer(id, snapshot, asked.issuer).await?.ok_or_else(super::gone)?;
        let name = issuers::authority_of(&issuer.row.issuer).ok_or_else(unknown)?;
        let folded = name.folded();
        let head = objects.active(snapshot, &folded).await?.ok_or_else(unknown)?.head;
        let ledger = Ledger { objects: &objects, folded: &folded, incarnation: head.incarnation };
        let serial = Serial::new(&asked.facts.serial).ok_or_else(unknown)?;
        let issued = ledger.issued(snapshot, &serial).await?.ok_or_else(unknown)?;
        if issued.digest != asked.digest {
            return Err(unknown());
        }
        if !by.may_revoke(&issued) {
            return Err(not_yours());
        }
        if ledger.revocation(snapshot, &serial).await?.is_some() {
            let text = "The certificate is revoked already.";
            return Err(AcmeError::refused(Kind::AlreadyRevoked, text));
        }
        let revocation = Revocation {
            authority: issued.authority,
            at: call.now(),
            reason: asked.reason,
            not_after: issued.not_after,
            principal: None,
        };
        Ok(ledger.revoke(snapshot, txn, &serial, &revocation).await?)
    }

    async fn commit_revocation(
        &self,
        vault: &Vault,
        asked: &Asked<'_>,
        txn: Txn,
        call: &mut Call,
    ) -> Result<bool, AcmeError> {
        let serial: String = asked.facts.serial.iter().map(|b| format!("{b:02x}")).collect();
        call.set_property("serialNumber", serial);
        let outcome = self.commit_recorded(call, vault.resource.id, 200, txn).await?;
        Ok(matches!(outcome, Outcome::Committed(_)))
    }
}

/// Whether an account has shown, in orders that are still good, that it controls everything a
/// certificate names.
async fn controls(
    rows: &Rows,
    snapshot: &impl Snapshot,
    account: AcmeId,
    facts: &CertificateFacts,
    now: strongroom_model::Timestamp,
) -> Result<bool, AcmeError> {
    let family = account.family();
    let open = rows.family::<OpenOrder>(snapshot, family, None, MOST_ORDERS).await?;
    let finished = rows.family::<FinishedOrder>(snapshot, family, None, MOST_ORDERS).await?;
    let orders = open.iter().map(|o| &o.row.0).chain(finished.iter().map(|f| &f.row.order));
    let shown: BTreeSet<Identifier> = orders
        .filter(|order| now < order.created.plus_seconds(SHOWN_SECONDS))
        .flat_map(|order| &order.authorizations)
        .filter(|authorization| authorization.status == AcmeAuthorizationStatus::Valid)
        .map(super::AcmeAuthorization::ordered)
        .collect();
    let sans = &facts.x509.sans;
    // What no order shows, nobody has shown to control.
    let others = [&sans.emails, &sans.upns, &sans.uris];
    if others.iter().any(|names| !names.is_empty()) {
        return Ok(false);
    }
    let dns = sans.dns_names.iter().map(|name| Identifier::Dns(name.to_ascii_lowercase()));
    let ip = sans.ip_addresses.iter().map(|address| Identifier::Ip(address.clone()));
    let named: Vec<Identifier> = dns.chain(ip).collect();
    Ok(!named.is_empty() && named.iter().all(|name| shown.contains(name)))
}

fn not_yours() -> AcmeError {
    let text = "The certificate is another account's, and was not signed for with its own key.";
    AcmeError::refused(Kind::Unauthorized, text)
}
