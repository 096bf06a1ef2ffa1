//! Decides whether a `Caller` may do an `Action` on a `Scope`. Pure.
//!
//! [`rbac`] decides: deny by default, a role held by the caller or one of the caller's groups at
//! a scope that contains the object's. [`proof`] turns a decision into a type: `ops` takes only
//! [`Admitted`], which nobody but this crate can build, so a forgotten check does not compile.

pub mod proof;
pub mod rbac;
pub mod roles;

pub use proof::{Access, Admitted, Authorized, Denied, Mismatch, Reason, RequestFacts};
pub use proof::{admit, authorise};
pub use rbac::{Decision, evaluate};
