//! Who holds which role where, as a decision looks it up: by scope, then by principal.

use std::sync::Arc;

use imbl::HashMap;

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
    at: HashMap<String, ScopeAssignments>,
    of: HashMap<PrincipalId, Vec<Arc<RoleAssignment>>>,
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

    /// What a principal holds anywhere, in no order.
    pub fn of(&self, principal: PrincipalId) -> &[Arc<RoleAssignment>] {
        self.of.get(&principal).map_or(&[], Vec::as_slice)
    }

    /// A role.
    pub fn role(&self, id: RoleDefinitionId) -> Option<&Arc<RoleDefinition>> {
        self.roles.get(&id)
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
        let principal = assignment.principal;
        let here = self.at.entry(assignment.scope.folded().to_owned()).or_default();
        here.held.entry(principal).or_default().push(Arc::clone(&assignment));
        self.of.entry(principal).or_default().push(Arc::clone(&assignment));
        self.assignments.insert(assignment.id, assignment);
    }

    /// Takes a role assignment away.
    pub fn remove_assignment(&mut self, id: RoleAssignmentId) {
        let Some(old) = self.assignments.remove(&id) else { return };
        remove_from(&mut self.of, &old);
        self.change_at(&old.scope, |here| remove_from(&mut here.held, &old));
    }

    /// Adds a deny assignment, in place of one of the same id.
    pub fn put_denial(&mut self, denial: Arc<DenyAssignment>) {
        self.remove_denial(denial.id);
        let here = self.at.entry(denial.scope.folded().to_owned()).or_default();
        here.denials.push(Arc::clone(&denial));
        self.denials.insert(denial.id, denial);
    }

    /// Takes a deny assignment away.
    pub fn remove_denial(&mut self, id: DenyAssignmentId) {
        let Some(old) = self.denials.remove(&id) else { return };
        self.change_at(&old.scope, |here| here.denials.retain(|denial| denial.id != id));
    }

    /// Changes what is at a scope; where nothing is left, nothing is kept.
    fn change_at(&mut self, scope: &Scope, change: impl FnOnce(&mut ScopeAssignments)) {
        let Some(here) = self.at.get_mut(scope.folded()) else { return };
        change(here);
        if here.is_empty() {
            self.at.remove(scope.folded());
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
