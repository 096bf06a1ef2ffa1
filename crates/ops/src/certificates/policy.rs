//! A certificate's policy.

use strongroom_authz::Admitted;
use strongroom_model::certificates::{CertificatePolicy, PolicyChange};
use strongroom_model::{ObjectName, Timestamp};
use strongroom_store::Store;

use super::schedule;
use super::standing;
use crate::objects::Certificates;
use crate::request::{about_object, name_only};
use crate::{Call, NewKey, OpError, Ops};

name_only! {
    /// Reads a certificate's policy.
    GetCertificatePolicy
}

/// Changes a certificate's policy: what the next version will be.
pub struct UpdateCertificatePolicy {
    /// The name.
    pub name: ObjectName,
    /// What changes.
    pub change: PolicyChange,
}

about_object! { UpdateCertificatePolicy }

/// A policy as an answer shows it.
pub struct PolicyView {
    /// The certificate's name, as it was first spelt.
    pub name: ObjectName,
    /// The policy.
    pub policy: CertificatePolicy,
}

impl<S: Store> Ops<S> {
    /// `GET /certificates/{name}/policy`
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn get_certificate_policy(
        &self,
        admitted: Admitted<GetCertificatePolicy>,
    ) -> Result<PolicyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let found = standing::certificate(&objects, &snapshot, &request.name).await?;
        Ok(PolicyView { name: found.found.head.name, policy: found.schedule.0.policy })
    }

    /// `PATCH /certificates/{name}/policy`
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Invalid`], or that the service cannot.
    pub async fn update_certificate_policy(
        &self,
        admitted: Admitted<UpdateCertificatePolicy>,
        call: &mut Call,
    ) -> Result<PolicyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &request.name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = standing::certificate(&objects, &moment.snapshot, &request.name).await?;
            let (before, revision) = found.schedule;
            let policy = changed(&before.policy, &request.change, call.now())?;
            self.check_new(policy.key.key_type, &NewKey::default())?;
            let head = found.found.head.clone();
            let folded = head.name.folded();
            let txn = objects.require_active(moment.txn(), &folded, Some(&found.found));
            let after = before.with(policy.clone());
            let txn = schedule::put(&objects, txn, &head, after, Some(revision))?;
            if deciding.commit(call, txn).await? {
                return Ok(PolicyView { name: head.name, policy });
            }
        }
    }
}

/// A policy after a change. What it says of the certificate is one that can be made.
pub(super) fn changed(
    before: &CertificatePolicy,
    change: &PolicyChange,
    now: Timestamp,
) -> Result<CertificatePolicy, OpError> {
    let policy = before.changed(change, now)?;
    // An imported certificate may say what none is made with: that stays until it is changed.
    if change.x509.is_some() {
        strongroom_pki::check_properties(&policy.x509)?;
    }
    Ok(policy)
}
