//! `strongroom key sign` and `verify`.

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_model::{Kind, SignatureAlgorithm};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::object::address::{Target, VersionArgs};
use super::super::object::vault_client::parse;
use super::super::output::{self, Column, OutputArgs};
use super::{bytes, names};
use crate::error::CliError;

const SIGN_COLUMNS: &[Column] =
    &[("KeyId", "/keyId"), ("Algorithm", "/algorithm"), ("Signature", "/signature")];

const VERIFY_COLUMNS: &[Column] =
    &[("KeyId", "/keyId"), ("Algorithm", "/algorithm"), ("IsValid", "/isValid")];

/// `strongroom key sign`
#[derive(Args)]
pub(super) struct SignArgs {
    #[command(flatten)]
    key: VersionArgs,
    #[command(flatten)]
    what: DigestArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// `strongroom key verify`
#[derive(Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    key: VersionArgs,
    #[command(flatten)]
    what: DigestArgs,
    /// The signature.
    #[arg(long, value_name = "BASE64")]
    signature: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct DigestArgs {
    /// The algorithm.
    #[arg(long, short = 'a', value_parser = names::signature(), ignore_case = true)]
    algorithm: SignatureAlgorithm,
    /// The digest; for RSNULL and ML-DSA the message.
    #[arg(long, value_name = "BASE64")]
    digest: String,
}

#[derive(Deserialize)]
struct Signed {
    kid: String,
    value: SecretValue,
}

#[derive(Deserialize)]
struct Verified {
    value: bool,
}

impl DigestArgs {
    fn digest(&self) -> Result<SecretValue, CliError> {
        let digest = bytes::of_base64("the digest", &self.digest)?;
        match self.algorithm.digest_bytes() {
            Some(length) if length != digest.len() => Err(CliError::Usage(format!(
                "{} signs a digest of {length} bytes, and this has {}: `openssl dgst -sha{} \
                 -binary FILE | base64` makes one",
                self.algorithm,
                digest.len(),
                length * 8
            ))),
            _ => Ok(SecretValue::from_bytes(&digest)),
        }
    }
}

/// Signs a digest.
pub(super) async fn sign(args: SignArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let algorithm = args.what.algorithm.name();
    let body = json!({"alg": algorithm, "value": args.what.digest()?});
    let signed: Signed = parse(&send(&target, "sign", &body).await?)?;
    let view = json!({
        "keyId": signed.kid,
        "algorithm": algorithm,
        "signature": bytes::shown(&signed.value),
    });
    output::show(&view, SIGN_COLUMNS, &args.output)
}

/// Verifies a signature.
pub(super) async fn verify(args: VerifyArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let algorithm = args.what.algorithm.name();
    let signature = bytes::of_base64("the signature", &args.signature)?;
    let body = json!({
        "alg": algorithm,
        "digest": args.what.digest()?,
        "value": SecretValue::from_bytes(&signature),
    });
    let Verified { value } = parse(&send(&target, "verify", &body).await?)?;
    let view = json!({"keyId": target.id(), "algorithm": algorithm, "isValid": value});
    output::show(&view, VERIFY_COLUMNS, &args.output)?;
    if value {
        Ok(())
    } else {
        Err(CliError::failed("the signature does not fit: key, algorithm or digest is another"))
    }
}

async fn send(target: &Target, verb: &str, body: &Value) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let client = target.sign_in().await?;
    let path = format!("{}/{verb}", target.address.version_path());
    let body = Zeroizing::new(body.to_string().into_bytes());
    client.call(Method::POST, &path, Some(body)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_its_algorithms_length() {
        let digest =
            |algorithm, digest: &str| DigestArgs { algorithm, digest: digest.into() }.digest();
        let refused = digest(SignatureAlgorithm::Es384, "AAAA").err().unwrap().to_string();
        assert!(refused.contains("48 bytes") && refused.contains("-sha384"), "{refused}");
        assert!(digest(SignatureAlgorithm::Rsnull, "AAAA").is_ok());
        let sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let sent = digest(SignatureAlgorithm::Es256k, sha256).unwrap();
        assert_eq!(sent.expose(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
