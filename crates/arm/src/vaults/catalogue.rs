//! `GET /providers/Microsoft.KeyVault/operations`: the actions that there are.

use http::Method;
use serde_json::{Value, json};
use strongroom_store::Store;

use super::only;
use crate::authorization::operations::actions_of_key_vault;
use crate::{ArmRequest, Problem, Reply};

/// Whoever has signed in may know them.
pub(super) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    request.name("Microsoft.KeyVault/operations/read");
    Reply::list(actions_of_key_vault().map(|(name, what, data)| show(&name, what, data)).collect())
}

fn show(name: &str, what: &str, is_data_action: bool) -> Value {
    let resource = match name.rsplit_once("/vaults/") {
        Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
        None => "Key Vault",
    };
    json!({
        "name": name,
        "display": {
            "provider": "Microsoft Key Vault",
            "resource": resource,
            "operation": what,
            "description": what,
        },
        "isDataAction": is_data_action,
    })
}
