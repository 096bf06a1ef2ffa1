//! Managed HSMs: there are none here. `az keyvault list` asks for them, too.

use http::{Method, StatusCode};
use strongroom_model::Scope;
use strongroom_store::Store;

use super::{group_scope, only};
use crate::{ArmRequest, Problem, Reply};

const READ: &str = "Microsoft.KeyVault/managedHSMs/read";
const LIST_DELETED: &str = "Microsoft.KeyVault/deletedManagedHsms/read";
const WRITE: &str = "Microsoft.KeyVault/managedHSMs/write";

/// A subscription's, deleted or not.
pub(super) fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let scope = Scope::subscription(request.subscription()?.id);
    let deleted = request.target.segment(0).eq_ignore_ascii_case("deletedManagedHSMs");
    request.permit(if deleted { LIST_DELETED } else { READ }, &scope)?;
    Reply::list(Vec::new())
}

/// A resource group's, or one of them.
pub(super) fn in_group<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let group = request.target.group()?;
    request.subscription()?;
    let scope = group_scope(request, &group)?;
    let reads = matches!(request.method, Method::GET | Method::DELETE);
    request.permit(if reads { READ } else { WRITE }, &scope)?;
    request.group()?;
    match (&request.method, request.target.len()) {
        (&Method::GET, 1) => Reply::list(Vec::new()),
        (&Method::GET, _) => {
            let name = request.target.segment(1);
            let resource = format!("Microsoft.KeyVault/managedHSMs/{name}");
            Err(Problem::no_resource(&resource, group.as_str()))
        }
        (&Method::DELETE, 2) => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        _ => Err(Problem::conflict(
            "SkuNotSupported",
            "Managed HSMs are not served here. Keys of an HSM type are made in a vault of the \
             premium SKU, where the node has a device for them.",
        )),
    }
}
