//! From the body of a vault to what is asked of it, as `PUT` and `PATCH` go.

use strongroom_model::NetworkAcls;
use strongroom_ops::vaults::VaultSettings;
use strongroom_wire::arm_vaults as wire;

use super::{parameters, parse_body};
use crate::Problem;

/// `PUT` where the vault must be said in full, else `PATCH`.
pub(crate) fn settings(
    body: &[u8],
    is_put: bool,
    kept: Option<&NetworkAcls>,
) -> Result<VaultSettings, Problem> {
    let sent: wire::VaultParameters = parse_body(body)?;
    if is_put {
        parameters::check_complete(&sent)?;
    }
    if let Some(location) = &sent.location {
        parameters::location(location)?;
    }
    parameters::settings(sent, kept)
}
