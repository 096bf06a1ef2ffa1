//! Keys, properties, and a directory in which OpenSSL works.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use strongroom_crypto::provider::PrivateKey;
use strongroom_crypto::software;
use strongroom_model::certificates::{
    BasicConstraints, KeyUsage, NameConstraints, SubjectAlternativeNames, X509Properties,
};
use strongroom_model::{Curve, KeySpec, PublicKey, Timestamp};
use strongroom_pki::{AuthorityCertificate, Terms, Validity, certify, self_signed, serial_number};

pub(crate) type Key = Arc<dyn PrivateKey>;

pub(crate) const SERVER_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.1";

/// 2026-09-21, 14:13:20 UTC.
pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000);

static RSA: LazyLock<Key> =
    LazyLock::new(|| generate(KeySpec::Rsa { bits: 2048, exponent: 65_537 }));

/// A key that many tests share: drawing it takes long.
pub(crate) fn rsa() -> Key {
    RSA.clone()
}

pub(crate) fn ec(curve: Curve) -> Key {
    generate(KeySpec::Ec(curve))
}

/// One of each kind.
pub(crate) fn every_key() -> Vec<(&'static str, Key)> {
    let mut keys = vec![("RSA", rsa())];
    keys.extend(Curve::ALL.iter().map(|curve| (curve.name(), ec(*curve))));
    keys
}

fn generate(spec: KeySpec) -> Key {
    let keys = software::provider().keys;
    let material = keys.generate(spec).unwrap();
    keys.open(&material.public, &material.private).unwrap()
}

pub(crate) fn properties(subject: &str) -> X509Properties {
    X509Properties {
        subject: subject.to_owned(),
        sans: SubjectAlternativeNames::default(),
        ekus: Vec::new(),
        key_usage: Vec::new(),
        validity_months: 12,
        basic_constraints: BasicConstraints::default(),
        name_constraints: None,
    }
}

/// A server's, with the key usages that policies have by default.
pub(crate) fn server(names: &[&str]) -> X509Properties {
    X509Properties {
        sans: SubjectAlternativeNames { dns_names: owned(names), ..Default::default() },
        ekus: vec![SERVER_AUTHENTICATION.to_owned(), "1.3.6.1.5.5.7.3.2".to_owned()],
        key_usage: vec![KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment],
        ..properties("CN=server")
    }
}

pub(crate) fn authority(subject: &str, path_len: Option<u8>) -> X509Properties {
    X509Properties {
        basic_constraints: BasicConstraints { ca: true, path_len },
        ..properties(subject)
    }
}

pub(crate) fn permitted(dns: &[&str], ip: &[&str]) -> Option<NameConstraints> {
    Some(NameConstraints {
        permitted_dns: owned(dns),
        permitted_ip: owned(ip),
        ..NameConstraints::default()
    })
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) fn terms(days: u32) -> Terms {
    Terms {
        serial: serial_number().unwrap(),
        validity: Validity::until(NOW, NOW.plus_days(days)),
        crl_url: None,
        ocsp_url: None,
        issuer_url: None,
    }
}

/// An authority with its key.
pub(crate) struct Ca {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Key,
}

impl Ca {
    pub(crate) fn root(x509: &X509Properties) -> Self {
        Self::root_with(x509, ec(Curve::P256))
    }

    pub(crate) fn root_with(x509: &X509Properties, key: Key) -> Self {
        let validity = Validity::until(NOW, NOW.plus_days(3652));
        let certificate = self_signed(x509, &*key, validity).unwrap();
        Self { certificate, key }
    }

    pub(crate) fn below(&self, x509: &X509Properties) -> Self {
        let key = ec(Curve::P256);
        let certificate = self.certify(x509, key.public(), &terms(1000)).unwrap();
        Self { certificate, key }
    }

    pub(crate) fn certify(
        &self,
        x509: &X509Properties,
        public: &PublicKey,
        terms: &Terms,
    ) -> Result<Vec<u8>, strongroom_pki::PkiError> {
        certify(x509, public, &self.signer(), terms)
    }

    pub(crate) fn signer(&self) -> AuthorityCertificate<'_> {
        AuthorityCertificate { certificate: &self.certificate, key: &*self.key }
    }
}

/// A directory in which OpenSSL works.
pub(crate) struct Openssl(tempfile::TempDir);

impl Openssl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> &Self {
        std::fs::write(self.path(name), bytes).unwrap();
        self
    }

    /// Certificates in one file of PEM.
    pub(crate) fn pem(&self, name: &str, certificates: &[&[u8]]) -> &Self {
        let pem = |der: &&[u8]| pem::encode(&pem::Pem::new("CERTIFICATE", *der));
        self.write(name, certificates.iter().map(pem).collect::<String>().as_bytes())
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// What a command says, on both streams.
    pub(crate) fn says(&self, arguments: &str) -> String {
        self.run(&arguments.split_whitespace().collect::<Vec<_>>()).1
    }

    /// As [`Openssl::says`], of a command that must succeed.
    pub(crate) fn does(&self, arguments: &str) -> String {
        let (success, output) = self.run(&arguments.split_whitespace().collect::<Vec<_>>());
        assert!(success, "openssl {arguments}: {output}");
        output
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("openssl").args(arguments).current_dir(&self.0).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), text)
    }

    /// The verdict on a leaf below a root, strictly.
    pub(crate) fn verify(&self, root: &[u8], between: &[&[u8]], leaf: &[u8]) -> String {
        self.pem("root.pem", &[root]).pem("between.pem", between).pem("leaf.pem", &[leaf]);
        let untrusted = if between.is_empty() { "" } else { "-untrusted between.pem" };
        let at = NOW.0;
        self.says(&format!(
            "verify -x509_strict -check_ss_sig -attime {at} -CAfile root.pem {untrusted} leaf.pem"
        ))
    }
}

/// Asserts that a text has each of some lines, spaces aside.
pub(crate) fn assert_says(text: &str, expected: &[&str]) {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = squeeze(text);
    for line in expected {
        assert!(text.contains(&squeeze(line)), "{line} is not in {text}");
    }
}
