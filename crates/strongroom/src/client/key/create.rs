//! `strongroom key create`: a new version, whose private half is drawn inside.

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::Serialize;
use strongroom_model::{AkpAlgorithm, Curve, KeyOperation, KeyType, Kind};
use strongroom_wire::to_secret_json;

use super::super::object::Object;
use super::super::object::address::ObjectArgs;
use super::super::object::attributes::{AttributesArgs, AttributesBody, DisabledArgs, TagsBody};
use super::super::object::vault_client::parse;
use super::super::output::OutputArgs;
use super::bundle::Bundle;
use super::names;
use super::policy::{PolicyArgs, PolicyBody};
use crate::error::CliError;

/// What is said of a new version beside its key.
#[derive(Args)]
pub(super) struct NewKeyArgs {
    /// Where the private half lies: in the vault's store, or in its device.
    #[arg(long, short = 'p', value_enum)]
    pub(super) protection: Option<Protection>,
    /// What it may be used for [default: all that its type can].
    #[arg(long, value_name = "OP", num_args = 0.., value_parser = names::key_operation())]
    #[arg(ignore_case = true)]
    pub(super) ops: Option<Vec<KeyOperation>>,
    /// Whether it may be released under its policy.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    exportable: Option<bool>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    disabled: DisabledArgs,
    #[command(flatten)]
    attributes: AttributesArgs,
}

/// Where a private half lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Protection {
    /// In the vault's store.
    Software,
    /// In the vault's device.
    Hsm,
}

/// `strongroom key create`
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    key: ObjectArgs,
    /// The type [default: RSA, or EC with a curve].
    #[arg(long, value_name = "TYPE", value_parser = names::key_type(), ignore_case = true)]
    kty: Option<KeyType>,
    /// The size in bits: 2048, 3072 or 4096 for RSA; 128, 192 or 256 for oct.
    #[arg(long, value_name = "BITS")]
    size: Option<u32>,
    /// The curve [default: P-256].
    #[arg(long, value_parser = names::curve(), ignore_case = true)]
    curve: Option<Curve>,
    /// The public exponent of an RSA key [default: 65537].
    #[arg(long, value_name = "NUMBER")]
    public_exponent: Option<u32>,
    /// The algorithm of an AKP key.
    #[arg(long, short = 'a', value_parser = names::akp(), ignore_case = true)]
    algorithm: Option<AkpAlgorithm>,
    #[command(flatten)]
    new: NewKeyArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The members that create and import have in common. What is not said is left out.
#[derive(Serialize)]
pub(super) struct NewKeyBody {
    attributes: KeyAttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_policy: Option<PolicyBody>,
}

#[derive(Serialize)]
struct KeyAttributesBody {
    #[serde(flatten)]
    common: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    exportable: Option<bool>,
}

#[derive(Serialize)]
struct CreateBody {
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_exponent: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<&'static str>>,
    #[serde(flatten)]
    new: NewKeyBody,
}

impl NewKeyArgs {
    /// The members that say so.
    pub(super) fn body(&self) -> Result<NewKeyBody, CliError> {
        Ok(NewKeyBody {
            attributes: KeyAttributesBody {
                common: self.attributes.attributes(self.disabled.enabled()),
                exportable: self.exportable,
            },
            tags: self.attributes.tags(),
            release_policy: self.policy.body()?,
        })
    }

    /// The type of key that lies where it was asked for.
    pub(super) fn placed(&self, key_type: KeyType) -> Result<KeyType, CliError> {
        match self.protection {
            Some(Protection::Hsm) => Ok(in_device(key_type)),
            Some(Protection::Software) if key_type.is_hsm() => Err(CliError::Usage(format!(
                "a key of type {key_type} lies in a device: leave --protection software out, or \
                 say --kty {}",
                key_type.software()
            ))),
            _ => Ok(key_type),
        }
    }
}

/// The type with the device.
pub(super) fn in_device(key_type: KeyType) -> KeyType {
    match key_type.software() {
        KeyType::Rsa => KeyType::RsaHsm,
        KeyType::Oct => KeyType::OctHsm,
        KeyType::Akp => KeyType::AkpHsm,
        _ => KeyType::EcHsm,
    }
}

impl CreateArgs {
    fn body(&self) -> Result<CreateBody, CliError> {
        let usual = if self.curve.is_some() {
            KeyType::Ec
        } else if self.algorithm.is_some() {
            KeyType::Akp
        } else {
            KeyType::Rsa
        };
        let ops = self.new.ops.as_ref();
        Ok(CreateBody {
            kty: self.new.placed(self.kty.unwrap_or(usual))?.name(),
            key_size: self.size,
            public_exponent: self.public_exponent,
            crv: self.curve.map(Curve::name),
            alg: self.algorithm.map(AkpAlgorithm::name),
            key_ops: ops.map(|ops| ops.iter().map(|op| op.name()).collect()),
            new: self.new.body()?,
        })
    }
}

/// Makes a version.
pub(super) async fn run(args: CreateArgs) -> Result<(), CliError> {
    let target = args.key.target(Kind::Key)?;
    let body = to_secret_json(&args.body()?).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let path = format!("{}/create", target.address.path());
    let answer = client.call(Method::POST, &path, Some(body)).await?;
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
        args: CreateArgs,
    }

    fn body(line: &str) -> Result<Value, CliError> {
        let words = ["x", "-n", "a"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).unwrap();
        Ok(serde_json::to_value(line.args.body()?).unwrap())
    }

    #[test]
    fn the_type_follows_from_the_rest() {
        assert_eq!(body("").unwrap(), json!({"kty": "RSA", "attributes": {}}));
        let expected = json!({"kty": "EC", "crv": "P-256K", "attributes": {}});
        assert_eq!(body("--curve p-256k").unwrap(), expected);
        assert_eq!(body("--protection hsm").unwrap()["kty"], "RSA-HSM");
        assert_eq!(body("-p hsm --kty EC").unwrap()["kty"], "EC-HSM");
        assert_eq!(body("-p hsm --kty oct-HSM").unwrap()["kty"], "oct-HSM");
        assert_eq!(body("-a ML-DSA-65").unwrap()["kty"], "AKP");
        assert!(matches!(body("-p software --kty RSA-HSM"), Err(CliError::Usage(_))));
    }

    #[test]
    fn what_is_said_is_sent() {
        let line = "--kty RSA --size 3072 --public-exponent 3 --ops sign WRAPKEY --disabled \
            --exportable --policy {} --immutable --expires 2030-01-31 --tags a=b";
        let expected = json!({
            "kty": "RSA",
            "key_size": 3072,
            "public_exponent": 3,
            "key_ops": ["sign", "wrapKey"],
            "attributes": {"enabled": false, "exp": 1_896_048_000, "exportable": true},
            "tags": {"a": "b"},
            "release_policy": {
                "contentType": "application/json; charset=utf-8",
                "data": "e30",
                "immutable": true,
            },
        });
        assert_eq!(body(line).unwrap(), expected);
    }
}
