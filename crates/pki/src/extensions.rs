//! What a policy says of a certificate, as the certificate's extensions, and back.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_AD_CA_ISSUERS, ID_AD_OCSP};
use der::asn1::Ia5String;
use der::flagset::FlagSet;
use strongroom_model::PublicKey;
use strongroom_model::certificates::{KeyUsage, X509Properties};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    self, AccessDescription, AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsages, NameConstraints, SubjectAltName,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;

use crate::{PkiError, alternative_names, constraints};

/// The most extended key usages of a certificate.
const MAX_EXTENDED_KEY_USAGES: usize = 100;

/// Extensions as they are collected for a certificate of a subject.
pub(crate) struct Extensions<'a> {
    subject: &'a Name,
    collected: Vec<Extension>,
}

impl<'a> Extensions<'a> {
    pub(crate) fn new(subject: &'a Name) -> Self {
        Self { subject, collected: Vec::with_capacity(10) }
    }

    pub(crate) fn add<E>(&mut self, extension: E) -> Result<(), PkiError>
    where
        E: ToExtension<Error = der::Error>,
    {
        self.collected.push(extension.to_extension(self.subject, &[])?);
        Ok(())
    }

    /// Adds what was asked for.
    pub(crate) fn add_asked(&mut self, asked: &Asked) -> Result<(), PkiError> {
        self.add(&asked.basic_constraints)?;
        if let Some(usages) = asked.key_usage {
            self.add(&pkix::KeyUsage(usages))?;
        }
        if let Some(constraints) = &asked.name_constraints {
            self.add(constraints)?;
        }
        if !asked.ekus.is_empty() {
            self.add(&ExtendedKeyUsage(asked.ekus.clone()))?;
        }
        if !asked.names.is_empty() {
            self.add(&SubjectAltName(asked.names.clone()))?;
        }
        Ok(())
    }

    /// Adds where the authority's list, its responder and its certificate are.
    pub(crate) fn add_authority_urls(
        &mut self,
        crl: Option<&str>,
        ocsp: Option<&str>,
        issuer: Option<&str>,
    ) -> Result<(), PkiError> {
        if let Some(url) = crl {
            let name = DistributionPointName::FullName(vec![url_name(url)?]);
            let point = DistributionPoint {
                distribution_point: Some(name),
                reasons: None,
                crl_issuer: None,
            };
            self.add(&CrlDistributionPoints(vec![point]))?;
        }
        let mut access = Vec::new();
        for (access_method, url) in [(ID_AD_OCSP, ocsp), (ID_AD_CA_ISSUERS, issuer)] {
            if let Some(url) = url {
                let access_location = url_name(url)?;
                access.push(AccessDescription { access_method, access_location });
            }
        }
        if !access.is_empty() {
            self.add(&AuthorityInfoAccessSyntax(access))?;
        }
        Ok(())
    }

    pub(crate) fn into_vec(self) -> Vec<Extension> {
        self.collected
    }
}

/// What a policy asks of a certificate, checked, in the terms of X.509.
pub(crate) struct Asked {
    pub(crate) subject: Name,
    pub(crate) names: Vec<GeneralName>,
    pub(crate) basic_constraints: BasicConstraints,
    pub(crate) key_usage: Option<FlagSet<KeyUsages>>,
    pub(crate) ekus: Vec<ObjectIdentifier>,
    pub(crate) name_constraints: Option<NameConstraints>,
}

impl Asked {
    /// What `x509` asks for a key. Key usages that the key or the kind of certificate can not have
    /// are left out (RFC 5280, 4.2.1.3; RFC 8813, 3; RFC 4055, 1.2), so that a policy's defaults
    /// fit every key; an authority gets those that it needs.
    pub(crate) fn new(x509: &X509Properties, public: &PublicKey) -> Result<Self, PkiError> {
        let subject = crate::name::parse(&x509.subject)?;
        let names = alternative_names::encode(&x509.sans)?;
        let ca = x509.basic_constraints.ca;
        // An authority's name goes into the certificates below it: it can not be empty.
        if subject.is_empty() && (names.is_empty() || ca) {
            return Err(PkiError::Nameless);
        }
        let name_constraints = match &x509.name_constraints {
            Some(constraints) => constraints::encode(constraints, ca)?,
            None => None,
        };
        Ok(Self {
            subject,
            names,
            basic_constraints: BasicConstraints {
                ca,
                path_len_constraint: x509.basic_constraints.path_len.filter(|_| ca),
            },
            key_usage: key_usage(x509, public)?,
            ekus: extended_key_usages(&x509.ekus)?,
            name_constraints,
        })
    }
}

/// Refuses properties that no certificate can have, whatever its key: for policies, before they are
/// kept.
///
/// # Errors
/// [`PkiError::Subject`], [`PkiError::Nameless`], [`PkiError::AlternativeName`],
/// [`PkiError::TooMany`], [`PkiError::ExtendedKeyUsage`], [`PkiError::NameConstraint`].
pub fn check_properties(x509: &X509Properties) -> Result<(), PkiError> {
    let any_usage = X509Properties { key_usage: Vec::new(), ..x509.clone() };
    let any_key = PublicKey::Rsa { n: Vec::new(), e: Vec::new() };
    Asked::new(&any_usage, &any_key).map(|_| ())
}

fn key_usage(
    x509: &X509Properties,
    public: &PublicKey,
) -> Result<Option<FlagSet<KeyUsages>>, PkiError> {
    let ca = x509.basic_constraints.ca;
    let is_rsa = matches!(public, PublicKey::Rsa { .. });
    let agrees = x509.key_usage.contains(&KeyUsage::KeyAgreement) && !is_rsa;
    let fits = |usage: &KeyUsage| match usage {
        KeyUsage::KeyCertSign => ca,
        KeyUsage::KeyEncipherment | KeyUsage::DataEncipherment => is_rsa,
        KeyUsage::KeyAgreement | KeyUsage::EncipherOnly | KeyUsage::DecipherOnly => agrees,
        KeyUsage::CrlSign | KeyUsage::DigitalSignature | KeyUsage::NonRepudiation => true,
    };
    let kept = x509.key_usage.iter().copied().filter(fits).map(flag);
    let mut usages = kept.fold(FlagSet::default(), |usages, usage| usages | usage);
    if ca {
        usages |= KeyUsages::KeyCertSign | KeyUsages::CRLSign;
    }
    if usages.is_empty() && !x509.key_usage.is_empty() {
        return Err(PkiError::KeyUsage);
    }
    Ok(Some(usages).filter(|usages| !usages.is_empty()))
}

fn extended_key_usages(texts: &[String]) -> Result<Vec<ObjectIdentifier>, PkiError> {
    if texts.len() > MAX_EXTENDED_KEY_USAGES {
        let what = "extended key usages";
        return Err(PkiError::TooMany { what, max: MAX_EXTENDED_KEY_USAGES });
    }
    let mut usages = Vec::with_capacity(texts.len());
    for text in texts {
        let refused = |_| PkiError::ExtendedKeyUsage(text.chars().take(256).collect());
        let usage = ObjectIdentifier::new(text).map_err(refused)?;
        if !usages.contains(&usage) {
            usages.push(usage);
        }
    }
    Ok(usages)
}

fn url_name(url: &str) -> Result<GeneralName, PkiError> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(url)?))
}

fn flag(usage: KeyUsage) -> KeyUsages {
    match usage {
        KeyUsage::CrlSign => KeyUsages::CRLSign,
        KeyUsage::DataEncipherment => KeyUsages::DataEncipherment,
        KeyUsage::DecipherOnly => KeyUsages::DecipherOnly,
        KeyUsage::DigitalSignature => KeyUsages::DigitalSignature,
        KeyUsage::EncipherOnly => KeyUsages::EncipherOnly,
        KeyUsage::KeyAgreement => KeyUsages::KeyAgreement,
        KeyUsage::KeyCertSign => KeyUsages::KeyCertSign,
        KeyUsage::KeyEncipherment => KeyUsages::KeyEncipherment,
        KeyUsage::NonRepudiation => KeyUsages::NonRepudiation,
    }
}

/// What extensions say, in a policy's terms; subject and validity are for the caller to add.
///
/// # Errors
/// `malformed` for an extension that is known and malformed, or there twice.
pub(crate) fn properties(
    read: Reader<'_>,
    malformed: impl Fn() -> PkiError,
) -> Result<X509Properties, PkiError> {
    let basic = read.get::<BasicConstraints>().map_err(|_| malformed())?;
    let usages = read.get::<pkix::KeyUsage>().map_err(|_| malformed())?;
    let ekus = read.get::<ExtendedKeyUsage>().map_err(|_| malformed())?;
    let names = read.get::<SubjectAltName>().map_err(|_| malformed())?;
    let constraints = read.get::<NameConstraints>().map_err(|_| malformed())?;
    let all = KeyUsage::ALL.iter().copied();
    Ok(X509Properties {
        subject: String::new(),
        sans: names.as_ref().map(alternative_names::decode).unwrap_or_default(),
        ekus: ekus.map_or_else(Vec::new, |e| e.0.iter().map(ToString::to_string).collect()),
        key_usage: usages
            .map_or_else(Vec::new, |usages| all.filter(|u| usages.0.contains(flag(*u))).collect()),
        validity_months: 0,
        basic_constraints: basic.map_or_else(Default::default, |basic| {
            strongroom_model::certificates::BasicConstraints {
                ca: basic.ca,
                path_len: basic.path_len_constraint,
            }
        }),
        name_constraints: constraints.as_ref().map(constraints::decode),
    })
}

/// Reads extensions one by one.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) extensions: &'a [Extension],
}

impl<'a> Reader<'a> {
    /// The extension of a type; one that is there twice is malformed.
    pub(crate) fn get<T>(self) -> Result<Option<T>, der::Error>
    where
        T: der::Decode<'a, Error = der::Error> + const_oid::AssociatedOid,
    {
        let mut found = self.extensions.iter().filter(|extension| extension.extn_id == T::OID);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(extension), None) => T::from_der(extension.extn_value.as_bytes()).map(Some),
            (Some(_), Some(_)) => Err(der::ErrorKind::Failed.into()),
        }
    }
}
