//! Resource groups made, changed, and deleted with what they contain.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use strongroom_audit::{Identity, Record};
use strongroom_authz::GrantedAction;
use strongroom_directory::row::{DirectoryRow, open_row, row_key};
use strongroom_directory::{Directory, Lock, ResourceGroup, Vault, lock_id};
use strongroom_model::{
    Assignments, DenyAssignment, ResourceGroupName, Scope, ScopeAssignments, SubscriptionId,
};
use strongroom_store::{Condition, Snapshot, Store, Txn};

use super::{Decided, ResourceRefusal, TAGS_DELETE, TAGS_WRITE, demand};
use crate::roles::rows_of;
use crate::vaults::{VaultAddress, VaultRefusal};
use crate::{Call, OpError, Ops};

/// The action that makes and changes groups.
pub const GROUP_WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";

/// The action that deletes groups.
pub const GROUP_DELETE: &str = "Microsoft.Resources/subscriptions/resourceGroups/delete";

/// Rows that one transaction takes away: less than the store's limit for one.
const ROWS_PER_TXN: usize = 48;

/// Who asked for the deletion of a group, for the records of what goes with it.
#[derive(Clone, Debug)]
pub struct Asked {
    identity: Identity,
    caller_ip: Option<IpAddr>,
    correlation_id: String,
}

impl Asked {
    /// Whoever the record of the request names.
    pub fn by(record: &Record) -> Self {
        Self {
            identity: record.identity.clone(),
            caller_ip: record.caller_ip,
            correlation_id: record.correlation_id.clone(),
        }
    }
}

impl<S: Store> Ops<S> {
    /// Makes a group, or changes the tags of the one of its name; answers it, and whether it is
    /// new.
    ///
    /// # Errors
    /// [`ResourceRefusal::OtherLocation`], [`ResourceRefusal::GroupDeleting`], or that the service
    /// cannot.
    pub async fn put_group(
        &self,
        granted: &GrantedAction,
        group: &ResourceGroup,
        call: &mut Call,
    ) -> Result<(ResourceGroup, bool), ResourceRefusal> {
        demand(granted, &[GROUP_WRITE], &group.scope())?;
        self.decide_row(&group.id(), call, |found: Option<ResourceGroup>| {
            let Some(kept) = found else {
                let made = (group.clone(), true);
                return Ok(Decided::Put(Box::new(group.clone()), 201, made));
            };
            check_standing(&kept)?;
            if kept.location != group.location {
                let (asked, location) = (group.location.clone(), kept.location);
                return Err(ResourceRefusal::OtherLocation { asked, location });
            }
            let (name, managed_by) = (kept.name, group.managed_by.clone().or(kept.managed_by));
            let changed = ResourceGroup { name, managed_by, ..group.clone() };
            Ok(Decided::Put(Box::new(changed.clone()), 200, (changed, false)))
        })
        .await
    }

    /// Changes the tags of a group; answers it.
    ///
    /// # Errors
    /// [`ResourceRefusal::GroupNotFound`], [`ResourceRefusal::GroupDeleting`], what `change`
    /// refuses, or that the service cannot.
    pub async fn change_group_tags(
        &self,
        granted: &GrantedAction,
        group: &ResourceGroup,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), ResourceRefusal>,
        call: &mut Call,
    ) -> Result<ResourceGroup, ResourceRefusal> {
        demand(granted, &[GROUP_WRITE, TAGS_WRITE, TAGS_DELETE], &group.scope())?;
        self.decide_row(&group.id(), call, |found: Option<ResourceGroup>| {
            let mut kept = found.ok_or_else(|| gone(&group.name))?;
            check_standing(&kept)?;
            change(&mut kept.tags)?;
            Ok(Decided::Put(Box::new(kept.clone()), 200, kept))
        })
        .await
    }

    /// Begins the deletion of a group: from then on nothing is made in it.
    /// [`Self::finish_group_deletion`] does the rest.
    ///
    /// # Errors
    /// [`ResourceRefusal::GroupNotFound`], or that the service cannot.
    pub async fn begin_group_deletion(
        &self,
        granted: &GrantedAction,
        group: &ResourceGroup,
        call: &mut Call,
    ) -> Result<(), ResourceRefusal> {
        demand(granted, &[GROUP_DELETE], &group.scope())?;
        self.decide_row(&group.id(), call, |found: Option<ResourceGroup>| {
            let kept = found.ok_or_else(|| gone(&group.name))?;
            if kept.deleting {
                return Ok(Decided::Keep(()));
            }
            let marked = ResourceGroup { deleting: true, ..kept };
            Ok(Decided::Put(Box::new(marked), 202, ()))
        })
        .await
    }

    /// Deletes the vaults of a group whose deletion has begun, as if each were deleted, then its
    /// locks, the roles held in it, and the group. Once begun, it may be called again at any time.
    /// The records say who has asked for it, as far as that is known: not after a stop.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn finish_group_deletion(
        &self,
        subscription: SubscriptionId,
        name: &ResourceGroupName,
        asked: Option<&Asked>,
    ) -> Result<(), ResourceRefusal> {
        let by = format!("deletion of resource group {}", name.as_str());
        loop {
            let directory = self.directory.current();
            let Some(group) = directory.resource_group(subscription, name) else { return Ok(()) };
            if !group.deleting {
                return Ok(());
            }
            let Some(vault) = directory.vaults_in(subscription, Some(name), None).next() else {
                return self.remove_group(&directory, group, &by, asked).await;
            };
            self.delete_contained(vault, &by, asked).await?;
        }
    }

    /// Finishes the deletions of groups that a stop of the service has interrupted.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn resume_group_deletions(&self) -> Result<(), ResourceRefusal> {
        let directory = self.directory.current();
        for group in directory.resource_groups().filter(|group| group.deleting) {
            self.finish_group_deletion(group.subscription, &group.name, None).await?;
        }
        Ok(())
    }

    /// A call of the service for whoever asked for a group's deletion.
    fn call_for(
        &self,
        operation: &'static str,
        by: &str,
        asked: Option<&Asked>,
    ) -> Result<Call, OpError> {
        let mut call = self.own_call(operation, by)?;
        if let Some(asked) = asked {
            let record = call.record_mut();
            record.identity = asked.identity.clone();
            record.caller_ip = asked.caller_ip;
            record.correlation_id.clone_from(&asked.correlation_id);
        }
        Ok(call)
    }

    async fn delete_contained(
        &self,
        vault: &Vault,
        by: &str,
        asked: Option<&Asked>,
    ) -> Result<(), ResourceRefusal> {
        let mut call = self.call_for("VaultDelete", by, asked)?;
        self.delete_vault_with_group(&VaultAddress::from(vault.resource.as_ref()), &mut call)
            .await?;
        Ok(())
    }

    /// What is granted or locked in the group goes before it: a later group of its name starts
    /// with nobody. What is denied in a vault that can be recovered stays, and goes with its purge.
    async fn remove_group(
        &self,
        directory: &Directory,
        group: &Arc<ResourceGroup>,
        by: &str,
        asked: Option<&Asked>,
    ) -> Result<(), ResourceRefusal> {
        let keys = keys_within(directory, &group.scope(), |denial| {
            directory.deleted_vault_around(&denial.scope).is_some()
        });
        for keys in keys.chunks(ROWS_PER_TXN) {
            let txn = keys.iter().fold(Txn::new(), |txn, key| txn.delete(key.clone()));
            let mut call = self.call_for("ResourceGroupDelete", by, asked)?;
            group.scope().as_str().clone_into(&mut call.record_mut().resource_id);
            self.commit_rows(&mut call, txn).await?;
        }
        let mut call = self.call_for("ResourceGroupDelete", by, asked)?;
        group.scope().as_str().clone_into(&mut call.record_mut().resource_id);
        self.decide_row(&group.id(), &mut call, |found: Option<ResourceGroup>| {
            Ok(match found.is_some_and(|kept| kept.deleting) {
                true => Decided::Delete(200, ()),
                false => Decided::Keep(()),
            })
        })
        .await
    }

    /// A transaction that holds only while a group stands as it is now: what is made in a group
    /// whose deletion has begun would be left without one.
    ///
    /// # Errors
    /// [`VaultRefusal::GroupNotFound`], [`VaultRefusal::GroupDeleting`], or that the service
    /// cannot.
    pub(crate) async fn in_group(
        &self,
        txn: Txn,
        subscription: SubscriptionId,
        name: &ResourceGroupName,
    ) -> Result<Txn, OpError> {
        let id = ResourceGroup::new(subscription, name.clone(), String::new()).id();
        let key = row_key::<ResourceGroup>(&id);
        let stored = self.snapshot().await?.get(&key).await?;
        let shown = || name.as_str().to_owned();
        let row = stored.ok_or_else(|| VaultRefusal::GroupNotFound(shown()))?;
        let group: ResourceGroup = open_row(self.ring.system(), &id, &row.value)?;
        if group.deleting {
            return Err(VaultRefusal::GroupDeleting(shown()).into());
        }
        Ok(txn.require(key, Condition::AtRevision(row.revision)))
    }
}

/// The keys of the locks and of what is granted or denied at a scope and below it, but for what
/// `stays` denied.
pub(crate) fn keys_within(
    directory: &Directory,
    scope: &Scope,
    stays: impl Fn(&DenyAssignment) -> bool,
) -> Vec<Vec<u8>> {
    let locks = directory.locks();
    let locks = locks.at(scope.folded()).chain(locks.below(scope.folded()));
    let locks = locks.map(|lock| row_key::<Lock>(&lock_id(&lock.scope, &lock.name)));
    let assignments: &Assignments = directory.as_ref();
    let held = assignments.within(scope).flat_map(ScopeAssignments::assignments);
    let held = held.flat_map(|held| rows_of(held));
    let denials = assignments.within(scope).flat_map(ScopeAssignments::denials);
    let denials = denials.filter(|denial| !stays(denial));
    let denials = denials.map(|denial| row_key::<DenyAssignment>(denial.id.as_bytes()));
    locks.chain(held).chain(denials).collect()
}

fn check_standing(group: &ResourceGroup) -> Result<(), ResourceRefusal> {
    if group.deleting {
        return Err(ResourceRefusal::GroupDeleting(group.name.as_str().to_owned()));
    }
    Ok(())
}

fn gone(name: &ResourceGroupName) -> ResourceRefusal {
    ResourceRefusal::GroupNotFound(name.as_str().to_owned())
}
