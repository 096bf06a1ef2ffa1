//! From a policy to a certificate: a key, a request for it, and what the policy's issuer answers.

use std::sync::Arc;

use strongroom_model::certificates::{
    CertificatePolicy, IssuerProvider, OperationError, OperationStatus,
};
use strongroom_model::{
    Curve, KeySpec, ObjectName, PrincipalId, Timestamp, VaultId, VaultResource, Version,
};
use strongroom_pki::{Validity, certificate_request, self_signed};
use strongroom_store::{Snapshot, Store, Txn};
use strongroom_work::Charge;

use super::pending::{Pending, PendingKey};
use crate::authorities::{Certification, IssuedTo};
use crate::issuers::{self, FoundIssuer};
use crate::objects::{Certificates, Objects};
use crate::orders::{Order, not_integrated, with_named_domain};
use crate::{OpError, Ops};

/// The longest signing request: it lies in one transaction with the policy, twice.
const MAX_REQUEST_BYTES: usize = 128 * 1024;

/// A key, and what was signed with it.
pub(super) struct Requested {
    /// The key.
    pub(super) key: PendingKey,
    /// The signing request (PKCS#10, DER).
    pub(super) csr: Vec<u8>,
    /// The certificate, if the key signs for itself.
    pub(super) certificate: Option<Vec<u8>>,
}

/// Whom a certificate is made for.
#[derive(Clone, Copy)]
pub(super) struct Maker {
    /// The vault.
    pub(super) vault: VaultId,
    /// Who asked; `None` for the service itself, which yields to everybody.
    pub(super) principal: Option<PrincipalId>,
    /// When.
    pub(super) now: Timestamp,
}

/// What an issuer answers.
pub(super) enum Answer {
    /// The certificate and those above it, leaf first, and the transaction that issues it; and
    /// the authority of the vault that did.
    Issued(Txn, Vec<Vec<u8>>, Option<ObjectName>),
    /// It takes a while; the certificate is merged one day, or comes in steps.
    Waits(Txn, Option<Order>),
    /// No.
    Failed(Txn, OperationError),
}

/// A certificate about to be asked for.
pub(super) struct Asked<'a> {
    /// The certificate's name.
    pub(super) name: &'a ObjectName,
    /// The operation.
    pub(super) pending: &'a Pending,
    /// The certificate, if it is self-signed.
    pub(super) certificate: Option<&'a [u8]>,
    /// The certificate that it renews.
    pub(super) replaced: Option<&'a [u8]>,
    /// For whom.
    pub(super) maker: Maker,
}

impl<S: Store> Ops<S> {
    /// Makes the key of a version, unless it keeps one, and signs what it has to sign. `provider`
    /// is the issuer's. Call it when nothing else can refuse the request.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a policy that no certificate can follow, [`OpError::Busy`].
    pub(super) async fn request(
        &self,
        maker: Maker,
        policy: &CertificatePolicy,
        provider: Option<IssuerProvider>,
        kept: Option<PendingKey>,
    ) -> Result<Requested, OpError> {
        let Maker { vault, principal, now } = maker;
        let spec = policy.key.spec;
        let key = match kept {
            Some(kept) => kept,
            None => {
                let owner = principal.unwrap_or(PrincipalId::from_bytes([0; 16]));
                let charge = Charge { vault, principal: owner };
                let generators = &self.work.generators;
                PendingKey::new(&generators.generate(charge, &self.work.provider, spec).await?)
            }
        };
        let keys = Arc::clone(&self.work.provider.keys);
        let x509 = match provider {
            Some(IssuerProvider::Acme) => with_named_domain(&policy.x509),
            _ => policy.x509.clone(),
        };
        let signs_itself = policy.issuer.is_self();
        let job = move || {
            let private = keys.open(&key.public, &key.private())?;
            let csr = certificate_request(&x509, &*private)?;
            if csr.len() > MAX_REQUEST_BYTES {
                return Err(OpError::Invalid(format!(
                    "The certificate would say too much: its signing request is beyond the \
                     maximum of {MAX_REQUEST_BYTES} bytes."
                )));
            }
            let validity = Validity::months(now, x509.validity_months);
            let certificate = match signs_itself {
                true => Some(self_signed(&x509, &*private, validity?)?),
                false => None,
            };
            Ok(Requested { key, csr, certificate })
        };
        match spec {
            KeySpec::Ec(Curve::P256 | Curve::P256K) if principal.is_some() => job(),
            _ => self.work.pool.run(vault, job).await?,
        }
    }

    /// Asks the issuer of a policy for a certificate.
    ///
    /// # Errors
    /// [`OpError::IssuerNotFound`], or that the service cannot.
    pub(super) async fn ask(
        &self,
        vault: &VaultResource,
        objects: &Objects<Certificates>,
        snapshot: &S::Snapshot,
        txn: Txn,
        asked: &Asked<'_>,
    ) -> Result<Answer, OpError> {
        let policy = &asked.pending.policy;
        if let Some(certificate) = asked.certificate {
            return Ok(Answer::Issued(txn, vec![certificate.to_vec()], None));
        }
        if policy.issuer.is_unknown() {
            return Ok(Answer::Waits(txn, None));
        }
        let found = find_issuer(objects, snapshot, &policy.issuer.name).await?;
        let issuer = &found.row.issuer;
        match issuer.provider {
            IssuerProvider::Strongroom => {
                self.ask_authority(vault, snapshot, txn, asked, &issuer.name).await
            }
            IssuerProvider::Acme => {
                let txn = issuers::require(txn, objects.vault, &found);
                if !issuer.enabled {
                    return Ok(Answer::Failed(txn, disabled(&issuer.name)));
                }
                Ok(match self.check_order(objects.vault, issuer, &policy.x509) {
                    Ok(()) => Answer::Waits(txn, Some(Order::new(asked.replaced))),
                    Err(error) => Answer::Failed(txn, error),
                })
            }
            other => Ok(Answer::Failed(txn, not_integrated(other))),
        }
    }

    async fn ask_authority(
        &self,
        vault: &VaultResource,
        snapshot: &S::Snapshot,
        txn: Txn,
        asked: &Asked<'_>,
        issuer: &ObjectName,
    ) -> Result<Answer, OpError> {
        let Some(key) = &asked.pending.key else {
            return Err(OpError::Internal("an operation without a key".into()));
        };
        let version: Version = asked.pending.operation.version;
        let x509 = &asked.pending.policy.x509;
        let wanted = Certification {
            issuer,
            x509,
            validity: Validity::months(asked.maker.now, x509.validity_months)?,
            public: &key.public,
            to: IssuedTo::Version(asked.name.clone(), version),
            principal: asked.maker.principal,
            now: asked.maker.now,
        };
        match Box::pin(self.certify(vault, snapshot, txn.clone(), &wanted)).await {
            Ok(certified) => {
                Ok(Answer::Issued(certified.txn, certified.chain, Some(certified.authority)))
            }
            Err(OpError::Invalid(message)) => {
                Ok(Answer::Failed(txn, OperationError { code: "BadParameter".into(), message }))
            }
            Err(other) => Err(other),
        }
    }
}

/// The provider of a policy's issuer; `None` for `Self` and `Unknown`.
///
/// # Errors
/// [`OpError::IssuerNotFound`].
pub(super) async fn provider_of(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    policy: &CertificatePolicy,
) -> Result<Option<IssuerProvider>, OpError> {
    if policy.issuer.is_self() || policy.issuer.is_unknown() {
        return Ok(None);
    }
    let found = find_issuer(objects, snapshot, &policy.issuer.name).await?;
    Ok(Some(found.row.issuer.provider))
}

/// The issuer that a policy names.
///
/// # Errors
/// [`OpError::IssuerNotFound`].
pub(super) async fn find_issuer(
    objects: &Objects<Certificates>,
    snapshot: &impl Snapshot,
    name: &str,
) -> Result<FoundIssuer, OpError> {
    let name = ObjectName::parse(name)?;
    let found = issuers::find(objects, snapshot, &name).await?;
    found.ok_or_else(|| issuers::not_found(&name))
}

fn disabled(issuer: &ObjectName) -> OperationError {
    let message = format!("The issuer '{issuer}' is disabled.");
    OperationError { code: "BadParameter".into(), message }
}

/// That an operation has failed, or no longer waits.
pub(super) fn end(pending: &mut Pending, status: OperationStatus, error: Option<OperationError>) {
    (pending.operation.status, pending.operation.error) = (status, error);
    (pending.operation.status_details, pending.order) = (None, None);
}
