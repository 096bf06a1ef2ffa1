//! A vault's contacts: who is told of its certificates.

use strongroom_authz::Admitted;
use strongroom_model::ObjectName;
use strongroom_model::certificates::Contact;
use strongroom_seal::Part;
use strongroom_store::{Condition, Revision, Snapshot, Store, layout};

use crate::objects::{Certificates, Objects};
use crate::request::about_vault;
use crate::{Call, OpError, Ops};

/// Reads a vault's contacts.
pub struct GetCertificateContacts;

/// Sets a vault's contacts, in place of all it had.
pub struct SetCertificateContacts {
    /// The contacts.
    pub contacts: Vec<Contact>,
}

/// Removes a vault's contacts.
pub struct DeleteCertificateContacts;

about_vault! { GetCertificateContacts SetCertificateContacts DeleteCertificateContacts }

impl<S: Store> Ops<S> {
    /// `GET /certificates/contacts`
    ///
    /// # Errors
    /// [`OpError::ContactsNotFound`], or that the service cannot.
    pub async fn get_certificate_contacts(
        &self,
        admitted: Admitted<GetCertificateContacts>,
    ) -> Result<Vec<Contact>, OpError> {
        let (authorized, _) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let found = find(&objects, &self.snapshot().await?).await?;
        Ok(found.ok_or(OpError::ContactsNotFound)?.0)
    }

    /// `PUT /certificates/contacts`
    ///
    /// # Errors
    /// [`OpError::Invalid`], or that the service cannot.
    pub async fn set_certificate_contacts(
        &self,
        admitted: Admitted<SetCertificateContacts>,
        call: &mut Call,
    ) -> Result<Vec<Contact>, OpError> {
        let (authorized, request) = admitted.into_parts();
        let contacts = request.contacts;
        Contact::check(&contacts)?;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &turn()?).await;
        loop {
            let moment = deciding.moment().await?;
            let key = layout::contacts(objects.vault);
            let found = find(&objects, &moment.snapshot).await?;
            let condition = found.map_or(Condition::Absent, |(_, at)| Condition::AtRevision(at));
            let sealed = objects.seal("", Part::Contacts, &contacts)?;
            let txn = moment.txn().require(key.clone(), condition).put(key, sealed);
            if deciding.commit(call, txn).await? {
                return Ok(contacts);
            }
        }
    }

    /// `DELETE /certificates/contacts`
    ///
    /// # Errors
    /// [`OpError::ContactsNotFound`], or that the service cannot.
    pub async fn delete_certificate_contacts(
        &self,
        admitted: Admitted<DeleteCertificateContacts>,
        call: &mut Call,
    ) -> Result<Vec<Contact>, OpError> {
        let (authorized, _) = admitted.into_parts();
        let objects = self.objects::<Certificates>(&authorized).await?;
        let mut deciding = self.deciding(&authorized, &turn()?).await;
        loop {
            let moment = deciding.moment().await?;
            let key = layout::contacts(objects.vault);
            let found = find(&objects, &moment.snapshot).await?;
            let (contacts, at) = found.ok_or(OpError::ContactsNotFound)?;
            let txn = moment.txn().require(key.clone(), Condition::AtRevision(at)).delete(key);
            if deciding.commit(call, txn).await? {
                return Ok(contacts);
            }
        }
    }
}

/// A vault's contacts, if it has any.
pub(crate) async fn find(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
) -> Result<Option<(Vec<Contact>, Revision)>, OpError> {
    let Some(row) = snapshot.get(&layout::contacts(objects.vault)).await? else { return Ok(None) };
    Ok(Some((objects.open("", Part::Contacts, &row.value)?, row.revision)))
}

/// The name whose turn changes of a vault's contacts take.
fn turn() -> Result<ObjectName, OpError> {
    Ok(ObjectName::parse("contacts")?)
}
