//! Principals as callers: with the groups that the directory knows.

use std::fmt;
use std::sync::Arc;

use strongroom_directory::Directory;
use strongroom_model::{
    Caller, ClientId, IdentityType, PrincipalId, PrincipalType, RoleAssignment, TenantId,
};

use crate::OpError;
use crate::identities::find_principal;

/// A principal, and how it would come to a vault.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As a token would speak for it, as far as the directory knows.
    pub caller: Arc<Caller>,
    /// Its name.
    pub named: Named,
}

/// A principal's id, with what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its object id.
    pub id: PrincipalId,
    /// What kind of principal it is; `None`: the directory does not know it.
    pub kind: Option<PrincipalType>,
    /// Its display name, or a person's user principal name.
    pub name: Option<String>,
}

impl Named {
    /// A principal by what the directory knows of it.
    pub fn of(directory: &Directory, id: PrincipalId) -> Self {
        let (kind, name) = if let Some(application) = directory.application_by_object(id) {
            (Some(PrincipalType::ServicePrincipal), Some(application.display_name.clone()))
        } else if let Some(user) = directory.user(id) {
            (Some(PrincipalType::User), Some(user.user_principal_name.clone()))
        } else if let Some(group) = directory.group(id) {
            (Some(PrincipalType::Group), Some(group.display_name.clone()))
        } else {
            (None, None)
        };
        Self { id, kind, name }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Some(PrincipalType::ServicePrincipal) => "application",
            Some(PrincipalType::Group) => "group",
            Some(PrincipalType::User) => "user",
            _ => "principal",
        };
        match &self.name {
            Some(name) => write!(f, "{kind} '{name}' ({})", self.id),
            None => write!(f, "{kind} {}", self.id),
        }
    }
}

impl Subject {
    /// A principal of the directory, or one of a trusted issuer that it does not know: that one is
    /// taken to be of the default tenant. `through` is the application that a person calls through.
    ///
    /// # Errors
    /// [`OpError::Invalid`] before the installation has a tenant.
    pub fn of(
        directory: &Directory,
        id: PrincipalId,
        through: Option<ClientId>,
    ) -> Result<Self, OpError> {
        let named = Named::of(directory, id);
        let application = directory.application_by_object(id);
        let tenant = match tenant_of(directory, id) {
            Some(tenant) => tenant,
            None => directory
                .installation()
                .map(|installation| installation.default_tenant)
                .ok_or_else(|| OpError::Invalid("the installation has no tenant yet".into()))?,
        };
        let is_person =
            named.kind == Some(PrincipalType::User) || (application.is_none() && through.is_some());
        let app_id = application.map(|application| application.client_id).or(through);
        let caller = Caller {
            tenant,
            object_id: id,
            app_id: app_id.map(|id| id.to_string()),
            upn: directory.user(id).map(|user| user.user_principal_name.clone()),
            groups: directory.groups_of(id),
            identity_type: if is_person { IdentityType::User } else { IdentityType::App },
            issuer: String::new(),
        };
        Ok(Self { caller: Arc::new(caller), named })
    }

    /// The principal that a person names; any object id will do, for trusted issuers have
    /// principals that the directory does not know.
    ///
    /// # Errors
    /// [`OpError::NoSuch`] for what is neither known here nor an object id.
    pub fn find(
        directory: &Directory,
        name: &str,
        through: Option<ClientId>,
    ) -> Result<Self, OpError> {
        let id = match find_principal(directory, name) {
            Ok(id) => id,
            Err(error) => name.parse().map_err(|_| error)?,
        };
        Self::of(directory, id, through)
    }
}

fn tenant_of(directory: &Directory, id: PrincipalId) -> Option<TenantId> {
    let application = directory.application_by_object(id).map(|application| application.tenant);
    let user = || directory.user(id).map(|user| user.tenant);
    let group = || directory.group(id).map(|group| group.tenant);
    application.or_else(user).or_else(group)
}

/// What lets somebody do something.
#[derive(Clone, Debug)]
pub enum Ground {
    /// A role assignment.
    Role(HeldRole),
    /// An access policy.
    Policy(HeldPolicy),
}

/// A role assignment, with names.
#[derive(Clone, Debug)]
pub struct HeldRole {
    /// The assignment.
    pub assignment: Arc<RoleAssignment>,
    /// The role's name.
    pub role: String,
    /// To whom it is given: the principal, or a group that it belongs to.
    pub holder: Named,
    /// Whether it is given to a group.
    pub is_through_group: bool,
}

/// An access policy, with names.
#[derive(Clone, Debug)]
pub struct HeldPolicy {
    /// About whom it is: the principal, or a group that it belongs to.
    pub holder: Named,
    /// Whether it is about a group.
    pub is_through_group: bool,
    /// The application through which a person must call.
    pub application: Option<ClientId>,
    /// What it gives on the kind of object that is asked about.
    pub permissions: Vec<String>,
}

impl HeldRole {
    /// An assignment as a caller holds it.
    pub(super) fn of(
        directory: &Directory,
        caller: &Caller,
        assignment: &Arc<RoleAssignment>,
    ) -> Self {
        let role = directory.access().role(assignment.role);
        Self {
            role: role.map_or_else(|| assignment.role.to_string(), |role| role.name.clone()),
            holder: Named::of(directory, assignment.principal),
            is_through_group: assignment.principal != caller.object_id,
            assignment: Arc::clone(assignment),
        }
    }
}

impl fmt::Display for HeldRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the role '{}' at {}", self.role, self.assignment.scope)?;
        if self.is_through_group {
            write!(f, ", through the {}", self.holder)?;
        }
        Ok(())
    }
}

impl fmt::Display for HeldPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the vault's access policy for ")?;
        if self.is_through_group {
            write!(f, "the {}", self.holder)?
        } else {
            f.write_str("it")?
        }
        match self.application {
            Some(application) => write!(f, " through the application {application}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(held) => held.fmt(f),
            Self::Policy(held) => held.fmt(f),
        }
    }
}
