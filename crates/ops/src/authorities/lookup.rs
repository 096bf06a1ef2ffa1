//! Finding an authority, and bringing work to its key.

use std::sync::Arc;

use minicbor::bytes::ByteVec;
use strongroom_crypto::provider::Placement;
use strongroom_model::{
    CertificateListing, Curve, Head, ObjectName, PublicKey, SignatureAlgorithm, VaultId, Version,
    VersionRecord,
};
use strongroom_pki::ocsp::IssuerHashes;
use strongroom_pki::{AuthorityCertificate, PkiError, facts};
use strongroom_store::Store;

use super::ledger::Ledger;
use super::{Authority, Opened};
use crate::keys::opened::Access;
use crate::objects::{Certificates, Keys, Objects};
use crate::{OpError, Ops, issuers};

/// Where an authority's work is done.
pub(crate) struct Place<'a, S: Store> {
    pub(crate) objects: &'a Objects<Certificates>,
    pub(crate) snapshot: &'a S::Snapshot,
}

impl<S: Store> Clone for Place<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Store> Copy for Place<'_, S> {}

impl<S: Store> Ops<S> {
    /// The certificates of a vault, for what is not charged to it.
    pub(crate) async fn certificates_of(
        &self,
        vault: VaultId,
    ) -> Result<Objects<Certificates>, OpError> {
        Ok(Objects::new(vault, self.ring.vault(vault).await?))
    }

    /// The head of the certificate of a folded name, active or deleted.
    pub(crate) async fn authority_head(
        &self,
        place: Place<'_, S>,
        folded: &str,
    ) -> Result<Option<Head<CertificateListing>>, OpError> {
        let Place { objects, snapshot } = place;
        if let Some(opened) = self.certificate_heads.active(objects, snapshot, folded).await? {
            return Ok(Some(opened.head.clone()));
        }
        Ok(objects.deleted(snapshot, folded).await?.map(|found| found.head))
    }

    /// The head of an authority's certificate, active or deleted, by its own name or by that of an
    /// issuer. By its own name alone nobody learns of a certificate that never issued anything.
    pub(crate) async fn published_head(
        &self,
        place: Place<'_, S>,
        name: &ObjectName,
    ) -> Result<Option<Head<CertificateListing>>, OpError> {
        let Place { objects, snapshot } = place;
        let folded = name.folded();
        if let Some(head) = self.authority_head(place, &folded).await?
            && !Ledger::of(objects, &folded, &head).is_empty(snapshot).await?
        {
            return Ok(Some(head));
        }
        let found = issuers::find(objects, snapshot, name).await?;
        match found.and_then(|found| issuers::authority_of(&found.row.issuer)) {
            Some(authority) => self.authority_head(place, &authority.folded()).await,
            None => Ok(None),
        }
    }

    /// A version of a certificate as an authority; `None` if it is none.
    pub(crate) async fn authority(
        &self,
        place: Place<'_, S>,
        head: &Head<CertificateListing>,
        version: Version,
    ) -> Result<Option<Arc<Authority>>, OpError> {
        let Place { objects, snapshot } = place;
        let record = objects.version(snapshot, head, version).await?;
        let Some(record) = record.filter(|record| !record.listing.is_pending()) else {
            return Ok(None);
        };
        let key = (head.incarnation, version);
        if let Some(known) = self.authorities.opened.get(&key)
            && known.digest == record.body_digest
        {
            return Ok(known.authority);
        }
        let body = objects.body(snapshot, head, &record).await?;
        let chain: Vec<ByteVec> = minicbor::decode(body.expose())
            .map_err(|_| OpError::Internal("a certificate's chain does not decode".into()))?;
        let chain = chain.into_iter().map(Vec::from).collect();
        let authority = open(head, &record, chain)?.map(Arc::new);
        let opened = Opened { digest: record.body_digest, authority: authority.clone() };
        self.authorities.opened.insert(key, opened);
        Ok(authority)
    }

    /// Runs work that an authority signs, where signing with its key belongs; `long` work never on
    /// the request's own thread.
    pub(crate) async fn with_authority<T: Send + 'static>(
        &self,
        place: Place<'_, S>,
        authority: &Arc<Authority>,
        long: bool,
        work: impl FnOnce(&AuthorityCertificate<'_>) -> Result<T, PkiError> + Send + 'static,
    ) -> Result<T, OpError> {
        let Place { objects, snapshot } = place;
        let keys = Objects::<Keys>::new(objects.vault, Arc::clone(&objects.keys));
        let folded = authority.name.folded();
        let lost = || OpError::Internal("an authority's key is not there".into());
        let active = self.key_heads.active(&keys, snapshot, &folded).await?;
        let is_active = active.is_some();
        let head = match active {
            Some(opened) => opened.head.clone(),
            None => keys.deleted(snapshot, &folded).await?.ok_or_else(lost)?.head,
        };
        let record = keys.version(snapshot, &head, authority.version).await?.ok_or_else(lost)?;
        let access = self.access(&keys, snapshot, &head, &record).await?;
        let known = matches!(access, Access::Opened(_));
        let signer = Arc::clone(authority);
        let job = move || {
            let key = access.open()?;
            let done = work(&AuthorityCertificate { certificate: &signer.certificate, key: &*key });
            Ok::<_, OpError>((key, done))
        };
        let placement = self.work.provider.signs(algorithm(&authority.facts.public)?);
        let (key, done) = match placement {
            Some(Placement::Inline) if !long => job()?,
            _ => self.work.pool.run(objects.vault, job).await??,
        };
        // The key of a deleted authority is opened for the moment alone.
        if is_active && !known {
            self.keep_opened(&head, &record, &key);
        }
        Ok(done?)
    }
}

fn open(
    head: &Head<CertificateListing>,
    record: &VersionRecord<CertificateListing>,
    mut chain: Vec<Vec<u8>>,
) -> Result<Option<Authority>, OpError> {
    let Some(certificate) = chain.first().cloned() else { return Ok(None) };
    let damaged = |error: PkiError| OpError::Internal(format!("an authority's chain: {error}"));
    let said = facts(&certificate).map_err(damaged)?;
    if !said.is_ca {
        return Ok(None);
    }
    // Whoever trusts the root has it; that it comes along would add nothing.
    while let Some(last) = chain.last() {
        let last = facts(last).map_err(damaged)?;
        if last.subject != last.issuer {
            break;
        }
        chain.pop();
    }
    let hashes = IssuerHashes::of(&certificate).map_err(damaged)?;
    Ok(Some(Authority {
        name: head.name.clone(),
        incarnation: head.incarnation,
        version: record.version,
        issued_by: record.listing.authority.clone(),
        certificate,
        chain,
        facts: said,
        hashes,
    }))
}

/// How a key signs certificates, which says where that is done.
fn algorithm(public: &PublicKey) -> Result<SignatureAlgorithm, OpError> {
    Ok(match public {
        PublicKey::Rsa { .. } => SignatureAlgorithm::Rs256,
        PublicKey::Ec { curve: Curve::P256, .. } => SignatureAlgorithm::Es256,
        PublicKey::Ec { curve: Curve::P384, .. } => SignatureAlgorithm::Es384,
        PublicKey::Ec { curve: Curve::P521, .. } => SignatureAlgorithm::Es512,
        PublicKey::Ec { curve: Curve::P256K, .. } => SignatureAlgorithm::Es256k,
        _ => return Err(OpError::Invalid("The authority's key signs no certificates.".into())),
    })
}
