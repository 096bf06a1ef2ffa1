//! One function per data-plane operation: where model rules, crypto and store meet.
//!
//! Every operation takes [`strongroom_authz::Admitted`], so a forgotten check does not compile.
//! A mutation is one deciding transaction with its audit record inside: committed means audited.

mod access;
mod audited;
mod backup;
mod byok;
mod charge;
mod decide;
mod error;
mod garbage;
mod heads;
pub mod identities;
mod keys;
mod lifecycle;
mod listing;
mod objects;
pub mod release;
mod request;
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
pub use backup::{BackupKey, BackupSecret, MAX_RESTORE_BYTES, RestoreKey, RestoreSecret};
pub use byok::{KeyExchangeKey, TransferBlob};
pub use error::{OpError, Unusable};
pub use keys::{
    Ciphertext, CreateKey, Decrypt, DecryptedView, Encrypt, EncryptedView, GetKey,
    GetKeyAttestation, GetKeyRotationPolicy, ImportKey, Imported, KeyRules, KeyView, KeyWork,
    NewKey, Plaintext, RotateKey, RotationPolicyView, Sign, SignatureView, UnwrapKey, UpdateKey,
    UpdateKeyRotationPolicy, Verify, WrapKey,
};
pub use lifecycle::{
    DeleteKey, DeleteSecret, DeletedKeyView, DeletedSecretView, DeletedView, GetDeletedKey,
    GetDeletedSecret, PurgeDeletedKey, PurgeDeletedSecret, RecoverDeletedKey, RecoverDeletedSecret,
};
pub use listing::{
    GetDeletedKeys, GetDeletedSecrets, GetKeyVersions, GetKeys, GetSecretVersions, GetSecrets,
    Listed, ListedKey, ListedSecret, MAX_PAGE, Page, PageRequest,
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
    secret_heads: heads::Heads<objects::Secrets>,
    key_heads: heads::Heads<objects::Keys>,
    opened_keys: keys::opened::OpenedKeys,
    uses: keys::uses::Uses,
    work: KeyWork,
}

impl<S: Store> Ops<S> {
    /// The data plane over its parts.
    pub fn new(
        store: S,
        ring: Arc<KeyRing<S>>,
        directory: Arc<DirectoryService<S>>,
        audit: Arc<Audit<S>>,
        clock: Arc<Clock<S>>,
        work: KeyWork,
    ) -> Self {
        Self {
            store,
            ring,
            directory,
            audit,
            clock,
            turns: turns::Turns::new(),
            secret_heads: heads::Heads::new(),
            key_heads: heads::Heads::new(),
            opened_keys: keys::opened::OpenedKeys::new(),
            uses: keys::uses::Uses::new(),
            work,
        }
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
