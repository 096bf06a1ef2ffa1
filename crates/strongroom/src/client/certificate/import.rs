//! `strongroom certificate import`: a certificate and its key from a PKCS#12 or a PEM file.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_model::Kind;
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::super::object::address::ObjectArgs;
use super::super::object::attributes::{AttributesBody, DisabledArgs, TagsArgs, TagsBody};
use super::super::object::document::of_json_or_file;
use super::super::object::vault_client::parse;
use super::super::object::{Object, file};
use super::super::output::OutputArgs;
use super::super::terminal;
use super::bundle::Bundle;
use super::create::Format;
use super::policy;
use crate::error::CliError;

/// The largest file that is read.
const MOST_BYTES: usize = 512 * 1024;

/// `strongroom certificate import`
#[derive(Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    certificate: ObjectArgs,
    /// A PKCS#12 file, or a PEM file with a private key and certificates.
    #[arg(long, short = 'f', value_name = "FILE")]
    file: PathBuf,
    /// A file with the password of the file.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The password. Other users of the machine can see it here: better use a file.
    #[arg(long, hide = true, conflicts_with = "password_file", allow_hyphen_values = true)]
    password: Option<String>,
    /// The policy of later versions: JSON, or a file with it.
    #[arg(long, short = 'p', value_name = "FILE")]
    policy: Option<String>,
    /// Answer the certificates in the order of the file.
    #[arg(long)]
    preserve_order: bool,
    #[command(flatten)]
    disabled: DisabledArgs,
    #[command(flatten)]
    tags: TagsArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct ImportBody {
    value: SecretValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    pwd: Option<SecretValue>,
    policy: Value,
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
    #[serde(rename = "preserveCertOrder", skip_serializing_if = "Option::is_none")]
    preserve_order: Option<bool>,
}

impl ImportArgs {
    fn body(&mut self) -> Result<ImportBody, CliError> {
        let bytes = file::read(&self.file, MOST_BYTES)?;
        let (format, value) = value_of(&bytes)?;
        let mut policy = match &self.policy {
            Some(text) => policy::given(&of_json_or_file("--policy", text)?)?,
            None => json!({}),
        };
        if let Some(members) = policy.as_object_mut() {
            let usual = || json!({"contentType": format.content_type()});
            members.entry("secret_props").or_insert_with(usual);
        }
        Ok(ImportBody {
            value,
            pwd: self.password()?,
            policy,
            attributes: AttributesBody::enabled(self.disabled.enabled()),
            tags: self.tags.body(),
            preserve_order: self.preserve_order.then_some(true),
        })
    }

    fn password(&mut self) -> Result<Option<SecretValue>, CliError> {
        if let Some(password) = self.password.take() {
            terminal::warn("a password among the arguments is visible to other users: use a file");
            return Ok(Some(SecretValue::new(password)));
        }
        self.password_file.as_deref().map(super::password).transpose()
    }
}

/// PEM goes as it is, other bytes as base64.
fn value_of(bytes: &[u8]) -> Result<(Format, SecretValue), CliError> {
    let is_pem = bytes.windows(11).any(|window| window == b"-----BEGIN ");
    if is_pem {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| CliError::Usage("the PEM file is no text".into()))?;
        return Ok((Format::Pem, SecretValue::new(text.to_owned())));
    }
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    let mut text = String::with_capacity(length);
    STANDARD.encode_string(bytes, &mut text);
    Ok((Format::Pkcs12, SecretValue::new(text)))
}

/// Makes a version of what is in a file.
pub(super) async fn run(mut args: ImportArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let body: Zeroizing<Vec<u8>> = to_secret_json(&args.body()?).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let path = format!("{}/import", target.address.path());
    let answer = client.call(Method::POST, &path, Some(body)).await?;
    parse::<Bundle>(&answer)?.print(Bundle::COLUMNS, &args.output)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn body(content: &[u8], words: &[&str]) -> Value {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let first = ["x", "-n", "a", "-f", file.path().to_str().unwrap()];
        let words = first.iter().chain(words);
        let mut line = Line::try_parse_from(words).unwrap();
        serde_json::from_slice(&to_secret_json(&line.args.body().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_file_tells_its_format() {
        let pfx = body(b"\x30\x03\xff", &["--preserve-order"]);
        let expected = json!({
            "value": "MAP/",
            "policy": {"secret_props": {"contentType": "application/x-pkcs12"}},
            "attributes": {},
            "preserveCertOrder": true,
        });
        assert_eq!(pfx, expected);
        let text = "subject=x\n-----BEGIN CERTIFICATE-----\n";
        let pem = body(text.as_bytes(), &["--policy", r#"{"issuerParameters": {"name": "Self"}}"#]);
        assert_eq!(pem["value"], text);
        let expected = json!({
            "issuer": {"name": "Self"}, "secret_props": {"contentType": "application/x-pem-file"},
        });
        assert_eq!(pem["policy"], expected);
    }

    #[test]
    fn a_password_comes_from_a_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"pass word\n").unwrap();
        let sent = body(b"\x30", &["--password-file", file.path().to_str().unwrap()]);
        assert_eq!(sent["pwd"], "pass word");
    }
}
