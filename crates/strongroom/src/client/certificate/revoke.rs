//! Revoking what an authority of the vault issued: extensions, not in az.

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use strongroom_model::Kind;
use strongroom_wire::to_secret_json;

use super::super::object::address::VersionArgs;
use super::super::object::vault_client::{VaultClient, parse};
use super::super::object::view::iso;
use super::super::output::{self, Column, OutputArgs};
use super::bundle::Bundle;
use super::issuer::NameArgs;
use crate::error::CliError;

const COLUMNS: &[Column] = &[("Serial", "/serial"), ("Revoked", "/revoked"), ("Reason", "/reason")];

/// `strongroom certificate revoke`
#[derive(Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    certificate: VersionArgs,
    #[command(flatten)]
    why: WhyArgs,
}

/// `strongroom certificate issuer revoke`
#[derive(Args)]
pub(super) struct RevokeIssuedArgs {
    #[command(flatten)]
    issuer: NameArgs,
    /// The serial number, in hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    serial: String,
    #[command(flatten)]
    why: WhyArgs,
}

#[derive(Args)]
struct WhyArgs {
    /// Why.
    #[arg(long, value_enum, default_value_t)]
    reason: Reason,
    #[command(flatten)]
    output: OutputArgs,
}

/// RFC 5280, 5.3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
enum Reason {
    /// Nothing is said.
    #[default]
    Unspecified,
    /// Somebody else has, or may have, the private key.
    KeyCompromise,
    /// The same of the authority's key.
    #[value(name = "cACompromise", alias = "caCompromise")]
    CaCompromise,
    /// The names are no longer right.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
    /// It should not have been issued.
    PrivilegeWithdrawn,
}

#[derive(Deserialize)]
struct Revoked {
    serial: String,
    revoked: i64,
    reason: String,
}

impl Reason {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Revokes a version.
pub(super) async fn run(args: RevokeArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let client = target.sign_in().await?;
    let answer = client.call(Method::GET, &target.address.version_path(), None).await?;
    // The newest is named here: a renewal in between must not be hit.
    let bundle: Bundle = parse(&answer)?;
    let version = bundle.version().ok_or_else(|| {
        CliError::NotFound("there is no certificate yet: its first version is pending".into())
    })?;
    let path = format!("{}/{version}/revoke", target.address.path());
    send(&client, &path, &json!({"reason": args.why.reason.name()}), &args.why.output).await
}

/// Revokes what an authority issued.
pub(super) async fn issued(args: RevokeIssuedArgs) -> Result<(), CliError> {
    let path = format!("{}/revoke", args.issuer.path()?);
    let client = args.issuer.sign_in().await?;
    let body = json!({"serial": args.serial, "reason": args.why.reason.name()});
    send(&client, &path, &body, &args.why.output).await
}

async fn send(
    client: &VaultClient,
    path: &str,
    body: &serde_json::Value,
    how: &OutputArgs,
) -> Result<(), CliError> {
    let body = to_secret_json(body).map_err(CliError::failed)?;
    let answer = client.call(Method::POST, path, Some(body)).await?;
    let revoked: Revoked = parse(&answer)?;
    let view = json!({
        "serial": revoked.serial, "revoked": iso(revoked.revoked), "reason": revoked.reason,
    });
    output::show(&view, COLUMNS, how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_of_the_standard() {
        // RFC 5280, 5.3.1, without those that mean a change of mind.
        let names: Vec<String> = Reason::value_variants().iter().map(|r| r.name()).collect();
        let expected = [
            "unspecified",
            "keyCompromise",
            "cACompromise",
            "affiliationChanged",
            "superseded",
            "cessationOfOperation",
            "privilegeWithdrawn",
        ];
        assert_eq!(names, expected);
    }
}
