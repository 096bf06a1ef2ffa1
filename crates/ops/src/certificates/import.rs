//! Taking in a certificate with its private key.

use std::sync::Arc;

use strongroom_authz::Admitted;
use strongroom_crypto::SecretBytes;
use strongroom_crypto::provider::{ImportedKey, KeyMaterial, KeyProvider};
use strongroom_model::certificates::{CertificatePolicy, PolicyChange, SecretFormat};
use strongroom_model::{AttributesChange, ObjectName, Tags, Timestamp};
use strongroom_pki::{CertificateFacts, PkiError, check_key, facts, order_chain, pem, pfx};
use strongroom_store::Store;

use super::CertificateView;
use super::complete::{self, Complete, Completion, NewVersion, other_key};
use super::pending::PendingKey;
use super::standing::{self, Standing};
use crate::objects::{Certificates, new_version};
use crate::request::about_object;
use crate::{Call, NewKey, OpError, Ops};

/// Takes in a certificate's next version with its private key.
pub struct ImportCertificate {
    /// The name.
    pub name: ObjectName,
    /// PFX in DER, or PEM text.
    pub value: SecretBytes,
    /// The password of the value.
    pub password: Option<SecretBytes>,
    /// What is said of the policy; the rest comes from the certificate.
    pub policy: Option<PolicyChange>,
    /// Attributes of the new version: only whether it is enabled counts.
    pub attributes: AttributesChange,
    /// Tags of the new version.
    pub tags: Option<Tags>,
    /// Whether the secret keeps the chain in the order in which it was sent.
    pub preserve_order: Option<bool>,
}

about_object! { ImportCertificate }

/// A certificate from outside whose key is its own.
struct Imported {
    format: SecretFormat,
    material: KeyMaterial,
    /// As it was sent.
    sent: Vec<Vec<u8>>,
    /// Leaf first.
    chain: Vec<Vec<u8>>,
    leaf: CertificateFacts,
}

impl<S: Store> Ops<S> {
    /// `POST /certificates/{name}/import`: what was sent becomes the next version, and what it
    /// says the policy.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::DeletedButRecoverable`], [`OpError::NameInUse`],
    /// [`OpError::PendingExists`], or that the service cannot.
    pub async fn import_certificate(
        &self,
        admitted: Admitted<ImportCertificate>,
        call: &mut Call,
    ) -> Result<CertificateView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let ImportCertificate { name, value, password, policy: sent, .. } = request;
        let objects = self.objects::<Certificates>(&authorized).await?;
        let before = standing::settable(&objects, &self.snapshot().await?, &name).await?;
        before.check_no_pending()?;
        let (keys, now) = (Arc::clone(&self.work.provider.keys), call.now());
        let password = password.unwrap_or_default();
        let read = move || Imported::read(&*keys, &value, &password, now);
        let imported = self.on_pool(&authorized, read).await??;
        let policy = policy_of(&imported, &sent.unwrap_or_default(), now)?;
        self.check_new(policy.key.key_type, &NewKey::default())?;
        let preserve_order = request.preserve_order.unwrap_or(false);
        let complete = Complete::new(&Completion {
            policy: &policy,
            key: &PendingKey::kept(&imported.material, policy.key.key_type.default_operations()),
            chain: &imported.chain,
            shown: if preserve_order { &imported.sent } else { &imported.chain },
            hsm_platform: self.work.provider.hsm_platform,
        })?;
        let version = new_version()?;
        let mut deciding = self.deciding(&authorized, &name).await;
        loop {
            let moment = deciding.moment().await?;
            let standing = standing::settable(&objects, &moment.snapshot, &name).await?;
            standing.check_no_pending()?;
            let new = NewVersion {
                version,
                enabled: request.attributes.enabled.unwrap_or(true),
                tags: request.tags.clone(),
                preserve_order,
                authority: None,
                policy: since(&standing, policy.clone()),
                operation: None,
                request: call.id(),
                now,
            };
            let txn = moment.txn();
            let (txn, head) = complete::put(&objects, txn, &name, &standing, &complete, &new)?;
            if deciding.commit(call, txn).await? {
                return Ok(CertificateView {
                    name: head.name,
                    record: head.current,
                    chain: imported.chain,
                    policy: new.policy,
                    has_operation: false,
                    soft_delete: moment.soft_delete(),
                });
            }
        }
    }
}

impl Imported {
    /// Reads what was sent, and checks that its parts belong together. Takes up to seconds for a
    /// file whose derivations iterate often.
    fn read(
        keys: &dyn KeyProvider,
        value: &SecretBytes,
        password: &SecretBytes,
        now: Timestamp,
    ) -> Result<Self, OpError> {
        let format = format_of(value.expose());
        let container = match format {
            SecretFormat::Pkcs12 => pfx::read(value.expose(), password)?,
            SecretFormat::Pem => pem::read(value.expose(), password)?,
        };
        let key = container.key.ok_or_else(|| no_private_key(format))?;
        let key = keys.import(&ImportedKey::Pkcs8(key));
        let material = key.map_err(|_| OpError::from(PkiError::PrivateKey))?;
        check_key(&material.public)?;
        let sent = container.certificates;
        let chain = order_chain(sent.clone(), &material.public).map_err(chain_refused)?;
        let leaf = facts(chain.first().map(Vec::as_slice).unwrap_or_default())?;
        if leaf.not_after <= now {
            // In the words of the real service.
            return Err(OpError::Invalid("X509 Certificate is already expired".into()));
        }
        Ok(Self { format, material, sent, chain, leaf })
    }
}

/// Whether a file is PEM text with certificates, or PKCS#12.
fn format_of(file: &[u8]) -> SecretFormat {
    let begins = b"-----BEGIN CERTIFICATE";
    let keys = b"PRIVATE KEY-----";
    let has = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
    match has(begins) || has(keys) {
        true => SecretFormat::Pem,
        false => SecretFormat::Pkcs12,
    }
}

fn policy_of(
    imported: &Imported,
    sent: &PolicyChange,
    now: Timestamp,
) -> Result<CertificatePolicy, OpError> {
    let (x509, public) = (imported.leaf.x509.clone(), &imported.material.public);
    Ok(CertificatePolicy::imported(sent, x509, public, imported.format, now)?)
}

/// The policy of a certificate that had one before.
fn since(standing: &Standing, policy: CertificatePolicy) -> CertificatePolicy {
    let created = standing.certificate.as_ref().map(|c| c.schedule.0.policy.created);
    CertificatePolicy { created: created.unwrap_or(policy.created), ..policy }
}

/// Why a chain is refused.
pub(super) fn chain_refused(error: PkiError) -> OpError {
    match error {
        PkiError::NoCertificateOfKey => other_key(),
        other => other.into(),
    }
}

/// In the words of the real service.
fn no_private_key(format: SecretFormat) -> OpError {
    let format = match format {
        SecretFormat::Pkcs12 => "PKCS#12",
        SecretFormat::Pem => "PEM",
    };
    OpError::Invalid(format!(
        "Private key is not specified in the specified X.509 {format} certificate content. Please \
         specify private key in the X.509 {format} certificate content."
    ))
}
