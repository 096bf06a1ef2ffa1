//! Certificates: made by a policy, taken in, read and updated. A version's key and secret are
//! objects of the same name and version, and change in the same transaction.

mod backup;
pub(crate) mod companions;
mod complete;
mod convert;
mod create;
mod import;
mod issue;
mod merge;
mod notice;
mod operation;
pub(crate) mod pending;
mod policy;
mod read;
pub(crate) mod renewal;
pub(crate) mod schedule;
mod standing;
mod steps;
mod update;

use strongroom_model::certificates::{CertificateListing, CertificatePolicy};
use strongroom_model::{ObjectName, SoftDelete, Timestamp, VersionRecord};

pub use create::CreateCertificate;
pub use import::ImportCertificate;
pub use merge::MergeCertificate;
pub use notice::{Notice, NoticeKind, Notifier};
pub use operation::{
    DeleteCertificateOperation, GetCertificateOperation, OperationView, UpdateCertificateOperation,
};
pub use policy::{GetCertificatePolicy, PolicyView, UpdateCertificatePolicy};
pub use read::GetCertificate;
pub use update::UpdateCertificate;

/// A certificate's version as an answer shows it.
pub struct CertificateView {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<CertificateListing>,
    /// The certificate and who signed it, in DER, leaf first; empty while the first version is
    /// still being made.
    pub chain: Vec<Vec<u8>>,
    /// The certificate's policy.
    pub policy: CertificatePolicy,
    /// Whether there is an operation to ask for: `pending` on the wire.
    pub has_operation: bool,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// A deleted certificate as an answer shows it.
pub struct DeletedCertificateView {
    /// Its current version.
    pub certificate: CertificateView,
    /// When it was deleted.
    pub deleted: Timestamp,
    /// When it will be purged.
    pub scheduled_purge: Timestamp,
}
