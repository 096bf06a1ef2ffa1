//! `POST …/checkNameAvailability`: whether a vault may have a name.

use http::Method;
use strongroom_model::{Scope, VaultName};
use strongroom_ops::vaults::VaultRefusal;
use strongroom_store::Store;
use strongroom_wire::arm_vaults::{CheckNameAvailabilityParameters, CheckNameAvailabilityResult};

use super::{only, parameters, parse};
use crate::{ArmRequest, Problem, Reply};

const CHECK: &str = "Microsoft.KeyVault/checkNameAvailability/read";
const CHECK_HSM: &str = "Microsoft.KeyVault/checkMhsmNameAvailability/read";
const VAULTS: &str = "Microsoft.KeyVault/vaults";

pub(super) fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let sent = asked(request, CHECK)?;
    let kind = sent.resource_type.ok_or_else(|| parameters::missing("type"))?;
    if !kind.eq_ignore_ascii_case(VAULTS) {
        return Err(Problem::bad("BadRequest", "An invalid value was provided for 'type'."));
    }
    let name = sent.name.ok_or_else(|| parameters::missing("name"))?;
    let refusal = match VaultName::parse(&name) {
        Err(error) => Some(("AccountNameInvalid", error.to_string())),
        Ok(name) => {
            let folded = name.folded();
            let directory = &request.directory;
            let taken = directory.vault(&folded).is_some();
            let deleted = directory.deleted_vault(&folded).is_some();
            let refusal = VaultRefusal::NameTaken(name.to_string());
            (taken || deleted).then(|| ("AlreadyExists", refusal.to_string()))
        }
    };
    let (reason, message) = refusal.unzip();
    Reply::ok(&CheckNameAvailabilityResult {
        name_available: reason.is_none(),
        reason,
        message: message.map(Into::into),
    })
}

/// There are no managed HSMs, so none has a name.
pub(super) fn of_hsm<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let sent = asked(request, CHECK_HSM)?;
    sent.name.ok_or_else(|| parameters::missing("name"))?;
    let (reason, message) = (None, None);
    Reply::ok(&CheckNameAvailabilityResult { name_available: true, reason, message })
}

fn asked<S: Store>(
    request: &mut ArmRequest<'_, S>,
    action: &str,
) -> Result<CheckNameAvailabilityParameters, Problem> {
    only(request, &Method::POST)?;
    let subscription = request.subscription()?.id;
    request.permit(action, &Scope::subscription(subscription))?;
    parse(request)
}
