//! Set, get, update and roll back secrets.

use strongroom_authz::{Admitted, RequestFacts};
use strongroom_crypto::SecretBytes;
use strongroom_model::lifecycle::Refusal;
use strongroom_model::secrets::{MAX_VALUE_BYTES, check_content_type};
use strongroom_model::{
    Attributes, AttributesChange, Head, Kind, ObjectName, Operation, SecretListing, SoftDelete,
    State, Tags, Version, VersionRecord,
};
use strongroom_store::{Outcome, Snapshot, Store};

use crate::access::{MAX_DECISIONS, in_vault};
use crate::objects::{Found, ObjectKind, Objects, Secrets, new_incarnation, new_version};
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

macro_rules! facts {
    ($($request:ty => $operation:ident)*) => {$(
        impl RequestFacts for $request {
            const OPERATION: Operation = Operation::$operation;

            fn object(&self) -> Option<&ObjectName> {
                Some(&self.name)
            }
        }
    )*};
}

facts! {
    SetSecret => SetSecret
    GetSecret => GetSecret
    UpdateSecret => UpdateSecret
    RollbackSecret => RollbackSecret
}

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
            listing: SecretListing { content_type: request.content_type, managed: None },
        };
        let _turn = self.turns.of(objects.vault, &request.name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            let found = self.settable(&objects, &snapshot, &request.name).await?;
            let written =
                new_head(&objects, found.as_ref(), &request.name, &draft, &request.value, call)?;
            let folded = request.name.folded();
            let mut txn = objects.require_active(in_vault(&vault), &folded, found.as_ref());
            if let Some(found) = &found {
                txn = objects.put_version(txn, &written.head, &found.head.current)?;
            } else {
                txn = objects.require_deleted(txn, &folded, None);
            }
            let txn =
                objects.put_head(txn, &written.head)?.put(written.body.key, written.body.sealed);
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok(SecretView {
                    name: written.head.name,
                    record: written.head.current,
                    value: Some(request.value),
                    soft_delete: vault.resource.soft_delete,
                });
            }
        }
        Err(OpError::Contended)
    }

    /// The active object of a name that may be given a new version, if there is one.
    async fn settable(
        &self,
        objects: &Objects<Secrets>,
        snapshot: &impl Snapshot,
        name: &ObjectName,
    ) -> Result<Option<Found<SecretListing>>, OpError> {
        let folded = name.folded();
        let found = objects.active(snapshot, &folded).await?;
        if found.is_none() && objects.deleted(snapshot, &folded).await?.is_some() {
            let refusal = Refusal::DeletedButRecoverable;
            return Err(OpError::refused(refusal, Kind::Secret, name.as_str()));
        }
        if found.as_ref().is_some_and(|f| Secrets::is_managed(&f.head.current.listing)) {
            return Err(OpError::Managed);
        }
        Ok(found)
    }

    /// `GET /secrets/{name}/{version}`: a secret's value.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Disabled`], or that the service cannot.
    pub async fn get_secret(&self, admitted: Admitted<GetSecret>) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Secrets>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let not_found = || not_found(&request.name, request.version);
        let opened = self.heads.active(&objects, &snapshot, &request.name.folded()).await?;
        let opened = opened.ok_or_else(not_found)?;
        let head = &opened.head;
        let wanted = request.version.unwrap_or(head.current.version);
        let record = objects.version(&snapshot, head, wanted).await?.ok_or_else(not_found)?;
        if !record.attributes.enabled {
            return Err(OpError::Disabled);
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

    /// `PATCH /secrets/{name}/{version}`: what is said of a version.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::NotFound`], or that the service cannot.
    pub async fn update_secret(
        &self,
        admitted: Admitted<UpdateSecret>,
        call: &mut Call,
    ) -> Result<SecretView, OpError> {
        let (authorized, request) = admitted.into_parts();
        check_content_type(request.content_type.as_deref())?;
        let objects = self.objects::<Secrets>(&authorized).await?;
        let _turn = self.turns.of(objects.vault, &request.name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            let (found, record) =
                find_version(&objects, &snapshot, &request.name, request.version).await?;
            let record = changed(&record, &request, call);
            let mut head = Head { last_request: call.id(), ..found.head.clone() };
            let folded = request.name.folded();
            let mut txn = objects.require_active(in_vault(&vault), &folded, Some(&found));
            if record.version == head.current.version {
                head.current = record.clone();
            } else {
                txn = objects.put_version(txn, &head, &record)?;
            }
            let txn = objects.put_head(txn, &head)?;
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                let soft_delete = vault.resource.soft_delete;
                return Ok(SecretView { name: head.name, record, value: None, soft_delete });
            }
        }
        Err(OpError::Contended)
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
        let _turn = self.turns.of(objects.vault, &request.name).await;
        for _ in 0..MAX_DECISIONS {
            let vault = self.vault_now(authorized.vault())?;
            let snapshot = self.snapshot().await?;
            let (found, old) =
                find_version(&objects, &snapshot, &request.name, Some(request.to)).await?;
            if !old.attributes.enabled {
                return Err(OpError::Disabled);
            }
            if Secrets::is_managed(&old.listing) {
                return Err(OpError::Managed);
            }
            let value = objects.body(&snapshot, &found.head, &old).await?;
            let draft = Draft {
                attributes: rolled_back(&old.attributes, call),
                tags: old.tags,
                listing: old.listing,
            };
            let written = new_head(&objects, Some(&found), &request.name, &draft, &value, call)?;
            let new_version = written.head.current.version.to_string();
            call.set_property("newVersion", new_version);
            let folded = request.name.folded();
            let txn = objects.require_active(in_vault(&vault), &folded, Some(&found));
            let txn = objects.put_version(txn, &written.head, &found.head.current)?;
            let txn =
                objects.put_head(txn, &written.head)?.put(written.body.key, written.body.sealed);
            let committed = self.commit_recorded(call, objects.vault, 200, txn).await?;
            if matches!(committed, Outcome::Committed(_)) {
                return Ok(SecretView {
                    name: written.head.name,
                    record: written.head.current,
                    value: None,
                    soft_delete: vault.resource.soft_delete,
                });
            }
        }
        Err(OpError::Contended)
    }
}

/// What a new version says of itself.
struct Draft {
    attributes: Attributes,
    tags: Option<Tags>,
    listing: SecretListing,
}

/// A head with a new current version, and that version's body.
struct Written {
    head: Head<SecretListing>,
    body: crate::objects::SealedBody,
}

fn new_head(
    objects: &Objects<Secrets>,
    found: Option<&Found<SecretListing>>,
    name: &ObjectName,
    draft: &Draft,
    value: &SecretBytes,
    call: &Call,
) -> Result<Written, OpError> {
    let version = new_version()?;
    let (name, incarnation) = match found {
        Some(found) => (found.head.name.clone(), found.head.incarnation),
        None => (name.clone(), new_incarnation()?),
    };
    let body = objects.seal_body(&name, incarnation, version, value.expose())?;
    let current = VersionRecord {
        version,
        attributes: draft.attributes.clone(),
        tags: draft.tags.clone(),
        listing: draft.listing.clone(),
        body_digest: body.digest,
    };
    let last_request = call.id();
    let head = Head { name, incarnation, current, state: State::Active, last_request };
    Ok(Written { head, body })
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
        listing: SecretListing { content_type, managed: record.listing.managed },
        ..record.clone()
    }
}

fn not_found(name: &ObjectName, version: Option<Version>) -> OpError {
    let name = match version {
        Some(version) => format!("{name}/{version}"),
        None => name.to_string(),
    };
    OpError::NotFound { kind: Kind::Secret, name }
}

/// The head of an active secret and the record of one of its versions.
async fn find_version(
    objects: &Objects<Secrets>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
    version: Option<Version>,
) -> Result<(Found<SecretListing>, VersionRecord<SecretListing>), OpError> {
    let not_found = || not_found(name, version);
    let found = objects.active(snapshot, &name.folded()).await?.ok_or_else(not_found)?;
    let wanted = version.unwrap_or(found.head.current.version);
    let record = objects.version(snapshot, &found.head, wanted).await?.ok_or_else(not_found)?;
    Ok((found, record))
}

fn check_value(value: &SecretBytes) -> Result<(), OpError> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(OpError::Invalid(format!(
            "Secret is beyond the maximum permitted length of {MAX_VALUE_BYTES} characters."
        )));
    }
    Ok(())
}
