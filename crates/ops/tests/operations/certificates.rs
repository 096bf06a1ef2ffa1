//! What the tests of certificates share: requests, and what there is afterwards.

use std::sync::Arc;

use strongroom_model::certificates::{
    CertificateOperation, IssuerParametersChange, KeyPropertiesChange, LifetimeActionSent,
    PolicyChange, X509Change,
};
use strongroom_model::{AttributesChange, Curve, SignatureAlgorithm, VaultResource};
use strongroom_ops::{
    CertificateView, CreateCertificate, GetCertificate, GetCertificateOperation, GetKey, GetSecret,
    KeyView, OpError, Sign,
};
use strongroom_store::{Freshness, Snapshot, Store};

use crate::support::{Node, name};

/// A P-256 certificate for `CN=example.com` that lives a year.
pub(crate) fn policy(issuer: &str) -> PolicyChange {
    PolicyChange {
        key: Some(KeyPropertiesChange {
            key_type: Some("EC".into()),
            curve: Some(Curve::P256.name().into()),
            ..KeyPropertiesChange::default()
        }),
        x509: Some(X509Change { subject: Some("CN=example.com".into()), ..X509Change::default() }),
        issuer: Some(IssuerParametersChange {
            name: Some(issuer.into()),
            ..IssuerParametersChange::default()
        }),
        ..PolicyChange::default()
    }
}

pub(crate) fn action(action: &str, days_before_expiry: u32) -> LifetimeActionSent {
    LifetimeActionSent {
        lifetime_percentage: None,
        days_before_expiry: Some(days_before_expiry),
        action: Some(action.into()),
    }
}

pub(crate) fn create(certificate: &str, policy: Option<PolicyChange>) -> CreateCertificate {
    CreateCertificate {
        name: name(certificate),
        policy,
        attributes: AttributesChange::default(),
        tags: None,
        preserve_order: None,
    }
}

impl<S: Store> Node<S> {
    pub(crate) async fn create_certificate(
        &self,
        vault: &Arc<VaultResource>,
        certificate: &str,
        policy: Option<PolicyChange>,
    ) -> Result<CertificateOperation, OpError> {
        let request = self.admit(vault, create(certificate, policy));
        let begun = self.ops.create_certificate(request, &mut self.call()).await;
        begun.map(|view| view.operation)
    }

    pub(crate) async fn certificate(
        &self,
        vault: &Arc<VaultResource>,
        certificate: &str,
    ) -> CertificateView {
        let request = GetCertificate { name: name(certificate), version: None };
        self.ops.get_certificate(self.admit(vault, request)).await.unwrap()
    }

    pub(crate) async fn operation(
        &self,
        vault: &Arc<VaultResource>,
        certificate: &str,
    ) -> Result<CertificateOperation, OpError> {
        let request = self.admit(vault, GetCertificateOperation { name: name(certificate) });
        self.ops.get_certificate_operation(request).await.map(|view| view.operation)
    }

    pub(crate) async fn key(
        &self,
        vault: &Arc<VaultResource>,
        key: &str,
    ) -> Result<KeyView, OpError> {
        self.ops.get_key(self.admit(vault, GetKey { name: name(key), version: None })).await
    }

    /// A secret's value and content type.
    pub(crate) async fn secret(
        &self,
        vault: &Arc<VaultResource>,
        secret: &str,
    ) -> Result<(Vec<u8>, Option<String>), OpError> {
        let request = self.admit(vault, GetSecret { name: name(secret), version: None });
        let view = self.ops.get_secret(request).await?;
        Ok((view.value.unwrap().expose().to_vec(), view.record.listing.content_type))
    }

    /// Signs 32 bytes with a P-256 key.
    pub(crate) async fn sign(
        &self,
        vault: &Arc<VaultResource>,
        key: &str,
    ) -> Result<Vec<u8>, OpError> {
        let request = Sign {
            name: name(key),
            version: None,
            algorithm: SignatureAlgorithm::Es256,
            digest: vec![7; 32],
        };
        Ok(self.ops.sign(self.admit(vault, request)).await?.value)
    }

    /// The rows of everything but audit records.
    pub(crate) async fn rows(&self) -> Vec<Vec<u8>> {
        let snapshot = self.store.snapshot(Freshness::Linearizable).await.unwrap();
        let mut rows = Vec::new();
        for prefix in [b"v/".as_slice(), b"due/", b"gc/"] {
            let found = snapshot.scan(prefix, None, 10_000).await.unwrap();
            rows.extend(found.into_iter().map(|(key, _)| key.to_vec()));
        }
        rows
    }
}
