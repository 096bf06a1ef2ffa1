//! The operation that makes a certificate's next version: read, given up, forgotten.

use strongroom_authz::Admitted;
use strongroom_model::ObjectName;
use strongroom_model::certificates::{CertificateOperation, OperationStatus};
use strongroom_store::{Revision, Snapshot, Store, layout};

use super::issue::end;
use super::pending::{self, Pending};
use super::schedule;
use super::standing::{self, Certificate};
use crate::objects::{Certificates, Objects};
use crate::request::{about_object, name_only};
use crate::{Call, OpError, Ops};

name_only! {
    /// Reads the operation that makes a certificate's next version.
    GetCertificateOperation
    /// Forgets the operation; what it was to make is not made.
    DeleteCertificateOperation
}

/// Gives up the operation that makes a certificate's next version.
pub struct UpdateCertificateOperation {
    /// The name.
    pub name: ObjectName,
    /// Whether it is to be given up.
    pub cancellation_requested: bool,
}

about_object! { UpdateCertificateOperation }

/// An operation as an answer shows it.
pub struct OperationView {
    /// The certificate's name, as it was first spelt.
    pub name: ObjectName,
    /// The operation.
    pub operation: CertificateOperation,
    /// Whether it has ended, also where `operation` is shown as it began.
    pub has_ended: bool,
}

impl OperationView {
    fn of(name: ObjectName, operation: CertificateOperation) -> Self {
        let has_ended = operation.status != OperationStatus::InProgress;
        Self { name, operation, has_ended }
    }
}

impl<S: Store> Ops<S> {
    /// `GET /certificates/{name}/pending`
    ///
    /// # Errors
    /// [`OpError::PendingNotFound`], or that the service cannot.
    pub async fn get_certificate_operation(
        &self,
        admitted: Admitted<GetCertificateOperation>,
    ) -> Result<OperationView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let (certificate, pending, _) =
            find(&objects, &self.snapshot().await?, &request.name).await?;
        Ok(OperationView::of(certificate.found.head.name, pending.operation))
    }

    /// `PATCH /certificates/{name}/pending`
    ///
    /// # Errors
    /// [`OpError::PendingNotFound`], [`OpError::PendingEnded`], or that the service cannot.
    pub async fn update_certificate_operation(
        &self,
        admitted: Admitted<UpdateCertificateOperation>,
        call: &mut Call,
    ) -> Result<OperationView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &request.name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find(&objects, &moment.snapshot, &request.name).await?;
            let (certificate, mut pending, revision) = found;
            if !pending.is_in_progress() {
                return Err(OpError::PendingEnded);
            }
            pending.operation.cancellation_requested = request.cancellation_requested;
            let shown = pending.operation.clone();
            let head = &certificate.found.head;
            let folded = head.name.folded();
            let txn = objects.require_active(moment.txn(), &folded, Some(&certificate.found));
            let (mut scheduled, at) = certificate.schedule;
            match scheduled.step {
                // Whoever was asked is told, in the next round.
                Some(_) => scheduled.step = Some(call.now()),
                None if request.cancellation_requested => {
                    end(&mut pending, OperationStatus::Cancelled, None);
                }
                None => {}
            }
            let txn = schedule::put(&objects, txn, head, scheduled, Some(at))?;
            let txn = pending::require(&objects, txn, head.incarnation, Some(revision));
            let txn = pending::put(&objects, txn, (&head.name, head.incarnation), &pending)?;
            if deciding.commit(call, txn).await? {
                return Ok(OperationView::of(certificate.found.head.name, shown));
            }
        }
    }

    /// `DELETE /certificates/{name}/pending`: answers the operation as it was.
    ///
    /// # Errors
    /// [`OpError::PendingNotFound`], or that the service cannot.
    pub async fn delete_certificate_operation(
        &self,
        admitted: Admitted<DeleteCertificateOperation>,
        call: &mut Call,
    ) -> Result<OperationView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &request.name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = find(&objects, &moment.snapshot, &request.name).await?;
            let (certificate, pending, revision) = found;
            let head = &certificate.found.head;
            let folded = head.name.folded();
            let txn = objects.require_active(moment.txn(), &folded, Some(&certificate.found));
            let (mut scheduled, at) = certificate.schedule;
            scheduled.step = None;
            if pending.renewal && pending.is_in_progress() {
                scheduled.given_up(call.now());
            }
            let txn = schedule::put(&objects, txn, head, scheduled, Some(at))?;
            let txn = pending::require(&objects, txn, head.incarnation, Some(revision));
            let txn = txn.delete(layout::operation(objects.vault, head.incarnation));
            if deciding.commit(call, txn).await? {
                if let Some(order) = &pending.order {
                    self.abandon_order(&pending.operation, order);
                }
                let name = certificate.found.head.name;
                return Ok(OperationView::of(name, pending.operation));
            }
        }
    }
}

/// A certificate and its operation, and what a change of that requires.
async fn find(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<(Certificate, Pending, Revision), OpError> {
    let not_found = || OpError::PendingNotFound { name: name.to_string() };
    let certificate = match standing::certificate(objects, snapshot, name).await {
        Err(OpError::NotFound { .. }) => return Err(not_found()),
        found => found?,
    };
    let Certificate { found, schedule, pending } = certificate;
    let (pending, revision) = pending.ok_or_else(not_found)?;
    Ok((Certificate { found, schedule, pending: None }, pending, revision))
}
