//! The installation's root certificate authority.

use std::str::FromStr as _;
use std::time::Duration;

use const_oid::db::rfc5280::ID_KP_SERVER_AUTH;
use der::asn1::{Ia5String, OctetString};
use der::{DateTime, Decode as _, Encode as _};
use rustls_pki_types::CertificateDer;
use strongroom_crypto::sign::{EcSigningKey, RsaPublicComponents};
use strongroom_crypto::{SecretBytes, digest, random};
use strongroom_model::Timestamp;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    NameConstraints, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::PkiError;
use crate::public_key::rsa_spki;
use crate::signer::{CertificateSigner, DerSignature, PublicPoint};

/// The most days a server certificate lives.
pub const MAX_SERVER_DAYS: u32 = 90;

const AUTHORITY_DAYS: u32 = 3652;

/// Certificates begin a little before they are made, for clients whose clock is behind.
const BACKDATE_SECONDS: i64 = 600;

/// A root that may certify server names below one base domain, and nothing else.
pub struct Authority {
    certificate: Certificate,
    der: CertificateDer<'static>,
    base: String,
    key: EcSigningKey,
}

/// A server's certificate and key.
pub struct ServerCertificate {
    /// The leaf alone: clients have the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key in PKCS#8.
    pub key: SecretBytes,
    /// When it ends; renew it well before.
    pub not_after: Timestamp,
}

/// A certificate for a key that somebody else keeps.
pub struct SignerCertificate {
    /// The leaf and the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// When it ends; renew it well before.
    pub not_after: Timestamp,
}

impl Authority {
    /// Makes a root for `base_domain` that lives ten years from `now`.
    ///
    /// Its name carries 32 random bits: clients that trust two installations tell them apart.
    ///
    /// # Errors
    /// [`PkiError::Name`] for a base that is no domain name.
    pub fn create(base_domain: &str, now: Timestamp) -> Result<Self, PkiError> {
        let base = base_domain.to_ascii_lowercase();
        check_name(&base)?;
        let key = EcSigningKey::generate()?;
        let tag = u32::from_be_bytes(random::bytes()?);
        let name = name(&format!("CN=Strongroom root {tag:08x}"))?;
        let public = public_point(&key).to_spki()?;
        let key_id = key_id(&public)?;
        let constraints = NameConstraints {
            permitted_subtrees: Some(vec![subtree(GeneralName::DnsName(Ia5String::new(&base)?))]),
            // A constraint on DNS names leaves addresses free: forbid them all (IPv4, IPv6).
            excluded_subtrees: Some(vec![
                subtree(GeneralName::IpAddress(OctetString::new([0; 8])?)),
                subtree(GeneralName::IpAddress(OctetString::new([0; 32])?)),
            ]),
        };
        let mut root = Profile::new(name.clone(), name);
        root.add(&BasicConstraints { ca: true, path_len_constraint: Some(0) })?;
        root.add(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?;
        root.add(&constraints)?;
        root.add(&SubjectKeyIdentifier(key_id))?;
        let validity = validity(now, now.plus_days(AUTHORITY_DAYS))?;
        let certificate = sign(root, validity, public, &key)?;
        Self::assemble(certificate, key)
    }

    /// Takes up a root that was made before.
    ///
    /// # Errors
    /// [`PkiError::Certificate`] or [`PkiError::Crypto`] for malformed parts,
    /// [`PkiError::KeyMismatch`] when they do not belong together.
    pub fn from_parts(certificate: &[u8], key_pkcs8: &SecretBytes) -> Result<Self, PkiError> {
        let certificate = Certificate::from_der(certificate).map_err(|_| PkiError::Certificate)?;
        Self::assemble(certificate, EcSigningKey::from_pkcs8(key_pkcs8)?)
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate in PEM, for the clients' trust stores.
    pub fn certificate_pem(&self) -> String {
        let pem = pem::Pem::new("CERTIFICATE", self.der.as_ref());
        pem::encode_config(&pem, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
    }

    /// The private key in PKCS#8, to be sealed.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] when the library refuses.
    pub fn key_pkcs8(&self) -> Result<SecretBytes, PkiError> {
        Ok(self.key.to_pkcs8()?)
    }

    /// The domain below which it may certify names.
    pub fn base_domain(&self) -> &str {
        &self.base
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        not_after(&self.certificate)
    }

    /// Issues a certificate for exactly `dns_names` (a first label `*` stands for any one label),
    /// with a new key, for `days` days from `now`.
    ///
    /// # Errors
    /// [`PkiError::Name`] or [`PkiError::OutsideBase`] for names it may not certify,
    /// [`PkiError::Validity`] beyond [`MAX_SERVER_DAYS`] or its own end.
    pub fn issue_server(
        &self,
        dns_names: &[String],
        now: Timestamp,
        days: u32,
    ) -> Result<ServerCertificate, PkiError> {
        let (names, end) = self.check_issue(dns_names, now, days)?;
        self.issue(names, now, end)
    }

    /// Certifies an RSA key that signs released keys for exactly `dns_names`, for `days` days from
    /// `now`. Clients verify it as they verify a server's certificate, so it is one.
    ///
    /// # Errors
    /// As [`Authority::issue_server`].
    pub fn issue_signer(
        &self,
        dns_names: &[String],
        key: &RsaPublicComponents,
        now: Timestamp,
        days: u32,
    ) -> Result<SignerCertificate, PkiError> {
        let (names, end) = self.check_issue(dns_names, now, days)?;
        let leaf = self.leaf(names, "CN=Strongroom key release", rsa_spki(key)?, now, end)?;
        Ok(SignerCertificate {
            not_after: not_after(&leaf),
            chain: vec![CertificateDer::from(leaf.to_der()?), self.der.clone()],
        })
    }

    /// The names and the end of a certificate, if it may be issued.
    fn check_issue(
        &self,
        dns_names: &[String],
        now: Timestamp,
        days: u32,
    ) -> Result<(Vec<GeneralName>, Timestamp), PkiError> {
        if dns_names.is_empty() {
            return Err(PkiError::Name(String::new()));
        }
        for name in dns_names {
            check_name(name.strip_prefix("*.").unwrap_or(name))?;
            if !below(name, &self.base) {
                let (name, base) = (name.clone(), self.base.clone());
                return Err(PkiError::OutsideBase { name, base });
            }
        }
        let end = now.plus_days(days);
        if !(1..=MAX_SERVER_DAYS).contains(&days) || end > self.not_after() {
            return Err(PkiError::Validity { days, max: MAX_SERVER_DAYS });
        }
        let names = dns_names.iter().map(|n| Ia5String::new(n).map(GeneralName::DnsName));
        Ok((names.collect::<der::Result<_>>()?, end))
    }

    fn issue(
        &self,
        names: Vec<GeneralName>,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<ServerCertificate, PkiError> {
        let key = EcSigningKey::generate()?;
        let public = public_point(&key).to_spki()?;
        let leaf = self.leaf(names, "CN=Strongroom server", public, now, end)?;
        Ok(ServerCertificate {
            not_after: not_after(&leaf),
            chain: vec![CertificateDer::from(leaf.to_der()?)],
            key: key.to_pkcs8()?,
        })
    }

    fn leaf(
        &self,
        names: Vec<GeneralName>,
        subject: &str,
        public: SubjectPublicKeyInfoOwned,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<Certificate, PkiError> {
        let authority = AuthorityKeyIdentifier {
            key_identifier: Some(key_id(&public_point(&self.key).to_spki()?)?),
            ..AuthorityKeyIdentifier::default()
        };
        let issuer = self.certificate.tbs_certificate().subject().clone();
        let mut server = Profile::new(issuer, name(subject)?);
        server.add(&BasicConstraints { ca: false, path_len_constraint: None })?;
        server.add(&KeyUsage(KeyUsages::DigitalSignature.into()))?;
        server.add(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]))?;
        server.add(&SubjectAltName(names))?;
        server.add(&SubjectKeyIdentifier(key_id(&public)?))?;
        server.add(&authority)?;
        sign(server, validity(now, end)?, public, &self.key)
    }

    fn assemble(certificate: Certificate, key: EcSigningKey) -> Result<Self, PkiError> {
        let tbs = certificate.tbs_certificate();
        if tbs.subject_public_key_info().subject_public_key.as_bytes() != Some(key.public_point()) {
            return Err(PkiError::KeyMismatch);
        }
        let base = constrained_to(tbs).ok_or(PkiError::Certificate)?;
        let der = CertificateDer::from(certificate.to_der()?);
        Ok(Self { certificate, der, base, key })
    }
}

/// The one DNS name in a root's name constraints.
fn constrained_to(tbs: &TbsCertificate) -> Option<String> {
    let (_, constraints) = tbs.get_extension::<NameConstraints>().ok()??;
    match constraints.permitted_subtrees?.as_slice() {
        [GeneralSubtree { base: GeneralName::DnsName(base), .. }] => Some(base.to_string()),
        _ => None,
    }
}

fn check_name(name: &str) -> Result<(), PkiError> {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        Ok(())
    } else {
        Err(PkiError::Name(name.chars().take(253).collect()))
    }
}

fn below(name: &str, base: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == base || name.strip_suffix(base).is_some_and(|rest| rest.ends_with('.'))
}

fn name(text: &str) -> Result<Name, PkiError> {
    Ok(Name::from_str(text)?)
}

fn subtree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

fn public_point(key: &EcSigningKey) -> PublicPoint {
    PublicPoint(key.public_point().to_vec())
}

/// RFC 7093, section 2, method 1: the leftmost 160 bits of the SHA-256 of the public key.
fn key_id(public: &SubjectPublicKeyInfoOwned) -> Result<OctetString, PkiError> {
    let hash = digest::sha256(public.subject_public_key.raw_bytes());
    let leftmost = hash.first_chunk::<20>().map(<[u8; 20]>::as_slice).unwrap_or_default();
    Ok(OctetString::new(leftmost)?)
}

fn validity(now: Timestamp, end: Timestamp) -> Result<Validity, PkiError> {
    let time = |at: Timestamp| {
        let seconds = u64::try_from(at.0).map_err(|_| PkiError::Encoding)?;
        Ok::<_, PkiError>(Time::from(DateTime::from_unix_duration(Duration::from_secs(seconds))?))
    };
    Ok(Validity::new(time(now.plus_seconds(-BACKDATE_SECONDS))?, time(end)?))
}

fn not_after(certificate: &Certificate) -> Timestamp {
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
    Timestamp(i64::try_from(end).unwrap_or(i64::MAX))
}

/// What a certificate is to say beside its key and its life.
struct Profile {
    issuer: Name,
    subject: Name,
    extensions: Vec<Extension>,
}

impl Profile {
    fn new(issuer: Name, subject: Name) -> Self {
        Self { issuer, subject, extensions: Vec::new() }
    }

    fn add<E: ToExtension<Error = der::Error>>(&mut self, extension: E) -> Result<(), PkiError> {
        let extension = extension.to_extension(&self.subject, &self.extensions)?;
        self.extensions.push(extension);
        Ok(())
    }
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

fn sign(
    profile: Profile,
    validity: Validity,
    public: SubjectPublicKeyInfoOwned,
    key: &EcSigningKey,
) -> Result<Certificate, PkiError> {
    let serial = SerialNumber::new(&random::bytes::<16>()?)?;
    let builder = CertificateBuilder::new(profile, serial, validity, public)?;
    Ok(builder.build::<_, DerSignature>(&CertificateSigner(key))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever stole the key could sign any name: the constraint makes it worthless.
    #[test]
    fn clients_refuse_what_lies_outside_the_constraint() {
        let now = Timestamp(1_790_000_000);
        let authority = Authority::create("localhost", now).unwrap();
        let dns = |name: &str| GeneralName::DnsName(Ia5String::new(name).unwrap());
        let address = GeneralName::IpAddress(OctetString::new([127, 0, 0, 1]).unwrap());
        let verdict = |name: GeneralName| {
            let leaf = authority.issue(vec![name], now, now.plus_days(1)).unwrap();
            openssl_verify(authority.certificate_der(), &leaf.chain[0], now)
        };
        assert!(verdict(dns("dev.vault.localhost")).contains("OK"));
        assert!(verdict(dns("login.microsoftonline.com")).contains("permitted subtree violation"));
        assert!(verdict(dns("localhost.example.com")).contains("permitted subtree violation"));
        assert!(verdict(address).contains("excluded subtree violation"));
    }

    fn openssl_verify(root: &[u8], leaf: &[u8], now: Timestamp) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, der) in [("root", root), ("leaf", leaf)] {
            let pem = pem::encode(&pem::Pem::new("CERTIFICATE", der));
            std::fs::write(dir.path().join(name), pem).unwrap();
        }
        let output = std::process::Command::new("openssl")
            .args(["verify", "-x509_strict", "-attime", &now.0.to_string()])
            .args(["-CAfile", "root", "leaf"])
            .current_dir(&dir)
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}
