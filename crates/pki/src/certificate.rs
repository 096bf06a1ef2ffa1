//! A certificate as it is read: the parts that the rest of the crate asks for.

use der::asn1::BitString;
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use strongroom_model::PublicKey;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use crate::extensions::Reader;
use crate::public_key::{from_spki, key_id};
use crate::signature::Signed;
use crate::{PkiError, name};

/// TBSCertificate (RFC 5280, 4.1). That of `x509-cert` can be read, but not put together.
#[derive(Sequence)]
pub(crate) struct Content {
    #[asn1(context_specific = "0", default = "Default::default")]
    pub(crate) version: x509_cert::certificate::Version,
    pub(crate) serial: SerialNumber,
    pub(crate) algorithm: AlgorithmIdentifierOwned,
    pub(crate) issuer: Name,
    pub(crate) validity: x509_cert::time::Validity,
    pub(crate) subject: Name,
    pub(crate) public: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) issuer_id: Option<BitString>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) subject_id: Option<BitString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    pub(crate) extensions: Option<Vec<Extension>>,
}

/// A certificate.
pub(crate) struct Certificate<'a> {
    pub(crate) content: Content,
    signed: Signed<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads DER.
    ///
    /// # Errors
    /// [`PkiError::Certificate`] when it is malformed.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, PkiError> {
        let signed = Signed::from_der(der).map_err(|_| PkiError::Certificate)?;
        let content = signed.content().map_err(|_| PkiError::Certificate)?;
        Ok(Self { content, signed })
    }

    /// The subject's text, for messages.
    pub(crate) fn subject(&self) -> String {
        name::text(&self.content.subject)
    }

    pub(crate) fn public(&self) -> Result<PublicKey, PkiError> {
        from_spki(&self.content.public)
    }

    /// The extension of a type.
    pub(crate) fn extension<'s, T>(&'s self) -> Result<Option<T>, PkiError>
    where
        T: der::Decode<'s, Error = der::Error> + const_oid::AssociatedOid,
    {
        self.extensions().get().map_err(|_| PkiError::Certificate)
    }

    pub(crate) fn extensions(&self) -> Reader<'_> {
        Reader { extensions: self.content.extensions.as_deref().unwrap_or_default() }
    }

    /// Whether it says that it is an authority's.
    pub(crate) fn is_authority(&self) -> Result<bool, PkiError> {
        Ok(self.extension::<BasicConstraints>()?.is_some_and(|basic| basic.ca))
    }

    /// Whether its key may be used so: without the extension, it may.
    pub(crate) fn allows(&self, usage: KeyUsages) -> Result<bool, PkiError> {
        Ok(self.extension::<KeyUsage>()?.is_none_or(|usages| usages.0.contains(usage)))
    }

    /// What names its key in the certificates that it signs.
    pub(crate) fn key_identifier(&self) -> Result<AuthorityKeyIdentifier, PkiError> {
        let key_identifier = match self.extension::<SubjectKeyIdentifier>()? {
            Some(identifier) => identifier.0,
            None => key_id(&self.content.public)?,
        };
        Ok(AuthorityKeyIdentifier {
            key_identifier: Some(key_identifier),
            ..AuthorityKeyIdentifier::default()
        })
    }

    /// Whether `issuer` is named as its issuer; the signature is another question.
    pub(crate) fn names_issuer(&self, issuer: &Certificate<'_>) -> Result<bool, PkiError> {
        if self.content.issuer != issuer.content.subject {
            return Ok(false);
        }
        let wanted = self.extension::<AuthorityKeyIdentifier>()?.and_then(|id| id.key_identifier);
        let shown = issuer.extension::<SubjectKeyIdentifier>()?.map(|id| id.0);
        Ok(match (wanted, shown) {
            (Some(wanted), Some(shown)) => wanted == shown,
            _ => true,
        })
    }

    /// Whether the holder of `signer` signed it.
    ///
    /// # Errors
    /// As [`Signed::verify`].
    pub(crate) fn is_signed_by(&self, signer: &PublicKey) -> Result<bool, PkiError> {
        if self.content.algorithm.to_der()? != self.signed.algorithm_der()? {
            return Err(PkiError::Certificate);
        }
        self.signed.verify(signer)
    }
}
