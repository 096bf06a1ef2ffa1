//! Tenants, subscriptions, groups, vaults, principals, assignments and trusted issuers: one
//! watched snapshot.
//!
//! Every request reads one immutable [`Directory`] without a store hop. A write answers only
//! when this node's snapshot has reached its revision, so it holds on the next request.

mod clock;
mod error;
mod principal;
pub mod row;
mod secret;
mod service;
mod snapshot;
mod token_key;

pub use clock::{Clock, system_now};
pub use error::DirectoryError;
pub use principal::{Application, Credential, Group};
pub use row::{DirectoryRow, Installation, ResourceGroup, Subscription, Tenant, TrustedIssuer};
pub use service::DirectoryService;
pub use snapshot::{Directory, Vault};
pub use token_key::TokenKey;
