//! `strongroom certificate contact`: who is told of certificates that near their end.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strongroom_model::Kind;
use strongroom_wire::to_secret_json;

use super::super::object::address::VaultArgs;
use super::super::object::vault_client::{VaultClient, parse};
use super::super::output::{self, Column, OutputArgs};
use crate::error::CliError;

const PATH: &str = "certificates/contacts";
const COLUMNS: &[Column] = &[("Email", "/email"), ("Name", "/name"), ("Phone", "/phone")];

/// `strongroom certificate contact`
#[derive(Args)]
pub(super) struct ContactArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the contacts of a vault.
    List(ListArgs),
    /// Add a contact.
    Add(AddArgs),
    /// Take a contact away.
    Delete(DeleteArgs),
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    vault: VaultArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct AddArgs {
    /// E-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// Name.
    #[arg(long)]
    name: Option<String>,
    /// Telephone.
    #[arg(long)]
    phone: Option<String>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Args)]
struct DeleteArgs {
    /// E-mail address.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Default, Deserialize, Serialize)]
struct Contacts {
    #[serde(default)]
    contacts: Vec<Contact>,
}

#[derive(Deserialize, Serialize)]
struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
}

impl Contacts {
    async fn get(client: &VaultClient) -> Result<Self, CliError> {
        match client.call(Method::GET, PATH, None).await {
            Ok(answer) => parse(&answer),
            Err(CliError::NotFound(_)) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    async fn set(&self, client: &VaultClient) -> Result<(), CliError> {
        if self.contacts.is_empty() {
            return client.call(Method::DELETE, PATH, None).await.map(drop);
        }
        let body = to_secret_json(self).map_err(CliError::failed)?;
        client.call(Method::PUT, PATH, Some(body)).await.map(drop)
    }

    fn has(&self, email: &str) -> bool {
        self.contacts.iter().any(|contact| contact.is(email))
    }

    fn print(&self, how: &OutputArgs) -> Result<(), CliError> {
        let view = |c: &Contact| json!({"email": c.email, "name": c.name, "phone": c.phone});
        let views: Value = self.contacts.iter().map(view).collect();
        output::show(&views, COLUMNS, how)
    }
}

impl Contact {
    fn is(&self, email: &str) -> bool {
        self.email.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(email))
    }
}

/// Does what is asked for, and prints the contacts.
pub(super) async fn run(args: ContactArgs) -> Result<(), CliError> {
    match args.verb {
        Verb::List(args) => {
            let client = args.vault.sign_in(Kind::Certificate).await?;
            Contacts::get(&client).await?.print(&args.output)
        }
        Verb::Add(AddArgs { email, name, phone, list }) => {
            let client = list.vault.sign_in(Kind::Certificate).await?;
            let mut contacts = Contacts::get(&client).await?;
            if contacts.has(&email) {
                return Err(CliError::Failed(format!("{email} is a contact already")));
            }
            contacts.contacts.push(Contact { email: Some(email), name, phone });
            contacts.set(&client).await?;
            contacts.print(&list.output)
        }
        Verb::Delete(DeleteArgs { email, list }) => {
            let client = list.vault.sign_in(Kind::Certificate).await?;
            let mut contacts = Contacts::get(&client).await?;
            if !contacts.has(&email) {
                return Err(CliError::NotFound(format!("{email} is no contact of this vault")));
            }
            contacts.contacts.retain(|contact| !contact.is(&email));
            contacts.set(&client).await?;
            contacts.print(&list.output)
        }
    }
}
