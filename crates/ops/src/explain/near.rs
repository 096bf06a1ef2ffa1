//! What nearly allows an access: each is found by asking the real evaluator about a world in which
//! one thing is otherwise.

use std::sync::Arc;

use strongroom_directory::Directory;
use strongroom_model::{
    Assignments, Caller, Condition, RoleAssignment, RoleDefinition, Scope, TenantId,
};

use super::{Ground, HeldRole};

/// The most near misses of one sort that are told of.
const MOST: usize = 10;

/// Something that would allow an access if it were a little otherwise.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// Why it does not.
    pub why: Why,
    /// What it is.
    pub ground: Ground,
}

/// Why something does not allow an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It holds at another scope.
    OtherScope,
    /// The role does not allow the action.
    RoleLacksAction,
    /// Its condition does not hold.
    ConditionFalse,
    /// Its condition asks for an attribute that the request does not have.
    ConditionUnknown,
    /// The role it gives is gone.
    RoleGone,
    /// A deny assignment refuses what it allows.
    Denied,
    /// The policy does not give the permission.
    PolicyLacksPermission,
    /// The policy is for a person who calls through an application.
    PolicyThroughApplication,
    /// The policy is for a principal of another tenant.
    PolicyOfOtherTenant,
    /// The vault decides by the other permission model.
    OtherPermissionModel,
}

impl Why {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtherScope => "otherScope",
            Self::RoleLacksAction => "roleLacksAction",
            Self::ConditionFalse => "conditionFalse",
            Self::ConditionUnknown => "conditionUnknown",
            Self::RoleGone => "roleGone",
            Self::Denied => "denied",
            Self::PolicyLacksPermission => "policyLacksPermission",
            Self::PolicyThroughApplication => "policyThroughApplication",
            Self::PolicyOfOtherTenant => "policyOfOtherTenant",
            Self::OtherPermissionModel => "otherPermissionModel",
        }
    }
}

impl NearMiss {
    pub(super) fn new(why: Why, ground: Ground) -> Self {
        Self { why, ground }
    }

    /// What it is and why it does not allow the access, for people.
    pub fn text(&self) -> String {
        let ground = &self.ground;
        let why = match self.why {
            Why::OtherScope => "is for another scope",
            Why::RoleLacksAction => "does not allow the action",
            Why::ConditionFalse => "has a condition that does not hold",
            Why::ConditionUnknown => {
                "has a condition on an attribute that the request does not have"
            }
            Why::RoleGone => "gives a role that is gone",
            Why::Denied => "would allow it, but a deny assignment refuses it",
            Why::PolicyLacksPermission => "does not give the permission",
            Why::PolicyThroughApplication => "is for a person who calls through that application",
            Why::PolicyOfOtherTenant => "is for a principal of another tenant",
            Why::OtherPermissionModel => {
                "would allow it, but the vault decides by the other permission model"
            }
        };
        let mut text = format!("{ground} {why}");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }
}

/// How an access is decided in a world of other assignments.
pub(super) struct Worlds<'a> {
    pub(super) directory: &'a Directory,
    pub(super) caller: &'a Caller,
    pub(super) resource: &'a Scope,
    /// Whether the access is allowed in a world.
    pub(super) allows: &'a dyn Fn(&Assignments) -> bool,
    /// What a condition says of the access.
    pub(super) holds: &'a dyn Fn(&Condition) -> Option<bool>,
}

impl Worlds<'_> {
    /// The role assignments of the caller that nearly allow what no assignment allows: those at a
    /// scope that counts first, then the nearest others.
    pub(super) fn near_misses(&self) -> Vec<NearMiss> {
        let held = self.caller.principals().flat_map(|who| self.directory.access().of(who));
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for assignment in held {
            let Some(why) = self.why(assignment) else { continue };
            let held = HeldRole::of(self.directory, self.caller, assignment);
            let list = if why == Why::OtherScope { &mut elsewhere } else { &mut here };
            list.push((held.assignment.scope.clone(), NearMiss::new(why, Ground::Role(held))));
        }
        elsewhere.sort_by_key(|(scope, _)| std::cmp::Reverse(shared(scope, self.resource)));
        let nearest = elsewhere.into_iter().take(MOST);
        here.into_iter().take(MOST).chain(nearest).map(|(_, miss)| miss).collect()
    }

    fn why(&self, assignment: &Arc<RoleAssignment>) -> Option<Why> {
        let counts = covers(&assignment.scope, self.resource, self.caller.tenant);
        let Some(role) = self.directory.access().role(assignment.role) else {
            return counts.then_some(Why::RoleGone);
        };
        let moved = |condition| RoleAssignment {
            scope: self.resource.clone(),
            condition,
            ..RoleAssignment::clone(assignment)
        };
        let mut bare = RoleDefinition::clone(role);
        bare.condition = None;
        if !self.allowed_by(&bare, moved(None)) {
            return counts.then_some(Why::RoleLacksAction);
        }
        if !counts {
            let elsewhere = self.allowed_by(role, moved(assignment.condition.clone()));
            return elsewhere.then_some(Why::OtherScope);
        }
        let conditions = [&role.condition, &assignment.condition];
        let mut said = conditions.into_iter().flatten().map(|c| (self.holds)(c));
        let is_false = said.any(|holds| holds == Some(false));
        Some(if is_false { Why::ConditionFalse } else { Why::ConditionUnknown })
    }

    /// Whether the access is allowed where there is nothing but one assignment.
    fn allowed_by(&self, role: &RoleDefinition, assignment: RoleAssignment) -> bool {
        let mut world = Assignments::default();
        if let Some(subscription) = self.resource.subscription_id() {
            world.set_tenant(subscription, self.directory.access().tenant_of(subscription));
        }
        world.put_role(Arc::new(role.clone()));
        world.put_assignment(Arc::new(assignment));
        (self.allows)(&world)
    }
}

/// The same assignments without what is refused.
pub(super) fn without_denials(access: &Assignments) -> Assignments {
    let mut world = access.clone();
    for denial in access.denials() {
        world.remove_denial(denial.id);
    }
    world
}

/// Whether what is assigned at a scope counts for a resource: also what is assigned at the root
/// group of its tenant.
pub(super) fn covers(scope: &Scope, resource: &Scope, tenant: TenantId) -> bool {
    scope.contains(resource) || *scope == Scope::management_group(&tenant.to_string())
}

/// How many segments two scopes share.
fn shared(one: &Scope, other: &Scope) -> usize {
    let pairs = one.folded().split('/').zip(other.folded().split('/'));
    pairs.take_while(|(one, other)| one == other).count()
}
