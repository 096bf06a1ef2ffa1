//! `strongroom role`: who may do what, through the administrator's socket.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};
use strongroom_authz::roles;

use super::admin::{AdminSocket, with_query};
use super::deny::{self, DenyArgs};
use super::output::{self, Column, OutputArgs};
use super::place::DataDir;
use super::vault::listed;
use crate::error::CliError;

const PATH: &str = "/roleAssignments";
const COLUMNS: &[Column] = &[
    ("Principal", "/principalId"),
    ("Role", "/roleDefinitionName"),
    ("Scope", "/scope"),
    ("Name", "/name"),
];

/// `strongroom role`
#[derive(Args)]
pub(crate) struct RoleArgs {
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Subcommand)]
enum Noun {
    /// Role assignments.
    Assignment(AssignmentArgs),
    /// Deny assignments, which go before every role.
    Deny(DenyArgs),
}

#[derive(Args)]
struct AssignmentArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Give a role.
    Create(CreateArgs),
    /// Take roles away: by id, or all that fit.
    Delete(DeleteArgs),
    /// List role assignments.
    List(ListArgs),
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    data: DataDir,
    /// Who: the client id or object id of an application known here.
    #[arg(long, value_name = "ID", required_unless_present = "assignee_object_id")]
    assignee: Option<String>,
    /// Who, by an object id that need not be known here: a principal of a trusted issuer.
    #[arg(long, value_name = "ID", conflicts_with = "assignee")]
    assignee_object_id: Option<String>,
    /// The role, by name or id.
    #[arg(long)]
    role: String,
    /// Where: the id of a subscription, resource group, vault or secret.
    #[arg(long, value_name = "ID")]
    scope: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct DeleteArgs {
    #[command(flatten)]
    data: DataDir,
    /// The assignments' ids.
    #[arg(long, value_name = "ID", num_args = 1..)]
    #[arg(conflicts_with_all = ["assignee", "role", "scope"])]
    ids: Vec<String>,
    /// Whose assignments.
    #[arg(long, value_name = "ID", required_unless_present = "ids")]
    assignee: Option<String>,
    /// Of which role only.
    #[arg(long)]
    role: Option<String>,
    /// At which scope only.
    #[arg(long, value_name = "ID")]
    scope: Option<String>,
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataDir,
    /// Of whom only.
    #[arg(long, value_name = "ID")]
    assignee: Option<String>,
    /// Of which role only.
    #[arg(long)]
    role: Option<String>,
    /// At which scope only.
    #[arg(long, value_name = "ID")]
    scope: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Does what is asked for.
pub(crate) async fn run(args: RoleArgs) -> Result<(), CliError> {
    let verb = match args.noun {
        Noun::Assignment(AssignmentArgs { verb }) => verb,
        Noun::Deny(args) => return deny::run(args).await,
    };
    match verb {
        Verb::Create(args) => create(&args).await,
        Verb::Delete(args) => delete(&args).await,
        Verb::List(args) => {
            let wanted = Wanted::new(&args.assignee, &args.role, &args.scope);
            let found = wanted.find(&AdminSocket::of(args.data.path())).await?;
            output::show(&found.into(), COLUMNS, &args.output)
        }
    }
}

async fn create(args: &CreateArgs) -> Result<(), CliError> {
    let body = json!({
        "assignee": args.assignee,
        "assigneeObjectId": args.assignee_object_id,
        "role": args.role,
        "scope": args.scope,
    });
    let socket = AdminSocket::of(args.data.path());
    let made: Value = socket.call(Method::POST, PATH, Some(&body)).await?;
    output::show(&made, COLUMNS, &args.output)
}

async fn delete(args: &DeleteArgs) -> Result<(), CliError> {
    let socket = AdminSocket::of(args.data.path());
    let mut ids = args.ids.clone();
    if ids.is_empty() {
        let wanted = Wanted::new(&args.assignee, &args.role, &args.scope);
        let found = wanted.find(&socket).await?;
        ids.extend(found.iter().filter_map(|a| Some(a.get("name")?.as_str()?.to_owned())));
        if ids.is_empty() {
            return Err(CliError::NotFound(
                "no role assignment fits: `strongroom role assignment list` shows those there are"
                    .into(),
            ));
        }
    }
    for id in &ids {
        let name = last_segment(id)?;
        socket.call::<Value>(Method::DELETE, &format!("{PATH}/{name}"), None).await?;
    }
    Ok(())
}

/// An assignment's id ends with its name, a GUID.
pub(super) fn last_segment(id: &str) -> Result<&str, CliError> {
    let name = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    match uuid::Uuid::try_parse(name) {
        Ok(_) => Ok(name),
        Err(_) => {
            Err(CliError::Usage(format!("'{id}' is no assignment's id: it ends with a GUID")))
        }
    }
}

/// Which assignments.
struct Wanted<'a> {
    assignee: Option<&'a str>,
    role: Option<&'a str>,
    scope: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn new(
        assignee: &'a Option<String>,
        role: &'a Option<String>,
        scope: &'a Option<String>,
    ) -> Self {
        Self { assignee: assignee.as_deref(), role: role.as_deref(), scope: scope.as_deref() }
    }

    async fn find(&self, socket: &AdminSocket) -> Result<Vec<Value>, CliError> {
        let path = with_query(PATH, &[("assignee", self.assignee), ("scope", self.scope)]);
        let answer: Value = socket.call(Method::GET, &path, None).await?;
        let Value::Array(found) = listed(answer) else { return Ok(Vec::new()) };
        Ok(found.into_iter().filter(|assignment| self.fits(assignment)).collect())
    }

    /// The server's filter again: a scope must be this one, and the server knows no role filter.
    fn fits(&self, assignment: &Value) -> bool {
        let text = |name: &str| assignment.get(name).and_then(Value::as_str).unwrap_or_default();
        let same_scope = |scope: &str| {
            text("scope").trim_end_matches('/').eq_ignore_ascii_case(scope.trim_end_matches('/'))
        };
        self.scope.is_none_or(same_scope)
            && self.role.is_none_or(|role| is_role(role, text("roleDefinitionId")))
    }
}

/// Whether a role's id is the role that a user named.
fn is_role(named: &str, id: &str) -> bool {
    let of = |text: &str| text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let guid = roles::by_name(named).map_or_else(|| of(named), |role| role.id.to_string());
    guid == of(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/\
        4633458b-17de-408a-b874-0445c86b69e6";

    #[test]
    fn a_role_is_known_by_name_and_by_id() {
        for named in [
            "Key Vault Secrets User",
            "key vault secrets user",
            "4633458B-17de-408a-b874-0445c86b69e6",
            ID,
        ] {
            assert!(is_role(named, ID), "{named}");
        }
        assert!(!is_role("Owner", ID));
        assert!(!is_role("No Such Role", ID));
    }

    #[test]
    fn only_the_scope_itself_fits() {
        let assignment =
            json!({"scope": "/subscriptions/S/resourceGroups/dev", "roleDefinitionId": ID});
        let at = |scope| Wanted { assignee: None, role: None, scope: Some(scope) };
        assert!(at("/Subscriptions/s/resourcegroups/dev/").fits(&assignment));
        assert!(!at("/subscriptions/s").fits(&assignment));
        assert!(!at("/subscriptions/s/resourceGroups/dev/providers/x").fits(&assignment));
    }

    #[test]
    fn an_id_ends_with_a_guid() {
        let guid = "0d6ed8fb-4f3e-4b2f-8a16-b3e0a3f1a001";
        assert_eq!(last_segment(&format!("/a/roleAssignments/{guid}")).unwrap(), guid);
        assert!(last_segment("/a/b?c").is_err());
    }
}
