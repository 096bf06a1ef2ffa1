//! Access policies: what a vault itself says, where roles do not decide. Deny by default.

use strongroom_model::{AccessPolicies, Caller, Operation};

/// What a vault's access policies say of a caller and an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// No policy is about the caller.
    NoPolicy,
    /// Policies are about the caller, but only through their applications.
    NotOnBehalf,
    /// Policies are about the caller; none of them gives this permission.
    NoPermission,
    /// A policy allows it.
    Allowed,
}

/// Whether `caller` may do `operation`: by what the policies about the caller, and about the
/// caller's groups, give together.
pub fn evaluate(caller: &Caller, operation: Operation, policies: &AccessPolicies) -> Decision {
    caller
        .principals()
        .flat_map(|principal| policies.of(principal))
        .filter(|policy| policy.is_of_tenant(caller))
        .map(|policy| match (policy.is_called_through(caller), policy.allows(operation)) {
            (false, _) => Decision::NotOnBehalf,
            (true, false) => Decision::NoPermission,
            (true, true) => Decision::Allowed,
        })
        .max()
        .unwrap_or(Decision::NoPolicy)
}
