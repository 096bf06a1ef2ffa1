//! Making certificates.

use const_oid::db::rfc5912::ANY_EXTENDED_KEY_USAGE;
use spki::SubjectPublicKeyInfoOwned;
use strongroom_crypto::provider::PrivateKey;
use strongroom_crypto::random;
use strongroom_model::PublicKey;
use strongroom_model::certificates::X509Properties;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsages, NameConstraints,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use crate::certificate::{Certificate, Content};
use crate::extensions::{Asked, Extensions};
use crate::public_key::{check_key, key_id, to_spki};
use crate::validity::rfc3339;
use crate::{PkiError, Validity, constraints, signature};

/// Who certifies: a certificate and its key.
#[derive(Clone, Copy)]
pub struct AuthorityCertificate<'a> {
    /// The certificate in DER.
    pub certificate: &'a [u8],
    /// Its key.
    pub key: &'a dyn PrivateKey,
}

/// What an authority adds to a certificate.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The serial number: see [`serial_number`].
    pub serial: [u8; 16],
    /// How long it is valid.
    pub validity: Validity,
    /// Where the authority's revocation list is.
    pub crl_url: Option<String>,
    /// Where the authority answers OCSP.
    pub ocsp_url: Option<String>,
    /// Where the authority's own certificate is (DER).
    pub issuer_url: Option<String>,
}

/// A serial number: positive, 16 bytes long, of 126 random bits.
///
/// # Errors
/// [`PkiError::Crypto`] when the system gives no randomness.
pub fn serial_number() -> Result<[u8; 16], PkiError> {
    let mut serial = random::bytes::<16>()?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    Ok(serial)
}

/// A certificate (DER) that `key` signs for itself.
///
/// # Errors
/// [`PkiError::Subject`], [`PkiError::AlternativeName`] and the like for what a certificate can not
/// say; [`PkiError::WeakKey`].
pub fn self_signed(
    x509: &X509Properties,
    key: &dyn PrivateKey,
    validity: Validity,
) -> Result<Vec<u8>, PkiError> {
    check_key(key.public())?;
    let asked = Asked::new(x509, key.public())?;
    let public = to_spki(key.public())?;
    let key_identifier = Some(key_id(&public)?);
    let itself = AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() };
    // Its issuer's name is its own, and an issuer has a name (RFC 5280, 4.1.2.4).
    if asked.subject.is_empty() {
        return Err(PkiError::NamelessIssuer);
    }
    let mut extensions = Extensions::new(&asked.subject);
    extensions.add_asked(&asked)?;
    extensions.add(&SubjectKeyIdentifier(key_id(&public)?))?;
    extensions.add(&itself)?;
    let extensions = extensions.into_vec();
    let issuer = asked.subject.clone();
    let draft = Draft { issuer, subject: asked.subject, public, extensions };
    draft.sign(&serial_number()?, validity, key)
}

/// A certificate (DER) for `public`, signed by an authority. It begins no earlier than the
/// authority. An authority below inherits the name constraints and the path length that it does not
/// narrow.
///
/// # Errors
/// As [`self_signed`]; [`PkiError::NotAuthority`], [`PkiError::PathLength`],
/// [`PkiError::OutsideConstraint`], [`PkiError::OutsideUsage`] or [`PkiError::BeyondAuthority`] for
/// what the authority's own certificate does not let it certify; [`PkiError::KeyMismatch`] for a
/// key that is not the authority's.
pub fn certify(
    x509: &X509Properties,
    public: &PublicKey,
    authority: &AuthorityCertificate<'_>,
    terms: &Terms,
) -> Result<Vec<u8>, PkiError> {
    check_key(public)?;
    let issuer = authority.parse(KeyUsages::KeyCertSign)?;
    let mut asked = Asked::new(x509, public)?;
    let validity = allowed_validity(&issuer, terms.validity)?;
    restrict(&mut asked, &issuer)?;
    Draft::new(asked, public, &issuer, terms)?.sign(&terms.serial, validity, authority.key)
}

impl AuthorityCertificate<'_> {
    /// The certificate, if it is an authority's, has that key, and lets it be used so.
    pub(crate) fn parse(&self, usage: KeyUsages) -> Result<Certificate<'_>, PkiError> {
        let certificate = Certificate::parse(self.certificate)?;
        let has_name = !certificate.content.subject.is_empty();
        if !has_name || !certificate.is_authority()? || !certificate.allows(usage)? {
            return Err(PkiError::NotAuthority(certificate.subject()));
        }
        if certificate.public()? != *self.key.public() {
            return Err(PkiError::KeyMismatch);
        }
        Ok(certificate)
    }
}

/// What a certificate says beside its serial number, its life and its signature.
pub(crate) struct Draft {
    pub(crate) issuer: Name,
    pub(crate) subject: Name,
    pub(crate) public: SubjectPublicKeyInfoOwned,
    pub(crate) extensions: Vec<Extension>,
}

impl Draft {
    /// What `issuer` says of a key. Whether it may is not looked at.
    pub(crate) fn new(
        asked: Asked,
        public: &PublicKey,
        issuer: &Certificate<'_>,
        terms: &Terms,
    ) -> Result<Self, PkiError> {
        let public = to_spki(public)?;
        let mut extensions = Extensions::new(&asked.subject);
        extensions.add_asked(&asked)?;
        extensions.add(&SubjectKeyIdentifier(key_id(&public)?))?;
        extensions.add(&issuer.key_identifier()?)?;
        extensions.add_authority_urls(
            terms.crl_url.as_deref(),
            terms.ocsp_url.as_deref(),
            terms.issuer_url.as_deref(),
        )?;
        let extensions = extensions.into_vec();
        let issuer = issuer.content.subject.clone();
        Ok(Self { issuer, subject: asked.subject, public, extensions })
    }

    pub(crate) fn sign(
        self,
        serial: &[u8],
        validity: Validity,
        key: &dyn PrivateKey,
    ) -> Result<Vec<u8>, PkiError> {
        let (_, algorithm) = signature::algorithm_of(key.public())?;
        let content = Content {
            version: x509_cert::certificate::Version::V3,
            serial: SerialNumber::new(serial)?,
            algorithm,
            issuer: self.issuer,
            validity: validity.to_x509()?,
            subject: self.subject,
            public: self.public,
            issuer_id: None,
            subject_id: None,
            extensions: Some(self.extensions),
        };
        signature::sign(&content, key)
    }
}

fn allowed_validity(issuer: &Certificate<'_>, asked: Validity) -> Result<Validity, PkiError> {
    let own = Validity::of(&issuer.content.validity);
    if asked.not_after > own.not_after {
        return Err(PkiError::BeyondAuthority { end: rfc3339(own.not_after) });
    }
    let not_before = asked.not_before.max(own.not_before);
    Ok(Validity { not_before, not_after: asked.not_after })
}

/// Refuses what `issuer` may not certify, and narrows what it may to what its own certificate says.
fn restrict(asked: &mut Asked, issuer: &Certificate<'_>) -> Result<(), PkiError> {
    if let Some(constraints) = issuer.extension::<NameConstraints>()? {
        constraints::check(&constraints, &asked.subject, &asked.names)?;
        if asked.basic_constraints.ca {
            asked.name_constraints =
                constraints::narrow(&constraints, asked.name_constraints.take())?;
        }
    }
    if let Some(ExtendedKeyUsage(allowed)) = issuer.extension()? {
        let outside = asked.ekus.iter().find(|usage| !allowed.contains(usage));
        if let (false, Some(usage)) = (allowed.contains(&ANY_EXTENDED_KEY_USAGE), outside) {
            return Err(PkiError::OutsideUsage(usage.to_string()));
        }
    }
    let own = issuer.extension::<BasicConstraints>()?.and_then(|basic| basic.path_len_constraint);
    let (true, Some(own)) = (asked.basic_constraints.ca, own) else {
        return Ok(());
    };
    let longest = own.checked_sub(1).ok_or(PkiError::PathLength)?;
    let below = asked.basic_constraints.path_len_constraint.unwrap_or(longest);
    if below > longest {
        return Err(PkiError::PathLength);
    }
    asked.basic_constraints.path_len_constraint = Some(below);
    Ok(())
}
