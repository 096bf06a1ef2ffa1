//! What a vault has of private links: the one group that a link may be made to, and no links.

use http::{Method, StatusCode};
use serde_json::json;
use strongroom_store::Store;

use super::Place;
use super::only;
use crate::{ArmRequest, Problem, Reply};

const READ_CONNECTIONS: &str = "Microsoft.KeyVault/vaults/privateEndpointConnections/read";
const READ_LINKS: &str = "Microsoft.KeyVault/vaults/privateLinkResources/read";

/// `…/vaults/{name}/privateEndpointConnections`: none; for one that is not there the real service
/// answers 204.
pub(super) fn connections<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    request.permit(READ_CONNECTIONS, &place.scope)?;
    place.vault(request)?;
    if request.target.len() > 3 {
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    Reply::list(Vec::new())
}

/// `GET …/vaults/{name}/privateLinkResources`
pub(super) fn link_resources<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    request.permit(READ_LINKS, &place.scope)?;
    let vault = place.vault(request)?;
    Reply::list(vec![json!({
        "id": format!("{}/privateLinkResources/vault", vault.scope()),
        "name": "vault",
        "type": "Microsoft.KeyVault/vaults/privateLinkResources",
        "properties": {
            "groupId": "vault",
            "requiredMembers": ["default"],
            "requiredZoneNames": ["privatelink.vaultcore.azure.net"],
        },
    })])
}
