//! When to renew what an authority issued (RFC 9773).

use strongroom_directory::Vault;
use strongroom_model::{ObjectName, Timestamp};
use strongroom_store::Store;

use super::AcmeError;
use crate::authorities::{Ledger, Serial};
use crate::{OpError, Ops, issuers};

impl<S: Store> Ops<S> {
    /// From when until when a certificate of an issuer should be renewed, by its serial number:
    /// about when two thirds of its life are over, and at once when it is revoked. `None` for what
    /// the issuer's authority did not issue. Anybody may ask.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn acme_renewal_window(
        &self,
        vault: &Vault,
        issuer: &ObjectName,
        serial: &[u8],
    ) -> Result<Option<(Timestamp, Timestamp)>, AcmeError> {
        let snapshot = self.snapshot().await?;
        let id = vault.resource.id;
        let Some(issuer) = self.acme_issuer(id, &snapshot, issuer).await? else {
            return Ok(None);
        };
        let objects = self.certificates_of(id).await?;
        let Some(name) = issuers::authority_of(&issuer.row.issuer) else { return Ok(None) };
        let folded = name.folded();
        let Some(found) = objects.active(&snapshot, &folded).await? else { return Ok(None) };
        let incarnation = found.head.incarnation;
        let ledger = Ledger { objects: &objects, folded: &folded, incarnation };
        let Some(serial) = Serial::new(serial) else { return Ok(None) };
        let Some(issued) = ledger.issued(&snapshot, &serial).await? else { return Ok(None) };
        if let Some(revocation) = ledger.revocation(&snapshot, &serial).await? {
            return Ok(Some((issued.issued, revocation.at)));
        }
        Ok(Some(window(issued.issued, issued.not_after)?))
    }
}

/// A twentieth of the life, where the last third begins.
fn window(issued: Timestamp, not_after: Timestamp) -> Result<(Timestamp, Timestamp), OpError> {
    let life = not_after.seconds_since(issued);
    if life <= 0 {
        return Err(OpError::Internal("a certificate without a life".into()));
    }
    let start = issued.plus_seconds(life / 3 * 2);
    Ok((start, start.plus_seconds((life / 20).max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_ninety_days_is_renewed_from_day_sixty() {
        let day = |n: i64| Timestamp(n * 86_400);
        let (start, end) = window(day(0), day(90)).unwrap();
        assert_eq!(start, day(60));
        assert!(end > start && end < day(90));
        assert!(window(day(1), day(1)).is_err());
        let (start, end) = window(Timestamp(0), Timestamp(1)).unwrap();
        assert!(end > start, "RFC 9773, 4.2: the end is after the start");
    }
}
