//! Taking back what an authority issued.

use std::sync::Arc;

use strongroom_authz::{Admitted, Authorized};
use strongroom_crypto::digest;
use strongroom_model::certificates::RevocationReason;
use strongroom_model::{CertificateListing, Head, Kind, ObjectName, Timestamp, Version};
use strongroom_pki::{MAX_CHAIN, crl, facts};
use strongroom_store::{Store, Txn};

use super::Authority;
use super::ledger::{Issued, IssuedTo, Ledger, Revocation, Serial};
use super::lookup::Place;
use crate::decide::Moment;
use crate::objects::{Certificates, Objects};
use crate::request::{about_object, about_vault};
use crate::{Call, OpError, Ops, issuers};

/// Revokes a version of a certificate that an authority of the vault issued.
pub struct RevokeCertificate {
    /// The certificate's name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// Why.
    pub reason: RevocationReason,
}

/// Revokes whatever an authority of the vault issued under a serial number.
pub struct RevokeIssuedCertificate {
    /// An issuer whose authority it is.
    pub issuer: ObjectName,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// Why.
    pub reason: RevocationReason,
}

about_object! { RevokeCertificate }
about_vault! { RevokeIssuedCertificate }

/// A revoked certificate as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// The name of the authority's certificate.
    pub authority: ObjectName,
    /// The version of it that issued the certificate.
    pub authority_version: Version,
    /// When it was revoked.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
    /// When it would have ended.
    pub not_after: Timestamp,
    /// The certificate of this vault that it is a version of, if it is one.
    pub of: Option<(ObjectName, Version)>,
}

/// What is to be revoked, found in a ledger.
struct Target {
    head: Head<CertificateListing>,
    serial: Serial,
    issued: Issued,
}

impl<S: Store> Ops<S> {
    /// `POST /certificates/{name}/{version}/revoke`. What is revoked already stays as it is.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::NotIssued`] when no authority of this vault issued it, or
    /// that the service cannot.
    pub async fn revoke_certificate(
        &self,
        admitted: Admitted<RevokeCertificate>,
        call: &mut Call,
    ) -> Result<Revoked, OpError> {
        let (authorized, request) = admitted.into_parts();
        let RevokeCertificate { name, version, reason } = request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &name).await;
        loop {
            let moment = deciding.moment().await?;
            let place = Place { objects: &objects, snapshot: &moment.snapshot };
            let target = self.issued_version(place, &name, version).await?;
            let decided = revoke(&authorized, &objects, &moment, target, reason, call).await?;
            let (txn, revoked) = match decided {
                Decided::Already(revoked) => return Ok(revoked),
                Decided::Now(txn, revoked) => (txn, revoked),
            };
            if deciding.commit(call, txn).await? {
                return Ok(revoked);
            }
        }
    }

    /// `POST /certificates/issuers/{name}/revoke`. What is revoked already stays as it is.
    ///
    /// # Errors
    /// [`OpError::IssuerNotFound`], [`OpError::NotIssued`], [`OpError::Invalid`] for an issuer that
    /// is no authority of this vault, or that the service cannot.
    pub async fn revoke_issued_certificate(
        &self,
        admitted: Admitted<RevokeIssuedCertificate>,
        call: &mut Call,
    ) -> Result<Revoked, OpError> {
        let (authorized, request) = admitted.into_parts();
        let RevokeIssuedCertificate { issuer, serial, reason } = request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &issuer).await;
        loop {
            let moment = deciding.moment().await?;
            let place = Place { objects: &objects, snapshot: &moment.snapshot };
            let target = self.issued_under(place, &issuer, &serial).await?;
            let decided = revoke(&authorized, &objects, &moment, target, reason, call).await?;
            let (txn, revoked) = match decided {
                Decided::Already(revoked) => return Ok(revoked),
                Decided::Now(txn, revoked) => (txn, revoked),
            };
            if deciding.commit(call, txn).await? {
                return Ok(revoked);
            }
        }
    }

    /// What an issuer's authority issued under a serial number.
    async fn issued_under(
        &self,
        place: Place<'_, S>,
        issuer: &ObjectName,
        serial: &[u8],
    ) -> Result<Target, OpError> {
        let found = issuers::find(place.objects, place.snapshot, issuer).await?;
        let found = found.ok_or_else(|| issuers::not_found(issuer))?;
        let Some(authority) = issuers::authority_of(&found.row.issuer) else {
            return Err(OpError::Invalid(format!(
                "The issuer '{issuer}' is no authority of this vault: revoke the certificate there."
            )));
        };
        let unknown = || OpError::NotIssued(hex(serial));
        let serial = Serial::new(serial).ok_or_else(unknown)?;
        self.in_ledger(place, &authority, serial).await?.ok_or_else(unknown)
    }

    /// The ledger's row of a certificate's version. Of one that was merged, or came over ACME, it
    /// is
    /// not known who issued it: all authorities that the vault's issuers name are asked.
    async fn issued_version(
        &self,
        place: Place<'_, S>,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<Target, OpError> {
        let Place { objects, snapshot } = place;
        let (found, record) = objects.find(snapshot, name, version).await?;
        let not_issued = || OpError::NotIssued(format!("{name}/{}", record.version));
        if record.listing.is_pending() {
            return Err(OpError::no_version(Kind::Certificate, name, version));
        }
        let body = objects.body(snapshot, &found.head, &record).await?;
        let chain: Vec<minicbor::bytes::ByteVec> = minicbor::decode(body.expose())
            .map_err(|_| OpError::Internal("a certificate's chain does not decode".into()))?;
        let leaf = chain.first().ok_or_else(not_issued)?;
        let serial = Serial::new(&facts(leaf)?.serial).ok_or_else(not_issued)?;
        let digest = digest::sha256(leaf);
        let authorities = match record.listing.authority {
            Some(authority) => vec![authority],
            None => issuers::authorities(objects, snapshot).await?,
        };
        for authority in authorities {
            let target = self.in_ledger(place, &authority, serial).await?;
            if let Some(target) = target.filter(|target| target.issued.digest == digest) {
                return Ok(target);
            }
        }
        Err(not_issued())
    }

    /// Refuses an authority that is revoked, or one below one that is, as far as authorities of the
    /// vault issued them; and requires that none of them will be.
    pub(super) async fn require_standing(
        &self,
        place: Place<'_, S>,
        mut txn: Txn,
        authority: &Arc<Authority>,
    ) -> Result<Txn, OpError> {
        let mut below = Arc::clone(authority);
        for _ in 0..MAX_CHAIN {
            let Some(above) = &below.issued_by else { break };
            let Some(serial) = Serial::new(&below.facts.serial) else { break };
            // Of an authority that was purged, nothing is known any more.
            let Some(target) = self.in_ledger(place, above, serial).await? else { break };
            if target.issued.digest != digest::sha256(&below.certificate) {
                break;
            }
            let folded = target.head.name.folded();
            let ledger = Ledger::of(place.objects, &folded, &target.head);
            if ledger.revocation(place.snapshot, &serial).await?.is_some() {
                return Err(OpError::Invalid(format!(
                    "The authority's certificate '{}' is revoked.",
                    below.name
                )));
            }
            txn = ledger.require_not_revoked(txn, &serial);
            let above = self.authority(place, &target.head, target.issued.authority).await?;
            let Some(above) = above else { break };
            below = above;
        }
        Ok(txn)
    }

    async fn in_ledger(
        &self,
        place: Place<'_, S>,
        authority: &ObjectName,
        serial: Serial,
    ) -> Result<Option<Target>, OpError> {
        let folded = authority.folded();
        let Some(head) = self.authority_head(place, &folded).await? else { return Ok(None) };
        let ledger = Ledger::of(place.objects, &folded, &head);
        let issued = ledger.issued(place.snapshot, &serial).await?;
        Ok(issued.map(|issued| Target { head, serial, issued }))
    }
}

enum Decided {
    Already(Revoked),
    Now(Txn, Revoked),
}

async fn revoke<Snapshot: strongroom_store::Snapshot>(
    authorized: &Authorized,
    objects: &Objects<Certificates>,
    moment: &Moment<Snapshot>,
    target: Target,
    reason: RevocationReason,
    call: &mut Call,
) -> Result<Decided, OpError> {
    let folded = target.head.name.folded();
    let ledger = Ledger::of(objects, &folded, &target.head);
    call.set_property("authority", folded.clone());
    call.set_property("serial", hex(target.serial.number()));
    if let Some(known) = ledger.revocation(&moment.snapshot, &target.serial).await? {
        return Ok(Decided::Already(target.revoked(&known)));
    }
    call.set_property("reason", reason.name().to_owned());
    let revocation = Revocation {
        authority: target.issued.authority,
        at: call.now(),
        reason,
        not_after: target.issued.not_after,
        principal: Some(authorized.caller().object_id),
    };
    let txn = ledger.revoke(&moment.snapshot, moment.txn(), &target.serial, &revocation).await?;
    Ok(Decided::Now(txn, target.revoked(&revocation)))
}

impl Target {
    fn revoked(&self, revocation: &Revocation) -> Revoked {
        Revoked {
            serial: self.serial.number().to_vec(),
            authority: self.head.name.clone(),
            authority_version: revocation.authority,
            at: revocation.at,
            reason: revocation.reason,
            not_after: revocation.not_after,
            of: match &self.issued.to {
                IssuedTo::Version(name, version) => Some((name.clone(), *version)),
                IssuedTo::AcmeAccount(_) => None,
            },
        }
    }
}

/// A reason as revocation lists and OCSP responses write it.
pub(super) fn reason(reason: RevocationReason) -> crl::Reason {
    match reason {
        RevocationReason::Unspecified => crl::Reason::Unspecified,
        RevocationReason::KeyCompromise => crl::Reason::KeyCompromise,
        RevocationReason::CaCompromise => crl::Reason::CaCompromise,
        RevocationReason::AffiliationChanged => crl::Reason::AffiliationChanged,
        RevocationReason::Superseded => crl::Reason::Superseded,
        RevocationReason::CessationOfOperation => crl::Reason::CessationOfOperation,
        RevocationReason::PrivilegeWithdrawn => crl::Reason::PrivilegeWithdrawn,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(20).map(|byte| format!("{byte:02x}")).collect()
}
