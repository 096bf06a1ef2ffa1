//! Least privilege: the smallest roles at the narrowest scopes for what somebody does in a vault,
//! and what it may do beyond that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strongroom_authz::{Decision, access_policy, rbac};
use strongroom_directory::{Directory, Vault};
use strongroom_model::{AccessPolicies, DataAction, Kind, Operation, RoleDefinition, Scope};

use super::near::covers;
use super::roles::{granted, smallest_roles};
use super::{HeldRole, Need, Subject, Wanted};

/// Objects for which roles are suggested one by one. Where there are more, it is the vault.
const MOST_OBJECTS: usize = 10;

/// What somebody needs in a vault, and what it holds beyond that.
#[derive(Clone, Debug)]
pub struct Privilege {
    /// The actions needed, and where.
    pub needed: Vec<(Scope, String)>,
    /// The roles that are enough, where roles decide.
    pub roles: Vec<Placed>,
    /// Needed actions that no role allows.
    pub unmet: Vec<String>,
    /// The permissions that are enough, as collection and permission, where access policies decide.
    pub permissions: BTreeSet<(&'static str, &'static str)>,
    /// The data actions it may do beyond what is needed, and where.
    pub beyond: Vec<(Scope, Vec<DataAction>)>,
    /// The permissions it has beyond what is needed.
    pub permissions_beyond: BTreeSet<(&'static str, &'static str)>,
    /// The role assignments it holds on, above and in the vault that are not those suggested.
    pub superfluous: Vec<HeldRole>,
}

/// Roles at a scope.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where to assign them.
    pub scope: Scope,
    /// The roles.
    pub roles: Vec<Arc<RoleDefinition>>,
    /// The data actions that they allow there beside what is needed.
    pub excess: Vec<DataAction>,
}

/// The least privilege of a subject for what it does in a vault: those of `wanted` that are about
/// this vault.
pub fn least_privilege(
    directory: &Directory,
    subject: &Subject,
    vault: &Arc<Vault>,
    wanted: &[Wanted],
) -> Privilege {
    let asked = Asked { directory, subject, vault };
    if vault.resource.properties.rbac { asked.by_roles(wanted) } else { asked.by_policies(wanted) }
}

struct Asked<'a> {
    directory: &'a Directory,
    subject: &'a Subject,
    vault: &'a Arc<Vault>,
}

/// What is needed on the vault, and on each object.
#[derive(Default)]
struct Needs {
    vault: Vec<Need>,
    objects: BTreeMap<(String, String), (Scope, Vec<Need>)>,
}

impl Needs {
    fn add(&mut self, vault: &Scope, wanted: &Wanted) {
        let need = Need::of(wanted);
        let object = match wanted {
            Wanted::Operation { operation, object: Some(name), .. } => {
                Some((operation.kind().collection().to_owned(), name.folded(), name))
            }
            _ => None,
        };
        let list = match object {
            None => &mut self.vault,
            Some((collection, folded, name)) => {
                let kind = kind_of(wanted);
                let scope = vault.object(kind, name.as_str());
                &mut self.objects.entry((collection, folded)).or_insert((scope, Vec::new())).1
            }
        };
        if !list.contains(&need) {
            list.push(need);
        }
    }

    /// Where there are too many objects, everything is needed on the vault.
    fn lifted(mut self) -> Self {
        if self.objects.len() > MOST_OBJECTS {
            for (_, needs) in std::mem::take(&mut self.objects).into_values() {
                for need in needs {
                    if !self.vault.contains(&need) {
                        self.vault.push(need);
                    }
                }
            }
        }
        self
    }
}

fn kind_of(wanted: &Wanted) -> Kind {
    match wanted {
        Wanted::Operation { operation, .. } => operation.kind(),
        Wanted::Action { .. } => Kind::Secret,
    }
}

impl Asked<'_> {
    fn by_roles(&self, wanted: &[Wanted]) -> Privilege {
        let vault = &self.vault.scope;
        let mut needs = Needs::default();
        wanted.iter().for_each(|wanted| needs.add(vault, wanted));
        let needs = needs.lifted();
        let (mut roles, mut unmet) = (Vec::new(), Vec::new());
        self.place(vault, &needs.vault, &mut roles, &mut unmet);
        let at_vault: Vec<_> = roles.iter().flat_map(|placed: &Placed| &placed.roles).collect();
        let at_vault: Vec<Arc<RoleDefinition>> = at_vault.into_iter().cloned().collect();
        for (scope, own) in needs.objects.values() {
            let met = |need: &&Need| at_vault.iter().any(|role| need.is_met_by(role));
            let left: Vec<Need> = own.iter().filter(|need| !met(need)).cloned().collect();
            self.place(scope, &left, &mut roles, &mut unmet);
        }
        let everywhere = needs.vault.iter().map(|need| (vault.clone(), need));
        let single = needs
            .objects
            .values()
            .flat_map(|(scope, own)| own.iter().map(move |need| (scope.clone(), need)));
        Privilege {
            needed: everywhere
                .chain(single)
                .map(|(scope, need)| (scope, need.action().to_owned()))
                .collect(),
            beyond: self.beyond(&needs),
            superfluous: self.superfluous(&roles),
            roles,
            unmet,
            permissions: BTreeSet::new(),
            permissions_beyond: BTreeSet::new(),
        }
    }

    fn place(
        &self,
        scope: &Scope,
        needs: &[Need],
        placed: &mut Vec<Placed>,
        unmet: &mut Vec<String>,
    ) {
        let tenant = self.subject.caller.tenant;
        let any = |need: &Need| {
            smallest_roles(self.directory, tenant, std::slice::from_ref(need), scope).is_some()
        };
        let (met, never): (Vec<Need>, Vec<Need>) = needs.iter().cloned().partition(any);
        unmet.extend(never.iter().map(|need| need.action().to_owned()));
        if met.is_empty() {
            return;
        }
        let Some(roles) = smallest_roles(self.directory, tenant, &met, scope) else { return };
        let needed = |action: &DataAction| met.contains(&Need::Data(*action));
        let excess = granted(&roles).iter().filter(|action| !needed(action)).collect();
        placed.push(Placed { scope: scope.clone(), roles, excess });
    }

    /// What the subject may do that is not needed: on the vault, and on objects that it has roles
    /// for. What no operation asks for is left out.
    fn beyond(&self, needs: &Needs) -> Vec<(Scope, Vec<DataAction>)> {
        let vault = &self.vault.scope;
        let may = |action: DataAction, object: Option<(Kind, &str)>| {
            let access = self.directory.access();
            let decided = rbac::evaluate(&self.subject.caller, action, vault, object, access);
            matches!(decided, Decision::Allowed(_))
        };
        let asked_for: Vec<DataAction> = DataAction::ALL
            .iter()
            .copied()
            .filter(|action| Operation::ALL.iter().any(|one| one.action() == *action))
            .collect();
        let on_vault: Vec<DataAction> =
            asked_for.iter().copied().filter(|action| may(*action, None)).collect();
        let not = |list: &[Need], action: DataAction| !list.contains(&Need::Data(action));
        let unneeded: Vec<_> =
            on_vault.iter().copied().filter(|action| not(&needs.vault, *action)).collect();
        let mut beyond = vec![(vault.clone(), unneeded)];
        for (scope, kind, name) in self.objects_with_roles() {
            let own = needs.objects.get(&(kind.collection().to_owned(), name.to_ascii_lowercase()));
            let own: &[Need] = own.map_or(&[], |(_, own)| own);
            let single = asked_for.iter().copied().filter(|action| {
                !on_vault.contains(action) && not(own, *action) && may(*action, Some((kind, &name)))
            });
            beyond.push((scope, single.collect()));
        }
        beyond.retain(|(_, actions)| !actions.is_empty());
        beyond
    }

    /// The objects of the vault that the subject has role assignments for.
    fn objects_with_roles(&self) -> Vec<(Scope, Kind, String)> {
        let access = self.directory.access();
        let held = self.subject.caller.principals().flat_map(|who| access.of(who));
        let mut found = BTreeMap::new();
        for assignment in held.filter(|held| self.vault.scope.contains(&held.scope)) {
            let mut segments = assignment.scope.as_str().rsplit('/');
            let (Some(name), Some(collection)) = (segments.next(), segments.next()) else {
                continue;
            };
            let kind = [Kind::Secret, Kind::Key, Kind::Certificate]
                .into_iter()
                .find(|kind| kind.collection().eq_ignore_ascii_case(collection));
            if let Some(kind) = kind {
                let folded = assignment.scope.folded().to_owned();
                found.insert(folded, (assignment.scope.clone(), kind, name.to_owned()));
            }
        }
        found.into_values().collect()
    }

    fn superfluous(&self, placed: &[Placed]) -> Vec<HeldRole> {
        let caller = &self.subject.caller;
        let vault = &self.vault.scope;
        let access = self.directory.access();
        let reaches = |scope: &Scope| covers(scope, vault, caller.tenant) || vault.contains(scope);
        let held = caller.principals().flat_map(|who| access.of(who));
        held.filter(|assignment| reaches(&assignment.scope))
            .filter(|assignment| {
                !placed.iter().any(|placed| {
                    placed.scope == assignment.scope
                        && placed.roles.iter().any(|role| role.id == assignment.role)
                })
            })
            .map(|assignment| HeldRole::of(self.directory, caller, assignment))
            .collect()
    }

    fn by_policies(&self, wanted: &[Wanted]) -> Privilege {
        let operations: Vec<Operation> = wanted
            .iter()
            .filter_map(|wanted| match wanted {
                Wanted::Operation { operation, .. } => Some(*operation),
                Wanted::Action { .. } => None,
            })
            .collect();
        let permissions: BTreeSet<_> = operations.iter().map(|one| one.permission()).collect();
        let none = AccessPolicies::default();
        let policies = self.vault.policies.as_ref().unwrap_or(&none);
        let caller = &self.subject.caller;
        let held = Operation::ALL.iter().filter(|operation| {
            let said = access_policy::evaluate(caller, **operation, policies);
            said == access_policy::Decision::Allowed
        });
        let held: BTreeSet<_> = held.map(|operation| operation.permission()).collect();
        let mut control = Privilege {
            permissions_beyond: held.difference(&permissions).copied().collect(),
            permissions,
            // Roles still decide on the control plane.
            ..self.by_roles(&only_actions(wanted))
        };
        control.beyond.clear();
        let scope = &self.vault.scope;
        let data = operations.iter().map(|one| (scope.clone(), one.action().name().to_owned()));
        control.needed.extend(data);
        control
    }
}

fn only_actions(wanted: &[Wanted]) -> Vec<Wanted> {
    let is_action = |wanted: &&Wanted| matches!(wanted, Wanted::Action { .. });
    wanted.iter().filter(is_action).cloned().collect()
}
