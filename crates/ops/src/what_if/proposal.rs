//! A proposed change, and the directory as it would be: a copy, of as much as decisions look at.

use std::collections::HashMap;
use std::sync::Arc;

use strongroom_directory::{Directory, Vault};
use strongroom_model::{
    Assignments, DenyAssignmentId, PrincipalId, RoleAssignment, RoleAssignmentId, RoleDefinitionId,
    Scope, Stamps, VaultName, VaultProperties, VaultResource,
};

use crate::OpError;
use crate::roles::{NewDenial, RoleError, assignment_id};
use crate::vaults::{VaultEditor, VaultRefusal, VaultSettings};

/// What is to change, all of it at once.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// Role assignments that go.
    pub removed_assignments: Vec<RoleAssignmentId>,
    /// Role assignments that are made.
    pub made_assignments: Vec<ProposedAssignment>,
    /// Deny assignments that go.
    pub removed_denials: Vec<DenyAssignmentId>,
    /// Deny assignments that are made.
    pub made_denials: Vec<NewDenial>,
    /// Vaults that change.
    pub vaults: Vec<VaultProposal>,
}

/// A role assignment to be made.
#[derive(Clone, Debug)]
pub struct ProposedAssignment {
    /// The role.
    pub role: RoleDefinitionId,
    /// Who is to hold it.
    pub principal: PrincipalId,
    /// Where.
    pub scope: Scope,
}

/// What is to change of a vault.
#[derive(Clone, Debug)]
pub struct VaultProposal {
    /// The vault.
    pub name: VaultName,
    /// Its settings; what is not said stays as it is.
    pub settings: VaultSettings,
    /// Whose access policies go.
    pub removed_policies: Vec<PrincipalId>,
}

/// As much of a directory as decisions look at, on both planes.
#[derive(Clone)]
pub(super) struct World {
    directory: Arc<Directory>,
    assignments: Assignments,
    /// The vaults that are not as the directory has them, by their folded names.
    changed: HashMap<String, Arc<Vault>>,
}

impl World {
    /// Everything as it is.
    pub(super) fn today(directory: Arc<Directory>) -> Self {
        let assignments = directory.access().clone();
        Self { directory, assignments, changed: HashMap::new() }
    }

    /// The directory, for what no proposal changes: principals and their groups.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// A vault by its scope.
    pub(super) fn vault(&self, scope: &Scope) -> Option<&Arc<Vault>> {
        let name = scope.folded().rsplit('/').next()?;
        let found = self.changed.get(name).or_else(|| self.directory.vault(name));
        found.filter(|vault| vault.scope == *scope)
    }

    /// Everything as it would be.
    pub(super) fn after(&self, proposal: &Proposal, azure_strict: bool) -> Result<Self, OpError> {
        let mut world = self.clone();
        for id in &proposal.removed_assignments {
            world.remove_assignment(*id)?;
        }
        for id in &proposal.removed_denials {
            let missing = || OpError::NoSuch(format!("The deny assignment '{id}' is not found."));
            world.assignments.denial(*id).ok_or_else(missing)?;
            world.assignments.remove_denial(*id);
        }
        for denial in &proposal.made_denials {
            let made = denial.clone().made(Stamps::default());
            let made = made.map_err(|error| OpError::Invalid(error.to_string()))?;
            world.assignments.put_denial(Arc::new(made));
        }
        for assignment in &proposal.made_assignments {
            world.assign(assignment)?;
        }
        for vault in &proposal.vaults {
            world.change_vault(vault, azure_strict)?;
        }
        Ok(world)
    }

    fn remove_assignment(&mut self, id: RoleAssignmentId) -> Result<(), OpError> {
        let missing = || OpError::NoSuch(format!("The role assignment '{id}' is not found."));
        self.assignments.assignment(id).ok_or_else(missing)?;
        self.assignments.remove_assignment(id);
        Ok(())
    }

    fn assign(&mut self, proposed: &ProposedAssignment) -> Result<(), OpError> {
        let ProposedAssignment { role, principal, scope } = proposed.clone();
        let missing = || OpError::NoSuch(format!("The role '{role}' is not found."));
        let known = self.assignments.role(role).ok_or_else(missing)?;
        if !self.assignments.is_assignable(known, &scope) {
            return Err(OpError::Invalid(RoleError::NotAssignable.to_string()));
        }
        let here = self.assignments.at(scope.folded());
        if here.is_some_and(|here| here.of(principal).iter().any(|held| held.role == role)) {
            return Err(OpError::NameTaken("The role assignment".into()));
        }
        let id = assignment_id(principal, role, &scope);
        self.assignments.put_assignment(Arc::new(RoleAssignment {
            id,
            principal,
            role,
            scope,
            principal_type: None,
            description: None,
            condition: None,
            stamps: Stamps::default(),
        }));
        Ok(())
    }

    fn change_vault(
        &mut self,
        proposed: &VaultProposal,
        azure_strict: bool,
    ) -> Result<(), OpError> {
        let VaultProposal { name, settings, removed_policies } = proposed;
        let folded = name.folded();
        let missing = || OpError::NoSuch(format!("The vault '{name}' was not found."));
        let found = self.changed.get(&folded).or_else(|| self.directory.vault(&folded));
        let vault = found.cloned().ok_or_else(missing)?;
        let by = VaultEditor::on_this_host();
        let mut resource = settings.clone().applied(&vault.resource, azure_strict, &by)?;
        for principal in removed_policies {
            resource = without_policies_of(resource, *principal)?;
        }
        self.changed.insert(folded, Arc::new(Vault::new(resource, vault.revision)));
        Ok(())
    }
}

impl AsRef<Assignments> for World {
    fn as_ref(&self) -> &Assignments {
        &self.assignments
    }
}

/// The vault without everything that its access policies give to a principal.
fn without_policies_of(
    vault: VaultResource,
    principal: PrincipalId,
) -> Result<VaultResource, OpError> {
    let kept = &vault.properties.access_policies;
    let left: Vec<_> = kept.iter().filter(|p| p.object_id != principal).cloned().collect();
    if left.len() == kept.len() {
        return Err(VaultRefusal::NoMatchingPolicy.into());
    }
    let properties = VaultProperties { access_policies: left, ..vault.properties.clone() };
    Ok(VaultResource { properties, ..vault })
}
