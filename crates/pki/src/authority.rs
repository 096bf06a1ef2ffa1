//! The installation's root certificate authority.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use strongroom_crypto::provider::{ImportedKey, KeyMaterial, PrivateKey};
use strongroom_crypto::sign::RsaPublicComponents;
use strongroom_crypto::{SecretBytes, random, software};
use strongroom_model::certificates::{
    BasicConstraints, KeyUsage, NameConstraints, SubjectAlternativeNames, X509Properties,
};
use strongroom_model::{Curve, KeySpec, PublicKey, Timestamp};

use crate::{
    AuthorityCertificate, PkiError, Terms, Validity, certify, facts, self_signed, serial_number,
};

/// The most days a server certificate lives.
pub const MAX_SERVER_DAYS: u32 = 90;

const AUTHORITY_DAYS: u32 = 3652;

/// id-kp-serverAuth (RFC 5280, 4.2.1.12).
const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";

/// A root that may certify server names below one base domain, and nothing else.
pub struct Authority {
    certificate: CertificateDer<'static>,
    not_after: Timestamp,
    base: String,
    key: Arc<dyn PrivateKey>,
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
        let tag = u32::from_be_bytes(random::bytes()?);
        let root = X509Properties {
            basic_constraints: BasicConstraints { ca: true, path_len: Some(0) },
            name_constraints: Some(NameConstraints {
                permitted_dns: vec![base],
                // A constraint on DNS names leaves addresses free: forbid them all.
                excluded_ip: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
                ..NameConstraints::default()
            }),
            ..named(format!("CN=Strongroom root {tag:08x}"))
        };
        let material = generate()?;
        let key = software::provider().keys.open(&material.public, &material.private)?;
        let validity = Validity::until(now, now.plus_days(AUTHORITY_DAYS));
        Self::assemble(self_signed(&root, &*key, validity)?, &material)
    }

    /// Takes up a root that was made before.
    ///
    /// # Errors
    /// [`PkiError::Certificate`] or [`PkiError::Crypto`] for malformed parts,
    /// [`PkiError::KeyMismatch`] when they do not belong together.
    pub fn from_parts(certificate: &[u8], key_pkcs8: &SecretBytes) -> Result<Self, PkiError> {
        let key = ImportedKey::Pkcs8(SecretBytes::new(key_pkcs8.expose().to_vec()));
        Self::assemble(certificate.to_vec(), &software::provider().keys.import(&key)?)
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate in PEM, for the clients' trust stores.
    pub fn certificate_pem(&self) -> String {
        let pem = ::pem::Pem::new("CERTIFICATE", self.certificate.as_ref());
        let lines = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
        ::pem::encode_config(&pem, lines)
    }

    /// The private key in PKCS#8, to be sealed.
    ///
    /// # Errors
    /// [`PkiError::Crypto`] when the library refuses.
    pub fn key_pkcs8(&self) -> Result<SecretBytes, PkiError> {
        Ok(self.key.export()?)
    }

    /// The domain below which it may certify names.
    pub fn base_domain(&self) -> &str {
        &self.base
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
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
        let not_after = self.check_issue(dns_names, now, days)?;
        let leaf = server("CN=Strongroom server", dns_names);
        let KeyMaterial { public, private: key } = generate()?;
        let chain = vec![self.certify(&leaf, &public, Validity::until(now, not_after))?];
        Ok(ServerCertificate { chain, key, not_after })
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
        let not_after = self.check_issue(dns_names, now, days)?;
        let leaf = server("CN=Strongroom key release", dns_names);
        let public = PublicKey::Rsa { n: key.n.clone(), e: key.e.clone() };
        let leaf = self.certify(&leaf, &public, Validity::until(now, not_after))?;
        Ok(SignerCertificate { chain: vec![leaf, self.certificate.clone()], not_after })
    }

    /// The end of a certificate, if it may be issued.
    fn check_issue(
        &self,
        dns_names: &[String],
        now: Timestamp,
        days: u32,
    ) -> Result<Timestamp, PkiError> {
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
        if !(1..=MAX_SERVER_DAYS).contains(&days) || end > self.not_after {
            return Err(PkiError::Validity { days, max: MAX_SERVER_DAYS });
        }
        Ok(end)
    }

    fn certify(
        &self,
        leaf: &X509Properties,
        public: &PublicKey,
        validity: Validity,
    ) -> Result<CertificateDer<'static>, PkiError> {
        Ok(certify(leaf, public, &self.issuer(), &terms(validity)?)?.into())
    }

    fn issuer(&self) -> AuthorityCertificate<'_> {
        AuthorityCertificate { certificate: &self.certificate, key: &*self.key }
    }

    fn assemble(certificate: Vec<u8>, material: &KeyMaterial) -> Result<Self, PkiError> {
        let facts = facts(&certificate)?;
        if facts.public != material.public {
            return Err(PkiError::KeyMismatch);
        }
        // The one DNS name in a root's name constraints.
        let constraints = facts.x509.name_constraints.ok_or(PkiError::Certificate)?;
        let [base] = <[String; 1]>::try_from(constraints.permitted_dns)
            .map_err(|_| PkiError::Certificate)?;
        let key = software::provider().keys.open(&material.public, &material.private)?;
        Ok(Self { certificate: certificate.into(), not_after: facts.not_after, base, key })
    }
}

fn generate() -> Result<KeyMaterial, PkiError> {
    Ok(software::provider().keys.generate(KeySpec::Ec(Curve::P256))?)
}

fn named(subject: String) -> X509Properties {
    X509Properties {
        subject,
        sans: SubjectAlternativeNames::default(),
        ekus: Vec::new(),
        key_usage: Vec::new(),
        validity_months: 0,
        basic_constraints: BasicConstraints::default(),
        name_constraints: None,
    }
}

fn server(subject: &str, dns_names: &[String]) -> X509Properties {
    X509Properties {
        sans: SubjectAlternativeNames {
            dns_names: dns_names.to_vec(),
            ..SubjectAlternativeNames::default()
        },
        ekus: vec![SERVER_AUTHENTICATION.to_owned()],
        key_usage: vec![KeyUsage::DigitalSignature],
        ..named(subject.to_owned())
    }
}

fn terms(validity: Validity) -> Result<Terms, PkiError> {
    let serial = serial_number()?;
    Ok(Terms { serial, validity, crl_url: None, ocsp_url: None, issuer_url: None })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Certificate;
    use crate::extensions::Asked;
    use crate::issue::Draft;

    /// Whoever stole the key could sign any name: the constraint makes it worthless.
    #[test]
    fn clients_refuse_what_lies_outside_the_constraint() {
        let now = Timestamp(1_790_000_000);
        let authority = Authority::create("localhost", now).unwrap();
        let dns = |name: &str| server("CN=forged", &[name.to_owned()]);
        let mut address = server("CN=forged", &[]);
        address.sans.ip_addresses.push("127.0.0.1".to_owned());
        let verdict = |leaf: X509Properties| {
            let public = generate().unwrap().public;
            let validity = Validity::until(now, now.plus_days(1));
            assert_eq!(
                authority.certify(&leaf, &public, validity).is_err(),
                leaf.sans.dns_names != ["dev.vault.localhost"]
            );
            let issuer = Certificate::parse(&authority.certificate).unwrap();
            let terms = terms(validity).unwrap();
            let leaf = Asked::new(&leaf, &public).unwrap();
            let forged = Draft::new(leaf, &public, &issuer, &terms).unwrap();
            let forged = forged.sign(&terms.serial, validity, &*authority.key).unwrap();
            openssl_verify(authority.certificate_der(), &forged, now)
        };
        assert!(verdict(dns("dev.vault.localhost")).contains("OK"));
        assert!(verdict(dns("login.microsoftonline.com")).contains("permitted subtree violation"));
        assert!(verdict(dns("localhost.example.com")).contains("permitted subtree violation"));
        assert!(verdict(address).contains("excluded subtree violation"));
    }

    fn openssl_verify(root: &[u8], leaf: &[u8], now: Timestamp) -> String {
        let dir = tempfile::tempdir().unwrap();
        for (name, der) in [("root", root), ("leaf", leaf)] {
            let pem = ::pem::encode(&::pem::Pem::new("CERTIFICATE", der));
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
