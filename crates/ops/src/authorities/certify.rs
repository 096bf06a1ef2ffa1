//! Issuing a certificate from an authority of the vault.

use std::sync::Arc;

use strongroom_crypto::digest;
use strongroom_model::certificates::{IssuerProvider, X509Properties};
use strongroom_model::{
    CertificateListing, ObjectName, PrincipalId, PublicKey, Timestamp, VaultResource,
};
use strongroom_pki::{AuthorityCertificate, Terms, Validity, certify, serial_number};
use strongroom_store::{Store, Txn};

use super::ledger::{Issued, IssuedTo, Ledger, Serial};
use super::lookup::Place;
use super::{Authority, profile};
use crate::issuers::{self, FoundIssuer};
use crate::objects::{Certificates, Found, Objects};
use crate::{OpError, Ops};

/// A certificate that is asked of an authority of the vault.
pub(crate) struct Certification<'a> {
    /// The issuer, of provider `Strongroom`.
    pub(crate) issuer: &'a ObjectName,
    /// What the certificate is to say, but when it is valid.
    pub(crate) x509: &'a X509Properties,
    /// When it is to be valid.
    pub(crate) validity: Validity,
    /// Its key.
    pub(crate) public: &'a PublicKey,
    /// What it is issued to.
    pub(crate) to: IssuedTo,
    /// Who asked for it; `None` for the service itself.
    pub(crate) principal: Option<PrincipalId>,
    /// The time.
    pub(crate) now: Timestamp,
}

/// A certificate that was issued, if the transaction commits.
pub(crate) struct Certified {
    /// The transaction with the ledger's row in it. It holds only while the issuer and its
    /// authority are as they were found.
    pub(crate) txn: Txn,
    /// The certificate and those above it, leaf first, without the root: what a server sends
    /// (RFC 8446, 4.4.2).
    pub(crate) chain: Vec<Vec<u8>>,
    /// Its serial number.
    pub(crate) serial: [u8; 16],
    /// The authority's certificate.
    pub(crate) authority: ObjectName,
}

impl<S: Store> Ops<S> {
    /// Issues a certificate from an authority of the vault, and enters it in the authority's
    /// ledger within `txn`.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for whatever the issuer, its profile or its authority does not allow,
    /// [`OpError::Busy`], or that the service cannot.
    pub(crate) async fn certify(
        &self,
        vault: &VaultResource,
        snapshot: &S::Snapshot,
        txn: Txn,
        wanted: &Certification<'_>,
    ) -> Result<Certified, OpError> {
        let objects = self.certificates_of(vault.id).await?;
        let place = Place { objects: &objects, snapshot };
        let issuer = self.issuer_of(place, wanted.issuer).await?;
        let (found, authority) = self.issuing(place, &issuer, wanted.now).await?;
        refuse_itself(&authority, &wanted.to)?;
        let txn = self.require_standing(place, txn, &authority).await?;
        let validity = wanted.validity;
        profile::check(&issuer.row.issuer.profile, &authority, wanted.x509)?;
        profile::check_life(&issuer.row.issuer.profile, wanted.now, validity.not_after)?;
        let serial = serial_number()?;
        let urls =
            self.certificate_work.publication.urls(&vault.name, &authority.name, authority.version);
        let terms = Terms {
            serial,
            validity,
            crl_url: urls.crl,
            ocsp_url: urls.ocsp,
            issuer_url: urls.certificate,
        };
        let (x509, public) = (wanted.x509.clone(), wanted.public.clone());
        let work = move |signer: &AuthorityCertificate<'_>| certify(&x509, &public, signer, &terms);
        let certificate = self.with_authority(place, &authority, false, work).await?;
        let issued = Issued {
            authority: authority.version,
            issuer: issuer.row.issuer.name.clone(),
            to: wanted.to.clone(),
            principal: wanted.principal,
            issued: wanted.now,
            not_after: validity.not_after,
            digest: digest::sha256(&certificate),
        };
        let txn = issuers::require(txn, objects.vault, &issuer);
        let folded = authority.name.folded();
        let txn = objects.require_active(txn, &folded, Some(&found));
        let number = Serial::new(&serial).ok_or_else(|| OpError::Internal("a serial".into()))?;
        let txn = Ledger::of(&objects, &folded, &found.head).enter(txn, &number, &issued)?;
        let chain = std::iter::once(certificate).chain(authority.chain.iter().cloned()).collect();
        Ok(Certified { txn, chain, serial, authority: authority.name.clone() })
    }

    /// The issuer of a name, if it is enabled and an authority of the vault stands behind it.
    async fn issuer_of(
        &self,
        place: Place<'_, S>,
        name: &ObjectName,
    ) -> Result<FoundIssuer, OpError> {
        let found = issuers::find(place.objects, place.snapshot, name).await?;
        let Some(found) = found else {
            return refuse(format!("The vault has no issuer '{name}'."));
        };
        let issuer = &found.row.issuer;
        if issuer.provider != IssuerProvider::Strongroom {
            return refuse(format!("The issuer '{name}' is no authority of this vault."));
        }
        if !issuer.enabled {
            return refuse(format!("The issuer '{name}' is disabled."));
        }
        Ok(found)
    }

    /// An issuer's authority: the current version of its certificate, if that may issue now.
    async fn issuing(
        &self,
        place: Place<'_, S>,
        issuer: &FoundIssuer,
        now: Timestamp,
    ) -> Result<(Found<CertificateListing>, Arc<Authority>), OpError> {
        let name = issuers::authority_of(&issuer.row.issuer)
            .ok_or_else(|| OpError::Internal("an issuer without an authority".into()))?;
        let found = active(place.objects, place.snapshot, &name).await?;
        let version = found.head.current.version;
        let authority = self.authority(place, &found.head, version).await?;
        let Some(authority) = authority else {
            return refuse(format!(
                "The certificate '{name}' is no authority: its policy needs \
                 x509_props.basic_constraints.ca."
            ));
        };
        if !found.head.current.attributes.enabled {
            return refuse(format!("The authority's certificate '{name}' is disabled."));
        }
        if now < authority.facts.not_before {
            return refuse(format!("The authority's certificate '{name}' is not valid yet."));
        }
        if now >= authority.facts.not_after {
            return refuse(format!("The authority's certificate '{name}' has expired."));
        }
        Ok((found, authority))
    }
}

async fn active(
    objects: &Objects<Certificates>,
    snapshot: &impl strongroom_store::Snapshot,
    name: &ObjectName,
) -> Result<Found<CertificateListing>, OpError> {
    let found = objects.active(snapshot, &name.folded()).await?;
    found.ok_or_else(|| {
        OpError::Invalid(format!("The authority's certificate '{name}' is not in the vault."))
    })
}

/// An authority that issued its own successor would move away from the root that its users trust.
fn refuse_itself(authority: &Authority, to: &IssuedTo) -> Result<(), OpError> {
    match to {
        IssuedTo::Version(name, _) if name.folded() == authority.name.folded() => {
            refuse("An authority does not issue its own certificate: name another issuer.".into())
        }
        _ => Ok(()),
    }
}

fn refuse<T>(why: String) -> Result<T, OpError> {
    Err(OpError::Invalid(why))
}
