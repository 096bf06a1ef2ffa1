//! `strongroom key import`: a private key from a PEM file, or one that is wrapped for the vault.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde::Serialize;
use strongroom_model::{Curve, KeyType, Kind};
use strongroom_wire::to_secret_json;
use zeroize::Zeroizing;

use super::super::object::address::ObjectArgs;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::super::terminal;
use super::bundle::Bundle;
use super::create::{NewKeyArgs, NewKeyBody, Protection, in_device};
use super::jwk::PrivateJwk;
use super::{names, pem};
use crate::error::CliError;

/// The largest key file that is read.
const MOST_BYTES: usize = 256 * 1024;

/// `strongroom key import`
#[derive(Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    key: ObjectArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// The password of the PEM file: encrypted ones are not read.
    #[arg(long, hide = true)]
    pem_password: Option<String>,
    /// The type of the key in a BYOK file [default: RSA].
    #[arg(long, value_name = "TYPE", value_parser = names::key_type(), ignore_case = true)]
    #[arg(conflicts_with_all = ["pem_file", "pem_string"])]
    kty: Option<KeyType>,
    /// The curve of the key in a BYOK file.
    #[arg(long, value_parser = names::curve(), ignore_case = true)]
    #[arg(conflicts_with_all = ["pem_file", "pem_string"])]
    curve: Option<Curve>,
    #[command(flatten)]
    new: NewKeyArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where the key is.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct SourceArgs {
    /// A PEM file with a private key: PKCS#8, PKCS#1 or SEC 1.
    #[arg(long, value_name = "FILE")]
    pem_file: Option<PathBuf>,
    /// The PEM itself. Other users of the machine can see it here: better use a file.
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pem_string: Option<String>,
    /// A transfer blob, wrapped for a key exchange key of this vault.
    #[arg(long, value_name = "FILE")]
    byok_file: Option<PathBuf>,
    /// The transfer blob itself.
    #[arg(long, value_name = "JSON")]
    byok_string: Option<String>,
}

#[derive(Serialize)]
struct ImportBody {
    #[serde(rename = "Hsm", skip_serializing_if = "Option::is_none")]
    hsm: Option<bool>,
    key: PrivateJwk,
    #[serde(flatten)]
    new: NewKeyBody,
}

impl ImportArgs {
    fn body(&mut self) -> Result<ImportBody, CliError> {
        let key = match self.wrapped()? {
            Some(blob) => self.of_blob(&blob)?,
            None => self.of_pem()?,
        };
        Ok(ImportBody {
            hsm: self.new.protection.map(|protection| protection == Protection::Hsm),
            key: key.permitting(self.new.ops.as_deref()),
            new: self.new.body()?,
        })
    }

    fn wrapped(&self) -> Result<Option<Zeroizing<Vec<u8>>>, CliError> {
        match (&self.source.byok_file, &self.source.byok_string) {
            (Some(path), _) => file::read(path, MOST_BYTES).map(Some),
            (None, Some(text)) => Ok(Some(Zeroizing::new(text.clone().into_bytes()))),
            (None, None) => Ok(None),
        }
    }

    fn of_blob(&self, blob: &[u8]) -> Result<PrivateJwk, CliError> {
        if self.new.protection == Some(Protection::Software) {
            return Err(CliError::Usage(
                "a BYOK key goes into the vault's device: leave --protection software out".into(),
            ));
        }
        let usual = if self.curve.is_some() { KeyType::Ec } else { KeyType::Rsa };
        let key_type = in_device(self.kty.unwrap_or(usual));
        if (key_type == KeyType::EcHsm) != self.curve.is_some() {
            return Err(CliError::Usage("say --curve with --kty EC, and only then".into()));
        }
        Ok(PrivateJwk::of_blob(key_type, self.curve, blob))
    }

    fn of_pem(&mut self) -> Result<PrivateJwk, CliError> {
        if self.pem_password.take().map(Zeroizing::new).is_some() {
            return Err(CliError::Usage(pem::ENCRYPTED.into()));
        }
        let text = match (self.source.pem_string.take(), &self.source.pem_file) {
            (Some(text), _) => {
                terminal::warn("a key among the arguments is visible to other users: use a file");
                Zeroizing::new(text.into_bytes())
            }
            (None, Some(path)) => file::read(path, MOST_BYTES)?,
            (None, None) => Zeroizing::default(),
        };
        PrivateJwk::of_parts(&pem::read(&text)?)
            .ok_or_else(|| CliError::failed("the key is of a type that is not imported"))
    }
}

/// Makes a version of a key that is there already.
pub(super) async fn run(mut args: ImportArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let body = to_secret_json(&args.body()?).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let answer = client.call(Method::PUT, &target.address.path(), Some(body)).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn body(words: &[&str]) -> Result<Value, CliError> {
        let words = ["x", "-n", "a"].iter().chain(words);
        let mut line = Line::try_parse_from(words).unwrap();
        Ok(serde_json::to_value(line.args.body()?).unwrap())
    }

    #[test]
    fn a_blob_goes_into_the_device() {
        let expected = json!({"key": {"kty": "RSA-HSM", "key_hsm": "e30"}, "attributes": {}});
        assert_eq!(body(&["--byok-string", "{}"]).unwrap(), expected);
        let ec = body(&["--byok-string", "{}", "--kty", "EC", "--curve", "P-256"]).unwrap();
        assert_eq!(ec["key"], json!({"kty": "EC-HSM", "crv": "P-256", "key_hsm": "e30"}));
        for words in
            [&["--kty", "EC"][..], &["--kty", "RSA", "--curve", "P-256"], &["-p", "software"]]
        {
            let words = [&["--byok-string", "{}"], words].concat();
            assert!(matches!(body(&words), Err(CliError::Usage(_))), "{words:?}");
        }
    }

    #[test]
    fn one_source_is_named() {
        for words in [
            &[][..],
            &["--pem-file", "a", "--byok-file", "b"],
            &["--pem-file", "a", "--kty", "RSA"],
        ] {
            let words = ["x", "-n", "a"].iter().chain(words);
            assert!(Line::try_parse_from(words).is_err());
        }
        let refused = body(&["--pem-file", "a", "--pem-password", "b"]).unwrap_err().to_string();
        assert!(refused.contains("openssl pkey"), "{refused}");
    }
}
