//! Role definitions and role assignments.

use std::sync::Arc;

use minicbor::{Decode, Encode};

use crate::{DataAction, DataActions, PrincipalId, RoleAssignmentId, RoleDefinitionId, Scope};

/// What a role allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDefinition {
    /// Its id.
    pub id: RoleDefinitionId,
    /// Its name, for people.
    pub name: String,
    /// Control-plane actions allowed, as patterns.
    pub actions: Vec<String>,
    /// Control-plane actions taken out again, as patterns.
    pub not_actions: Vec<String>,
    /// Data actions allowed, as patterns.
    pub data_actions: Vec<String>,
    /// Data actions taken out again, as patterns.
    pub not_data_actions: Vec<String>,
    granted: DataActions,
}

impl RoleDefinition {
    /// A definition; the data patterns are resolved once, here.
    pub fn new(
        id: RoleDefinitionId,
        name: impl Into<String>,
        actions: [Vec<String>; 2],
        data_actions: [Vec<String>; 2],
    ) -> Self {
        let union = |patterns: &[String]| {
            patterns.iter().fold(DataActions::NONE, |set, p| set.union(DataActions::matching(p)))
        };
        let granted = union(&data_actions[0]).without(union(&data_actions[1]));
        let [actions, not_actions] = actions;
        let [data_actions, not_data_actions] = data_actions;
        let name = name.into();
        Self { id, name, actions, not_actions, data_actions, not_data_actions, granted }
    }

    /// Whether the role allows `action`.
    pub fn allows(&self, action: DataAction) -> bool {
        self.granted.contains(action)
    }
}

/// A role given to a principal at a scope.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoleAssignment {
    /// Its id.
    #[n(0)]
    pub id: RoleAssignmentId,
    /// Who holds the role: a user, service principal or group.
    #[n(1)]
    pub principal: PrincipalId,
    /// The role.
    #[n(2)]
    pub role: RoleDefinitionId,
    /// Where.
    #[n(3)]
    pub scope: Scope,
}

/// Where an evaluator finds who holds which role.
pub trait Assignments {
    /// The assignments of one principal, in no order.
    fn of(&self, principal: PrincipalId) -> &[Arc<RoleAssignment>];

    /// A role definition.
    fn role(&self, id: RoleDefinitionId) -> Option<&RoleDefinition>;
}
