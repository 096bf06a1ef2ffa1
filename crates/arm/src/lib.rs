//! The control plane: Azure Resource Manager.
//!
//! [`router`] serves `management.<base>` in the shapes of Azure Resource Manager: subscriptions,
//! resource groups, providers, locks and tags here, vaults in [`vaults`], roles and assignments in
//! [`authorization`]. Ids compare without regard to ASCII case, and an authorisation may be asked
//! for at any scope, so paths are taken apart by [`Target`] and not by axum.

mod activity_log;
mod api_version;
pub mod authorization;
mod body;
mod filter;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod groups;
mod headers;
mod locations;
pub mod locks;
mod metadata;
mod operations;
mod page;
mod problem;
mod providers;
mod query;
mod reply;
mod request;
mod resources;
mod router;
mod subscriptions;
pub mod tags;
mod target;
mod throttling;
pub mod vaults;

use std::sync::Arc;

pub use operations::Operation;
pub use page::Window;
pub use problem::Problem;
pub use query::Query;
pub use reply::Reply;
pub use request::ArmRequest;
pub use router::router;
pub use target::Target;
pub use throttling::{Throttle, Throttling};

use strongroom_authn::Authenticator;
use strongroom_model::{Endpoints, PrincipalId};
use strongroom_ops::Ops;
use strongroom_store::Store;

/// The control plane and what it stands on.
pub struct ArmService<S: Store> {
    /// Where changes are made.
    pub ops: Arc<Ops<S>>,
    /// Verifies tokens for the management resource.
    pub authenticator: Arc<Authenticator>,
    /// The installation's URLs.
    pub endpoints: Endpoints,
    /// Who may take access to everything of their tenant (`elevateAccess`): object ids.
    pub owners: Vec<PrincipalId>,
    /// How many requests principals may send.
    pub throttle: Throttle,
}
