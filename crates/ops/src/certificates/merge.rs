//! Merging a certificate that somebody outside has issued for a pending operation's request.

use strongroom_authz::Admitted;
use strongroom_model::certificates::OperationStatus;
use strongroom_model::{AttributesChange, ObjectName, Tags, Timestamp};
use strongroom_pki::{PkiError, check_validity, order_chain};
use strongroom_store::Store;

use super::CertificateView;
use super::complete::{self, NewVersion};
use super::create::new_of;
use super::import::chain_refused;
use super::issue::Maker;
use super::pending::Pending;
use super::standing::{self, Standing};
use crate::objects::Certificates;
use crate::request::about_object;
use crate::{Call, OpError, Ops};

/// Merges a certificate with the key of a pending operation.
pub struct MergeCertificate {
    /// The name.
    pub name: ObjectName,
    /// The certificate and its chain, DER, in any order.
    pub chain: Vec<Vec<u8>>,
    /// Attributes of the new version: only whether it is enabled counts.
    pub attributes: AttributesChange,
    /// Tags of the new version.
    pub tags: Option<Tags>,
}

about_object! { MergeCertificate }

impl<S: Store> Ops<S> {
    /// `POST /certificates/{name}/pending/merge`: also of an operation that was given up or has
    /// failed, as long as nobody has forgotten it.
    ///
    /// # Errors
    /// [`OpError::PendingNotFound`], [`OpError::Invalid`] for a chain that is not of the
    /// operation's key or has expired, or that the service cannot.
    pub async fn merge_certificate(
        &self,
        admitted: Admitted<MergeCertificate>,
        call: &mut Call,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let name = &request.name;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let standing = standing::settable(&objects, &moment.snapshot, name).await?;
            let pending = mergeable(&standing, name)?;
            let public = pending.key.as_ref().map(|key| key.public.clone());
            let public = public.ok_or_else(|| not_found(name))?;
            let sent = request.chain.clone();
            let chain = self.on_pool(&authorized, move || order_chain(sent, &public)).await?;
            let chain = chain.map_err(chain_refused)?;
            check_not_expired(&chain, call.now())?;
            let shown = if pending.preserve_order { &request.chain } else { &chain };
            let principal = Some(authorized.caller().object_id);
            let maker = Maker { vault: objects.vault, principal, now: call.now() };
            let complete = self.complete(maker, pending, &chain, shown).await?;
            let new = NewVersion {
                enabled: request.attributes.enabled.unwrap_or(pending.enabled),
                tags: request.tags.clone().or_else(|| pending.tags.clone()),
                ..new_of(pending, &standing, call.id(), call.now())
            };
            let txn = moment.txn();
            let (txn, head) = complete::put(&objects, txn, name, &standing, &complete, &new)?;
            if deciding.commit(call, txn).await? {
                return Ok(CertificateView {
                    name: head.name,
                    record: head.current,
                    chain,
                    policy: new.policy,
                    has_operation: true,
                    soft_delete: moment.soft_delete(),
                });
            }
        }
    }
}

/// The operation that a certificate can be merged into: one whose issuer failed, too.
fn mergeable<'a>(standing: &'a Standing, name: &ObjectName) -> Result<&'a Pending, OpError> {
    let pending = standing.certificate.as_ref().and_then(|c| c.pending.as_ref());
    let (pending, _) = pending.ok_or_else(|| not_found(name))?;
    match pending.operation.status {
        OperationStatus::Completed => Err(not_found(name)),
        OperationStatus::Cancelled => Err(OpError::PendingEnded),
        OperationStatus::InProgress | OperationStatus::Failed => Ok(pending),
    }
}

fn not_found(name: &ObjectName) -> OpError {
    OpError::PendingNotFound { name: name.to_string() }
}

/// A certificate that is not valid yet may be merged: it will be.
fn check_not_expired(chain: &[Vec<u8>], now: Timestamp) -> Result<(), OpError> {
    for certificate in chain {
        match check_validity(std::slice::from_ref(certificate), now) {
            Ok(()) | Err(PkiError::NotYetValid { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
