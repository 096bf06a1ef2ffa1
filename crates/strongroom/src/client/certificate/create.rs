//! `strongroom certificate create`: a new version, by a policy.

use std::time::Duration;

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_model::{Curve, KeyType, Kind};
use strongroom_wire::to_secret_json;

use super::super::object::address::{ObjectArgs, Target};
use super::super::object::attributes::{AttributesBody, DisabledArgs, TagsArgs, TagsBody};
use super::super::object::document::of_json_or_file;
use super::super::object::vault_client::{VaultClient, parse};
use super::super::output::OutputArgs;
use super::operation::Operation;
use super::policy;
use crate::error::CliError;

/// How often an operation is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often at most: ten minutes.
const MOST_LOOKS: u32 = 1_200;

/// `strongroom certificate create`
#[derive(Args)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    certificate: ObjectArgs,
    /// The policy: JSON, or a file with it (see get-default-policy). Options below change it.
    #[arg(long, short = 'p', value_name = "FILE")]
    policy: Option<String>,
    #[command(flatten)]
    wishes: WishArgs,
    #[command(flatten)]
    disabled: DisabledArgs,
    #[command(flatten)]
    tags: TagsArgs,
    /// Do not wait until the certificate is there.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The members of a policy that most people want to say.
#[derive(Args)]
struct WishArgs {
    /// The subject, such as `CN=www.example.com, O=Example` [default: the first DNS name, or the
    /// certificate's name].
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// DNS names.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    dns: Option<Vec<String>>,
    /// Addresses.
    #[arg(long, value_name = "ADDRESS", num_args = 1..)]
    ip: Option<Vec<String>>,
    /// Self, Unknown, or an issuer of the vault [default: Self].
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// How long it lives [default: 12].
    #[arg(long, visible_alias = "validity", value_name = "MONTHS")]
    months: Option<u32>,
    /// RSA, EC, RSA-HSM or EC-HSM [default: RSA, or EC with a curve].
    #[arg(long, value_name = "TYPE", value_parser = super::super::key::key_type())]
    #[arg(ignore_case = true)]
    key_type: Option<KeyType>,
    /// The size of an RSA key in bits [default: 2048].
    #[arg(long, value_name = "BITS")]
    key_size: Option<u32>,
    /// The curve of an EC key [default: P-256].
    #[arg(long, value_parser = super::super::key::curve(), ignore_case = true)]
    curve: Option<Curve>,
    /// Keep the private key in the vault: the certificate's secret goes without it.
    #[arg(long)]
    non_exportable: bool,
    /// What the certificate's secret holds [default: pkcs12].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Renew it so many days before its end [default: after four fifths of its life].
    #[arg(long, value_name = "DAYS")]
    renew_before: Option<u32>,
    /// Make it an authority, which can issue others: an extension.
    #[arg(long)]
    ca: bool,
    /// How many authorities may follow below it.
    #[arg(long, value_name = "N", requires = "ca")]
    path_len: Option<u8>,
}

/// What a certificate's secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// PKCS#12, in base64.
    Pkcs12,
    /// PKCS#8 and certificates.
    Pem,
}

#[derive(Serialize)]
struct CreateBody {
    policy: Value,
    attributes: AttributesBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: TagsBody,
}

impl Format {
    /// On the wire.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }
}

impl CreateArgs {
    fn body(&self, name: &str) -> Result<CreateBody, CliError> {
        let mut policy = match &self.policy {
            Some(text) => policy::given(&of_json_or_file("--policy", text)?)?,
            None => self.wishes.usual(name),
        };
        self.wishes.apply(&mut policy);
        Ok(CreateBody {
            policy,
            attributes: AttributesBody::enabled(self.disabled.enabled()),
            tags: self.tags.body(),
        })
    }
}

impl WishArgs {
    /// The policy of somebody who brings none. Members left out are the service's to choose.
    fn usual(&self, name: &str) -> Value {
        let issuer = self.issuer.as_deref().unwrap_or("Self");
        // Only people can renew what is signed elsewhere.
        let is_outside = issuer.eq_ignore_ascii_case("Unknown");
        let action = if is_outside { "EmailContacts" } else { "AutoRenew" };
        let first = self.dns.as_ref().and_then(|names| names.first());
        let mut policy = json!({
            "issuer": {"name": issuer},
            "key_props": {"exportable": true, "kty": "RSA", "reuse_key": false},
            "secret_props": {"contentType": Format::Pkcs12.content_type()},
            "x509_props": {
                "subject": format!("CN={}", first.map_or(name, String::as_str)),
                "validity_months": 12,
            },
            "lifetime_actions": [
                {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": action}},
            ],
        });
        if self.ca {
            set(&mut policy, "x509_props", "ekus", json!([]));
            let usage = json!(["cRLSign", "digitalSignature", "keyCertSign"]);
            set(&mut policy, "x509_props", "key_usage", usage);
        }
        policy
    }

    fn apply(&self, policy: &mut Value) {
        let usual = self.curve.map(|_| KeyType::Ec);
        let format = self.format.map(Format::content_type);
        let constraints = json!({"ca": true, "path_len": self.path_len});
        for (group, member, wish) in [
            ("issuer", "name", json!(self.issuer)),
            ("key_props", "kty", json!(self.key_type.or(usual).map(KeyType::name))),
            ("key_props", "key_size", json!(self.key_size)),
            ("key_props", "crv", json!(self.curve.map(Curve::name))),
            ("key_props", "exportable", json!(self.non_exportable.then_some(false))),
            ("secret_props", "contentType", json!(format)),
            ("x509_props", "subject", json!(self.subject)),
            ("x509_props", "validity_months", json!(self.months)),
            ("x509_props", "basic_constraints", json!(self.ca.then_some(constraints))),
        ] {
            if !wish.is_null() {
                set(policy, group, member, wish);
            }
        }
        let names = [("dns_names", &self.dns), ("ipAddresses", &self.ip)];
        for (kind, wish) in
            names.into_iter().filter_map(|(kind, wish)| Some((kind, wish.as_ref()?)))
        {
            let sans = policy.pointer("/x509_props/sans").cloned();
            let mut sans = sans.unwrap_or_else(|| json!({}));
            if let Some(sans) = sans.as_object_mut() {
                sans.insert(kind.to_owned(), json!(wish));
            }
            set(policy, "x509_props", "sans", sans);
        }
        if let (Some(days), Some(members)) = (self.renew_before, policy.as_object_mut()) {
            let action = json!({
                "trigger": {"days_before_expiry": days}, "action": {"action_type": "AutoRenew"},
            });
            members.insert("lifetime_actions".into(), json!([action]));
        }
    }
}

/// Sets a member of a group of a policy, which may not be there yet.
fn set(policy: &mut Value, group: &str, member: &str, value: Value) {
    if let Some(members) = policy.as_object_mut() {
        let group = members.entry(group).or_insert_with(|| json!({}));
        if let Some(group) = group.as_object_mut() {
            group.insert(member.to_owned(), value);
        }
    }
}

/// Makes a version, and waits until it is there, unless somebody outside has to sign it.
pub(super) async fn run(args: CreateArgs) -> Result<(), CliError> {
    let target = args.certificate.target(Kind::Certificate)?;
    let body = args.body(target.address.name.as_str())?;
    let body = to_secret_json(&body).map_err(CliError::failed)?;
    let client = target.sign_in().await?;
    let path = format!("{}/create", target.address.path());
    let answer = client.call(Method::POST, &path, Some(body)).await?;
    let mut operation: Operation = parse(&answer)?;
    if !args.no_wait {
        operation = finished(&client, &target, operation).await?;
    }
    operation.print(&args.output)?;
    operation.failure().map_or(Ok(()), Err)
}

async fn finished(
    client: &VaultClient,
    target: &Target,
    mut operation: Operation,
) -> Result<Operation, CliError> {
    let path = format!("{}/pending", target.address.path());
    for _ in 0..MOST_LOOKS {
        if !operation.goes_on() {
            return Ok(operation);
        }
        let answer = client.call(Method::GET, &path, None).await?;
        operation = parse(&answer)?;
        if operation.goes_on() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    Ok(operation)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CreateArgs,
    }

    fn body(words: &[&str]) -> Result<Value, CliError> {
        let words = ["x", "-n", "web"].iter().chain(words);
        let line = Line::try_parse_from(words).unwrap();
        Ok(serde_json::to_value(line.args.body("web")?).unwrap())
    }

    #[test]
    fn nothing_said_is_a_certificate_of_its_own_that_renews_itself() {
        let expected = json!({
            "policy": {
                "issuer": {"name": "Self"},
                "key_props": {"exportable": true, "kty": "RSA", "reuse_key": false},
                "secret_props": {"contentType": "application/x-pkcs12"},
                "x509_props": {"subject": "CN=web", "validity_months": 12},
                "lifetime_actions": [{
                    "trigger": {"lifetime_percentage": 80},
                    "action": {"action_type": "AutoRenew"},
                }],
            },
            "attributes": {},
        });
        assert_eq!(body(&[]).unwrap(), expected);
        let outside = body(&["--issuer", "unknown"]).unwrap();
        let action = outside.pointer("/policy/lifetime_actions/0/action/action_type");
        assert_eq!(action, Some(&json!("EmailContacts")));
    }

    #[test]
    fn what_is_said_is_sent() {
        let words = "--dns a.example b.example --ip ::1 --curve P-384 --non-exportable --months 3 \
            --format pem --renew-before 10 --issuer inner --disabled --tags a=b";
        let sent = body(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
        let expected = json!({
            "policy": {
                "issuer": {"name": "inner"},
                "key_props": {
                    "exportable": false, "kty": "EC", "crv": "P-384", "reuse_key": false,
                },
                "secret_props": {"contentType": "application/x-pem-file"},
                "x509_props": {
                    "subject": "CN=a.example",
                    "sans": {"dns_names": ["a.example", "b.example"], "ipAddresses": ["::1"]},
                    "validity_months": 3,
                },
                "lifetime_actions": [{
                    "trigger": {"days_before_expiry": 10},
                    "action": {"action_type": "AutoRenew"},
                }],
            },
            "attributes": {"enabled": false},
            "tags": {"a": "b"},
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn options_change_the_policy_that_is_given() {
        let policy = r#"{"x509CertificateProperties": {"subject": "CN=a",
            "subjectAlternativeNames": {"emails": ["a@b.example"], "dnsNames": ["old.example"]}}}"#;
        let sent = body(&["--policy", policy, "--dns", "new.example", "--key-size", "3072"]);
        let expected = json!({
            "x509_props": {
                "subject": "CN=a",
                "sans": {"emails": ["a@b.example"], "dns_names": ["new.example"]},
            },
            "key_props": {"key_size": 3072},
        });
        assert_eq!(sent.unwrap()["policy"], expected);
    }

    #[test]
    fn an_authority_may_sign_certificates_and_lists() {
        let sent = body(&["--ca", "--path-len", "0"]).unwrap();
        let expected = json!({
            "subject": "CN=web",
            "validity_months": 12,
            "ekus": [],
            "key_usage": ["cRLSign", "digitalSignature", "keyCertSign"],
            "basic_constraints": {"ca": true, "path_len": 0},
        });
        assert_eq!(sent["policy"]["x509_props"], expected);
    }
}
