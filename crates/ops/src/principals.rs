//! People and groups: made, changed and taken away on the host. Applications are in
//! [`crate::identities`].

use std::sync::Arc;

use strongroom_directory::row::row_key;
use strongroom_directory::{Directory, Group, User};
use strongroom_model::{PrincipalId, TenantId, VaultResource};
use strongroom_store::{Condition, Snapshot, Store, Txn};

use crate::identities::new_guid;
use crate::{Call, OpError, Ops};

/// How often a change is decided again when another one came between.
const MAX_DECISIONS: usize = 5;

/// The most members of a group.
const MAX_MEMBERS: usize = 10_000;

/// The longest name of a principal, in bytes, as in Entra ID.
const MAX_NAME: usize = 256;

/// A person to be made.
pub struct NewUser {
    /// The object id that the issuer's tokens give (`oid`); `None`: a new one.
    pub object_id: Option<PrincipalId>,
    /// The tenant.
    pub tenant: TenantId,
    /// The name, for people.
    pub display_name: String,
    /// The user principal name, such as `ada@example.com`.
    pub user_principal_name: String,
    /// The mail address.
    pub mail: Option<String>,
}

/// What happens to a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// It is added.
    Add(PrincipalId),
    /// It is taken out.
    Remove(PrincipalId),
}

/// The group that a person names: by its object id or its display name, in any case.
///
/// # Errors
/// [`OpError::NoSuch`], or [`OpError::Invalid`] when several have the name.
pub fn find_group(directory: &Directory, name: &str) -> Result<Arc<Group>, OpError> {
    let by_id = name.parse().ok().and_then(|id| directory.group(id));
    if let Some(group) = by_id {
        return Ok(Arc::clone(group));
    }
    let folded = name.to_lowercase();
    let mut named = directory.groups().filter(|g| g.display_name.to_lowercase() == folded);
    match (named.next(), named.next()) {
        (Some(group), None) => Ok(Arc::clone(group)),
        (Some(_), Some(_)) => {
            Err(OpError::Invalid(format!("several groups are named '{name}': give the object id")))
        }
        (None, _) => Err(OpError::NoSuch(format!("there is no group '{name}'"))),
    }
}

/// The person that a person names: by object id or user principal name, in any case.
///
/// # Errors
/// [`OpError::NoSuch`].
pub fn find_user(directory: &Directory, name: &str) -> Result<Arc<User>, OpError> {
    let by_id = name.parse().ok().and_then(|id| directory.user(id));
    let folded = name.to_lowercase();
    let named = || directory.users().find(|u| u.user_principal_name.to_lowercase() == folded);
    by_id
        .or_else(named)
        .cloned()
        .ok_or_else(|| OpError::NoSuch(format!("there is no user '{name}'")))
}

impl<S: Store> Ops<S> {
    /// Makes a person known.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for names that are none, [`OpError::NameTaken`] for one that is used,
    /// or that the service cannot.
    pub async fn create_user(&self, new: NewUser, call: &mut Call) -> Result<User, OpError> {
        check_name(&new.display_name)?;
        check_name(&new.user_principal_name)?;
        if !new.user_principal_name.contains('@') {
            return Err(OpError::Invalid("a user principal name has an @".into()));
        }
        let directory = self.directory.current();
        if find_user(&directory, &new.user_principal_name).is_ok() {
            return Err(OpError::NameTaken("A user of that name".into()));
        }
        let object_id = match new.object_id {
            Some(id) => id,
            None => PrincipalId(new_guid()?),
        };
        let is_other = directory.group(object_id).is_some()
            || directory.application_by_object(object_id).is_some();
        if is_other || directory.user(object_id).is_some() {
            return Err(OpError::NameTaken("A principal of that object id".into()));
        }
        let user = User {
            object_id,
            tenant: new.tenant,
            display_name: new.display_name,
            user_principal_name: new.user_principal_name,
            mail: new.mail,
            created: call.now(),
        };
        about(call, user.tenant, object_id);
        let (key, row) = self.directory.row(&user)?;
        let txn = Txn::new().require(key.clone(), Condition::Absent).put(key, row);
        self.commit_rows(call, txn).await?;
        Ok(user)
    }

    /// Forgets a person's names. Who the person is, the issuer's tokens still say: memberships and
    /// role assignments stay in force until they are taken away.
    ///
    /// # Errors
    /// [`OpError::NoSuch`], or that the service cannot.
    pub async fn delete_user(&self, user: &User, call: &mut Call) -> Result<(), OpError> {
        about(call, user.tenant, user.object_id);
        self.delete_principal(row_key::<User>(user.object_id.as_bytes()), call).await
    }

    /// Makes a group without members.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a name that is none, or that the service cannot.
    pub async fn create_group(
        &self,
        display_name: String,
        tenant: TenantId,
        call: &mut Call,
    ) -> Result<Group, OpError> {
        check_name(&display_name)?;
        let object_id = PrincipalId(new_guid()?);
        let group = Group { object_id, tenant, display_name, members: Vec::new() };
        about(call, tenant, object_id);
        let (key, row) = self.directory.row(&group)?;
        let txn = Txn::new().require(key.clone(), Condition::Absent).put(key, row);
        self.commit_rows(call, txn).await?;
        Ok(group)
    }

    /// Takes a group away, with the roles that it holds: its members lose what they held through
    /// it, on their next request, and no other issuer's token of the same id gets it.
    ///
    /// # Errors
    /// [`OpError::NoSuch`], [`OpError::Invalid`] while an access policy or a deny assignment names
    /// it, or that the service cannot.
    pub async fn delete_group(&self, group: &Group, call: &mut Call) -> Result<(), OpError> {
        let id = group.object_id;
        about(call, group.tenant, id);
        check_unnamed(&self.directory.current(), id)?;
        loop {
            let directory = self.directory.current();
            let Some(held) = directory.access().of(id).next() else { break };
            let mut taken = self.own_call("RoleAssignmentDelete", "the deletion of a group")?;
            self.delete_role_assignment(held.id, &mut taken).await?;
        }
        self.delete_principal(row_key::<Group>(group.object_id.as_bytes()), call).await
    }

    /// Adds a member to a group, or takes one out; in force on the member's next request.
    ///
    /// # Errors
    /// [`OpError::NoSuch`] without the group or the member, [`OpError::NameTaken`] for one that
    /// is there, [`OpError::Invalid`] for one too many, or that the service cannot.
    pub async fn change_members(
        &self,
        group: PrincipalId,
        change: MemberChange,
        call: &mut Call,
    ) -> Result<Group, OpError> {
        let key = row_key::<Group>(group.as_bytes());
        for _ in 0..MAX_DECISIONS {
            let Some(row) = self.snapshot().await?.get(&key).await? else { return Err(no_group()) };
            let before: Option<Group> = self.directory.read(group.as_bytes()).await?;
            let after = changed(before.ok_or_else(no_group)?, change)?;
            about(call, after.tenant, group);
            let (MemberChange::Add(member) | MemberChange::Remove(member)) = change;
            call.set_property("memberId", member.to_string());
            let (key, value) = self.directory.row(&after)?;
            let condition = Condition::AtRevision(row.revision);
            let txn = Txn::new().require(key.clone(), condition).put(key, value);
            match self.commit_rows(call, txn).await {
                Err(OpError::Contended) => {}
                outcome => return outcome.map(|()| after),
            }
        }
        Err(OpError::Contended)
    }

    async fn delete_principal(
        &self,
        key: impl Into<bytes::Bytes>,
        call: &mut Call,
    ) -> Result<(), OpError> {
        let key = key.into();
        let found = self.snapshot().await?.get(&key).await?;
        let row = found.ok_or_else(|| OpError::NoSuch("it is gone already".into()))?;
        let condition = Condition::AtRevision(row.revision);
        let txn = Txn::new().require(key.clone(), condition).delete(key);
        self.commit_rows(call, txn).await
    }
}

/// What names a group by its id would be good for whoever an issuer puts into one of that id.
fn check_unnamed(directory: &Directory, group: PrincipalId) -> Result<(), OpError> {
    let of_denial = directory.access().denials().find(|denial| {
        denial.principals.iter().chain(&denial.excluded).any(|named| named.id == group)
    });
    if let Some(denial) = of_denial {
        return Err(OpError::Invalid(format!(
            "the deny assignment {} at {} names the group: change or delete it first",
            denial.id, denial.scope
        )));
    }
    let live = directory.vaults().map(|vault| vault.resource.as_ref());
    let deleted = directory.deleted_vaults().map(|found| &found.vault.resource);
    let names = |vault: &&VaultResource| {
        vault.properties.access_policies.iter().any(|policy| policy.object_id == group)
    };
    match live.chain(deleted).find(names) {
        None => Ok(()),
        Some(vault) => Err(OpError::Invalid(format!(
            "an access policy of the vault {} names the group: take it away first",
            vault.name
        ))),
    }
}

fn no_group() -> OpError {
    OpError::NoSuch("there is no such group".into())
}

fn about(call: &mut Call, tenant: TenantId, principal: PrincipalId) {
    call.record_mut().resource_id = format!("/tenants/{tenant}");
    call.set_property("principalId", principal.to_string());
}

fn changed(mut group: Group, change: MemberChange) -> Result<Group, OpError> {
    match change {
        MemberChange::Add(member) if group.members.contains(&member) => {
            Err(OpError::NameTaken("The member".into()))
        }
        MemberChange::Add(member) if member == group.object_id => {
            Err(OpError::Invalid("a group is no member of itself".into()))
        }
        MemberChange::Add(_) if group.members.len() >= MAX_MEMBERS => {
            Err(OpError::Invalid(format!("a group has {MAX_MEMBERS} members at most")))
        }
        MemberChange::Add(member) => {
            group.members.push(member);
            Ok(group)
        }
        MemberChange::Remove(member) => {
            let before = group.members.len();
            group.members.retain(|known| *known != member);
            if group.members.len() == before {
                return Err(OpError::NoSuch(format!("{member} is no member of the group")));
            }
            Ok(group)
        }
    }
}

fn check_name(name: &str) -> Result<(), OpError> {
    let is_plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if is_plain && name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(OpError::Invalid(format!("a name has 1 to {MAX_NAME} bytes, none of them a control")))
}
