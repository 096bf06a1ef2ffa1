//! Set, get, update and roll back secrets.

use strongroom_authz::{Admitted, RequestFacts};
use strongroom_crypto::SecretBytes;
use strongroom_model::secrets::{MAX_VALUE_BYTES, check_content_type};
use strongroom_model::{
    Attributes, AttributesChange, Kind, ObjectName, Operation, SecretListing, SoftDelete, Tags,
    Version, VersionRecord,
};
use strongroom_store::Store;

use crate::error::Unusable;
use crate::objects::{Draft, ObjectKind, Secrets};
use crate::request::about_object;
use crate::{Call, OpError, Ops};

/// A secret as an answer shows it.
pub struct SecretView {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<SecretListing>,
    /// The value, where the operation answers it.
    pub value: Option<SecretBytes>,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// Gives a secret a new version.
pub struct SetSecret {
    /// The name.
    pub name: ObjectName,
    /// The value, at most 25 KB of UTF-8.
    pub value: SecretBytes,
    /// What the value is, in the client's words.
    pub content_type: Option<String>,
    /// Attributes of the new version.
    pub attributes: AttributesChange,
    /// Tags of the new version.
    pub tags: Option<Tags>,
}

/// Reads a secret's value.
pub struct GetSecret {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
}

/// Reads what is known of a secret's current version; never its value.
pub struct GetSecretProperties {
    /// The name.
    pub name: ObjectName,
}

impl RequestFacts for GetSecretProperties {
    const OPERATION: Operation = Operation::GetSecretVersions;

    fn object(&self) -> Option<&ObjectName> {
        Some(&self.name)
    }
}

/// Changes what is said of a version; never its value.
pub struct UpdateSecret {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// A new content type.
    pub content_type: Option<String>,
    /// New attributes.
    pub attributes: AttributesChange,
    /// New tags, in place of all the old ones.
    pub tags: Option<Tags>,
}

/// Makes an older version's value the newest version.
pub struct RollbackSecret {
    /// The name.
    pub name: ObjectName,
    /// The version whose value comes back.
    pub to: Version,
}

about_object! { SetSecret GetSecret UpdateSecret RollbackSecret }

impl<S: Store> Ops<S> {
    /// `PUT /secrets/{name}`: a new version of a secret, which becomes the current one.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::DeletedButRecoverable`], [`OpError::Managed`], or that
    /// the service cannot.
    pub async fn set_secret(
        &self,
        admitted: Admitted<SetSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        check_value(&request.value)?;
        check_content_type(request.content_type.as_deref())?;
        let objects = self.objects::<Secrets>(&authorized).await?;
        let draft = Draft {
            attributes: Attributes::new(&request.attributes, call.now()),
            tags: request.tags,
            listing: SecretListing {
                content_type: request.content_type,
                ..SecretListing::default()
            },
        };
        let name = &request.name;
        let value = &request.value;
        let mut deciding = self.deciding(&authorized, name).await;
        let (head, soft_delete) = loop {
            let moment = deciding.moment().await?;
            let found = objects.settable(&moment.snapshot, name).await?;
            let (txn, head) = objects.put_new_version(
                moment.txn(),
                found.as_ref(),
                name,
                &draft,
                value.expose(),
                call.id(),
            )?;
            if deciding.commit(call, txn).await? {
                break (head, moment.soft_delete());
            }
        };
        let value = Some(request.value);
        Ok(SecretView { name: head.name, record: head.current, value, soft_delete })
    }

    /// `GET /secrets/{name}/{version}`: a secret's value.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Disabled`], or that the service cannot.
    pub async fn get_secret(&self, admitted: Admitted<GetSecret>) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let not_found = || OpError::no_version(Kind::Secret, &request.name, request.version);
        let opened = self.secret_heads.active(&objects, &snapshot, &request.name.folded()).await?;
        let opened = opened.ok_or_else(not_found)?;
        let head = &opened.head;
        let wanted = request.version.unwrap_or(head.current.version);
        let record = objects.version(&snapshot, head, wanted).await?.ok_or_else(not_found)?;
        if !record.attributes.enabled {
            return Err(disabled());
        }
        let current = wanted == head.current.version;
        let key = current.then_some(&opened.body_key);
        let value = objects.body_with(&snapshot, head, &record, key).await?;
        Ok(SecretView {
            name: head.name.clone(),
            record,
            value: Some(value),
            soft_delete: authorized.vault().soft_delete,
        })
    }

    /// What is known of a secret's current version; never its value.
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn get_secret_properties(
        &self,
        admitted: Admitted<GetSecretProperties>,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        let (found, record) = objects.find(&self.snapshot().await?, &request.name, None).await?;
        let soft_delete = authorized.vault().soft_delete;
        Ok(SecretView { name: found.head.name, record, value: None, soft_delete })
    }

    /// `PATCH /secrets/{name}/{version}`: what is said of a version.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::NotFound`], [`OpError::Managed`] for whatever but tags
    /// would change of a certificate's secret, or that the service cannot.
    pub async fn update_secret(
        &self,
        admitted: Admitted<UpdateSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        check_content_type(request.content_type.as_deref())?;
        let objects = self.objects::<Secrets>(&authorized).await?;
        let name = &request.name;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let (found, before) = objects.find(&moment.snapshot, name, request.version).await?;
            let record = changed(&before, &request, call);
            objects.check_change(&before, &record)?;
            let (txn, head) = objects.put_changed(moment.txn(), &found, &record, call.id())?;
            let soft_delete = moment.soft_delete();
            if deciding.commit(call, txn).await? {
                return Ok(SecretView { name: head.name, record, value: None, soft_delete });
            }
        }
    }

    /// `POST /secrets/{name}/{version}/rollback`: an older value becomes the newest version.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Disabled`], or that the service cannot.
    pub async fn rollback_secret(
        &self,
        admitted: Admitted<RollbackSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        call.set_property("rolledBackTo", request.to.to_string());
        let name = &request.name;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let (found, old) = objects.find(&moment.snapshot, name, Some(request.to)).await?;
            if !old.attributes.enabled {
                return Err(disabled());
            }
            if Secrets::is_managed(&old.listing) {
                return Err(OpError::Managed(Kind::Secret));
            }
            let value = objects.body(&moment.snapshot, &found.head, &old).await?;
            let draft = Draft {
                attributes: rolled_back(&old.attributes, call),
                tags: old.tags,
                listing: old.listing,
            };
            let (found, value) = (Some(&found), value.expose());
            let (txn, head) =
                objects.put_new_version(moment.txn(), found, name, &draft, value, call.id())?;
            call.set_property("newVersion", head.current.version.to_string());
            let soft_delete = moment.soft_delete();
            if deciding.commit(call, txn).await? {
                return Ok(SecretView {
                    name: head.name,
                    record: head.current,
                    value: None,
                    soft_delete,
                });
            }
        }
    }
}

fn disabled() -> OpError {
    OpError::NotUsable { kind: Kind::Secret, verb: "get", why: Unusable::Disabled }
}

/// The attributes of a version that comes back: valid now, whatever the old one said.
fn rolled_back(old: &Attributes, call: &Call) -> Attributes {
    let now = call.now();
    let expires = old.expires.filter(|expires| *expires > now);
    Attributes::new(&AttributesChange { enabled: None, not_before: old.not_before, expires }, now)
}

fn changed(
    record: &VersionRecord<SecretListing>,
    request: &UpdateSecret,
    call: &Call,
) -> VersionRecord<SecretListing> {
    let content_type = request.content_type.clone().or_else(|| record.listing.content_type.clone());
    VersionRecord {
        attributes: record.attributes.changed(&request.attributes, call.now()),
        tags: request.tags.clone().or_else(|| record.tags.clone()),
        listing: SecretListing { content_type, ..record.listing.clone() },
        ..record.clone()
    }
}

fn check_value(value: &SecretBytes) -> Result<(), OpError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(OpError::Invalid(format!(
            "Secret is beyond the maximum permitted length of {MAX_VALUE_BYTES} characters."
        )));
    }
    Ok(())
}
