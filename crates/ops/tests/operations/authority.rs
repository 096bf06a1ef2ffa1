//! A vault with authorities, and OpenSSL beside it.

use std::process::Command;
use std::sync::Arc;

use strongroom_model::certificates::{
    BasicConstraints, IssuerChange, IssuerParametersChange, KeyPropertiesChange, Organization,
    PolicyChange, ProfileChange, RevocationReason, SubjectAlternativeNames, X509Change,
};
use strongroom_model::{AttributesChange, VaultResource, Version};
use strongroom_ops::{
    CertificateView, CertificateWork, CreateCertificate, GetCertificate, GetCertificateOperation,
    OpError, Publication, RevokeCertificate, RevokeIssuedCertificate, Revoked,
    SetCertificateIssuer,
};
use strongroom_store::memory::MemoryStore;
use tempfile::TempDir;

use crate::support::{Node, name};

/// A vault whose authority is `root`, reached through the issuer `ca`, and through `sub` for
/// authorities below it.
pub(crate) struct Vault {
    pub(crate) node: Node<MemoryStore>,
    pub(crate) vault: Arc<VaultResource>,
    pub(crate) dir: TempDir,
}

impl Vault {
    /// With the system's clock: OpenSSL knows no other for OCSP.
    pub(crate) async fn new() -> Self {
        Box::pin(Self::with_clock(false)).await
    }

    pub(crate) async fn with_clock(manual: bool) -> Self {
        let mut node = Node::new(MemoryStore::new(), manual).await;
        let publication = Publication { http_url: Some("http://pki.example:8080".into()) };
        node.ops = node.ops.with_certificate_work(CertificateWork { publication });
        let vault = node.vault("dev", "rg").await.unwrap();
        let this = Self { node, vault, dir: tempfile::tempdir().unwrap() };
        let root = X509Change { validity_months: Some(12), ..authority("CN=Root") };
        this.create("root", "Self", root, "P-256").await.unwrap();
        this.issuer("ca", "root", ProfileChange::default()).await;
        this.issuer("sub", "root", allow_ca()).await;
        this
    }

    /// Makes a certificate; the error is what its operation says.
    pub(crate) async fn create(
        &self,
        certificate: &str,
        issuer: &str,
        x509: X509Change,
        curve: &str,
    ) -> Result<CertificateView, String> {
        let key = KeyPropertiesChange {
            key_type: Some(if curve == "RSA" { "RSA" } else { "EC" }.into()),
            curve: (curve != "RSA").then(|| curve.into()),
            ..KeyPropertiesChange::default()
        };
        let issuer = IssuerParametersChange { name: Some(issuer.into()), ..Default::default() };
        let policy = PolicyChange {
            key: Some(key),
            x509: Some(x509),
            issuer: Some(issuer),
            ..PolicyChange::default()
        };
        let request = CreateCertificate {
            name: name(certificate),
            policy: Some(policy),
            attributes: AttributesChange::default(),
            tags: None,
            preserve_order: None,
        };
        let request = self.node.admit(&self.vault, request);
        let mut call = self.node.call();
        let created = Box::pin(self.node.ops.create_certificate(request, &mut call)).await;
        created.map_err(|error| error.to_string())?;
        let request = GetCertificateOperation { name: name(certificate) };
        let request = self.node.admit(&self.vault, request);
        let view = self.node.ops.get_certificate_operation(request).await.unwrap();
        match view.operation.error {
            Some(error) => Err(error.message),
            None => Ok(self.get(certificate).await),
        }
    }

    pub(crate) async fn get(&self, certificate: &str) -> CertificateView {
        let request = GetCertificate { name: name(certificate), version: None };
        self.node.ops.get_certificate(self.node.admit(&self.vault, request)).await.unwrap()
    }

    pub(crate) async fn issuer(&self, issuer: &str, root: &str, profile: ProfileChange) {
        let sent = IssuerChange {
            provider: Some("Strongroom".into()),
            organization: Some(Organization { id: Some(root.into()), ..Default::default() }),
            profile: Some(profile),
            ..IssuerChange::default()
        };
        let request = SetCertificateIssuer { issuer: name(issuer), sent };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.set_certificate_issuer(request, &mut self.node.call()).await.unwrap();
    }

    pub(crate) async fn list(
        &self,
        authority: &str,
        version: Option<Version>,
    ) -> Result<Vec<u8>, OpError> {
        let list = self.node.ops.published_list(&self.vault, &name(authority), version).await;
        list.map(|published| published.der.to_vec())
    }

    pub(crate) async fn revoke(
        &self,
        certificate: &str,
        reason: RevocationReason,
    ) -> Result<Revoked, OpError> {
        let request = RevokeCertificate { name: name(certificate), version: None, reason };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.revoke_certificate(request, &mut self.node.call()).await
    }

    pub(crate) async fn revoke_issued(
        &self,
        issuer: &str,
        serial: &[u8],
    ) -> Result<Revoked, OpError> {
        let (reason, serial) = (RevocationReason::KeyCompromise, serial.to_vec());
        let request = RevokeIssuedCertificate { issuer: name(issuer), serial, reason };
        let request = self.node.admit(&self.vault, request);
        self.node.ops.revoke_issued_certificate(request, &mut self.node.call()).await
    }

    pub(crate) fn put(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(file), bytes).unwrap();
    }

    fn put_pem(&self, file: &str, label: &str, der: &[&[u8]]) {
        let pem = |der: &&[u8]| {
            let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
            let lines: Vec<&str> =
                text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).unwrap()).collect();
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
        };
        self.put(file, der.iter().map(pem).collect::<String>().as_bytes());
    }

    /// What OpenSSL says, on both of its outputs.
    pub(crate) fn openssl(&self, arguments: &str) -> String {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What `openssl ocsp` says of a certificate, asking for it as `options` say. A nonce that does
    /// not come back is told.
    pub(crate) async fn ocsp(
        &self,
        authority: &str,
        ca: &[u8],
        leaf: &[u8],
        options: &str,
    ) -> String {
        self.put_pem("ca", "CERTIFICATE", &[ca]);
        self.put_pem("leaf", "CERTIFICATE", &[leaf]);
        self.openssl(&format!("ocsp -issuer ca -cert leaf -reqout request {options}"));
        let request = std::fs::read(self.dir.path().join("request")).unwrap();
        let answer = self.node.ops.answer_ocsp(&self.vault, &name(authority), &request).await;
        self.put("response", &answer.der);
        let nonce = |file: &str| {
            let text = self.openssl(&format!("ocsp {file} -noverify -req_text -resp_text"));
            text.split_once("OCSP Nonce:").map(|(_, rest)| rest.lines().nth(1).unwrap().to_owned())
        };
        let echoed = nonce("-reqin request") == nonce("-respin response");
        let said = self.openssl("ocsp -issuer ca -cert leaf -respin response -CAfile ca -no_nonce");
        if echoed { said } else { format!("{said}another nonce") }
    }

    /// What `openssl verify` says of a chain below the root, with the revocation lists of all
    /// authorities in it.
    pub(crate) fn verify(&self, root: &[u8], chain: &[Vec<u8>], lists: &[&[u8]]) -> String {
        let (leaf, above) = chain.split_first().unwrap();
        let above: Vec<&[u8]> = above.iter().map(Vec::as_slice).collect();
        self.put_pem("root", "CERTIFICATE", &[root]);
        self.put_pem("leaf", "CERTIFICATE", &[leaf]);
        self.put_pem("above", "CERTIFICATE", &above);
        self.put_pem("lists", "X509 CRL", lists);
        let above = if above.is_empty() { "" } else { "-untrusted above" };
        self.openssl(&format!(
            "verify -x509_strict -crl_check_all -CRLfile lists -CAfile root {above} leaf"
        ))
    }
}

/// An authority that ends before the root does.
pub(crate) fn authority(subject: &str) -> X509Change {
    X509Change {
        subject: Some(subject.into()),
        basic_constraints: Some(BasicConstraints { ca: true, path_len: None }),
        validity_months: Some(11),
        ..X509Change::default()
    }
}

pub(crate) fn allow_ca() -> ProfileChange {
    ProfileChange { allow_ca: Some(true), ..ProfileChange::default() }
}

pub(crate) fn server(dns: &str) -> X509Change {
    let sans = SubjectAlternativeNames { dns_names: vec![dns.into()], ..Default::default() };
    X509Change {
        subject: Some("CN=server".into()),
        sans: Some(sans),
        validity_months: Some(3),
        ..X509Change::default()
    }
}

pub(crate) fn serial(vault: &Vault, leaf: &[u8]) -> Vec<u8> {
    vault.put("serial", leaf);
    let text = vault.openssl("x509 -inform DER -in serial -noout -serial");
    let digits = text.trim().strip_prefix("serial=").unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
