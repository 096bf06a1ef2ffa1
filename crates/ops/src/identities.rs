//! Applications and what they may do: service principals, and role assignments.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::{SecretBytes, random};
use strongroom_directory::row::row_key;
use strongroom_directory::{Application, Credential, Directory, DirectoryService};
use strongroom_model::{
    ClientId, CredentialId, PrincipalId, RoleAssignment, RoleAssignmentId, RoleDefinitionId, Scope,
    TenantId, Timestamp,
};
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn};

use crate::audited::NO_VAULT;
use crate::{Call, OpError, Ops};

/// An application that was just made, and the only copy of its client secret.
pub struct NewApplication {
    /// The application.
    pub application: Application,
    /// The client secret: 256 bits, in base64url.
    pub client_secret: SecretBytes,
}

/// An application with a fresh client secret; nothing is written yet.
///
/// # Errors
/// [`OpError::Internal`] when the system has no random numbers.
pub fn new_application(
    display_name: &str,
    tenant: TenantId,
    now: Timestamp,
    digest: impl FnOnce(&[u8]) -> [u8; 32],
) -> Result<NewApplication, OpError> {
    let entropy = SecretBytes::new(random::bytes::<32>()?.to_vec());
    let client_secret = SecretBytes::from(URL_SAFE_NO_PAD.encode(entropy.expose()));
    let credential = Credential {
        id: CredentialId::from_bytes(random::bytes()?),
        digest: digest(client_secret.expose()),
        created: now,
        expires: None,
    };
    let application = Application {
        client_id: ClientId(new_guid()?),
        object_id: PrincipalId(new_guid()?),
        tenant,
        display_name: display_name.to_owned(),
        credentials: vec![credential],
        created: now,
    };
    Ok(NewApplication { application, client_secret })
}

/// A random GUID (RFC 9562, version 4).
///
/// # Errors
/// [`OpError::Internal`] when the system has no random numbers.
pub fn new_guid() -> Result<uuid::Uuid, OpError> {
    Ok(uuid::Builder::from_random_bytes(random::bytes()?).into_uuid())
}

/// The principal that a person names: an application's client id, or any object id.
///
/// # Errors
/// [`OpError::NoSuch`] for what is neither.
pub fn find_principal(directory: &Directory, assignee: &str) -> Result<PrincipalId, OpError> {
    let unknown = || {
        OpError::NoSuch(format!(
            "'{assignee}' is neither an application (client) id nor an object id known here"
        ))
    };
    let guid = uuid::Uuid::parse_str(assignee).map_err(|_| unknown())?;
    if let Some(application) = directory.application(ClientId(guid)) {
        return Ok(application.object_id);
    }
    directory
        .application_by_object(PrincipalId(guid))
        .map(|application| application.object_id)
        .ok_or_else(unknown)
}

/// An assignment's id follows from what it says, so that the store itself refuses a second one.
fn assignment_id(
    principal: PrincipalId,
    role: RoleDefinitionId,
    scope: &Scope,
) -> RoleAssignmentId {
    let said = [principal.as_bytes(), role.as_bytes().as_slice(), scope.folded().as_bytes()];
    RoleAssignmentId(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &said.concat()))
}

impl<S: Store> Ops<S> {
    /// Makes an application with a client secret, and gives it a role if one is asked for: all or
    /// nothing.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn create_application(
        &self,
        display_name: &str,
        tenant: TenantId,
        grant: Option<(RoleDefinitionId, Scope)>,
        call: &mut Call,
    ) -> Result<NewApplication, OpError> {
        let directory: &DirectoryService<S> = &self.directory;
        let new = new_application(display_name, tenant, call.now(), |secret| {
            directory.secret_digest(secret)
        })?;
        call.set_property("clientId", new.application.client_id.to_string());
        let (key, row) = directory.row(&new.application)?;
        let mut txn = Txn::new().require(key.clone(), Condition::Absent).put(key, row);
        if let Some((role, scope)) = grant {
            let principal = new.application.object_id;
            let id = assignment_id(principal, role, &scope);
            call.set_property("roleAssignmentId", id.to_string());
            let (key, row) = directory.row(&RoleAssignment { id, principal, role, scope })?;
            txn = txn.put(key, row);
        }
        self.commit_rows(call, txn).await?;
        Ok(new)
    }

    /// Gives a principal a role at a scope.
    ///
    /// # Errors
    /// [`OpError::NameTaken`] when it holds the role there already, or that the service cannot.
    pub async fn create_role_assignment(
        &self,
        principal: PrincipalId,
        role: RoleDefinitionId,
        scope: Scope,
        call: &mut Call,
    ) -> Result<Arc<RoleAssignment>, OpError> {
        let id = assignment_id(principal, role, &scope);
        let assignment = RoleAssignment { id, principal, role, scope };
        assignment.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("roleAssignmentId", id.to_string());
        let (key, row) = self.directory.row(&assignment)?;
        let txn = Txn::new().require(key.clone(), Condition::Absent).put(key, row);
        match self.commit_directory(call, NO_VAULT, 201, txn).await? {
            Outcome::Committed(_) => Ok(Arc::new(assignment)),
            Outcome::Conflict => Err(OpError::NameTaken("The role assignment".into())),
        }
    }

    /// Takes a role assignment away; answers what it was, or `None` if there was none.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn delete_role_assignment(
        &self,
        id: RoleAssignmentId,
        call: &mut Call,
    ) -> Result<Option<Arc<RoleAssignment>>, OpError> {
        let Some(assignment) = self.directory.current().assignment(id).cloned() else {
            return Ok(None);
        };
        assignment.scope.as_str().clone_into(&mut call.record_mut().resource_id);
        call.set_property("roleAssignmentId", id.to_string());
        let key = row_key::<RoleAssignment>(id.as_bytes());
        let Some(row) = self.snapshot().await?.get(&key).await? else { return Ok(None) };
        let txn = Txn::new().require(key.clone(), Condition::AtRevision(row.revision)).delete(key);
        self.commit_rows(call, txn).await?;
        Ok(Some(assignment))
    }
}
