//! Applications: service principals and their client secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::{SecretBytes, random};
use strongroom_directory::{Application, Credential, Directory, DirectoryService};
use strongroom_model::{
    ClientId, CredentialId, PrincipalId, RoleAssignment, RoleDefinitionId, Scope, TenantId,
    Timestamp,
};
use strongroom_store::{Condition, Store, Txn};

use crate::principals::{find_group, find_user};
use crate::roles::assignment_id;
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
    let client_secret = new_client_secret()?;
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

/// Never one that begins with a hyphen: `az login --password SECRET` takes that for an option.
fn new_client_secret() -> Result<SecretBytes, OpError> {
    loop {
        let entropy = SecretBytes::new(random::bytes::<32>()?.to_vec());
        let secret = SecretBytes::from(URL_SAFE_NO_PAD.encode(entropy.expose()));
        if !secret.expose().starts_with(b"-") {
            return Ok(secret);
        }
    }
}

/// A random GUID (RFC 9562, version 4).
///
/// # Errors
/// [`OpError::Internal`] when the system has no random numbers.
pub fn new_guid() -> Result<uuid::Uuid, OpError> {
    Ok(uuid::Builder::from_random_bytes(random::bytes()?).into_uuid())
}

/// The principal that a person names: an application's client id, any object id, a user principal
/// name or a group's display name.
///
/// # Errors
/// [`OpError::NoSuch`] for what is none of them.
pub fn find_principal(directory: &Directory, assignee: &str) -> Result<PrincipalId, OpError> {
    let unknown = || {
        OpError::NoSuch(format!(
            "'{assignee}' is neither an application (client) id nor an object id known here"
        ))
    };
    let group = find_group(directory, assignee).map(|group| group.object_id);
    let Ok(guid) = uuid::Uuid::parse_str(assignee) else {
        let user = find_user(directory, assignee).map(|user| user.object_id);
        return user.or(group).map_err(|_| unknown());
    };
    if let Some(application) = directory.application(ClientId(guid)) {
        return Ok(application.object_id);
    }
    directory
        .application_by_object(PrincipalId(guid))
        .map(|application| application.object_id)
        .or_else(|| directory.user(PrincipalId(guid)).map(|user| user.object_id))
        .or(group.ok())
        .ok_or_else(unknown)
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
            let assignment = RoleAssignment::new(id, principal, role, scope);
            txn = self.put_assignment(txn, &assignment, call)?;
        }
        self.commit_rows(call, txn).await?;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_secret_looks_like_an_option() {
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..2000 {
            let new =
                new_application("app", TenantId(uuid::Uuid::nil()), Timestamp(0), |_| [0; 32])
                    .unwrap();
            let secret = new.client_secret.expose();
            assert_eq!(secret.len(), 43, "32 bytes in base64url");
            firsts.insert(secret[0]);
        }
        // All of base64url's alphabet but the hyphen.
        assert_eq!(firsts.len(), 63);
        assert!(!firsts.contains(&b'-'));
    }
}
