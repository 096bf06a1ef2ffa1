//! `strongroom certificate issuer`: who signs the certificates whose policy names it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use strongroom_model::{Kind, ObjectName};
use strongroom_wire::{SecretValue, to_secret_json};
use zeroize::Zeroizing;

use super::super::object::address::VaultArgs;
use super::super::object::secret_result::SecretResult;
use super::super::object::vault_client::{VaultClient, parse};
use super::super::object::view::iso;
use super::super::output::{self, Column, OutputArgs};
use super::super::terminal;
use super::admin::{self, AdminArgs};
use super::revoke::{self, RevokeIssuedArgs};
use crate::error::CliError;

const COLUMNS: &[Column] = &[
    ("Name", "/name"),
    ("Provider", "/provider"),
    ("OrganizationId", "/organizationId"),
    ("Enabled", "/enabled"),
];
const BINDING_COLUMNS: &[Column] =
    &[("KeyId", "/keyId"), ("Directory", "/directory"), ("Expires", "/expires")];

/// `strongroom certificate issuer`
#[derive(Args)]
pub(super) struct IssuerArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the issuers of a vault.
    List(ListArgs),
    /// Show an issuer.
    Show(NamedIssuerArgs),
    /// Make an issuer: an authority of the vault, one that speaks ACME, or another by name.
    Create(CreateArgs),
    /// Change what is said of an issuer.
    Update(UpdateArgs),
    /// Take an issuer away.
    Delete(NamedIssuerArgs),
    /// Work with an issuer's administrators.
    Admin(AdminArgs),
    /// Make a key that binds an ACME account to you (RFC 8555, 7.3.4): an extension.
    Eab(NamedIssuerArgs),
    /// Revoke what an authority of the vault issued, by serial number: an extension.
    Revoke(RevokeIssuedArgs),
}

/// An issuer of a vault.
#[derive(Args)]
pub(super) struct NameArgs {
    /// Its name.
    #[arg(value_name = "NAME", required_unless_present = "issuer_name")]
    positional: Option<String>,
    /// The same, as az has it.
    #[arg(long, short = 'n', value_name = "NAME", conflicts_with = "positional")]
    issuer_name: Option<String>,
    #[command(flatten)]
    vault: VaultArgs,
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct NamedIssuerArgs {
    #[command(flatten)]
    issuer: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    issuer: NameArgs,
    /// Strongroom (an authority of the vault), ACME, DigiCert or GlobalSign.
    #[arg(long, visible_alias = "provider-name", value_name = "NAME")]
    provider: String,
    #[command(flatten)]
    facts: FactsArgs,
}

#[derive(Args)]
struct UpdateArgs {
    #[command(flatten)]
    issuer: NameArgs,
    /// The provider.
    #[arg(long, visible_alias = "provider-name", value_name = "NAME")]
    provider: Option<String>,
    #[command(flatten)]
    facts: FactsArgs,
}

/// What is said of an issuer.
#[derive(Args)]
struct FactsArgs {
    /// The account at the issuer; of ACME, the key identifier of its external account binding.
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    /// A file with the account's password; of ACME, the binding's HMAC key in base64url.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The password. Other users of the machine can see it here: better use a file.
    #[arg(long, hide = true, conflicts_with = "password_file", allow_hyphen_values = true)]
    password: Option<String>,
    /// The organization; of ACME, the name of the directory in the server's configuration.
    #[arg(long, value_name = "ID")]
    organization_id: Option<String>,
    /// Of Strongroom: the certificate of the vault that signs.
    #[arg(long, value_name = "NAME", conflicts_with = "organization_id")]
    authority: Option<String>,
    /// Whether it issues nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
    /// Of Strongroom: the longest life of a certificate [default: 398].
    #[arg(long, value_name = "DAYS")]
    max_days: Option<u32>,
    /// Of Strongroom: domains whose names it certifies, and all below them [default: any].
    #[arg(long, value_name = "DOMAIN", num_args = 0..)]
    allow_dns: Option<Vec<String>>,
    /// Of Strongroom: extended key usages that it certifies, by object identifier [default: any].
    #[arg(long, value_name = "OID", num_args = 0..)]
    allow_eku: Option<Vec<String>>,
    /// Of Strongroom: whether it certifies other authorities.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    allow_ca: Option<bool>,
    /// Of Strongroom: whether it serves ACME.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    acme: Option<bool>,
    #[command(flatten)]
    output: OutputArgs,
}

impl NameArgs {
    /// `certificates/issuers/{name}`
    pub(super) fn path(&self) -> Result<String, CliError> {
        let name = self.positional.as_deref().or(self.issuer_name.as_deref());
        let name = ObjectName::parse(name.unwrap_or_default())
            .map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(format!("certificates/issuers/{name}"))
    }

    /// Signs in for its vault.
    pub(super) async fn sign_in(&self) -> Result<VaultClient, CliError> {
        self.vault.sign_in(Kind::Certificate).await
    }
}

impl FactsArgs {
    /// What is not said is left out, and left alone.
    fn body(&mut self, provider: Option<&str>) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let password = match (self.password.take(), &self.password_file) {
            (Some(password), _) => {
                terminal::warn(
                    "a password among the arguments is visible to other users: use a file",
                );
                Some(SecretValue::new(password))
            }
            (None, Some(path)) => Some(super::password(path)?),
            (None, None) => None,
        };
        let body = IssuerBody {
            provider: provider.map(str::to_owned),
            credentials: Credentials { account_id: self.account_id.clone(), pwd: password },
            org_details: self.authority.clone().or_else(|| self.organization_id.clone()),
            attributes: self.disabled.map(|disabled| json!({"enabled": !disabled})),
            strongroom: self.profile(),
        };
        to_secret_json(&body).map_err(CliError::failed)
    }

    fn profile(&self) -> Option<Value> {
        let members = [
            ("max_days", json!(self.max_days)),
            ("allowed_dns", json!(self.allow_dns)),
            ("allowed_ekus", json!(self.allow_eku)),
            ("allow_ca", json!(self.allow_ca)),
            ("acme", json!(self.acme)),
        ];
        let said = members.into_iter().filter(|(_, value)| !value.is_null());
        let profile: Map<_, _> = said.map(|(name, value)| (name.to_owned(), value)).collect();
        (!profile.is_empty()).then_some(Value::Object(profile))
    }
}

#[derive(serde::Serialize)]
struct IssuerBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Credentials::is_empty")]
    credentials: Credentials,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_id")]
    org_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strongroom: Option<Value>,
}

#[derive(serde::Serialize)]
struct Credentials {
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pwd: Option<SecretValue>,
}

impl Credentials {
    fn is_empty(&self) -> bool {
        self.account_id.is_none() && self.pwd.is_none()
    }
}

fn by_id<S: serde::Serializer>(id: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&json!({"id": id}), serializer)
}

/// Does what is asked for.
pub(super) async fn run(args: IssuerArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::List(args) => {
            let client = args.vault.sign_in(Kind::Certificate).await?;
            let found: Vec<Value> = client.list("certificates/issuers", &[], None).await?;
            let views: Value = found.iter().map(view).collect();
            output::show(&views, COLUMNS, &args.output)
        }
        Verb::Show(args) => answered(&args, Method::GET).await,
        Verb::Delete(args) => answered(&args, Method::DELETE).await,
        Verb::Create(CreateArgs { issuer, provider, facts }) => {
            send(&issuer, Method::PUT, Some(&provider), facts).await
        }
        Verb::Update(UpdateArgs { issuer, provider, facts }) => {
            send(&issuer, Method::PATCH, provider.as_deref(), facts).await
        }
        Verb::Admin(args) => admin::run(args).await,
        Verb::Eab(args) => bind(args).await,
        Verb::Revoke(args) => revoke::issued(args).await,
    }
}

async fn answered(args: &NamedIssuerArgs, method: Method) -> Result<(), CliError> {
    let path = args.issuer.path()?;
    let client = args.issuer.sign_in().await?;
    let issuer: Value = parse(&client.call(method, &path, None).await?)?;
    output::show(&view(&issuer), COLUMNS, &args.output)
}

async fn send(
    issuer: &NameArgs,
    method: Method,
    provider: Option<&str>,
    mut facts: FactsArgs,
) -> Result<(), CliError> {
    let (path, body) = (issuer.path()?, facts.body(provider)?);
    let client = issuer.sign_in().await?;
    let issuer: Value = parse(&client.call(method, &path, Some(body)).await?)?;
    output::show(&view(&issuer), COLUMNS, &facts.output)
}

async fn bind(args: NamedIssuerArgs) -> Result<(), CliError> {
    #[derive(serde::Deserialize)]
    struct Binding {
        key_id: String,
        hmac_key: SecretValue,
        directory: Option<String>,
        expires: Option<i64>,
    }
    let path = format!("{}/eab", args.issuer.path()?);
    let client = args.issuer.sign_in().await?;
    let body = Some(Zeroizing::new(b"{}".to_vec()));
    let answer = client.call(Method::POST, &path, body).await?;
    let binding: Binding = parse(&answer)?;
    let view = json!({
        "keyId": binding.key_id,
        "directory": binding.directory,
        "expires": binding.expires.map(iso),
    });
    let result = SecretResult {
        view: &view,
        columns: BINDING_COLUMNS,
        first: ("KeyId", &binding.key_id),
        member: ("hmacKey", "HmacKey"),
        secret: &binding.hmac_key,
    };
    result.print(&args.output)
}

/// An issuer as az prints it, or an element of a list.
fn view(issuer: &Value) -> Value {
    let of = |path: &str| issuer.pointer(path).cloned().unwrap_or_default();
    let time = |path: &str| json!(issuer.pointer(path).and_then(Value::as_i64).map(iso));
    let id = of("/id");
    let name = id.as_str().and_then(|id| id.rsplit('/').next());
    let mut view = json!({"id": id, "name": name, "provider": of("/provider")});
    if let (Some(members), Some(_)) = (view.as_object_mut(), issuer.get("attributes")) {
        let more = [
            ("accountId", of("/credentials/account_id")),
            ("adminContacts", admin::view(issuer)),
            ("createdOn", time("/attributes/created")),
            ("enabled", of("/attributes/enabled")),
            ("organizationId", of("/org_details/id")),
            ("updatedOn", time("/attributes/updated")),
        ];
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
        if let Some(profile) = issuer.get("strongroom") {
            members.insert("strongroom".into(), profile.clone());
        }
    }
    view
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: FactsArgs,
    }

    fn body(line: &str, provider: Option<&str>) -> Value {
        let words = ["x"].into_iter().chain(line.split_whitespace());
        let mut line = Line::try_parse_from(words).unwrap();
        serde_json::from_slice(&line.args.body(provider).unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_said_is_sent() {
        assert_eq!(body("", None), json!({}));
        let line = "--authority root --max-days 30 --allow-dns a.example --acme --allow-ca false";
        let expected = json!({
            "provider": "Strongroom",
            "org_details": {"id": "root"},
            "strongroom": {
                "max_days": 30, "allowed_dns": ["a.example"], "acme": true, "allow_ca": false,
            },
        });
        assert_eq!(body(line, Some("Strongroom")), expected);
        let line = "--account-id u --password p --organization-id 7 --disabled";
        let expected = json!({
            "provider": "DigiCert",
            "credentials": {"account_id": "u", "pwd": "p"},
            "org_details": {"id": "7"},
            "attributes": {"enabled": false},
        });
        assert_eq!(body(line, Some("DigiCert")), expected);
    }

    #[test]
    fn a_view_is_as_az_prints_it() {
        // SetCertificateIssuer-example.json of Azure's specification (7.6-preview.1).
        let issuer = json!({
            "id": "https://myvault.vault.azure.net/certificates/issuers/issuer01",
            "provider": "Test",
            "credentials": {"account_id": "keyvaultuser"},
            "org_details": {"admin_details": [{
                "first_name": "John", "last_name": "Doe", "email": "admin@microsoft.com",
                "phone": "4255555555",
            }]},
            "attributes": {"enabled": true, "created": 1482188806, "updated": 1482189526},
        });
        let expected = json!({
            "accountId": "keyvaultuser",
            "adminContacts": [{
                "email": "admin@microsoft.com", "firstName": "John", "lastName": "Doe",
                "phone": "4255555555",
            }],
            "createdOn": "2016-12-19T23:06:46+00:00",
            "enabled": true,
            "id": "https://myvault.vault.azure.net/certificates/issuers/issuer01",
            "name": "issuer01",
            "organizationId": null,
            "provider": "Test",
            "updatedOn": "2016-12-19T23:18:46+00:00",
        });
        assert_eq!(view(&issuer), expected);
        let listed = json!({"id": "https://v/certificates/issuers/a", "provider": "Test"});
        assert_eq!(view(&listed)["name"], "a");
        assert!(view(&listed).get("enabled").is_none());
    }
}
