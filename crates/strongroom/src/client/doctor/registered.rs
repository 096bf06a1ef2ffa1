//! What is known of a vault otherwise than by its own answers: from the server on this machine, or
//! from the control plane.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::admin::AdminSocket;
use super::control_plane::ControlPlane;
use super::role::Refused;
use crate::error::CliError;

/// How a vault stands.
pub(super) enum Registered {
    /// It is there, with these properties.
    There(Value),
    /// It is deleted, and can be recovered until this time.
    Deleted(String),
    /// There is none of that name, deleted ones included.
    Nowhere,
}

/// What the server on this machine says through its socket; `None` where it does not say.
pub(super) async fn on_this_machine(socket: &AdminSocket, vault: &str) -> Option<Registered> {
    let ask = async |path: String| socket.try_call::<Value>(Method::GET, &path, None).await;
    match ask(format!("/vaults/{vault}")).await {
        Ok(Some(found)) => return Some(Registered::There(found.get("properties")?.clone())),
        Err(CliError::NotFound(_)) => {}
        Ok(None) | Err(_) => return None,
    }
    match ask(format!("/deletedVaults/{vault}")).await {
        Ok(Some(found)) => Some(deleted(&found)),
        Err(CliError::NotFound(_)) => Some(Registered::Nowhere),
        Ok(None) | Err(_) => None,
    }
}

/// What the control plane says: that a vault is deleted, or nothing.
pub(super) async fn in_control_plane(plane: &ControlPlane, vault: &str) -> Option<Registered> {
    plane.deleted(vault).await.as_ref().map(deleted)
}

fn deleted(vault: &Value) -> Registered {
    let date = vault.pointer("/properties/scheduledPurgeDate").and_then(Value::as_str);
    Registered::Deleted(date.unwrap_or("a time that it does not tell").to_owned())
}

/// Why a request was refused, as the server on this machine explains it.
pub(super) async fn explained_here(socket: &AdminSocket, refused: &Refused) -> Option<String> {
    let body = json!({ "requestId": refused.request_id.as_ref()? });
    let answer: Value = socket.call(Method::POST, "/access/explain", Some(&body)).await.ok()?;
    told(&answer)
}

/// The same, as the control plane explains it.
pub(super) async fn explained_there(plane: &ControlPlane, refused: &Refused) -> Option<String> {
    let Refused { object_id, action, scope, .. } = refused;
    let (vault, object) = of_scope(scope.as_ref()?)?;
    told(&plane.explain(vault, object_id.as_ref()?, action.as_ref()?, object).await?)
}

/// `/subscriptions/…/vaults/<name>[/<kind>/<object>]`
fn of_scope(scope: &str) -> Option<(&str, Option<&str>)> {
    let name_at = scope.find("/vaults/")? + "/vaults/".len();
    let (before, from_name) = scope.split_at_checked(name_at)?;
    let mut rest = from_name.split('/');
    let vault = scope.get(..before.len() + rest.next()?.len())?;
    Some((vault, rest.nth(1)))
}

/// What stands in the way, and what nearly helps.
fn told(explanation: &Value) -> Option<String> {
    let texts = |path: &str, only: Option<&str>| -> Vec<String> {
        let each = explanation.pointer(path).and_then(Value::as_array).into_iter().flatten();
        each.filter(|one| only.is_none() || one.get("outcome").and_then(Value::as_str) == only)
            .filter_map(|one| Some(one.get("text")?.as_str()?.to_owned()))
            .collect()
    };
    let told = [texts("/steps", Some("refused")), texts("/nearMisses", None)].concat().join(" ");
    (!told.is_empty()).then(|| format!("explained: {told}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_vault_and_an_object() {
        let vault = "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v";
        assert_eq!(of_scope(vault), Some((vault, None)));
        assert_eq!(of_scope(&format!("{vault}/secrets/a")), Some((vault, Some("a"))));
        assert_eq!(of_scope("/subscriptions/s"), None);
    }
}
