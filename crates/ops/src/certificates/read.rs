//! Reading a certificate.

use strongroom_authz::Admitted;
use strongroom_model::certificates::CertificateListing;
use strongroom_model::{Head, Kind, ObjectName, SoftDelete, Version, VersionRecord};
use strongroom_store::Store;

use super::{CertificateView, complete, pending, schedule};
use crate::objects::{Certificates, Objects};
use crate::request::about_object;
use crate::{OpError, Ops};

/// Reads a certificate.
pub struct GetCertificate {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
}

about_object! { GetCertificate }

impl<S: Store> Ops<S> {
    /// `GET /certificates/{name}/{version}`
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn get_certificate(
        &self,
        admitted: Admitted<GetCertificate>,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let GetCertificate { name, version } = &request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let not_found = || OpError::no_version(Kind::Certificate, name, *version);
        let opened = self.certificate_heads.active(&objects, &snapshot, &name.folded()).await?;
        let opened = opened.ok_or_else(not_found)?;
        let wanted = version.unwrap_or(opened.head.current.version);
        let record = objects.version(&snapshot, &opened.head, wanted).await?;
        let record = record.ok_or_else(not_found)?;
        let rules = authorized.vault().soft_delete;
        self.view_certificate(&objects, &snapshot, &opened.head, Some(record), rules).await
    }

    /// A version of a certificate as it is shown; `None` is the current one.
    pub(crate) async fn view_certificate(
        &self,
        objects: &Objects<Certificates>,
        snapshot: &S::Snapshot,
        head: &Head<CertificateListing>,
        record: Option<VersionRecord<CertificateListing>>,
        soft_delete: SoftDelete,
    ) -> Result<CertificateView, OpError> {
        let record = record.unwrap_or_else(|| head.current.clone());
        let chain = match record.listing.is_pending() {
            true => Vec::new(),
            false => complete::decode(objects.body(snapshot, head, &record).await?.expose())?,
        };
        let found = schedule::of(objects, snapshot, head).await?;
        let (schedule, _) = found.ok_or_else(schedule::no_policy)?;
        let has_operation = pending::exists(objects, snapshot, head).await?;
        let (name, policy) = (head.name.clone(), schedule.policy);
        Ok(CertificateView { name, record, chain, policy, has_operation, soft_delete })
    }
}
