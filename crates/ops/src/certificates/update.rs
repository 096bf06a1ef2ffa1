//! Changing what is said of a certificate's version.

use strongroom_authz::Admitted;
use strongroom_model::certificates::{CertificateListing, PolicyChange};
use strongroom_model::{AttributesChange, ObjectName, Tags, Version, VersionRecord};
use strongroom_store::Store;

use super::companions::{self, Said};
use super::{CertificateView, policy, schedule, standing};
use crate::objects::Certificates;
use crate::request::about_object;
use crate::{Call, NewKey, OpError, Ops};

/// Changes what is said of a version; never the certificate.
pub struct UpdateCertificate {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// New attributes: only whether it is enabled counts, the rest is the certificate's own.
    pub attributes: AttributesChange,
    /// New tags, in place of all the old ones.
    pub tags: Option<Tags>,
    /// What changes of the certificate's policy.
    pub policy: Option<PolicyChange>,
}

about_object! { UpdateCertificate }

impl<S: Store> Ops<S> {
    /// `PATCH /certificates/{name}/{version}`: the version's key and secret follow.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Invalid`], or that the service cannot.
    pub async fn update_certificate(
        &self,
        admitted: Admitted<UpdateCertificate>,
        call: &mut Call,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let name = &request.name;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let snapshot = &moment.snapshot;
            let (found, record) = objects.find(snapshot, name, request.version).await?;
            let record = changed(&record, &request, call);
            let (txn, head) = objects.put_changed(moment.txn(), &found, &record, call.id())?;
            let txn = match record.listing.is_pending() {
                true => txn,
                false => {
                    let (version, tags) = (record.version, &record.tags);
                    let (attributes, request) = (&record.attributes, call.id());
                    let said = Said { version, attributes, tags, request };
                    companions::change(&objects, snapshot, txn, name, &said).await?
                }
            };
            let (before, at) = standing::of(&objects, snapshot, found).await?.schedule;
            let after = match &request.policy {
                Some(change) => {
                    let policy = policy::changed(&before.policy, change, call.now())?;
                    self.check_new(policy.key.key_type, &NewKey::default())?;
                    before.with(policy)
                }
                None => before,
            };
            let txn = schedule::put(&objects, txn, &head, after, Some(at))?;
            if deciding.commit(call, txn).await? {
                let (snapshot, rules) = (self.snapshot().await?, moment.soft_delete());
                return self
                    .view_certificate(&objects, &snapshot, &head, Some(record), rules)
                    .await;
            }
        }
    }
}

fn changed(
    record: &VersionRecord<CertificateListing>,
    request: &UpdateCertificate,
    call: &Call,
) -> VersionRecord<CertificateListing> {
    // When it is valid, the certificate itself says.
    let change = AttributesChange { enabled: request.attributes.enabled, ..Default::default() };
    let attributes = match record.listing.is_pending() {
        true => record.attributes.clone(),
        false => record.attributes.changed(&change, call.now()),
    };
    let tags = request.tags.clone().or_else(|| record.tags.clone());
    VersionRecord { attributes, tags, ..record.clone() }
}
