//! Role definitions, role assignments and deny assignments.

use minicbor::{Decode, Encode};

use crate::{
    Caller, Condition, DataAction, DataActions, DenyAssignmentId, PrincipalId, RoleAssignmentId,
    RoleDefinitionId, Scope, TenantId, Timestamp,
};

/// Who made something and who changed it last, and when. Nobody is named where the service itself
/// did it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Stamps {
    /// When it was made.
    #[n(0)]
    pub created: Timestamp,
    /// Who made it.
    #[n(1)]
    pub created_by: Option<PrincipalId>,
    /// When it was changed last.
    #[n(2)]
    pub updated: Timestamp,
    /// Who changed it last.
    #[n(3)]
    pub updated_by: Option<PrincipalId>,
}

impl Stamps {
    /// Of what `by` makes now.
    pub fn made(now: Timestamp, by: Option<PrincipalId>) -> Self {
        Self { created: now, created_by: by, updated: now, updated_by: by }
    }

    /// Of the same thing after `by` has changed it.
    #[must_use]
    pub fn changed(self, now: Timestamp, by: Option<PrincipalId>) -> Self {
        Self { updated: now, updated_by: by, ..self }
    }
}

/// What a role or a deny assignment is about: patterns of actions, where `*` is any run of
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct RolePermissions {
    /// Control-plane actions.
    #[n(0)]
    pub actions: Vec<String>,
    /// Control-plane actions taken out again.
    #[n(1)]
    pub not_actions: Vec<String>,
    /// Data actions.
    #[n(2)]
    pub data_actions: Vec<String>,
    /// Data actions taken out again.
    #[n(3)]
    pub not_data_actions: Vec<String>,
}

impl RolePermissions {
    /// Whether a control-plane action is among them.
    pub fn has_action(&self, action: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|p| crate::action::matches(p, action));
        any(&self.actions) && !any(&self.not_actions)
    }

    /// The data actions among them.
    pub fn data(&self) -> DataActions {
        let union = |patterns: &[String]| {
            patterns.iter().fold(DataActions::NONE, |set, p| set.union(DataActions::matching(p)))
        };
        union(&self.data_actions).without(union(&self.not_data_actions))
    }
}

/// What a role allows.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RoleDefinition {
    /// Its id.
    #[n(0)]
    pub id: RoleDefinitionId,
    /// Its name, for people.
    #[n(1)]
    pub name: String,
    /// What it is for.
    #[n(2)]
    pub description: String,
    /// What it allows.
    #[n(3)]
    pub permissions: RolePermissions,
    /// Where it may be assigned: at these scopes and below.
    #[n(4)]
    pub assignable_scopes: Vec<Scope>,
    /// The tenant it was made in; `None`: it is built in.
    #[n(5)]
    pub tenant: Option<TenantId>,
    /// Who made and changed it.
    #[n(6)]
    pub stamps: Stamps,
    /// What must hold besides for what it allows on the control plane; built-in roles only.
    #[cbor(skip)]
    pub condition: Option<Condition>,
    /// `permissions.data()`, once.
    #[cbor(skip)]
    granted: DataActions,
}

impl RoleDefinition {
    /// A built-in role, to be assigned anywhere.
    pub fn built_in(
        id: RoleDefinitionId,
        name: impl Into<String>,
        description: impl Into<String>,
        permissions: RolePermissions,
    ) -> Self {
        Self {
            id,
            name: name.into(),
            description: description.into(),
            assignable_scopes: vec![Scope::root()],
            tenant: None,
            stamps: Stamps::default(),
            condition: None,
            granted: permissions.data(),
            permissions,
        }
    }

    /// A role of a tenant's own.
    pub fn custom(id: RoleDefinitionId, tenant: TenantId, name: impl Into<String>) -> Self {
        let role = Self::built_in(id, name, String::new(), RolePermissions::default());
        Self { tenant: Some(tenant), assignable_scopes: Vec::new(), ..role }
    }

    /// The same role with these permissions.
    #[must_use]
    pub fn with(mut self, permissions: RolePermissions) -> Self {
        self.granted = permissions.data();
        self.permissions = permissions;
        self
    }

    /// The role as it was before it was written down: what a row does not carry is made anew.
    #[must_use]
    pub fn read_back(mut self) -> Self {
        self.granted = self.permissions.data();
        self
    }

    /// Whether it is built in.
    pub fn is_built_in(&self) -> bool {
        self.tenant.is_none()
    }

    /// Whether the role allows a data action.
    pub fn allows(&self, action: DataAction) -> bool {
        self.granted.contains(action)
    }

    /// Whether the role allows a control-plane action.
    pub fn allows_action(&self, action: &str) -> bool {
        self.permissions.has_action(action)
    }

    /// Whether it may be assigned at a scope.
    pub fn is_assignable_at(&self, scope: &Scope) -> bool {
        self.assignable_scopes.iter().any(|assignable| assignable.contains(scope))
    }
}

/// What kind of principal holds a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PrincipalType {
    /// A person.
    #[n(0)]
    User,
    /// A group of principals.
    #[n(1)]
    Group,
    /// An application.
    #[n(2)]
    ServicePrincipal,
    /// A person of another tenant, through a group there.
    #[n(3)]
    ForeignGroup,
    /// A device.
    #[n(4)]
    Device,
}

impl PrincipalType {
    /// Every type.
    pub const ALL: [Self; 5] =
        [Self::User, Self::Group, Self::ServicePrincipal, Self::ForeignGroup, Self::Device];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::ForeignGroup => "ForeignGroup",
            Self::Device => "Device",
        }
    }

    /// The type of a name, in any ASCII case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
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
    /// What kind of principal, as whoever assigned it said.
    #[n(4)]
    pub principal_type: Option<PrincipalType>,
    /// What for.
    #[n(5)]
    pub description: Option<String>,
    /// What must hold besides.
    #[n(6)]
    pub condition: Option<Condition>,
    /// Who made and changed it.
    #[cbor(n(7), default)]
    pub stamps: Stamps,
}

impl RoleAssignment {
    /// An assignment without anything besides.
    pub fn new(
        id: RoleAssignmentId,
        principal: PrincipalId,
        role: RoleDefinitionId,
        scope: Scope,
    ) -> Self {
        Self {
            id,
            principal,
            role,
            scope,
            principal_type: None,
            description: None,
            condition: None,
            stamps: Stamps::default(),
        }
    }
}

/// Whom a deny assignment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DenyPrincipal {
    /// Its object id; [`DenyPrincipal::EVERYONE`] for all.
    #[n(0)]
    pub id: PrincipalId,
    /// What kind of principal it is, as the wire says: `User`, `Group`, `ServicePrincipal`, or
    /// `SystemDefined` for everyone.
    #[n(1)]
    pub kind: Option<PrincipalType>,
}

impl DenyPrincipal {
    /// Every principal.
    pub const EVERYONE: PrincipalId = PrincipalId(uuid::Uuid::nil());
}

/// Actions that are refused to principals at a scope, whatever roles they hold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DenyAssignment {
    /// Its id.
    #[n(0)]
    pub id: DenyAssignmentId,
    /// Its name, for people.
    #[n(1)]
    pub name: String,
    /// What for.
    #[n(2)]
    pub description: String,
    /// What is refused.
    #[n(3)]
    pub permissions: RolePermissions,
    /// Where.
    #[n(4)]
    pub scope: Scope,
    /// Whether it is for the scope alone, not for what lies below.
    #[n(5)]
    pub only_here: bool,
    /// Whom it is about.
    #[n(6)]
    pub principals: Vec<DenyPrincipal>,
    /// Whom it is not about, although they are among the principals.
    #[n(7)]
    pub excluded: Vec<DenyPrincipal>,
    /// What must hold besides.
    #[n(8)]
    pub condition: Option<Condition>,
    /// Who made and changed it.
    #[n(9)]
    pub stamps: Stamps,
    /// `permissions.data()`, once.
    #[cbor(skip)]
    refused: DataActions,
}

impl DenyAssignment {
    /// A deny assignment about nobody yet.
    pub fn new(id: DenyAssignmentId, name: impl Into<String>, scope: Scope) -> Self {
        Self {
            id,
            name: name.into(),
            description: String::new(),
            permissions: RolePermissions::default(),
            scope,
            only_here: false,
            principals: Vec::new(),
            excluded: Vec::new(),
            condition: None,
            stamps: Stamps::default(),
            refused: DataActions::NONE,
        }
    }

    /// The same deny assignment with these permissions.
    #[must_use]
    pub fn with(mut self, permissions: RolePermissions) -> Self {
        self.refused = permissions.data();
        self.permissions = permissions;
        self
    }

    /// As it was before it was written down: what a row does not carry is made anew.
    #[must_use]
    pub fn read_back(mut self) -> Self {
        self.refused = self.permissions.data();
        self
    }

    /// Whether it refuses a data action.
    pub fn refuses(&self, action: DataAction) -> bool {
        self.refused.contains(action)
    }

    /// Whether it refuses a control-plane action.
    pub fn refuses_action(&self, action: &str) -> bool {
        self.permissions.has_action(action)
    }

    /// Whether it is about a caller: named, or in a group that is, and not excluded so.
    pub fn is_about(&self, caller: &Caller) -> bool {
        let among = |list: &[DenyPrincipal], id| list.iter().any(|principal| principal.id == id);
        let named = among(&self.principals, DenyPrincipal::EVERYONE)
            || caller.principals().any(|id| among(&self.principals, id));
        named && !caller.principals().any(|id| among(&self.excluded, id))
    }
}
