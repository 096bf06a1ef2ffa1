//! Who holds which role where, as a decision looks it up: by scope, then by principal.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};

use crate::{
    DenyAssignment, DenyAssignmentId, PrincipalId, RoleAssignment, RoleAssignmentId,
    RoleDefinition, RoleDefinitionId, Scope, SubscriptionId, TenantId,
};

/// All roles, role assignments and deny assignments. Cheap to clone: the maps share their
/// structure.
#[derive(Clone, Debug, Default)]
pub struct Assignments {
    roles: HashMap<RoleDefinitionId, Arc<RoleDefinition>>,
    assignments: HashMap<RoleAssignmentId, Arc<RoleAssignment>>,
    denials: HashMap<DenyAssignmentId, Arc<DenyAssignment>>,
    at: HashMap<Arc<str>, ScopeAssignments>,
    /// The keys of `at`, in order: what lies below a scope follows it.
    scopes: OrdSet<Arc<str>>,
    of: OrdMap<(PrincipalId, RoleAssignmentId), Arc<RoleAssignment>>,
    tenants: HashMap<SubscriptionId, TenantId>,
}

/// What is assigned at exactly one scope.
#[derive(Clone, Debug, Default)]
pub struct ScopeAssignments {
    held: HashMap<PrincipalId, Vec<Arc<RoleAssignment>>>,
    denials: Vec<Arc<DenyAssignment>>,
}

impl ScopeAssignments {
    /// What a principal holds here.
    pub fn of(&self, principal: PrincipalId) -> &[Arc<RoleAssignment>] {
        self.held.get(&principal).map_or(&[], Vec::as_slice)
    }

    /// What all principals hold here, in no order.
    pub fn assignments(&self) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        self.held.values().flatten()
    }

    /// What is refused here.
    pub fn denials(&self) -> &[Arc<DenyAssignment>] {
        &self.denials
    }

    fn is_empty(&self) -> bool {
        self.held.is_empty() && self.denials.is_empty()
    }
}

impl Assignments {
    /// What is assigned at exactly this scope, given in ASCII lower case.
    pub fn at(&self, folded: &str) -> Option<&ScopeAssignments> {
        self.at.get(folded)
    }

    /// What is assigned at a scope and below it, scope by scope. It costs what it finds.
    pub fn within<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = &'a ScopeAssignments> {
        let itself = scope.folded();
        // Below `/` lies everything, itself among it.
        let below = format!("{}/", itself.trim_end_matches('/'));
        let first: Arc<str> = below.as_str().into();
        let found = self.scopes.range((Bound::Included(first), Bound::Unbounded));
        let found = found.take_while(move |found| found.starts_with(&below));
        let itself = (itself != "/").then(|| self.at(itself)).flatten();
        itself.into_iter().chain(found.filter_map(|found| self.at(found)))
    }

    /// What a principal holds anywhere, in the order of the assignments' ids.
    pub fn of(&self, principal: PrincipalId) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        let first = (principal, RoleAssignmentId(uuid::Uuid::nil()));
        self.of
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |((holder, _), _)| *holder == principal)
            .map(|(_, held)| held)
    }

    /// A role.
    pub fn role(&self, id: RoleDefinitionId) -> Option<&Arc<RoleDefinition>> {
        self.roles.get(&id)
    }

    /// The role that an assignment gives; `None` where it is gone, or may not be assigned there, or
    /// not any more: whoever changes a role answers for the scopes that it is for, and no others.
    pub fn role_of(&self, assignment: &RoleAssignment) -> Option<&Arc<RoleDefinition>> {
        self.role(assignment.role).filter(|role| self.is_assignable(role, &assignment.scope))
    }

    /// Whether a role may be assigned at a scope. A tenant's root management group holds the
    /// tenant's subscriptions.
    pub fn is_assignable(&self, role: &RoleDefinition, scope: &Scope) -> bool {
        let root = || {
            let tenant = scope.subscription_id().and_then(|id| self.tenant_of(id))?;
            Some(Scope::management_group(&tenant.to_string()))
        };
        role.is_assignable_at(scope) || root().is_some_and(|root| role.is_assignable_at(&root))
    }

    /// All roles, in no order.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<RoleDefinition>> {
        self.roles.values()
    }

    /// A role assignment.
    pub fn assignment(&self, id: RoleAssignmentId) -> Option<&Arc<RoleAssignment>> {
        self.assignments.get(&id)
    }

    /// All role assignments, in no order.
    pub fn assignments(&self) -> impl Iterator<Item = &Arc<RoleAssignment>> {
        self.assignments.values()
    }

    /// A deny assignment.
    pub fn denial(&self, id: DenyAssignmentId) -> Option<&Arc<DenyAssignment>> {
        self.denials.get(&id)
    }

    /// All deny assignments, in no order.
    pub fn denials(&self) -> impl Iterator<Item = &Arc<DenyAssignment>> {
        self.denials.values()
    }

    /// Whether anything is refused anywhere.
    pub fn has_denials(&self) -> bool {
        !self.denials.is_empty()
    }

    /// The tenant that a subscription trusts.
    pub fn tenant_of(&self, subscription: SubscriptionId) -> Option<TenantId> {
        self.tenants.get(&subscription).copied()
    }

    /// Puts or takes away the tenant that a subscription trusts.
    pub fn set_tenant(&mut self, subscription: SubscriptionId, tenant: Option<TenantId>) {
        match tenant {
            Some(tenant) => self.tenants.insert(subscription, tenant),
            None => self.tenants.remove(&subscription),
        };
    }

    /// Adds a role, in place of one of the same id.
    pub fn put_role(&mut self, role: Arc<RoleDefinition>) {
        self.roles.insert(role.id, role);
    }

    /// Takes a role away.
    pub fn remove_role(&mut self, id: RoleDefinitionId) {
        self.roles.remove(&id);
    }

    /// Adds a role assignment, in place of one of the same id.
    pub fn put_assignment(&mut self, assignment: Arc<RoleAssignment>) {
        self.remove_assignment(assignment.id);
        let (principal, id) = (assignment.principal, assignment.id);
        let here = self.put_at(&assignment.scope);
        here.held.entry(principal).or_default().push(Arc::clone(&assignment));
        self.of.insert((principal, id), Arc::clone(&assignment));
        self.assignments.insert(id, assignment);
    }

    /// Takes a role assignment away.
    pub fn remove_assignment(&mut self, id: RoleAssignmentId) {
        let Some(old) = self.assignments.remove(&id) else { return };
        self.of.remove(&(old.principal, id));
        self.change_at(&old.scope, |here| remove_from(&mut here.held, &old));
    }

    /// Adds a deny assignment, in place of one of the same id.
    pub fn put_denial(&mut self, denial: Arc<DenyAssignment>) {
        self.remove_denial(denial.id);
        self.put_at(&denial.scope).denials.push(Arc::clone(&denial));
        self.denials.insert(denial.id, denial);
    }

    /// Takes a deny assignment away.
    pub fn remove_denial(&mut self, id: DenyAssignmentId) {
        let Some(old) = self.denials.remove(&id) else { return };
        self.change_at(&old.scope, |here| here.denials.retain(|denial| denial.id != id));
    }

    /// What is at a scope, to be added to.
    fn put_at(&mut self, scope: &Scope) -> &mut ScopeAssignments {
        let folded: Arc<str> = scope.folded().into();
        self.scopes.insert(Arc::clone(&folded));
        self.at.entry(folded).or_default()
    }

    /// Changes what is at a scope; where nothing is left, nothing is kept.
    fn change_at(&mut self, scope: &Scope, change: impl FnOnce(&mut ScopeAssignments)) {
        let Some(here) = self.at.get_mut(scope.folded()) else { return };
        change(here);
        if here.is_empty() {
            self.at.remove(scope.folded());
            self.scopes.remove(scope.folded());
        }
    }
}

impl AsRef<Self> for Assignments {
    fn as_ref(&self) -> &Self {
        self
    }
}

fn remove_from(
    map: &mut HashMap<PrincipalId, Vec<Arc<RoleAssignment>>>,
    assignment: &RoleAssignment,
) {
    let Some(held) = map.get_mut(&assignment.principal) else { return };
    held.retain(|other| other.id != assignment.id);
    if held.is_empty() {
        map.remove(&assignment.principal);
    }
}
