//! Access policies: who may do what in a vault where roles do not decide.

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::{NamedArgs, path};
use crate::client::admin::AdminSocket;
use crate::client::output::OutputArgs;
use crate::error::CliError;

/// `strongroom vault set-policy`
#[derive(Args)]
pub(super) struct SetPolicyArgs {
    #[command(flatten)]
    pub(super) vault: NamedArgs,
    #[command(flatten)]
    who: WhoArgs,
    /// What they may do with keys: get, list, sign… or all.
    #[arg(long, value_name = "PERMISSION", num_args = 1..)]
    key_permissions: Vec<String>,
    /// What they may do with secrets.
    #[arg(long, value_name = "PERMISSION", num_args = 1..)]
    secret_permissions: Vec<String>,
    /// What they may do with certificates.
    #[arg(long, value_name = "PERMISSION", num_args = 1..)]
    certificate_permissions: Vec<String>,
    /// What they may do with managed storage accounts. It is kept, and allows nothing.
    #[arg(long, value_name = "PERMISSION", num_args = 1..)]
    storage_permissions: Vec<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `strongroom vault delete-policy`
#[derive(Args)]
pub(super) struct DeletePolicyArgs {
    #[command(flatten)]
    pub(super) vault: NamedArgs,
    #[command(flatten)]
    who: WhoArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Args)]
struct WhoArgs {
    /// The object id of a person, a service principal or a group.
    #[arg(long, value_name = "ID")]
    object_id: String,
    /// The client id of the application through which the person must call.
    #[arg(long, value_name = "ID")]
    application_id: Option<String>,
}

/// Adds permissions to the principal's; answers the vault.
pub(super) async fn set(args: &SetPolicyArgs) -> Result<Value, CliError> {
    let mut policy = json!({
        "objectId": args.who.object_id,
        "permissions": {
            "keys": args.key_permissions,
            "secrets": args.secret_permissions,
            "certificates": args.certificate_permissions,
            "storage": args.storage_permissions,
        },
    });
    if let Some(application) = &args.who.application_id {
        policy["applicationId"] = json!(application);
    }
    let socket = AdminSocket::of(args.vault.data.path());
    let path = format!("{}/accessPolicies/add", path(&args.vault.name));
    socket.call(Method::PUT, &path, Some(&json!([policy]))).await
}

/// Takes everything away that the principal may do; answers the vault.
pub(super) async fn delete(args: &DeletePolicyArgs) -> Result<Value, CliError> {
    let socket = AdminSocket::of(args.vault.data.path());
    let vault = path(&args.vault.name);
    let shown: Value = socket.call(Method::GET, &vault, None).await?;
    let policies = shown.pointer("/properties/accessPolicies").and_then(Value::as_array);
    let theirs = policies.into_iter().flatten().find(|policy| args.who.is_of(policy));
    let Some(policy) = theirs else {
        return Err(CliError::failed("the vault has no access policy for them"));
    };
    let path = format!("{vault}/accessPolicies/remove");
    socket.call(Method::PUT, &path, Some(&json!([policy]))).await
}

impl WhoArgs {
    fn is_of(&self, policy: &Value) -> bool {
        let member = |name| policy.get(name).and_then(Value::as_str);
        let same = |one: Option<&str>, other: Option<&str>| match (one, other) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        same(member("objectId"), Some(&self.object_id))
            && same(member("applicationId"), self.application_id.as_deref())
    }
}
