//! Telling a vault's contacts of its certificates.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use strongroom_directory::Vault;
use strongroom_model::certificates::{CertificateListing, Contact};
use strongroom_model::{Head, ObjectName, Timestamp, VaultName, Version};
use strongroom_store::Store;

use crate::objects::{Certificates, Objects};
use crate::{OpError, Ops, contacts};

/// What a vault's contacts are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The version nears its end.
    NearExpiry,
    /// The version has ended.
    Expired,
    /// There is a new version.
    Renewed,
    /// The next version could not be made; the text says why.
    RenewalFailed(String),
}

/// Something to be told to a vault's contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The vault.
    pub vault: VaultName,
    /// Who is told.
    pub contacts: Vec<Contact>,
    /// The certificate.
    pub certificate: ObjectName,
    /// The version.
    pub version: Version,
    /// When the version ends.
    pub expires: Option<Timestamp>,
    /// What is told of it.
    pub kind: NoticeKind,
}

/// Carries notices to contacts. A notice is handed over once, after what it tells of is durable.
pub trait Notifier: Send + Sync {
    /// Carries a notice. What fails is logged by whoever carries; nothing waits for it.
    fn notify(&self, notice: Notice) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl<S: Store> Ops<S> {
    /// The same data plane, with what carries notices to contacts.
    #[must_use]
    pub fn with_notifier(self, notifier: Arc<dyn Notifier>) -> Self {
        Self { notifier: Some(notifier), ..self }
    }

    /// Tells the vault's contacts of a certificate's current version.
    pub(super) async fn notify(
        &self,
        vault: &Vault,
        objects: &Objects<Certificates>,
        head: &Head<CertificateListing>,
        kind: NoticeKind,
    ) -> Result<(), OpError> {
        let Some(notifier) = &self.notifier else { return Ok(()) };
        let Some((contacts, _)) = contacts::find(objects, &self.snapshot().await?).await? else {
            return Ok(());
        };
        let notice = Notice {
            vault: vault.resource.name.clone(),
            contacts,
            certificate: head.name.clone(),
            version: head.current.version,
            expires: head.current.attributes.expires,
            kind,
        };
        notifier.notify(notice).await;
        Ok(())
    }
}
