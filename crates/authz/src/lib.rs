//! Decides whether a `Caller` may do an `Action` on a `Scope`. Pure.
//!
//! [`rbac`] decides: deny by default, a role held by the caller or one of the caller's groups at
//! a scope that contains the object's; or [`access_policy`], where a vault says so. Before either,
//! [`network`] decides whether the request comes in at all. [`proof`] turns a decision into a
//! type: `ops` takes only
//! [`Admitted`], which nobody but this crate can build, so a forgotten check does not compile.

pub mod access_policy;
pub mod actions;
pub mod condition;
pub mod network;
pub mod proof;
pub mod rbac;
pub mod roles;

pub use actions::{
    DeniedAction, GrantedAction, permitted, permitted_to_assign, permitted_to_elevate,
    permitted_to_unassign,
};
pub use condition::AssignmentFacts;
pub use network::NetworkRefusal;
pub use proof::{Access, Admitted, Authorized, Denied, Mismatch, Reason, RequestFacts};
pub use proof::{admit, authorise};
pub use rbac::{Decision, evaluate};
