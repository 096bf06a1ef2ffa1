//! Microsoft Graph, as much as Key Vault's tools ask.
//!
//! [`router`] serves `graph.<base>`: who a principal is, and which groups it belongs to. It reads
//! the directory, never the store, and changes nothing: principals are made on the host.

mod filter;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod member;
mod object;
mod path;
mod problem;
mod query;
mod request;
mod router;

pub use router::router;

use std::sync::Arc;

use strongroom_audit::Audit;
use strongroom_authn::{Authenticator, CurrentDirectory};
use strongroom_directory::Clock;
use strongroom_model::Endpoints;
use strongroom_store::Store;

/// Microsoft Graph and what it stands on; each part is the caller's.
pub struct GraphService<S: Store> {
    /// The URLs that answers name.
    pub endpoints: Endpoints,
    /// Gives the directory as it stands now.
    pub directory: CurrentDirectory,
    /// Verifies tokens for [`strongroom_authn::Resource::Graph`].
    pub authenticator: Arc<Authenticator>,
    /// Where every request is recorded, before it is answered.
    pub audit: Arc<Audit<S>>,
    /// The installation's clock.
    pub clock: Arc<Clock<S>>,
}
