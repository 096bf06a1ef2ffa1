//! The smallest roles that are enough.

use std::sync::Arc;

use strongroom_directory::Directory;
use strongroom_model::{DataAction, DataActions, RoleDefinition, Scope, TenantId};

use super::Wanted;

/// Roles looked at for one need: the smallest ones.
const MOST_ROLES: usize = 8;

/// The most roles that are combined: one for each kind of object, and one for the control plane.
const MOST_COMBINED: usize = 4;

/// Something that a role has to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A data action.
    Data(DataAction),
    /// An action of the control plane.
    Control(String),
}

impl Need {
    /// What an operation or an action needs.
    pub fn of(wanted: &Wanted) -> Self {
        match wanted {
            Wanted::Operation { operation, .. } => Self::Data(operation.action()),
            Wanted::Action { action, .. } => Self::Control(action.clone()),
        }
    }

    /// The action's name.
    pub fn action(&self) -> &str {
        match self {
            Self::Data(action) => action.name(),
            Self::Control(action) => action,
        }
    }

    /// Whether a role is enough for it.
    pub fn is_met_by(&self, role: &RoleDefinition) -> bool {
        match self {
            Self::Data(action) => role.allows(*action),
            Self::Control(action) => role.allows_action(action),
        }
    }
}

/// The smallest roles that are together enough for all needs at a scope: those that allow the least
/// beside, what changes or reveals something before what only tells of it, and as few as can be.
/// `None` when no roles are. A role that has a condition of its own is not among them.
pub fn smallest_roles(
    directory: &Directory,
    tenant: TenantId,
    needs: &[Need],
    scope: &Scope,
) -> Option<Vec<Arc<RoleDefinition>>> {
    let is_ours = |role: &&Arc<RoleDefinition>| {
        role.tenant.is_none_or(|own| own == tenant)
            && role.condition.is_none()
            && directory.access().is_assignable(role, scope)
    };
    let roles: Vec<_> = directory.access().roles().filter(is_ours).cloned().collect();
    let mut best = None;
    combine(&roles, needs, &mut Vec::new(), &mut best);
    best.map(|(_, roles)| roles)
}

type Found = Option<(Weight, Vec<Arc<RoleDefinition>>)>;

/// Tries the smallest roles for the first need that is not met, and then what is left.
fn combine(
    roles: &[Arc<RoleDefinition>],
    needs: &[Need],
    chosen: &mut Vec<Arc<RoleDefinition>>,
    best: &mut Found,
) {
    let unmet = needs.iter().find(|need| !chosen.iter().any(|role| need.is_met_by(role)));
    let Some(unmet) = unmet else {
        let weight = Weight::of(chosen, needs);
        if best.as_ref().is_none_or(|(lightest, _)| weight < *lightest) {
            *best = Some((weight, chosen.clone()));
        }
        return;
    };
    if chosen.len() == MOST_COMBINED {
        return;
    }
    let mut fitting: Vec<_> = roles.iter().filter(|role| unmet.is_met_by(role)).collect();
    fitting.sort_by_cached_key(|role| {
        let met = needs.iter().filter(|need| need.is_met_by(role)).count();
        (std::cmp::Reverse(met), Weight::of(std::slice::from_ref(*role), needs))
    });
    // Those that meet the most come first; the smallest one must not be missed for them.
    let smallest =
        fitting.iter().min_by_key(|role| Weight::of(std::slice::from_ref(**role), needs)).copied();
    for role in fitting.into_iter().take(MOST_ROLES).chain(smallest) {
        chosen.push(Arc::clone(role));
        combine(roles, needs, chosen, best);
        chosen.pop();
    }
}

/// How much roles allow beside what is needed: compared member by member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    data: usize,
    control: usize,
    roles: usize,
    names: Vec<String>,
}

impl Weight {
    fn of(roles: &[Arc<RoleDefinition>], needs: &[Need]) -> Self {
        let needed = |action| needs.contains(&Need::Data(action));
        let data = granted(roles).iter().filter(|action| !needed(*action)).map(weight_of_data);
        let patterns = roles.iter().flat_map(|role| &role.permissions.actions);
        Self {
            data: data.sum(),
            control: patterns.map(|pattern| weight_of_pattern(pattern)).sum(),
            roles: roles.len(),
            names: roles.iter().map(|role| role.name.clone()).collect(),
        }
    }
}

/// The data actions that roles allow together.
pub(super) fn granted(roles: &[Arc<RoleDefinition>]) -> DataActions {
    roles.iter().fold(DataActions::NONE, |all, role| all.union(role.permissions.data()))
}

fn weight_of_data(action: DataAction) -> usize {
    let only_tells = action.name().ends_with("/read") || action == DataAction::SecretsReadMetadata;
    if only_tells { 1 } else { 10 }
}

/// What a pattern of the control plane weighs: an order, no measure.
fn weight_of_pattern(pattern: &str) -> usize {
    match (pattern, pattern.contains('*')) {
        ("*", _) => 10_000,
        (reads, _) if reads.to_ascii_lowercase().ends_with("/read") => 1,
        (_, true) => 100,
        (_, false) => 10,
    }
}
