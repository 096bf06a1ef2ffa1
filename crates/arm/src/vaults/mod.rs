//! `Microsoft.KeyVault`: vaults, deleted vaults, access policies, and keys and secrets as
//! resources. The rules are those of `ops::vaults`; here they get their paths and their words.

mod availability;
mod catalogue;
mod changes;
mod deleted;
mod editor;
pub mod explain;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod hsms;
mod keys;
mod lists;
mod networks;
mod parameters;
mod policies;
mod refusal;
mod rotation;
mod secrets;
mod shown;

use std::sync::Arc;

use http::Method;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use strongroom_authz::{Authorized, GrantedAction};
use strongroom_model::{
    Kind, ObjectName, Operation, ResourceGroupName, Scope, VaultName, VaultResource,
};
use strongroom_ops::vaults::VaultAddress;
use strongroom_store::Store;
use strongroom_wire::any_case;

use crate::{ArmRequest, Problem, Reply};
use refusal::refused;

/// The namespace, as it is spelt in answers.
const NAMESPACE: &str = "Microsoft.KeyVault";

/// Answers a request for `Microsoft.KeyVault`; what is asked for is in
/// [`crate::Target::route`], such as `["vaults", "dev"]`.
///
/// # Errors
/// A [`Problem`].
pub async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.target.scope_type().is_some() {
        return Err(Problem::no_path(&request.target.path()));
    }
    if request.target.group_text().is_some() {
        in_group(request).await
    } else if request.target.subscription_text().is_some() {
        in_subscription(request).await
    } else {
        match request.target.route().as_slice() {
            ["operations"] => catalogue::answer(request),
            _ => Err(unknown(request)),
        }
    }
}

async fn in_group<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let route: Vec<String> = request.target.route().into_iter().map(str::to_owned).collect();
    let route: Vec<&str> = route.iter().map(String::as_str).collect();
    match route.as_slice() {
        ["vaults"] => lists::of_group(request),
        ["vaults", _] => Box::pin(changes::answer(request)).await,
        ["vaults", _, "accesspolicies", _] => Box::pin(policies::answer(request)).await,
        ["vaults", _, "keys"] => keys::list(request).await,
        ["vaults", _, "keys", _] => Box::pin(keys::answer(request)).await,
        ["vaults", _, "keys", _, "versions"] => keys::versions(request).await,
        ["vaults", _, "keys", _, "versions", _] => keys::version(request).await,
        ["vaults", _, "secrets"] => secrets::list(request).await,
        ["vaults", _, "secrets", _] => Box::pin(secrets::answer(request)).await,
        ["vaults", _, "privateendpointconnections", ..] => networks::connections(request),
        ["vaults", _, "explainaccess"] => explain::answer(request),
        ["vaults", _, "privatelinkresources"] => networks::link_resources(request),
        ["managedhsms", ..] => hsms::in_group(request),
        _ => Err(unknown(request)),
    }
}

async fn in_subscription<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let route: Vec<String> = request.target.route().into_iter().map(str::to_owned).collect();
    let route: Vec<&str> = route.iter().map(String::as_str).collect();
    match route.as_slice() {
        ["vaults"] => lists::of_subscription(request),
        ["deletedvaults"] => deleted::list(request),
        ["locations", _, "deletedvaults", _] => deleted::show(request),
        ["locations", _, "deletedvaults", _, "purge"] => Box::pin(deleted::purge(request)).await,
        ["locations", _, "operationresults", _] => deleted::purged(request),
        ["checknameavailability"] => availability::answer(request),
        ["managedhsms" | "deletedmanagedhsms"] => hsms::list(request),
        ["checkmhsmnameavailability"] => availability::of_hsm(request),
        _ => Err(unknown(request)),
    }
}

fn unknown<S: Store>(request: &ArmRequest<'_, S>) -> Problem {
    Problem::no_type(request.target.segment(0), NAMESPACE, &request.api_version)
}

/// Refuses every method but one.
fn only<S: Store>(request: &ArmRequest<'_, S>, method: &Method) -> Result<(), Problem> {
    if request.method == *method { Ok(()) } else { Err(Problem::method(&request.method)) }
}

/// The body.
fn parse<T: DeserializeOwned, S: Store>(request: &ArmRequest<'_, S>) -> Result<T, Problem> {
    parse_body(&request.body.bytes)
}

/// The parser's own text may quote a misplaced secret: it is not answered.
fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    // serde takes a list for a struct, member by member.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::content("Expected an object, found an array"));
    }
    any_case::from_json(body).map_err(|error| match error.classify() {
        Category::Data => Problem::bad("BadRequest", "Bad JSON content found in the request."),
        Category::Io | Category::Syntax | Category::Eof => Problem::content(format_args!(
            "Unexpected character or end, line {}, position {}",
            error.line(),
            error.column()
        )),
    })
}

/// Where the path of a vault, or of what lies in it, leads.
struct Place {
    address: VaultAddress,
    scope: Scope,
}

impl Place {
    /// Checks subscription and names; what is there, and whether the caller may know, comes later.
    fn of<S: Store>(request: &ArmRequest<'_, S>) -> Result<Self, Problem> {
        let subscription = request.subscription()?.id;
        let resource_group = request.target.group()?;
        let name = VaultName::parse(request.target.segment(1)).map_err(|_| {
            Problem::no_resource(
                &format!("{NAMESPACE}/vaults/{}", request.target.segment(1)),
                resource_group.as_str(),
            )
        })?;
        let scope = Scope::vault(subscription, &resource_group, &name);
        Ok(Self { address: VaultAddress { subscription, resource_group, name }, scope })
    }

    /// The vault that is there.
    fn vault<S: Store>(&self, request: &ArmRequest<'_, S>) -> Result<Arc<VaultResource>, Problem> {
        request.group()?;
        let found = self.address.find(&request.directory).map_err(|error| {
            refused(request, &self.scope, strongroom_ops::OpError::Vault(error))
        })?;
        Ok(Arc::clone(&found.resource))
    }
}

/// The name of an object of a vault, in the path.
fn object_name<S: Store>(request: &ArmRequest<'_, S>) -> Result<ObjectName, Problem> {
    ObjectName::parse(request.target.segment(3))
        .map_err(|error| Problem::bad("BadRequest", error.to_string()))
}

/// The proof that the caller may do an operation on an object of a vault, by a right of the
/// control plane.
fn authorized<S: Store>(
    request: &ArmRequest<'_, S>,
    granted: &GrantedAction,
    operation: Operation,
    vault: &Arc<VaultResource>,
    object: Option<ObjectName>,
) -> Result<Authorized, Problem> {
    let caller = Arc::clone(&request.caller);
    Authorized::by_action(granted, caller, operation, Arc::clone(vault), object)
        .ok_or_else(|| Problem::internal(&"a right that is not the one for the operation"))
}

/// The scope of a resource group.
fn group_scope<S: Store>(
    request: &ArmRequest<'_, S>,
    group: &ResourceGroupName,
) -> Result<Scope, Problem> {
    let subscription = request.target.subscription()?;
    Scope::parse(&format!("/subscriptions/{subscription}/resourceGroups/{}", group.as_str()))
        .map_err(|error| Problem::internal(&error))
}

/// The id of an object of a vault as a resource, and its URL, without a version.
fn object_names<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &VaultResource,
    kind: Kind,
    name: &ObjectName,
) -> (String, String) {
    let id = vault.scope().object(kind, name.as_str()).as_str().to_owned();
    let base = request.service.endpoints.vault(vault.name.as_str());
    (id, format!("{base}/{}/{name}", kind.collection()))
}
