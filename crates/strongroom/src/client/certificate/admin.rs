//! `strongroom certificate issuer admin`: who answers for an issuer's organization.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use strongroom_wire::to_secret_json;

use super::super::object::vault_client::{VaultClient, parse};
use super::super::output::{self, Column, OutputArgs};
use super::issuer::NameArgs;
use crate::error::CliError;

const COLUMNS: &[Column] = &[
    ("Email", "/email"),
    ("FirstName", "/firstName"),
    ("LastName", "/lastName"),
    ("Phone", "/phone"),
];

/// `strongroom certificate issuer admin`
#[derive(Args)]
pub(super) struct AdminArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the administrators.
    List(ListArgs),
    /// Add an administrator.
    Add(AddArgs),
    /// Take an administrator away.
    Delete(DeleteArgs),
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    issuer: NameArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct AddArgs {
    #[command(flatten)]
    list: ListArgs,
    /// E-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// First name.
    #[arg(long)]
    first_name: Option<String>,
    /// Last name.
    #[arg(long)]
    last_name: Option<String>,
    /// Telephone.
    #[arg(long)]
    phone: Option<String>,
}

#[derive(Args)]
struct DeleteArgs {
    #[command(flatten)]
    list: ListArgs,
    /// E-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
}

/// The administrators of an issuer, as az prints them.
pub(super) fn view(issuer: &Value) -> Value {
    administrators(issuer)
        .iter()
        .map(|admin| {
            json!({
                "email": admin.get("email"),
                "firstName": admin.get("first_name"),
                "lastName": admin.get("last_name"),
                "phone": admin.get("phone"),
            })
        })
        .collect()
}

fn administrators(issuer: &Value) -> &[Value] {
    let list = issuer.pointer("/org_details/admin_details").and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn is(admin: &Value, email: &str) -> bool {
    let own = admin.get("email").and_then(Value::as_str);
    own.is_some_and(|own| own.eq_ignore_ascii_case(email))
}

/// Does what is asked for, and prints the administrators.
pub(super) async fn run(args: AdminArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::List(args) => {
            let path = args.issuer.path()?;
            let client = args.issuer.sign_in().await?;
            let issuer: Value = parse(&client.call(Method::GET, &path, None).await?)?;
            output::show(&view(&issuer), COLUMNS, &args.output)
        }
        Verb::Add(args) => {
            let mut new = json!({"email": args.email});
            let more = [
                ("first_name", &args.first_name),
                ("last_name", &args.last_name),
                ("phone", &args.phone),
            ];
            if let Some(members) = new.as_object_mut() {
                let said = more.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
                members.extend(said.map(|(name, text)| (name.to_owned(), json!(text))));
            }
            let email = args.email;
            change(&args.list, |mut all| {
                if all.iter().any(|admin| is(admin, &email)) {
                    return Err(CliError::Failed(format!("{email} is an administrator already")));
                }
                all.push(new);
                Ok(all)
            })
            .await
        }
        Verb::Delete(args) => {
            let email = args.email;
            change(&args.list, |mut all| {
                let before = all.len();
                all.retain(|admin| !is(admin, &email));
                if all.len() == before {
                    return Err(CliError::NotFound(format!("{email} is no administrator of it")));
                }
                Ok(all)
            })
            .await
        }
    }
}

async fn change(
    args: &ListArgs,
    changed: impl FnOnce(Vec<Value>) -> Result<Vec<Value>, CliError>,
) -> Result<(), CliError> {
    let path = args.issuer.path()?;
    let client = args.issuer.sign_in().await?;
    let issuer: Value = parse(&client.call(Method::GET, &path, None).await?)?;
    let all = changed(administrators(&issuer).to_vec())?;
    // The organization is replaced whole: its id goes along.
    let mut organization = json!({"admin_details": all});
    if let (Some(members), Some(id)) =
        (organization.as_object_mut(), issuer.pointer("/org_details/id"))
    {
        members.insert("id".into(), id.clone());
    }
    let issuer = put(&client, &path, &json!({"org_details": organization})).await?;
    output::show(&view(&issuer), COLUMNS, &args.output)
}

async fn put(client: &VaultClient, path: &str, body: &Value) -> Result<Value, CliError> {
    let body = to_secret_json(body).map_err(CliError::failed)?;
    parse(&client.call(Method::PATCH, path, Some(body)).await?)
}
