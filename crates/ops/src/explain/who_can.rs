//! Who may do something: everybody the directory knows, and whoever is given something.

use std::collections::BTreeSet;

use strongroom_directory::Directory;
use strongroom_model::{ClientId, PrincipalId, PrincipalType};

use super::{Ground, Named, Subject, Wanted, control, data};
use crate::OpError;

/// Somebody who may do it.
#[derive(Clone, Debug)]
pub struct Able {
    /// Who.
    pub who: Named,
    /// By what.
    pub ground: Ground,
    /// The members of a group, themselves.
    pub members: Vec<Named>,
}

/// Everybody who may do something, whatever the firewall says: people, applications and groups, in
/// the order of their names. In a vault that was deleted, nobody may do anything.
///
/// # Errors
/// [`OpError::NoSuch`] when the vault is not there and never was.
pub fn who_can(directory: &Directory, wanted: &Wanted) -> Result<Vec<Able>, OpError> {
    let mut found = Vec::new();
    for id in everybody(directory) {
        if let Some((subject, ground)) = allowed(directory, id, wanted)? {
            let members = directory.group(id).map(|group| group.members.as_slice());
            let members = members.unwrap_or_default();
            found.push(Able {
                who: subject.named,
                ground,
                members: members.iter().map(|member| Named::of(directory, *member)).collect(),
            });
        }
    }
    found.sort_by_cached_key(|able| {
        let name = able.who.name.as_ref().map(|name| name.to_lowercase());
        (order(able.who.kind), name, able.who.id)
    });
    Ok(found)
}

/// People first, then applications, groups, and who is not known here.
fn order(kind: Option<PrincipalType>) -> u8 {
    match kind {
        Some(PrincipalType::User) => 0,
        Some(PrincipalType::ServicePrincipal) => 1,
        Some(PrincipalType::Group) => 2,
        _ => 3,
    }
}

fn everybody(directory: &Directory) -> BTreeSet<PrincipalId> {
    let applications = directory.applications().map(|application| application.object_id);
    let users = directory.users().map(|user| user.object_id);
    let groups = directory.groups().map(|group| group.object_id);
    let members = directory.groups().flat_map(|group| group.members.iter().copied());
    let holders = directory.assignments().map(|assignment| assignment.principal);
    let policies = directory
        .vaults()
        .flat_map(|vault| &vault.resource.properties.access_policies)
        .map(|policy| policy.object_id);
    applications.chain(users).chain(groups).chain(members).chain(holders).chain(policies).collect()
}

/// Whether somebody may do it, on its own or through an application that a policy names.
fn allowed(
    directory: &Directory,
    id: PrincipalId,
    wanted: &Wanted,
) -> Result<Option<(Subject, Ground)>, OpError> {
    for through in ways(directory, id, wanted) {
        let subject = Subject::of(directory, id, through)?;
        let ground = match wanted {
            Wanted::Operation { operation, vault, object } => {
                let Some(vault) = directory.vault(&vault.folded()) else { return Ok(None) };
                let asked = data::AskedOf {
                    directory,
                    caller: &subject.caller,
                    operation: *operation,
                    vault,
                    object: object.as_ref(),
                };
                let allowed = asked.decide(directory.access()).ok();
                allowed.and_then(|authorized| asked.ground(&authorized))
            }
            Wanted::Action { action, scope } => {
                let asked = control::AskedOf { directory, caller: &subject.caller, action, scope };
                let allowed = asked.decide(directory.access()).ok();
                allowed.and_then(|granted| asked.ground(&granted))
            }
        };
        if let Some(ground) = ground {
            return Ok(Some((subject, ground)));
        }
    }
    Ok(None)
}

/// On its own; then through each application that a policy about it names. An application calls
/// for itself.
fn ways(directory: &Directory, id: PrincipalId, wanted: &Wanted) -> Vec<Option<ClientId>> {
    let mut ways = vec![None];
    let Wanted::Operation { vault, .. } = wanted else { return ways };
    let Some(vault) = directory.vault(&vault.folded()) else { return ways };
    if vault.resource.properties.rbac || directory.application_by_object(id).is_some() {
        return ways;
    }
    let groups = directory.groups_of(id);
    let about = |policy: PrincipalId| policy == id || groups.contains(&policy);
    let policies = vault.resource.properties.access_policies.iter();
    let through = policies.filter(|policy| about(policy.object_id));
    ways.extend(through.filter_map(|policy| policy.application_id).map(Some));
    ways
}
