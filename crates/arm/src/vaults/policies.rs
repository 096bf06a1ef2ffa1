//! `PUT …/vaults/{name}/accessPolicies/{operationKind}`

use http::Method;
use strongroom_ops::vaults::PolicyChange;
use strongroom_store::Store;
use strongroom_wire::arm_vaults::VaultAccessPolicyParameters;

use super::editor::{WRITE_POLICIES, editor};
use super::refusal::refused;
use super::{Place, only, parameters, parse, shown};
use crate::locks::{self, Change};
use crate::{ArmRequest, Problem, Reply};

/// Adds, replaces or removes access policies; answers all that the vault then has.
pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::PUT)?;
    let place = Place::of(request)?;
    request.permit(WRITE_POLICIES, &place.scope)?;
    place.vault(request)?;
    locks::check(&request.directory, &place.scope, Change::Write)?;
    let change = PolicyChange::parse(request.target.segment(3)).ok_or_else(|| {
        Problem::bad("BadRequest", "An invalid value was provided for 'operationKind'.")
    })?;
    let sent: VaultAccessPolicyParameters = parse(request)?;
    let sent = sent.properties.ok_or_else(|| parameters::missing("properties"))?;
    let sent = sent.access_policies.ok_or_else(|| parameters::missing("accessPolicies"))?;
    let policies = parameters::policies(&sent)?;
    let by = editor(request, &place.scope);
    let changed = request
        .service
        .ops
        .set_access_policies(&place.address, change, &policies, &by, &mut request.call)
        .await;
    let vault = changed.map_err(|error| refused(request, &place.scope, error))?;
    Reply::ok(&shown::policies(&vault))
}
