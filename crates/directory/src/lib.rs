//! Tenants, subscriptions, groups, vaults, principals, assignments and trusted issuers: one
//! watched snapshot.
//!
//! Every request reads one immutable [`Directory`] without a store hop. A write answers only
//! when this node's snapshot has reached its revision, so it holds on the next request.

mod clock;
mod error;
mod lock;
mod principal;
pub mod row;
mod secret;
mod service;
mod snapshot;
mod token_key;
mod vaults;

pub use clock::{Clock, system_now};
pub use error::DirectoryError;
pub use lock::{Lock, LockLevel, Locks, lock_id};
pub use principal::{Application, Credential, Group, User};
pub use row::{DirectoryRow, Installation, ResourceGroup, Subscription, Tenant, TrustedIssuer};
pub use service::DirectoryService;
pub use snapshot::Directory;
pub use token_key::TokenKey;
pub use vaults::{Deleted, Vault};
