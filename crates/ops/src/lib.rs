//! One function per data-plane operation: where model rules, crypto and store meet.
//!
//! Every operation takes [`strongroom_authz::Admitted`], so a forgotten check does not compile.
//! A mutation is one deciding transaction with its audit record inside: committed means audited.

mod access;
mod acme;
mod audited;
mod authorities;
mod backup;
mod byok;
mod certificates;
mod charge;
mod contacts;
mod decide;
mod error;
pub mod explain;
mod garbage;
mod heads;
pub mod identities;
mod issuers;
mod keys;
mod lifecycle;
mod listing;
mod objects;
mod orders;
pub mod principals;
pub mod release;
mod request;
pub mod resources;
pub mod roles;
mod secrets;
pub mod setup;
mod skip_token;
mod sweeper;
mod turns;
pub mod vaults;
pub mod what_if;

use std::sync::Arc;

use strongroom_audit::Audit;
use strongroom_directory::{Clock, DirectoryService};
use strongroom_model::PrincipalId;
use strongroom_seal::KeyRing;
use strongroom_store::Store;

pub use acme::{
    AcmeAccount, AcmeAccountStatus, AcmeAuthorization, AcmeAuthorizationStatus, AcmeBinding,
    AcmeChallenge, AcmeError, AcmeErrorKind, AcmeId, AcmeOrder, AcmeOrderStatus, AcmeRefusal,
    AnswerAcmeChallenge, BoundPrincipal, ChangeAcmeKey, CreateAcmeBinding,
    DeactivateAcmeAuthorization, FinalizeAcmeOrder, GetAcmeCertificate, GetAcmeOrder,
    GetAcmeOrders, Identifier, MAX_IDENTIFIERS, NewAcmeAccount, NewAcmeOrder, NotAnAcmeId,
    OfferedBinding, RevokeAcmeCertificate, RevokeByCertificateKey, UpdateAcmeAccount,
    ValidationTask,
};
pub use audited::Call;
pub use authorities::{
    CertificateWork, MAX_OCSP_BYTES, Publication, Published, RevokeCertificate,
    RevokeIssuedCertificate, Revoked,
};
pub use backup::{
    BackupCertificate, BackupKey, BackupSecret, MAX_RESTORE_BYTES, RestoreCertificate, RestoreKey,
    RestoreSecret,
};
pub use byok::{KeyExchangeKey, TransferBlob};
pub use certificates::{
    CertificateView, CreateCertificate, DeleteCertificateOperation, DeletedCertificateView,
    GetCertificate, GetCertificateOperation, GetCertificatePolicy, ImportCertificate,
    MergeCertificate, Notice, NoticeKind, Notifier, OperationView, PolicyView, UpdateCertificate,
    UpdateCertificateOperation, UpdateCertificatePolicy,
};
pub use contacts::{DeleteCertificateContacts, GetCertificateContacts, SetCertificateContacts};
pub use error::{OpError, Unusable};
pub use issuers::{
    DeleteCertificateIssuer, GetCertificateIssuer, GetCertificateIssuers, SetCertificateIssuer,
    UpdateCertificateIssuer,
};
pub use keys::{
    Ciphertext, CreateFirstKey, CreateKey, Decrypt, DecryptedView, Encrypt, EncryptedView, GetKey,
    GetKeyAttestation, GetKeyRotationPolicy, ImportKey, Imported, KeyRules, KeyView, KeyWork,
    NewKey, Plaintext, RotateKey, RotationPolicyView, Sign, SignatureView, UnwrapKey, UpdateKey,
    UpdateKeyRotationPolicy, Verify, WrapKey,
};
pub use lifecycle::{
    DeleteCertificate, DeleteKey, DeleteSecret, DeletedKeyView, DeletedSecretView, DeletedView,
    GetDeletedCertificate, GetDeletedKey, GetDeletedSecret, PurgeDeletedCertificate,
    PurgeDeletedKey, PurgeDeletedSecret, RecoverDeletedCertificate, RecoverDeletedKey,
    RecoverDeletedSecret,
};
pub use listing::{
    GetCertificateVersions, GetCertificates, GetDeletedCertificates, GetDeletedKeys,
    GetDeletedSecrets, GetKeyVersions, GetKeys, GetSecretVersions, GetSecrets, Listed,
    ListedCertificate, ListedKey, ListedSecret, MAX_PAGE, Page, PageRequest,
};
pub use secrets::{
    GetSecret, GetSecretProperties, RollbackSecret, SecretView, SetSecret, UpdateSecret,
};
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
    certificate_heads: heads::Heads<objects::Certificates>,
    authorities: authorities::Authorities,
    certificate_work: CertificateWork,
    notifier: Option<Arc<dyn Notifier>>,
    opened_keys: keys::opened::OpenedKeys,
    uses: keys::uses::Uses,
    work: KeyWork,
    orders: orders::Steps,
    azure_strict: bool,
    trusted_services: Vec<PrincipalId>,
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
            certificate_heads: heads::Heads::new(),
            authorities: authorities::Authorities::new(),
            certificate_work: CertificateWork::default(),
            notifier: None,
            opened_keys: keys::opened::OpenedKeys::new(),
            uses: keys::uses::Uses::new(),
            work,
            orders: orders::Steps::default(),
            azure_strict: false,
            trusted_services: Vec::new(),
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
