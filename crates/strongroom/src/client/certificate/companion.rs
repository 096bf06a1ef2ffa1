//! The secret of a certificate: its chain, and its private key if that may leave the vault.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pem::{EncodeConfig, LineEnding, Pem};
use reqwest::Method;
use serde::Deserialize;
use strongroom_crypto::SecretBytes;
use strongroom_model::Kind;
use strongroom_pki::{Container, pem as pem_file, pfx};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::object::address::{Address, Target};
use super::super::object::vault_client::parse;
use crate::error::CliError;

const PKCS12: &str = "application/x-pkcs12";
const PEM: &str = "application/x-pem-file";

/// The secret of a version of a certificate.
pub(super) struct Companion {
    /// The version.
    pub(super) version: String,
    content_type: String,
    value: SecretValue,
}

/// What of it goes into files.
pub(super) struct Parts {
    /// The private key, PKCS#8 in PEM.
    pub(super) key: Option<Zeroizing<Vec<u8>>>,
    /// The certificate, in PEM.
    pub(super) certificate: String,
    /// Those that certify it, one after the other, in PEM.
    pub(super) issuers: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretBundle {
    id: String,
    content_type: Option<String>,
    value: SecretValue,
}

/// The secret of the version of a certificate that an address names.
pub(super) async fn fetch(target: &Target) -> Result<Companion, CliError> {
    let client = target.sign_in().await?;
    let secret = Address { kind: Kind::Secret, ..target.address.clone() };
    let answer = client.call(Method::GET, &secret.version_path(), None).await?;
    let bundle: SecretBundle = parse(&answer)?;
    Ok(Companion {
        version: bundle.id.rsplit('/').next().unwrap_or_default().to_owned(),
        content_type: bundle.content_type.unwrap_or_default(),
        value: bundle.value,
    })
}

impl Companion {
    /// PKCS#12, without a password.
    pub(super) fn pfx(&self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        if self.content_type != PKCS12 {
            return Err(CliError::Usage(format!(
                "the certificate's secret holds {}, not PKCS#12",
                if self.content_type.is_empty() { "something else" } else { &self.content_type }
            )));
        }
        let bytes = STANDARD.decode(self.value.expose()).map(Zeroizing::new);
        bytes.map_err(|_| CliError::failed("the certificate's secret is no base64"))
    }

    /// Its parts.
    pub(super) fn parts(&self) -> Result<Parts, CliError> {
        let unreadable =
            |error| CliError::Failed(format!("the certificate's secret cannot be read: {error}"));
        let none = SecretBytes::new(Vec::new());
        let container = if self.content_type == PEM {
            pem_file::read(self.value.expose().as_bytes(), &none).map_err(unreadable)?
        } else {
            pfx::read(&self.pfx()?, &none).map_err(unreadable)?
        };
        Parts::of(container)
    }
}

impl Parts {
    fn of(container: Container) -> Result<Self, CliError> {
        let mut chain = container.certificates.into_iter().map(certificate_pem);
        let certificate = chain
            .next()
            .ok_or_else(|| CliError::failed("the certificate's secret holds no certificate"))?;
        let key = container.key.as_ref().map(key_pem);
        Ok(Self { key: key.transpose()?, certificate, issuers: chain.collect() })
    }

    /// The certificate and those that certify it, as servers want them.
    pub(super) fn chain(&self) -> String {
        format!("{}{}", self.certificate, self.issuers)
    }

    /// The private key, the certificate and those that certify it.
    pub(super) fn all(&self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let (key, chain) = (self.key()?, self.chain());
        let mut all = Zeroizing::new(Vec::with_capacity(key.len() + chain.len()));
        all.extend_from_slice(key);
        all.extend_from_slice(chain.as_bytes());
        Ok(all)
    }

    /// The private key.
    pub(super) fn key(&self) -> Result<&[u8], CliError> {
        self.key.as_ref().map(|key| key.as_slice()).ok_or_else(|| {
            CliError::failed("the private key may not leave the vault: it is not exportable")
        })
    }
}

fn certificate_pem(der: Vec<u8>) -> String {
    let as_openssl = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new("CERTIFICATE", der), as_openssl)
}

/// PKCS#8 in PEM, in one allocation that is forgotten.
fn key_pem(key: &SecretBytes) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let text = pem_file::write(Some(key), &[]).map_err(CliError::failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend_from_slice(text.expose());
    Ok(bytes)
}
