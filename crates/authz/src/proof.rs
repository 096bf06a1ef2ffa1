//! Proofs of authorisation: what `ops` demands before it does anything.
//!
//! ```text
//! Access ── authorise ──► Authorized ── admit(typed request) ──► Admitted<T>
//!               │                            │
//!             Denied                      Mismatch
//! ```
//! Neither proof can be built by hand:
//!
//! ```compile_fail,E0451
//! use strongroom_authz::{Admitted, Authorized};
//! fn forge<T>(authorized: Authorized, request: T) -> Admitted<T> {
//!     Admitted { authorized, request }
//! }
//! ```
//! ```compile_fail,E0451
//! use std::sync::Arc;
//! use strongroom_authz::Authorized;
//! use strongroom_model::{Caller, Operation, VaultResource, RoleAssignmentId};
//! fn forge(caller: Arc<Caller>, vault: Arc<VaultResource>, id: RoleAssignmentId) -> Authorized {
//!     Authorized {
//!         caller,
//!         operation: Operation::GetSecret,
//!         vault,
//!         object: None,
//!         assignment: Some(id),
//!         public_only: false,
//!     }
//! }
//! ```
//! Nor is one proof good for two requests:
//!
//! ```compile_fail,E0382
//! use strongroom_authz::{Authorized, RequestFacts, admit};
//! fn twice<T: RequestFacts>(authorized: Authorized, first: T, second: T) {
//!     let _ = admit(authorized, first);
//!     let _ = admit(authorized, second);
//! }
//! ```
//! The same lines compile when they do none of that:
//!
//! ```
//! use strongroom_authz::{Admitted, Authorized, Mismatch, RequestFacts, admit};
//! fn once<T: RequestFacts>(authorized: Authorized, request: T) -> Result<Admitted<T>, Mismatch> {
//!     admit(authorized, request)
//! }
//! ```

use std::sync::Arc;

use strongroom_model::{
    AccessPolicies, Assignments, Caller, DataAction, DenyAssignmentId, ObjectName, Operation,
    RoleAssignmentId, Scope, VaultResource,
};

use crate::access_policy;
use crate::actions::GrantedAction;
use crate::rbac::{Decision, evaluate};

/// What is asked: who wants to do what, where. All of it is known before the body is read.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// Who.
    pub caller: Arc<Caller>,
    /// What.
    pub operation: Operation,
    /// In which vault.
    pub vault: Arc<VaultResource>,
    /// The vault's own scope, `vault.scope()`, which callers keep at hand.
    pub vault_scope: &'a Scope,
    /// The vault's own access policies, `vault.policies_in_force()`, which callers keep at hand.
    pub policies: Option<&'a AccessPolicies>,
    /// On which object; `None` for what concerns the whole vault.
    pub object: Option<ObjectName>,
}

/// The proof that a caller may do an operation on an object of a vault.
#[derive(Debug)]
pub struct Authorized {
    caller: Arc<Caller>,
    operation: Operation,
    vault: Arc<VaultResource>,
    object: Option<ObjectName>,
    assignment: Option<RoleAssignmentId>,
    public_only: bool,
}

/// The rights of the control plane that let somebody do an operation on the objects of a vault:
/// they are resources, too. A secret's value is not among what they give.
fn actions_for(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::SetSecret | Operation::UpdateSecret => {
            &["Microsoft.KeyVault/vaults/secrets/write"]
        }
        Operation::GetSecrets => &["Microsoft.KeyVault/vaults/secrets/read"],
        // Whoever writes a secret is answered what is known of it.
        Operation::GetSecretVersions => {
            &["Microsoft.KeyVault/vaults/secrets/read", "Microsoft.KeyVault/vaults/secrets/write"]
        }
        Operation::CreateKey => &["Microsoft.KeyVault/vaults/keys/write"],
        Operation::GetKeyRotationPolicy => &["Microsoft.KeyVault/vaults/keys/read"],
        Operation::GetKey => {
            &["Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/versions/read"]
        }
        Operation::GetKeys => &["Microsoft.KeyVault/vaults/keys/read"],
        Operation::GetKeyVersions => &["Microsoft.KeyVault/vaults/keys/versions/read"],
        _ => &[],
    }
}

impl Authorized {
    /// The proof for an operation on an object as a resource, by a right of the control plane.
    /// `None` unless the right is one for the operation, the caller's own, and covers the object.
    pub fn by_action(
        granted: &GrantedAction,
        caller: Arc<Caller>,
        operation: Operation,
        vault: Arc<VaultResource>,
        object: Option<ObjectName>,
    ) -> Option<Self> {
        let resource = match &object {
            Some(name) => vault.scope().object(operation.kind(), name.as_str()),
            None => vault.scope(),
        };
        let sound = actions_for(operation).iter().any(|action| granted.covers(action, &resource))
            && granted.by() == Some(caller.object_id)
            && caller.tenant == vault.tenant;
        let assignment = granted.assignment();
        sound.then_some(Self { caller, operation, vault, object, assignment, public_only: false })
    }

    /// The operation.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Who does it.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The vault it is done in.
    pub fn vault(&self) -> &Arc<VaultResource> {
        &self.vault
    }

    /// The object it is done to; `None` for what concerns the whole vault.
    pub fn object(&self) -> Option<&ObjectName> {
        self.object.as_ref()
    }

    /// The role assignment that allows it; `None` where the vault's access policies do.
    pub fn assignment(&self) -> Option<RoleAssignmentId> {
        self.assignment
    }

    /// Whether it is allowed with the public half of a key alone: the caller may read the key,
    /// but has not the operation's own data action.
    pub fn is_public_only(&self) -> bool {
        self.public_only
    }

    /// The refusal, for what [`Authorized::is_public_only`] does not cover.
    pub fn refuse(&self) -> Denied {
        let scope = self.vault.scope();
        let resource = match &self.object {
            Some(name) => scope.object(self.operation.kind(), name.as_str()),
            None => scope,
        };
        Denied {
            caller: Arc::clone(&self.caller),
            operation: self.operation,
            vault: Arc::clone(&self.vault),
            resource,
            reason: Reason::NoAssignment,
        }
    }
}

/// Why an access was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody gave the caller a role that allows it here.
    #[error("no role assignment allows it: assign a role that has this data action")]
    NoAssignment,
    /// A deny assignment refuses it, whatever roles the caller holds.
    #[error("the deny assignment {0} refuses it")]
    DenyAssignment(DenyAssignmentId),
    /// No access policy of the vault is about the caller.
    #[error("no access policy of the vault is about the caller: set one")]
    NoPolicy,
    /// Access policies are about the caller, but only through an application.
    #[error("the access policy is for a person who calls through its application")]
    NotOnBehalf,
    /// Access policies are about the caller, but give no such permission.
    #[error("no access policy gives the caller this permission: set it")]
    NoPermission,
    /// The caller's tenant is not the vault's.
    #[error("the caller belongs to another tenant than the vault: sign in to the vault's tenant")]
    OtherTenant,
}

impl Reason {
    /// The code that tells the refusals of a vault apart: `innererror.code` of the answer, 403.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoPolicy => "AccessDenied",
            Self::NoPermission | Self::NotOnBehalf => "ForbiddenByPolicy",
            Self::NoAssignment | Self::DenyAssignment(_) | Self::OtherTenant => "ForbiddenByRbac",
        }
    }
}

/// A refusal, with what the answer to the client says of it. It tells nothing of the object.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} on {resource} is denied: {reason}", operation.action())]
pub struct Denied {
    /// Who asked.
    pub caller: Arc<Caller>,
    /// For what.
    pub operation: Operation,
    /// The vault; the answer shows its name and location.
    pub vault: Arc<VaultResource>,
    /// The resource id that was asked for: the object's, or the vault's.
    pub resource: Scope,
    /// Why it was refused.
    pub reason: Reason,
}

impl Denied {
    /// The data action that was lacking.
    pub fn action(&self) -> DataAction {
        self.operation.action()
    }
}

/// Decides an access; the proof, or the refusal.
///
/// # Errors
/// [`Denied`] unless a role assignment allows it, or an access policy where the vault says that
/// these decide; and always when caller and vault do not share the tenant.
pub fn authorise(
    access: Access<'_>,
    assignments: &impl AsRef<Assignments>,
) -> Result<Authorized, Denied> {
    let Access { caller, operation, vault, vault_scope, policies, object } = access;
    debug_assert_eq!(vault.scope(), *vault_scope, "the scope of another vault");
    let denied = |caller, vault, object: Option<ObjectName>, reason| {
        let resource = match &object {
            Some(name) => vault_scope.object(operation.kind(), name.as_str()),
            None => vault_scope.clone(),
        };
        Err(Denied { caller, operation, vault, resource, reason })
    };
    if caller.tenant != vault.tenant {
        return denied(caller, vault, object, Reason::OtherTenant);
    }
    if !vault.properties.rbac {
        let none = AccessPolicies::default();
        let reason = match access_policy::evaluate(&caller, operation, policies.unwrap_or(&none)) {
            access_policy::Decision::Allowed => {
                let (assignment, public_only) = (None, false);
                return Ok(Authorized {
                    caller,
                    operation,
                    vault,
                    object,
                    assignment,
                    public_only,
                });
            }
            access_policy::Decision::NoPolicy => Reason::NoPolicy,
            access_policy::Decision::NotOnBehalf => Reason::NotOnBehalf,
            access_policy::Decision::NoPermission => Reason::NoPermission,
        };
        return denied(caller, vault, object, reason);
    }
    let place = object.as_ref().map(|name| (operation.kind(), name.as_str()));
    let decided = |action| evaluate(&caller, action, vault_scope, place, assignments);
    let own = decided(operation.action());
    let public = match own {
        Decision::Denied => operation.public_action().map(decided),
        Decision::Allowed(_) | Decision::Refused(_) => None,
    };
    let public_only = public.is_some();
    match public.unwrap_or(own) {
        Decision::Allowed(id) => {
            let assignment = Some(id);
            Ok(Authorized { caller, operation, vault, object, assignment, public_only })
        }
        Decision::Refused(id) => denied(caller, vault, object, Reason::DenyAssignment(id)),
        Decision::Denied => denied(caller, vault, object, Reason::NoAssignment),
    }
}

/// What a typed request says of itself, to be held against what was authorised.
pub trait RequestFacts {
    /// The one operation that this request is for.
    const OPERATION: Operation;

    /// The object it names; `None` for what concerns the whole vault.
    fn object(&self) -> Option<&ObjectName>;
}

/// A typed request together with the proof that its caller may make it.
#[derive(Debug)]
pub struct Admitted<T> {
    authorized: Authorized,
    request: T,
}

impl<T> Admitted<T> {
    /// What was authorised.
    pub fn authorized(&self) -> &Authorized {
        &self.authorized
    }

    /// The request.
    pub fn request(&self) -> &T {
        &self.request
    }

    /// Both, apart; they cannot be put together again but by [`admit`].
    pub fn into_parts(self) -> (Authorized, T) {
        (self.authorized, self.request)
    }
}

/// A typed request that is not the one that was authorised: a mistake of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authorised was {authorised:?}, requested is {requested:?} or another object: refuse it")]
pub struct Mismatch {
    /// What was authorised.
    pub authorised: Operation,
    /// What the request is for.
    pub requested: Operation,
}

/// Joins a proof with the typed request it was given for.
///
/// # Errors
/// [`Mismatch`] when operation or object is another; names compare without regard to ASCII case.
pub fn admit<T: RequestFacts>(authorized: Authorized, request: T) -> Result<Admitted<T>, Mismatch> {
    let same_object = match (authorized.object(), request.object()) {
        (None, None) => true,
        (Some(a), Some(b)) => a.as_str().eq_ignore_ascii_case(b.as_str()),
        _ => false,
    };
    if authorized.operation == T::OPERATION && same_object {
        Ok(Admitted { authorized, request })
    } else {
        Err(Mismatch { authorised: authorized.operation, requested: T::OPERATION })
    }
}
