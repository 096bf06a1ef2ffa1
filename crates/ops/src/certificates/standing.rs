//! What stands at a certificate's name: read at one moment, and required by whatever is decided
//! on it.

use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::KeyMaterial;
use strongroom_model::certificates::{CertificateListing, CertificatePolicy, SecretFormat};
use strongroom_model::{Head, Kind, ObjectName};
use strongroom_pki::{facts, pem, pfx};
use strongroom_store::{Revision, Snapshot};

use super::companions::{self, Companions};
use super::complete;
use super::pending::{self, Pending, PendingKey};
use super::schedule::{self, Schedule, no_policy};
use crate::OpError;
use crate::objects::{Certificates, Found, Keys, Objects, Secrets};

/// A certificate as it was found.
pub(crate) struct Certificate {
    /// Its head.
    pub(crate) found: Found<CertificateListing>,
    /// Its policy.
    pub(crate) schedule: (Schedule, Revision),
    /// The operation that makes its next version, or made this one.
    pub(crate) pending: Option<(Pending, Revision)>,
}

impl Certificate {
    /// The operation, if its version is still to come.
    pub(crate) fn in_progress(&self) -> Option<&Pending> {
        self.pending.as_ref().map(|(pending, _)| pending).filter(|p| p.is_in_progress())
    }
}

/// A name at which a certificate stands, or may come to stand.
pub(crate) struct Standing {
    /// The certificate, if there is one.
    pub(crate) certificate: Option<Certificate>,
    /// Its key and secret.
    pub(crate) companions: Companions,
}

/// The active certificate of a name.
///
/// # Errors
/// [`OpError::NotFound`].
pub(crate) async fn certificate(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Certificate, OpError> {
    let found = objects.active(snapshot, &name.folded()).await?;
    let found = found.ok_or_else(|| OpError::no_version(Kind::Certificate, name, None))?;
    of(objects, snapshot, found).await
}

/// A certificate whose head was found.
pub(crate) async fn of(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    found: Found<CertificateListing>,
) -> Result<Certificate, OpError> {
    let schedule = schedule::of(objects, snapshot, &found.head).await?.ok_or_else(no_policy)?;
    let pending = pending::of(objects, snapshot, &found.head).await?;
    Ok(Certificate { found, schedule, pending })
}

/// What stands at a name that is to get a certificate's next version.
///
/// # Errors
/// [`OpError::DeletedButRecoverable`], [`OpError::NameInUse`].
pub(crate) async fn settable(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &ObjectName,
) -> Result<Standing, OpError> {
    let certificate = match objects.settable(snapshot, name).await? {
        Some(found) => Some(of(objects, snapshot, found).await?),
        None => None,
    };
    Ok(Standing { certificate, companions: companions::settable(objects, snapshot, name).await? })
}

impl Standing {
    /// Refuses what would begin while a version is still to come.
    ///
    /// # Errors
    /// [`OpError::PendingExists`].
    pub(crate) fn check_no_pending(&self) -> Result<(), OpError> {
        match self.certificate.as_ref().and_then(Certificate::in_progress) {
            Some(_) => Err(OpError::PendingExists),
            None => Ok(()),
        }
    }

    /// The current version's key, if the next version is to keep it and it is what is wanted. What
    /// was made to stay here stays: no later policy makes the same key one that may leave. Nor does
    /// a key that signs whatever it is handed become an authority's, or the other way round.
    pub(crate) async fn kept_key(
        &self,
        objects: &Objects<Certificates>,
        snapshot: &impl Snapshot,
        policy: &CertificatePolicy,
    ) -> Result<Option<PendingKey>, OpError> {
        let wanted = &policy.key;
        let key = self.companions.key.as_ref().filter(|_| wanted.reuse_key);
        let (Some(key), Some(certificate)) = (key, &self.certificate) else { return Ok(None) };
        let head = &certificate.found.head;
        if is_authority(objects, snapshot, head).await? != policy.x509.basic_constraints.ca {
            return Ok(None);
        }
        let current = &key.head.current;
        if current.listing.public.spec() != wanted.spec {
            return Ok(None);
        }
        if wanted.exportable && !self.has_left(objects, snapshot).await? {
            return Ok(None);
        }
        let private = objects.of::<Keys>().body(snapshot, &key.head, current).await?;
        let material = KeyMaterial { public: current.listing.public.clone(), private };
        Ok(Some(PendingKey::kept(&material, &current.listing.key_ops)))
    }

    /// Whether the current version's secret holds its private key.
    async fn has_left(
        &self,
        objects: &Objects<Certificates>,
        snapshot: &impl Snapshot,
    ) -> Result<bool, OpError> {
        let Some(secret) = &self.companions.secret else { return Ok(false) };
        let (head, current) = (&secret.head, &secret.head.current);
        let value = objects.of::<Secrets>().body(snapshot, head, current).await?;
        let is_pem =
            current.listing.content_type.as_deref() == Some(SecretFormat::Pem.content_type());
        let none = SecretBytes::default();
        let container = match is_pem {
            true => pem::read(value.expose(), &none)?,
            false => pfx::read(value.expose(), &none)?,
        };
        Ok(container.key.is_some())
    }
}

/// Whether the current version of a certificate is an authority.
async fn is_authority(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    head: &Head<CertificateListing>,
) -> Result<bool, OpError> {
    if head.current.listing.is_pending() {
        return Ok(false);
    }
    let chain = complete::decode(objects.body(snapshot, head, &head.current).await?.expose())?;
    Ok(facts(chain.first().map(Vec::as_slice).unwrap_or_default())?.is_ca)
}
