//! `strongroom certificate show` and `download`.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use pem::{EncodeConfig, LineEnding, Pem};
use reqwest::Method;
use strongroom_model::Kind;

use super::super::object::address::VersionArgs;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::companion;
use crate::error::CliError;

/// `strongroom certificate show`
#[derive(Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    certificate: VersionArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom certificate download`
#[derive(Args)]
pub(super) struct DownloadArgs {
    #[command(flatten)]
    certificate: VersionArgs,
    /// The file to write.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// The file's encoding. PFX takes the private key along, without a password.
    #[arg(long, short = 'e', value_enum, ignore_case = true, default_value = "PEM")]
    encoding: Encoding,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
}

/// How the file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// The certificate, as text.
    #[value(name = "PEM")]
    Pem,
    /// The certificate, as bytes.
    #[value(name = "DER")]
    Der,
    /// The certificate's secret, where that is PKCS#12.
    #[value(name = "PFX")]
    Pfx,
}

/// Prints a version.
pub(super) async fn show(args: ShowArgs) -> Result<(), CliError> {
    get(&args.certificate).await?.print(Bundle::COLUMNS, &args.output)
}

/// Writes a version to a file.
pub(super) async fn download(args: DownloadArgs) -> Result<(), CliError> {
    if args.encoding == Encoding::Pfx {
        let target = args.certificate.target(Kind::Certificate)?;
        let secret = companion::fetch(&target).await?;
        return file::write(&args.file, secret.pfx()?.as_slice(), args.overwrite);
    }
    let der = get(&args.certificate).await?.der()?;
    let bytes = if args.encoding == Encoding::Der { der } else { pem_of(der) };
    file::write(&args.file, &bytes, args.overwrite)
}

/// A certificate as OpenSSL writes it.
fn pem_of(der: Vec<u8>) -> Vec<u8> {
    let as_openssl = EncodeConfig::new().set_line_ending(LineEnding::LF);
    pem::encode_config(&Pem::new("CERTIFICATE", der), as_openssl).into_bytes()
}

/// What the vault says of a version.
pub(super) async fn get(args: &VersionArgs) -> Result<Bundle, CliError> {
    let target = args.target(Kind::Certificate)?;
    let client = target.sign_in().await?;
    parse(&client.call(Method::GET, &target.address.version_path(), None).await?)
}

/// Base64 of what a file holds, certificate by certificate: PEM, or DER of one.
pub(super) fn certificates_of(bytes: &[u8]) -> Result<Vec<String>, CliError> {
    let refused = |why: &dyn std::fmt::Display| {
        CliError::Usage(format!("the file holds no certificates that could be merged: {why}"))
    };
    if bytes.first() == Some(&0x30) {
        return Ok(vec![STANDARD.encode(bytes)]);
    }
    let blocks = pem::parse_many(bytes).map_err(|error| refused(&error))?;
    let certificates: Vec<String> = blocks
        .iter()
        .filter(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|block| STANDARD.encode(block.contents()))
        .collect();
    if certificates.is_empty() { Err(refused(&"there are none")) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_in_der_or_many_in_pem() {
        assert_eq!(certificates_of(&[0x30, 0x00]).unwrap(), ["MAA="]);
        let pem = String::from_utf8(pem_of(vec![0x30, 0x00])).unwrap();
        assert_eq!(pem, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
        let key = pem.replace("CERTIFICATE", "PRIVATE KEY");
        let chain = format!("subject=a\n{pem}{key}{pem}");
        assert_eq!(certificates_of(chain.as_bytes()).unwrap(), ["MAA=", "MAA="]);
        for none in [key.as_bytes(), b"", b"hello", &[0x80, 0xff]] {
            assert!(matches!(certificates_of(none), Err(CliError::Usage(_))), "{none:?}");
        }
    }
}
