//! One function per data-plane operation: where model rules, crypto and store meet.
//!
//! Every operation takes [`strongroom_authz::Admitted`], so a forgotten check does not compile.
//! A mutation is one deciding transaction with its audit record inside: committed means audited.

mod access;
mod audited;
mod backup;
mod error;
mod garbage;
mod heads;
pub mod identities;
mod lifecycle;
mod listing;
mod objects;
mod secrets;
pub mod setup;
mod skip_token;
mod sweeper;
mod turns;
pub mod vaults;

use std::sync::Arc;

use strongroom_audit::Audit;
use strongroom_directory::{Clock, DirectoryService};
use strongroom_seal::KeyRing;
use strongroom_store::Store;

pub use audited::Call;
pub use backup::{BackupSecret, MAX_RESTORE_BYTES, RestoreSecret};
pub use error::OpError;
pub use lifecycle::{
    DeleteSecret, DeletedSecretView, GetDeletedSecret, PurgeDeletedSecret, RecoverDeletedSecret,
};
pub use listing::{
    GetDeletedSecrets, GetSecretVersions, GetSecrets, ListedSecret, MAX_PAGE, Page, PageRequest,
};
pub use secrets::{GetSecret, RollbackSecret, SecretView, SetSecret, UpdateSecret};
pub use sweeper::Swept;

/// The data plane of one node.
pub struct Ops<S: Store> {
    store: S,
    ring: Arc<KeyRing<S>>,
    directory: Arc<DirectoryService<S>>,
    audit: Arc<Audit<S>>,
    clock: Arc<Clock<S>>,
    turns: turns::Turns,
    heads: heads::Heads,
}

impl<S: Store> Ops<S> {
    /// The data plane over its parts.
    pub fn new(
        store: S,
        ring: Arc<KeyRing<S>>,
        directory: Arc<DirectoryService<S>>,
        audit: Arc<Audit<S>>,
        clock: Arc<Clock<S>>,
    ) -> Self {
        let (turns, heads) = (turns::Turns::new(), heads::Heads::new());
        Self { store, ring, directory, audit, clock, turns, heads }
    }

    /// The directory this node reads.
    pub fn directory(&self) -> &Arc<DirectoryService<S>> {
        &self.directory
    }

    /// The audit of this node.
    pub fn audit(&self) -> &Arc<Audit<S>> {
        &self.audit
    }

    /// The installation's clock.
    pub fn clock(&self) -> &Arc<Clock<S>> {
        &self.clock
    }
}
